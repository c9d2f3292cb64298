// SPDX-License-Identifier: GPL-3.0-or-later
// A JSON value that knows its file and path, so that every wrong type is refused with the place of the mistake.
#pragma once

#include "engine/base/error.h"
#include "engine/tokenizer/tokenizer.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lorikeet::tokenizer {

class JsonField {
public:
    /// The value must outlive the field.
    JsonField(const nlohmann::json& value, std::string place) : m_value(&value), m_place(std::move(place)) {}

    [[nodiscard]] const nlohmann::json& value() const noexcept { return *m_value; }
    [[nodiscard]] const std::string& place() const noexcept { return m_place; }
    [[nodiscard]] bool isNull() const noexcept { return m_value->is_null(); }

    [[noreturn]] void refuse(const std::string& what, const std::string& hint = kFetchTokenizer) const
    {
        throw Error{ErrorCode::BadInput, m_place + ": " + what, hint};
    }
    [[noreturn]] void expected(const std::string& kind) const
    {
        refuse("expected " + kind + ", found " + std::string(m_value->type_name()));
    }

    /// A member; absent is like null.
    [[nodiscard]] JsonField operator[](std::string_view key) const
    {
        static const nlohmann::json kNull;
        if (!m_value->is_object()) {
            expected("an object");
        }
        const auto found = m_value->find(key);
        return {found == m_value->end() ? kNull : *found, m_place + "." + std::string(key)};
    }
    [[nodiscard]] const std::string& string() const
    {
        if (!m_value->is_string()) {
            expected("a string");
        }
        return m_value->get_ref<const std::string&>();
    }
    [[nodiscard]] bool boolean() const
    {
        if (!m_value->is_boolean()) {
            expected("true or false");
        }
        return m_value->get<bool>();
    }
    [[nodiscard]] bool boolean(bool whenAbsent) const { return isNull() ? whenAbsent : boolean(); }
    /// A whole number in [0, largest].
    [[nodiscard]] std::int64_t integer(std::int64_t largest) const
    {
        if (!m_value->is_number_integer()) {
            expected("a whole number");
        }
        const bool huge = m_value->is_number_unsigned() && m_value->get<std::uint64_t>() > static_cast<std::uint64_t>(largest);
        if (huge || m_value->get<std::int64_t>() < 0) {
            refuse("expected 0 to " + std::to_string(largest) + ", found " + m_value->dump());
        }
        return m_value->get<std::int64_t>();
    }
    /// Calls use(field) for each element of an array.
    template <typename Use>
    void each(Use&& use) const
    {
        if (!m_value->is_array()) {
            expected("an array");
        }
        std::size_t index = 0;
        for (const nlohmann::json& element : *m_value) {
            use(JsonField(element, m_place + "[" + std::to_string(index++) + "]"));
        }
    }

private:
    const nlohmann::json* m_value;
    std::string m_place;
};

/// Parses `text`. @throws Error{BadInput} naming `source` and the byte where it breaks.
[[nodiscard]] inline nlohmann::json parseJson(std::string_view text, const std::string& source)
{
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::exception& e) {
        throw Error{ErrorCode::BadInput, source + ": not valid JSON: " + e.what(), kFetchTokenizer};
    }
}

}  // namespace lorikeet::tokenizer
