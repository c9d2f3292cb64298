// SPDX-License-Identifier: GPL-3.0-or-later
// Reading by offset, appending, cutting, making folders: the portable part over native_file.h.
#include "engine/base/files.h"

#include "engine/base/error.h"
#include "engine/base/file_errors.h"
#include "engine/base/file_faults.h"
#include "engine/base/native_file.h"
#include "engine/base/system.h"
#include "engine/base/units.h"

#include <algorithm>
#include <atomic>
#include <limits>

namespace lorikeet {

namespace {

std::atomic<FileFault> g_fault{nullptr};

/// The error of a file that cannot be opened for reading, with words for what is there instead of a file.
Error openError(const std::filesystem::path& path, const std::error_code& reason)
{
    if (reason == std::errc::is_a_directory)
        return Error(ErrorCode::BadInput, "cannot read " + utf8(path) + ": it is a folder, expected a file", "name a file");
    if (reason == std::errc::invalid_seek)
        return Error(ErrorCode::BadInput, "cannot read " + utf8(path) + ": it is a pipe or a device, expected a regular file",
                     "save it to a file first");
    return inputError("open", path, reason);
}

}  // namespace

void setFileFault(FileFault fault) noexcept
{
    g_fault.store(fault);
}

std::error_code faultAt(FileStep step, const std::filesystem::path& path)
{
    const FileFault fault = g_fault.load();
    return fault != nullptr ? fault(step, path) : std::error_code();
}

struct InputFile::Handle {
    std::filesystem::path path;
    NativeFile file;
    std::uint64_t size = 0;
};

InputFile::InputFile(const std::filesystem::path& path) : m_handle(std::make_unique<Handle>())
{
    m_handle->path = path;
    if (const auto failed = m_handle->file.openForReading(path))
        throw openError(path, failed);
    if (const auto failed = m_handle->file.size(m_handle->size))
        throw openError(path, failed);
}

InputFile::~InputFile() = default;
InputFile::InputFile(InputFile&&) noexcept = default;
InputFile& InputFile::operator=(InputFile&&) noexcept = default;

const std::filesystem::path& InputFile::path() const noexcept
{
    return m_handle->path;
}

std::uint64_t InputFile::size() const noexcept
{
    return m_handle->size;
}

void InputFile::readExact(std::uint64_t offset, std::span<std::byte> target) const
{
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (offset > most || target.size() > most - offset)
        throw Error(ErrorCode::BadInput, utf8(path()) + " ends at byte " + std::to_string(size()) + ", but byte " + std::to_string(offset) +
                                             " was asked for", "the file is damaged; get it again");
    std::size_t got = 0;
    if (const auto failed = m_handle->file.readAt(offset, target, got))
        throw inputError("read", path(), failed);
    if (got == target.size())
        return;
    // Say where the file ends now: it may have shrunk since it was opened, or it may be shorter than its header says.
    std::uint64_t endsAt = 0;
    if (m_handle->file.size(endsAt))
        endsAt = offset + got;
    throw Error(ErrorCode::BadInput, utf8(path()) + " ends at byte " + std::to_string(endsAt) + ", expected " +
                                         std::to_string(offset + target.size()), "the file is cut off or still being written; get it again");
}

std::string readTextFile(const std::filesystem::path& path, std::uint64_t limitBytes)
{
    NativeFile file;
    if (const auto failed = file.openForReading(path))
        throw openError(path, failed);
    // Read to the end and not to the size in the folder entry: files of /proc say 0, and a log may grow meanwhile.
    std::uint64_t expected = 0;
    if (const auto failed = file.size(expected))
        throw openError(path, failed);
    const auto tooLarge = [&](std::uint64_t size) {
        return Error(ErrorCode::BadInput, utf8(path) + " is too large: " + formatBytes(size) + ", expected at most " + formatBytes(limitBytes),
                     "check that this is the right file");
    };
    if (expected > limitBytes)
        throw tooLarge(expected);
    std::string text;
    for (std::size_t block = static_cast<std::size_t>(expected) + 1;; block = std::size_t{1} << 16) {
        const std::size_t before = text.size();
        text.resize(before + block);
        std::size_t got = 0;
        const auto failed = file.readAt(before, std::as_writable_bytes(std::span(text)).subspan(before), got);
        if (failed)
            throw inputError("read", path, failed);
        text.resize(before + got);
        if (text.size() > limitBytes)
            throw tooLarge(text.size());
        if (got < block)
            return text;
    }
}

struct LockFile::State {
    NativeFile file;
};

LockFile::LockFile(const std::filesystem::path& path, const std::string& inUse) : m_state(std::make_unique<State>())
{
    const auto failed = m_state->file.openExclusively(path);
    if (failed == std::errc::device_or_resource_busy)
        throw Error(ErrorCode::Target, inUse, "wait for it to end, or choose another folder");
    if (failed)
        throw targetError("write", path, failed);
}

LockFile::~LockFile() = default;

struct AppendFile::State {
    std::filesystem::path path;
    NativeFile file;
};

AppendFile::AppendFile(const std::filesystem::path& path) : m_state(std::make_unique<State>())
{
    m_state->path = path;
    const auto failed = m_state->file.openForAppending(path);
    if (failed == std::errc::invalid_seek)
        throw Error(ErrorCode::Target, "cannot append to " + utf8(path) + ": it is not a regular file", "choose another name");
    if (failed)
        throw targetError("append to", path, failed);
}

AppendFile::~AppendFile() = default;

void AppendFile::appendLine(std::string_view line)
{
    std::string whole(line);
    whole += '\n';
    std::uint64_t before = 0;
    auto failed = m_state->file.size(before);
    if (!failed)
        failed = faultAt(FileStep::Write, m_state->path);
    if (!failed)
        failed = m_state->file.write(std::as_bytes(std::span(whole)));
    if (!failed)
        return;
    std::uint64_t after = before;
    // A full disk takes a part of the line; take it back, so that the file ends with a whole one.
    if (!m_state->file.size(after) && after > before)
        (void)m_state->file.truncate(before);
    throw targetError("append to", m_state->path, failed);
}

void AppendFile::flush()
{
    auto failed = faultAt(FileStep::Sync, m_state->path);
    if (!failed)
        failed = m_state->file.sync();
    if (failed)
        throw targetError("write", m_state->path, failed);
}

void truncateFile(const std::filesystem::path& path, std::uint64_t bytes)
{
    std::error_code failed;
    std::filesystem::resize_file(path, bytes, failed);
    if (!failed)
        failed = syncFile(path);
    if (failed)
        throw targetError("cut", path, failed);
}

void makeFolders(const std::filesystem::path& path)
{
    std::error_code failed;
    std::filesystem::create_directories(path, failed);
    if (!failed && !std::filesystem::is_directory(path, failed) && !failed)
        failed = std::make_error_code(std::errc::not_a_directory);
    if (failed)
        throw targetError("create the folder", path, failed);
}

bool isWritableTarget(const std::filesystem::path& path)
{
    std::error_code failed;
    std::filesystem::path folder = std::filesystem::absolute(path, failed);
    if (failed)
        return false;
    if (std::filesystem::is_regular_file(folder, failed))
        folder = folder.parent_path();
    // A name that ends in '/' has an empty last part; walking up ends at the root, which is its own parent.
    while (!std::filesystem::exists(folder, failed) && folder != folder.parent_path())
        folder = folder.parent_path();
    if (!std::filesystem::is_directory(folder, failed))
        return false;
    // Permission bits do not tell (root, read-only mounts, quotas): try it. Another thread, or a dead process that had our id,
    // may have taken a name.
    static std::atomic<std::uint64_t> counter{0};
    for (int tries = 0; tries < 1000; ++tries) {
        const auto probe = folder / (".lorikeet-probe-" + std::to_string(processId()) + "-" + std::to_string(counter.fetch_add(1)));
        NativeFile file;
        const auto refused = file.createHeld(probe, {});
        if (refused == std::errc::file_exists)
            continue;
        if (refused)
            return false;
        file.releaseForRename();
        std::filesystem::remove(probe, failed);
        return true;
    }
    return false;
}

}  // namespace lorikeet
