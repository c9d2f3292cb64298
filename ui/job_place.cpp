// SPDX-License-Identifier: GPL-3.0-or-later
// Questions to the file system about job files.
#include "ui/job_place.h"

#include "engine/base/files.h"
#include "ui/text.h"

#include <QFileInfo>

namespace lorikeet::ui {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kEnding = ".lorikeet.json";

bool isBelow(const fs::path& file, const fs::path& folder)
{
    if (folder.empty())
        return false;
    std::error_code ignored;
    const fs::path inside = fs::weakly_canonical(file, ignored).lexically_relative(fs::weakly_canonical(folder, ignored));
    return !inside.empty() && *inside.begin() != "..";
}

}  // namespace

bool mayWriteJob(const fs::path& file, const fs::path& bundledFolder)
{
    if (isBelow(file, bundledFolder))
        return false;
    const QFileInfo info(toQt(file));
    // The bits and not only the right: an administrator may write everywhere, but "read only" is what the owner wants.
    const bool marked = info.exists() && !(info.permissions() & (QFile::WriteOwner | QFile::WriteGroup | QFile::WriteOther));
    if (marked || (info.exists() && !info.isWritable()))
        return false;
    const QFileInfo folder(info.absolutePath());
    return !folder.exists() || folder.isWritable();
}

std::string stemOfJob(const fs::path& file)
{
    std::string name = utf8(file.filename());
    if (name.ends_with(kEnding))
        name.resize(name.size() - kEnding.size());
    return name.empty() ? "job" : name;
}

fs::path newJobFile(const std::string& stem)
{
    const fs::path folder = dataFolder() / "jobs";
    fs::path file = folder / pathFromUtf8(stem + std::string(kEnding));
    for (int number = 2; fs::exists(file); ++number)
        file = folder / pathFromUtf8(stem + "-" + std::to_string(number) + std::string(kEnding));
    return file;
}

}  // namespace lorikeet::ui
