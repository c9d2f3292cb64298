// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/catalogue/catalogue_fields.h"

#include "engine/base/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace lorikeet::plan {

using nlohmann::json;

namespace {

constexpr int kDepthLimit = 16;
constexpr std::size_t kTextLimit = 400;
constexpr const char* kHint = "the catalogue file is damaged or was edited";

[[noreturn]] void refuseFile(const std::string& where, const std::string& what) { throw Error(ErrorCode::BadInput, where + ": " + what, kHint); }

std::string shortNumber(double value)
{
    char buffer[32];
    const auto end = std::to_chars(std::begin(buffer), std::end(buffer), value, std::chars_format::general, 6).ptr;
    return {buffer, end};
}

std::string shown(const json& value)
{
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    if (text.size() > 60)
        text = text.substr(0, 57) + "...";
    return text;
}

}  // namespace

json parseCatalogue(std::string_view text, const std::string& where, const char* versionKey, std::int64_t version)
{
    const auto limitDepth = [&](int depth, json::parse_event_t event, json&) {
        if ((event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) && depth >= kDepthLimit)
            refuseFile(where, "JSON nested deeper than " + std::to_string(kDepthLimit) + " levels");
        return true;
    };
    json document;
    try {
        document = json::parse(text, limitDepth);
    } catch (const json::exception& error) {
        const std::string reason = error.what();
        refuseFile(where, "not valid JSON: " + reason.substr(std::min(reason.size(), reason.find("] ") + 2)));
    }
    if (!document.is_object())
        refuseFile(where, std::string("the top of the JSON is not an object but ") + document.type_name());
    (void)CatalogueFields(document, where).integer(versionKey, version, version);
    return document;
}

CatalogueFields::CatalogueFields(const json& object, std::string where) : m_object(object), m_where(std::move(where))
{
    if (!m_object.is_object())
        refuse(shown(m_object) + " is not an object");
}

bool CatalogueFields::has(const char* key) const { return m_object.contains(key); }

const json& CatalogueFields::required(const char* key) const
{
    const auto found = m_object.find(key);
    if (found == m_object.end())
        refuse(std::string("'") + key + "' is missing");
    return *found;
}

std::int64_t CatalogueFields::integer(const char* key, std::int64_t low, std::int64_t high) const
{
    const json& value = required(key);
    const std::string range = "an integer from " + std::to_string(low) + " to " + std::to_string(high);
    if (!value.is_number_integer())
        unexpected(key, range);
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        unexpected(key, range);
    const auto number = value.get<std::int64_t>();
    if (number < low || number > high)
        unexpected(key, range);
    return number;
}

std::int64_t CatalogueFields::integerOr(const char* key, std::int64_t low, std::int64_t high, std::int64_t fallback) const
{
    return has(key) ? integer(key, low, high) : fallback;
}

double CatalogueFields::number(const char* key, double low, double high) const
{
    const json& value = required(key);
    const double number = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (!(number >= low && number <= high))
        unexpected(key, "a number from " + shortNumber(low) + " to " + shortNumber(high));
    return number;
}

double CatalogueFields::numberOr(const char* key, double low, double high, double fallback) const
{
    return has(key) ? number(key, low, high) : fallback;
}

bool CatalogueFields::booleanOr(const char* key, bool fallback) const
{
    if (!has(key))
        return fallback;
    const json& value = required(key);
    if (!value.is_boolean())
        unexpected(key, "true or false");
    return value.get<bool>();
}

std::string CatalogueFields::text(const char* key) const
{
    const json& value = required(key);
    if (!value.is_string() || value.get_ref<const std::string&>().empty() || value.get_ref<const std::string&>().size() > kTextLimit)
        unexpected(key, "a text of 1 to " + std::to_string(kTextLimit) + " bytes");
    return value.get<std::string>();
}

std::string CatalogueFields::textOr(const char* key, std::string fallback) const { return has(key) ? text(key) : std::move(fallback); }

std::vector<std::string> CatalogueFields::texts(const char* key) const
{
    std::vector<std::string> all;
    for (const json& entry : list(key)) {
        if (!entry.is_string())
            unexpected(key, "a list of texts");
        all.push_back(entry.get<std::string>());
    }
    return all;
}

const json& CatalogueFields::object(const char* key) const
{
    const json& value = required(key);
    if (!value.is_object())
        unexpected(key, "an object");
    return value;
}

const json& CatalogueFields::list(const char* key) const
{
    const json& value = required(key);
    if (!value.is_array() || value.empty())
        unexpected(key, "a list with entries");
    return value;
}

void CatalogueFields::allow(std::initializer_list<std::string_view> keys) const
{
    for (const auto& [key, value] : m_object.items())
        if (std::ranges::find(keys, key) == keys.end())
            refuse("'" + key + "' is not a field of a catalogue entry");
}

void CatalogueFields::unexpected(const char* key, const std::string& expected) const
{
    refuse(std::string("'") + key + "' is " + shown(required(key)) + ", expected " + expected);
}

void CatalogueFields::refuse(const std::string& what) const { refuseFile(m_where, what); }

}  // namespace lorikeet::plan
