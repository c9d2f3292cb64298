// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/export/replaceable.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/generate/model_text.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace lorikeet::exporting {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 5> kOwnFiles{"adapter_config.json", "adapter_model.safetensors", "config.json", "model.safetensors", "lorikeet_base.json"};
constexpr const char* kHint = "choose another folder: only an export is replaced";

bool isExportFile(const fs::directory_entry& entry)
{
    const std::string name = utf8(entry.path().filename());
    return entry.is_regular_file() && !entry.is_symlink() && (std::ranges::find(kOwnFiles, name) != kOwnFiles.end() || generate::isTokenizerFile(name));
}

/// `inner` is `outer` or lies below it; both without links.
bool holds(const fs::path& outer, const fs::path& inner)
{
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace

void requireReplaceable(const fs::path& target, bool replaceExisting, std::span<const fs::path> kept)
{
    if (!fs::exists(fs::symlink_status(target)))
        return;
    if (!replaceExisting)
        throw Error(ErrorCode::Target, utf8(target) + " already exists", "choose another folder, or allow it to be replaced (--force)");
    if (!fs::is_directory(fs::symlink_status(target)))
        throw Error(ErrorCode::Target, utf8(target) + " is not a folder", kHint);
    std::error_code gone;
    const fs::path place = fs::canonical(target);
    for (const fs::path& path : kept)
        if (holds(place, fs::weakly_canonical(path, gone)))
            throw Error(ErrorCode::Target, utf8(target) + " holds " + utf8(path) + ", which would be lost", kHint);
    if (holds(place, fs::current_path(gone)))
        throw Error(ErrorCode::Target, utf8(target) + " is the working folder or holds it", kHint);
    for (const auto& entry : fs::directory_iterator(target))
        if (!isExportFile(entry))
            throw Error(ErrorCode::Target, utf8(target) + " holds \"" + utf8(entry.path().filename()) + "\", which no export writes", kHint);
}

}  // namespace lorikeet::exporting
