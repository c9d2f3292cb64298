// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hub_cache.h"

#include "engine/base/error.h"
#include "engine/base/files.h"

#include <algorithm>
#include <string>
#include <vector>

namespace lorikeet::formats {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> revisionsIn(const fs::path& snapshots)
{
    std::error_code error;
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(snapshots, error)) {
        if (entry.is_directory(error))
            names.push_back(utf8(entry.path().filename()));
    }
    std::ranges::sort(names);
    return names;
}

/// The text of refs/main, or nothing where there is none.
std::string mainRevision(const fs::path& folder)
{
    constexpr std::uint64_t kLongest = 4096;
    const fs::path file = folder / "refs" / "main";
    std::error_code error;
    if (!fs::is_regular_file(file, error))
        return {};
    std::string text = readTextFile(file, kLongest);
    text.erase(std::find_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\r' || c == '\n'; }), text.end());
    return text;
}

std::string listed(const std::vector<std::string>& names)
{
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? "none" : text;
}

}  // namespace

fs::path hubSnapshot(const fs::path& folder)
{
    std::error_code error;
    const fs::path snapshots = folder / "snapshots";
    if (!fs::is_directory(snapshots, error) || fs::exists(folder / "config.json", error))
        return folder;
    const std::vector<std::string> revisions = revisionsIn(snapshots);
    const std::string revision = mainRevision(folder);
    // Only a name that is listed is followed: what refs/main says may be any text.
    if (!revision.empty() && std::ranges::find(revisions, revision) == revisions.end())
        throw Error(ErrorCode::BadInput, utf8(folder) + ": refs/main names the revision " + revision + ", the snapshots here are: " + listed(revisions),
                    "finish the download, or open the folder of a snapshot itself");
    if (!revision.empty())
        return snapshots / pathFromUtf8(revision);
    if (revisions.empty())
        throw Error(ErrorCode::BadInput, utf8(snapshots) + " holds no snapshot of the model", "download the model, or open another folder");
    if (revisions.size() > 1)
        throw Error(ErrorCode::BadInput, utf8(folder) + ": there are several snapshots and no refs/main that chooses one: " + listed(revisions),
                    "open one of them: " + utf8(snapshots / pathFromUtf8(revisions.front())));
    return snapshots / pathFromUtf8(revisions.front());
}

}  // namespace lorikeet::formats
