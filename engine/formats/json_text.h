// SPDX-License-Identifier: GPL-3.0-or-later
// JSON from strangers: size and depth limits, and typed access to an object's fields with messages that name file and field.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::formats {

inline constexpr std::uint64_t kConfigLimit = 16ULL << 20U;  ///< largest configuration file that is read
inline constexpr int kJsonDepthLimit = 64;

/// What to do about a file whose content cannot be right.
inline constexpr const char* kFetchAgain = "the file is damaged, incomplete or was edited: fetch it again from where the model or adapter came from, or correct it";
/// What to do about a model that asks for arithmetic this program does not have.
inline constexpr const char* kOtherModel = "choose another model: Llama, SmolLM2, SmolLM3, Mistral, Qwen2, Qwen3, Granite 3 and OLMo 2 models run as published";

/// @throws Error{BadInput} with line and column for malformed text, for nesting deeper than 64, for a key that stands twice
/// in one object, and when the top is not an object.
[[nodiscard]] nlohmann::json parseJsonObject(std::string_view text, const std::string& where);
/// The same from a file of at most kConfigLimit bytes.
[[nodiscard]] nlohmann::json readJsonObject(const std::filesystem::path& path);

/// Typed look-ups in one object. "Absent" and "null" are told apart: value look-ups give nothing for both, has() and isNull() tell.
/// The object must outlive this view.
class JsonFields {
public:
    JsonFields(const nlohmann::json& object, std::string where) : m_object(object), m_where(std::move(where)) {}

    [[nodiscard]] bool has(const char* key) const;
    [[nodiscard]] bool isNull(const char* key) const;
    // Nothing when absent or null. @throws Error{BadInput} when the value is of another type.
    [[nodiscard]] std::optional<std::int64_t> integer(const char* key) const;
    [[nodiscard]] std::optional<double> number(const char* key) const;
    [[nodiscard]] std::optional<bool> boolean(const char* key) const;
    [[nodiscard]] std::optional<std::string> text(const char* key) const;
    /// Nothing when absent or null. @throws Error{BadInput} when it is not an object.
    [[nodiscard]] const nlohmann::json* object(const char* key) const;
    /// Nothing when absent or null. @throws Error{BadInput} when it is not a list of strings.
    [[nodiscard]] std::optional<std::vector<std::string>> texts(const char* key) const;
    /// The raw value, or nullptr when absent.
    [[nodiscard]] const nlohmann::json* find(const char* key) const;

    [[nodiscard]] const std::string& where() const noexcept { return m_where; }
    [[noreturn]] void refuse(const std::string& what, const std::string& hint = kFetchAgain) const;

private:
    [[nodiscard]] const nlohmann::json* present(const char* key) const;
    [[noreturn]] void wrongType(const char* key, const char* expected) const;

    const nlohmann::json& m_object;
    std::string m_where;
};

}  // namespace lorikeet::formats
