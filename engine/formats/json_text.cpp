// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/json_text.h"

#include "engine/base/error.h"
#include "engine/base/files.h"

#include <nlohmann/json.hpp>

#include <limits>
#include <unordered_set>
#include <vector>

namespace lorikeet::formats {

using nlohmann::json;

namespace {

constexpr const char* kOneOfTwo = "which of the two counts differs from program to program: remove the wrong one, or fetch the file again";

/// nlohmann's text without its "[json.exception...]" tag.
std::string reasonOf(const json::exception& error)
{
    const std::string_view text = error.what();
    const auto end = text.find("] ");
    return std::string(end == std::string_view::npos ? text : text.substr(end + 2));
}

}  // namespace

json parseJsonObject(std::string_view text, const std::string& where)
{
    std::vector<std::unordered_set<std::string>> keys;  // of the objects that are open
    const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
        const bool opens = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
        if (opens && depth >= kJsonDepthLimit)
            throw Error(ErrorCode::BadInput, where + ": JSON nested deeper than " + std::to_string(kJsonDepthLimit) + " levels", kFetchAgain);
        if (event == json::parse_event_t::object_start)
            keys.emplace_back();
        else if (event == json::parse_event_t::object_end)
            keys.pop_back();
        else if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
            throw Error(ErrorCode::BadInput, where + ": '" + parsed.get<std::string>() + "' stands twice in one object", kOneOfTwo);
        return true;
    };
    json value;
    try {
        value = json::parse(text, check);
    } catch (const json::exception& error) {
        throw Error(ErrorCode::BadInput, where + ": not valid JSON: " + reasonOf(error), kFetchAgain);
    }
    if (!value.is_object())
        throw Error(ErrorCode::BadInput, where + ": the top of the JSON is not an object but " + value.type_name(), kFetchAgain);
    return value;
}

json readJsonObject(const std::filesystem::path& path) { return parseJsonObject(readTextFile(path, kConfigLimit), utf8(path)); }

const json* JsonFields::find(const char* key) const
{
    const auto found = m_object.find(key);
    return found == m_object.end() ? nullptr : &*found;
}

const json* JsonFields::present(const char* key) const
{
    const json* value = find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
}

bool JsonFields::has(const char* key) const { return find(key) != nullptr; }

bool JsonFields::isNull(const char* key) const
{
    const json* value = find(key);
    return value != nullptr && value->is_null();
}

std::optional<std::int64_t> JsonFields::integer(const char* key) const
{
    const json* value = present(key);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_number_integer())
        wrongType(key, "an integer");
    if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        wrongType(key, "an integer of 64 bits");
    return value->get<std::int64_t>();
}

std::optional<double> JsonFields::number(const char* key) const
{
    const json* value = present(key);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_number())
        wrongType(key, "a number");
    return value->get<double>();
}

std::optional<bool> JsonFields::boolean(const char* key) const
{
    const json* value = present(key);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_boolean())
        wrongType(key, "true or false");
    return value->get<bool>();
}

std::optional<std::string> JsonFields::text(const char* key) const
{
    const json* value = present(key);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_string())
        wrongType(key, "a string");
    return value->get<std::string>();
}

const json* JsonFields::object(const char* key) const
{
    const json* value = present(key);
    if (value != nullptr && !value->is_object())
        wrongType(key, "an object");
    return value;
}

std::optional<std::vector<std::string>> JsonFields::texts(const char* key) const
{
    const json* value = present(key);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_array())
        wrongType(key, "a list of strings");
    std::vector<std::string> list;
    for (const json& entry : *value) {
        if (!entry.is_string())
            refuse(std::string("'") + key + "' holds a value of type " + entry.type_name() + ", expected a list of strings");
        list.push_back(entry.get<std::string>());
    }
    return list;
}

void JsonFields::wrongType(const char* key, const char* expected) const
{
    refuse(std::string("'") + key + "' is " + find(key)->type_name() + ", expected " + expected);
}

void JsonFields::refuse(const std::string& what, const std::string& hint) const
{
    throw Error(ErrorCode::BadInput, m_where + ": " + what, hint);
}

}  // namespace lorikeet::formats
