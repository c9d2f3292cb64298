// SPDX-License-Identifier: GPL-3.0-or-later
// The file calls of POSIX systems. A held temporary carries an flock(2), which the kernel drops when its maker dies, even by
// kill -9 and even in another container, so leftovers can be told from work in progress without trusting process ids.
#include "engine/base/file_faults.h"
#include "engine/base/files.h"
#include "engine/base/native_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/fs.h>
#include <sys/syscall.h>
#endif

namespace lorikeet {

namespace {

std::error_code lastError()
{
    return {errno, std::system_category()};
}

/// open(2), tried again when a signal interrupts it; `fd` is -1 on failure.
std::error_code openFd(const std::filesystem::path& path, int flags, mode_t mode, int& fd)
{
    do {
        fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? lastError() : std::error_code();
}

int lockRetrying(int fd, int operation)
{
    int result = 0;
    do {
        result = ::flock(fd, operation);
    } while (result != 0 && errno == EINTR);
    return result;
}

/// True when `path` still names what `fd` has open.
bool isSameFile(int fd, const std::filesystem::path& path)
{
    struct stat byFd = {};
    struct stat byPath = {};
    return ::fstat(fd, &byFd) == 0 && ::lstat(path.c_str(), &byPath) == 0 && byFd.st_dev == byPath.st_dev && byFd.st_ino == byPath.st_ino;
}

/// Locks a thing that was just made. Between making and locking another process may have claimed it as a leftover: then we
/// wait for its lock, see that the name is gone, and the caller tries another name.
std::error_code holdNew(int fd, const std::filesystem::path& path)
{
    lockRetrying(fd, LOCK_EX);  // a file system without locks only loses the sweeping of leftovers
    return isSameFile(fd, path) ? std::error_code() : std::make_error_code(std::errc::file_exists);
}

std::error_code syncFd(int fd)
{
    int result = 0;
    do {
        result = ::fsync(fd);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? std::error_code() : lastError();
}

std::error_code renameWithFlags(const std::filesystem::path& from, const std::filesystem::path& to, unsigned flags)
{
#if defined(__linux__) && defined(SYS_renameat2)
    if (::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0)
        return {};
    // EINVAL: this file system lacks the flag. EXDEV: a folder of an overlay's lower layer.
    if (errno != ENOSYS && errno != EINVAL && errno != EXDEV)
        return lastError();
#else
    (void)from;
    (void)to;
    (void)flags;
#endif
    return std::make_error_code(std::errc::function_not_supported);
}

}  // namespace

NativeFile::NativeFile(NativeFile&& other) noexcept : m_handle(std::exchange(other.m_handle, kClosed)) {}

NativeFile& NativeFile::operator=(NativeFile&& other) noexcept
{
    if (this != &other) {
        close();
        m_handle = std::exchange(other.m_handle, kClosed);
    }
    return *this;
}

void NativeFile::close() noexcept
{
    if (isOpen())
        ::close(static_cast<int>(std::exchange(m_handle, kClosed)));
}

std::error_code NativeFile::openForReading(const std::filesystem::path& path)
{
    close();
    int fd = -1;
    if (const auto failed = openFd(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, fd))
        return failed;
    m_handle = fd;
    struct stat info = {};
    std::error_code refused;
    if (::fstat(fd, &info) != 0)
        refused = lastError();
    else if (S_ISDIR(info.st_mode))
        refused = std::make_error_code(std::errc::is_a_directory);
    else if (!S_ISREG(info.st_mode))
        refused = std::make_error_code(std::errc::invalid_seek);
    if (refused)
        close();
    return refused;
}

std::error_code NativeFile::createHeld(const std::filesystem::path& path, const std::filesystem::path& like)
{
    close();
    if (const auto fault = faultAt(FileStep::Create, path))
        return fault;
    int fd = -1;
    if (const auto failed = openFd(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666, fd))
        return failed;
    m_handle = fd;
    struct stat info = {};
    if (::stat(like.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::fchmod(fd, info.st_mode & 0777) != 0)
        errno = 0;  // some file systems have no modes; the default one is fine
    const auto lost = holdNew(fd, path);
    if (lost)
        close();
    return lost;
}

std::error_code NativeFile::createHeldFolder(const std::filesystem::path& path)
{
    close();
    if (const auto fault = faultAt(FileStep::Create, path))
        return fault;
    if (::mkdir(path.c_str(), 0777) != 0)
        return lastError();
    int fd = -1;
    if (const auto failed = openFd(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, fd)) {
        ::rmdir(path.c_str());
        return failed == std::errc::no_such_file_or_directory ? std::make_error_code(std::errc::file_exists) : failed;
    }
    m_handle = fd;
    const auto lost = holdNew(fd, path);
    if (lost)
        close();
    return lost;
}

bool NativeFile::claim(const std::filesystem::path& path)
{
    close();
    int fd = -1;
    if (openFd(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0, fd))
        return false;
    m_handle = fd;
    if (lockRetrying(fd, LOCK_EX | LOCK_NB) == 0 && isSameFile(fd, path))
        return true;
    close();
    return false;
}

std::error_code NativeFile::openExclusively(const std::filesystem::path& path)
{
    close();
    if (const auto fault = faultAt(FileStep::Create, path))
        return fault;
    int fd = -1;
    if (const auto failed = openFd(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0666, fd))
        return failed;
    m_handle = fd;
    if (lockRetrying(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return {};
    close();
    return std::make_error_code(std::errc::device_or_resource_busy);
}

std::error_code NativeFile::openForAppending(const std::filesystem::path& path)
{
    close();
    if (const auto fault = faultAt(FileStep::Create, path))
        return fault;
    int fd = -1;
    if (const auto failed = openFd(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0666, fd))
        return failed;
    m_handle = fd;
    struct stat info = {};
    if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        return {};
    close();
    return std::make_error_code(std::errc::invalid_seek);
}

std::error_code NativeFile::size(std::uint64_t& bytes) const
{
    struct stat info = {};
    if (::fstat(static_cast<int>(m_handle), &info) != 0)
        return lastError();
    bytes = static_cast<std::uint64_t>(info.st_size);
    return {};
}

std::error_code NativeFile::readAt(std::uint64_t offset, std::span<std::byte> target, std::size_t& got) const
{
    constexpr std::size_t kMostPerCall = std::size_t{1} << 30;
    got = 0;
    while (got < target.size()) {
        const auto part = std::min(target.size() - got, kMostPerCall);
        const ssize_t count = ::pread(static_cast<int>(m_handle), target.data() + got, part, static_cast<off_t>(offset + got));
        if (count == 0)
            break;
        if (count > 0)
            got += static_cast<std::size_t>(count);
        else if (errno != EINTR)
            return lastError();
    }
    return {};
}

std::error_code NativeFile::write(std::span<const std::byte> bytes) const
{
    constexpr std::size_t kMostPerCall = std::size_t{1} << 30;
    while (!bytes.empty()) {
        const ssize_t count = ::write(static_cast<int>(m_handle), bytes.data(), std::min(bytes.size(), kMostPerCall));
        if (count >= 0)
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        else if (errno != EINTR)
            return lastError();
    }
    return {};
}

std::error_code NativeFile::truncate(std::uint64_t bytes) const
{
    return ::ftruncate(static_cast<int>(m_handle), static_cast<off_t>(bytes)) == 0 ? std::error_code() : lastError();
}

std::error_code NativeFile::sync() const
{
    return syncFd(static_cast<int>(m_handle));
}

void NativeFile::releaseForRename() noexcept {}

std::error_code replaceNativeFile(const std::filesystem::path& from, const std::filesystem::path& to)
{
    return ::rename(from.c_str(), to.c_str()) == 0 ? std::error_code() : lastError();
}

std::error_code renameToNew(const std::filesystem::path& from, const std::filesystem::path& to)
{
#ifdef RENAME_NOREPLACE
    const auto result = renameWithFlags(from, to, RENAME_NOREPLACE);
    if (result != std::errc::function_not_supported)
        return result;
#endif
    struct stat info = {};
    if (::lstat(to.c_str(), &info) == 0)
        return std::make_error_code(std::errc::file_exists);
    return replaceNativeFile(from, to);
}

std::error_code exchangeFolders(const std::filesystem::path& a, const std::filesystem::path& b)
{
#ifdef RENAME_EXCHANGE
    return renameWithFlags(a, b, RENAME_EXCHANGE);
#else
    return renameWithFlags(a, b, 0);
#endif
}

std::error_code syncFile(const std::filesystem::path& path)
{
    if (const auto fault = faultAt(FileStep::Sync, path))
        return fault;
    int fd = -1;
    if (const auto failed = openFd(path, O_RDONLY | O_NONBLOCK, 0, fd))
        return failed;
    const auto result = syncFd(fd);
    ::close(fd);
    return result;
}

std::error_code syncFolder(const std::filesystem::path& path)
{
    if (const auto fault = faultAt(FileStep::SyncFolder, path))
        return fault;
    int fd = -1;
    if (const auto failed = openFd(path.empty() ? std::filesystem::path(".") : path, O_RDONLY | O_DIRECTORY, 0, fd))
        return failed == std::errc::permission_denied ? std::error_code() : failed;  // may be writable and not listable
    const auto result = syncFd(fd);
    ::close(fd);
    const bool unknownHere = result == std::errc::invalid_argument || result == std::errc::not_supported;
    return unknownHere ? std::error_code() : result;
}

namespace {

std::filesystem::path homeFolder()
{
    if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/')
        return home;
    std::vector<char> buffer(16384);
    struct passwd entry = {};
    struct passwd* found = nullptr;
    if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr && found->pw_dir[0] == '/')
        return found->pw_dir;
    return "/";
}

/// The XDG specification tells to ignore a path that is not absolute.
std::filesystem::path xdgFolder(const char* variable, const char* fallback)
{
    if (const char* set = std::getenv(variable); set != nullptr && set[0] == '/')
        return set;
    return homeFolder() / fallback;
}

}  // namespace

std::filesystem::path cacheFolder()
{
    return xdgFolder("XDG_CACHE_HOME", ".cache") / "lorikeet";
}

std::filesystem::path dataFolder()
{
    return xdgFolder("XDG_DATA_HOME", ".local/share") / "lorikeet";
}

std::filesystem::path executableFolder()
{
    std::error_code failed;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
    return failed ? std::filesystem::current_path(failed) : self.parent_path();
}

std::string utf8(const std::filesystem::path& path)
{
    return path.string();
}

std::filesystem::path pathFromUtf8(std::string_view text)
{
    return std::filesystem::path(std::string(text));
}

}  // namespace lorikeet
