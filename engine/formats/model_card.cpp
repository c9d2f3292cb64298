// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/model_card.h"

#include "engine/base/error.h"
#include "engine/base/files.h"

#include <algorithm>

namespace lorikeet::formats {

namespace {

constexpr std::uint64_t kCardLimit = 64 * 1024;

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view kBlank = " \t\r\"'";
    const auto first = text.find_first_not_of(kBlank);
    return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Cuts the first line off `rest`.
std::string_view nextLine(std::string_view& rest)
{
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return line;
}

}  // namespace

std::optional<std::string> licenceOfCardText(std::string_view text)
{
    if (trimmed(nextLine(text)) != "---")
        return std::nullopt;
    std::string licence;
    std::string name;
    while (!text.empty()) {
        const std::string_view line = nextLine(text);
        if (trimmed(line) == "---")
            break;
        if (line.starts_with("license:"))
            licence = trimmed(line.substr(8));
        else if (line.starts_with("license_name:"))
            name = trimmed(line.substr(13));
    }
    if (licence == "other" && !name.empty())
        return name;
    return licence.empty() ? std::nullopt : std::optional(licence);
}

std::optional<std::string> licenceOfModelCard(const std::filesystem::path& path)
{
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return std::nullopt;
    try {
        const InputFile file(path);
        std::string text(static_cast<std::size_t>(std::min(kCardLimit, file.size())), '\0');
        file.readExact(0, std::as_writable_bytes(std::span<char>(text.data(), text.size())));
        return licenceOfCardText(text);
    } catch (const Error&) {
        return std::nullopt;  // a card that cannot be read says nothing
    }
}

}  // namespace lorikeet::formats
