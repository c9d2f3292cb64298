// SPDX-License-Identifier: GPL-3.0-or-later
// Where model folders keep their chat template.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/tokenizer/chat_template.h"

namespace lorikeet::tokenizer {
namespace {

constexpr std::uint64_t kMaxTemplateBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{16} << 20;

// "chat_template" of a JSON file: a string, or a list of {name, template}.
std::optional<std::string> fromJsonFile(const std::filesystem::path& path)
{
    const auto document = nlohmann::json::parse(readTextFile(path, kMaxConfigBytes), nullptr, false);
    if (document.is_discarded())
        throw Error(ErrorCode::BadInput, "'" + utf8(path) + "' is not valid JSON", "fetch the file again");
    if (!document.is_object() || !document.contains("chat_template"))
        return std::nullopt;
    const auto& found = document.at("chat_template");
    if (found.is_string())
        return found.get<std::string>();
    if (!found.is_array())
        return std::nullopt;
    for (const auto& entry : found) {
        const bool complete = entry.is_object() && entry.contains("name") && entry.contains("template") && entry.at("template").is_string();
        if (complete && entry.at("name") == "default")
            return entry.at("template").get<std::string>();
    }
    return std::nullopt;
}

}  // namespace

std::optional<FoundTemplate> findChatTemplate(const std::filesystem::path& modelFolder)
{
    std::error_code ignored;
    const auto plain = modelFolder / "chat_template.jinja";
    if (std::filesystem::is_regular_file(plain, ignored))
        return FoundTemplate{readTextFile(plain, kMaxTemplateBytes), plain};
    for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
        const auto path = modelFolder / name;
        if (std::filesystem::is_regular_file(path, ignored))
            if (auto found = fromJsonFile(path))
                return FoundTemplate{std::move(*found), path};
    }
    return std::nullopt;
}

}  // namespace lorikeet::tokenizer
