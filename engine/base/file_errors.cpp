// SPDX-License-Identifier: GPL-3.0-or-later
// From the system's reason to a sentence and a next step.
#include "engine/base/file_errors.h"

#include "engine/base/files.h"

#include <cerrno>
#include <string>

namespace lorikeet {

namespace {

bool isFull(const std::error_code& reason)
{
#ifdef EDQUOT
    if (reason == std::error_code(EDQUOT, std::generic_category()) || reason == std::error_code(EDQUOT, std::system_category()))
        return true;
#endif
    return reason == std::errc::no_space_on_device || reason == std::errc::file_too_large;
}

std::string targetHint(const std::error_code& reason)
{
    if (isFull(reason))
        return "free some space on this disk or choose a folder on another one";
    if (reason == std::errc::read_only_file_system)
        return "this file system is mounted read-only; choose another folder";
    if (reason == std::errc::permission_denied || reason == std::errc::operation_not_permitted)
        return "check the permissions of the folder or choose another one";
    if (reason == std::errc::no_such_file_or_directory)
        return "the folder does not exist; make it first or choose another one";
    if (reason == std::errc::file_exists || reason == std::errc::directory_not_empty)
        return "choose another name, or remove what is there";
    if (reason == std::errc::not_a_directory)
        return "a part of this path is a file, not a folder";
    if (reason == std::errc::is_a_directory)
        return "this is a folder; name a file in it";
    if (reason == std::errc::filename_too_long)
        return "choose a shorter name";
    if (reason == std::errc::too_many_files_open)
        return "raise the limit of open files (ulimit -n) or close other programs";
    return "check the disk, or choose another folder";
}

std::string inputHint(const std::error_code& reason)
{
    if (reason == std::errc::no_such_file_or_directory || reason == std::errc::not_a_directory)
        return "check the path";
    if (reason == std::errc::permission_denied || reason == std::errc::operation_not_permitted)
        return "check that you may read this file";
    if (reason == std::errc::is_a_directory)
        return "name a file";
    if (reason == std::errc::too_many_files_open)
        return "raise the limit of open files (ulimit -n) or close other programs";
    return "check the disk it lies on";
}

std::string sentence(std::string_view action, const std::filesystem::path& path, const std::error_code& reason)
{
    return "cannot " + std::string(action) + " " + utf8(path) + ": " + reason.message();
}

}  // namespace

Error targetError(std::string_view action, const std::filesystem::path& path, const std::error_code& reason)
{
    return Error(ErrorCode::Target, sentence(action, path, reason), targetHint(reason));
}

Error inputError(std::string_view action, const std::filesystem::path& path, const std::error_code& reason)
{
    return Error(ErrorCode::BadInput, sentence(action, path, reason), inputHint(reason));
}

}  // namespace lorikeet
