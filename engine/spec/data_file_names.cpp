// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/spec/data_file_names.h"

#include <array>

namespace lorikeet {

namespace {

constexpr std::array<std::string_view, 6> kRowFiles{".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt"};
constexpr std::array<std::string_view, 2> kCompressed{".gz", ".zst"};

}  // namespace

std::span<const std::string_view> rowFileEndings() noexcept
{
    return kRowFiles;
}

std::span<const std::string_view> compressedEndings() noexcept
{
    return kCompressed;
}

std::vector<std::string> dataFileEndings()
{
    std::vector<std::string> endings;
    for (const std::string_view ending : kRowFiles) {
        endings.emplace_back(ending);
        for (const std::string_view compressed : kCompressed)
            endings.push_back(std::string(ending) + std::string(compressed));
    }
    return endings;
}

}  // namespace lorikeet
