// SPDX-License-Identifier: GPL-3.0-or-later
// Typed look-ups in one entry of a catalogue file, with messages that name file, entry and field.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::plan {

/// @throws Error{BadInput} when the text is not JSON, nested deeper than 16 levels, its top is no object, or `versionKey` is not `version`.
[[nodiscard]] nlohmann::json parseCatalogue(std::string_view text, const std::string& where, const char* versionKey, std::int64_t version);

/// A view of one entry; the object must outlive it. Every look-up throws Error{BadInput} "WHERE: 'KEY' is ..., expected ..." for a value
/// that is missing (without a fallback), of another type, not finite or out of range.
class CatalogueFields {
public:
    CatalogueFields(const nlohmann::json& object, std::string where);

    [[nodiscard]] bool has(const char* key) const;
    [[nodiscard]] std::int64_t integer(const char* key, std::int64_t low, std::int64_t high) const;
    [[nodiscard]] std::int64_t integerOr(const char* key, std::int64_t low, std::int64_t high, std::int64_t fallback) const;
    [[nodiscard]] double number(const char* key, double low, double high) const;
    [[nodiscard]] double numberOr(const char* key, double low, double high, double fallback) const;
    [[nodiscard]] bool booleanOr(const char* key, bool fallback) const;
    /// 1 to 400 bytes.
    [[nodiscard]] std::string text(const char* key) const;
    [[nodiscard]] std::string textOr(const char* key, std::string fallback) const;
    [[nodiscard]] std::vector<std::string> texts(const char* key) const;
    [[nodiscard]] const nlohmann::json& object(const char* key) const;
    [[nodiscard]] const nlohmann::json& list(const char* key) const;
    /// Refuses a key that is not in the list: a misspelt one would silently be a default.
    void allow(std::initializer_list<std::string_view> keys) const;

    [[nodiscard]] const std::string& where() const noexcept { return m_where; }
    [[noreturn]] void refuse(const std::string& what) const;

private:
    [[nodiscard]] const nlohmann::json& required(const char* key) const;
    [[noreturn]] void unexpected(const char* key, const std::string& expected) const;

    const nlohmann::json& m_object;
    std::string m_where;
};

}  // namespace lorikeet::plan
