// SPDX-License-Identifier: GPL-3.0-or-later
// The file calls of Windows. A held temporary is open without sharing, so a claim by another process fails while its maker
// lives; the system closes it when the maker dies.
#include "engine/base/file_faults.h"
#include "engine/base/files.h"
#include "engine/base/native_file.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <windows.h>

namespace lorikeet {

namespace {

static_assert(sizeof(std::intptr_t) == sizeof(HANDLE));

HANDLE asHandle(std::intptr_t value)
{
    return reinterpret_cast<HANDLE>(value);
}

constexpr DWORD kDiskQuotaExceeded = 1295;  // ERROR_DISK_QUOTA_EXCEEDED, which some toolchains' headers lack

/// Windows' reason as a condition that code can compare; what has no such condition keeps its number and system text.
std::error_code fromSystem(DWORD reason)
{
    switch (reason) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND: return std::make_error_code(std::errc::no_such_file_or_directory);
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION: return std::make_error_code(std::errc::permission_denied);
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS: return std::make_error_code(std::errc::file_exists);
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case kDiskQuotaExceeded: return std::make_error_code(std::errc::no_space_on_device);
    case ERROR_WRITE_PROTECT: return std::make_error_code(std::errc::read_only_file_system);
    case ERROR_FILENAME_EXCED_RANGE:
    case ERROR_BUFFER_OVERFLOW: return std::make_error_code(std::errc::filename_too_long);
    case ERROR_DIRECTORY: return std::make_error_code(std::errc::not_a_directory);
    case ERROR_TOO_MANY_OPEN_FILES: return std::make_error_code(std::errc::too_many_files_open);
    case ERROR_INVALID_NAME: return std::make_error_code(std::errc::invalid_argument);
    default: return {static_cast<int>(reason), std::system_category()};
    }
}

std::error_code lastError()
{
    return fromSystem(::GetLastError());
}

struct OpenRequest {
    DWORD access;
    DWORD share;
    DWORD disposition;
    DWORD flags = FILE_ATTRIBUTE_NORMAL;
};

std::error_code openNative(const std::filesystem::path& path, const OpenRequest& request, std::intptr_t& handle)
{
    const HANDLE opened =
        ::CreateFileW(path.c_str(), request.access, request.share, nullptr, request.disposition, request.flags, nullptr);
    if (opened == INVALID_HANDLE_VALUE)
        return lastError();
    handle = reinterpret_cast<std::intptr_t>(opened);
    return {};
}

/// Size of one ReadFile or WriteFile: their lengths have 32 bits.
constexpr std::size_t kMostPerCall = std::size_t{1} << 30;

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
        ::CloseHandle(asHandle(std::exchange(m_handle, kClosed)));
}

std::error_code NativeFile::openForReading(const std::filesystem::path& path)
{
    close();
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        return std::make_error_code(std::errc::is_a_directory);
    const auto failed = openNative(path, {GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, OPEN_EXISTING}, m_handle);
    if (failed)
        return failed;
    if (::GetFileType(asHandle(m_handle)) == FILE_TYPE_DISK)
        return {};
    close();
    return std::make_error_code(std::errc::invalid_seek);
}

std::error_code NativeFile::createHeld(const std::filesystem::path& path, const std::filesystem::path& like)
{
    (void)like;  // permissions come from the folder
    close();
    if (const auto fault = faultAt(FileStep::Create, path))
        return fault;
    return openNative(path, {GENERIC_READ | GENERIC_WRITE, 0, CREATE_NEW}, m_handle);
}

std::error_code NativeFile::createHeldFolder(const std::filesystem::path& path)
{
    close();
    if (const auto fault = faultAt(FileStep::Create, path))
        return fault;
    if (::CreateDirectoryW(path.c_str(), nullptr) == 0)
        return lastError();
    // Others may work inside it, none may delete or rename it.
    const auto failed =
        openNative(path, {GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS}, m_handle);
    if (failed)
        ::RemoveDirectoryW(path.c_str());
    return failed;
}

bool NativeFile::claim(const std::filesystem::path& path)
{
    close();
    // The right to delete is refused while a maker holds it without FILE_SHARE_DELETE.
    const OpenRequest request{DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT};
    return !openNative(path, request, m_handle);
}

std::error_code NativeFile::openExclusively(const std::filesystem::path& path)
{
    close();
    if (const auto fault = faultAt(FileStep::Create, path))
        return fault;
    const auto failed = openNative(path, {GENERIC_WRITE, 0, OPEN_ALWAYS}, m_handle);
    return failed && failed.value() == ERROR_SHARING_VIOLATION ? std::make_error_code(std::errc::device_or_resource_busy) : failed;
}

std::error_code NativeFile::openForAppending(const std::filesystem::path& path)
{
    close();
    if (const auto fault = faultAt(FileStep::Create, path))
        return fault;
    const auto failed = openNative(path, {GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, OPEN_ALWAYS}, m_handle);
    if (failed)
        return failed;
    LARGE_INTEGER none = {};
    if (::GetFileType(asHandle(m_handle)) == FILE_TYPE_DISK && ::SetFilePointerEx(asHandle(m_handle), none, nullptr, FILE_END) != 0)
        return {};
    close();
    return std::make_error_code(std::errc::invalid_seek);
}

std::error_code NativeFile::size(std::uint64_t& bytes) const
{
    LARGE_INTEGER size = {};
    if (::GetFileSizeEx(asHandle(m_handle), &size) == 0)
        return lastError();
    bytes = static_cast<std::uint64_t>(size.QuadPart);
    return {};
}

std::error_code NativeFile::readAt(std::uint64_t offset, std::span<std::byte> target, std::size_t& got) const
{
    got = 0;
    while (got < target.size()) {
        OVERLAPPED place = {};
        place.Offset = static_cast<DWORD>(offset + got);
        place.OffsetHigh = static_cast<DWORD>((offset + got) >> 32);
        const auto part = static_cast<DWORD>(std::min(target.size() - got, kMostPerCall));
        DWORD count = 0;
        if (::ReadFile(asHandle(m_handle), target.data() + got, part, &count, &place) == 0) {
            if (::GetLastError() == ERROR_HANDLE_EOF)
                break;
            return lastError();
        }
        if (count == 0)
            break;
        got += count;
    }
    return {};
}

std::error_code NativeFile::write(std::span<const std::byte> bytes) const
{
    while (!bytes.empty()) {
        DWORD count = 0;
        const auto part = static_cast<DWORD>(std::min(bytes.size(), kMostPerCall));
        if (::WriteFile(asHandle(m_handle), bytes.data(), part, &count, nullptr) == 0)
            return lastError();
        bytes = bytes.subspan(count);
    }
    return {};
}

std::error_code NativeFile::truncate(std::uint64_t bytes) const
{
    LARGE_INTEGER end = {};
    end.QuadPart = static_cast<LONGLONG>(bytes);
    if (::SetFilePointerEx(asHandle(m_handle), end, nullptr, FILE_BEGIN) == 0 || ::SetEndOfFile(asHandle(m_handle)) == 0)
        return lastError();
    return {};
}

std::error_code NativeFile::sync() const
{
    return ::FlushFileBuffers(asHandle(m_handle)) != 0 ? std::error_code() : lastError();
}

void NativeFile::releaseForRename() noexcept
{
    close();
}

std::error_code replaceNativeFile(const std::filesystem::path& from, const std::filesystem::path& to)
{
    const BOOL moved = ::MoveFileExW(from.c_str(), to.c_str(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
    return moved != 0 ? std::error_code() : lastError();
}

std::error_code renameToNew(const std::filesystem::path& from, const std::filesystem::path& to)
{
    return ::MoveFileExW(from.c_str(), to.c_str(), MOVEFILE_WRITE_THROUGH) != 0 ? std::error_code() : lastError();
}

std::error_code exchangeFolders(const std::filesystem::path& a, const std::filesystem::path& b)
{
    (void)a;
    (void)b;
    return std::make_error_code(std::errc::function_not_supported);
}

std::error_code syncFile(const std::filesystem::path& path)
{
    if (const auto fault = faultAt(FileStep::Sync, path))
        return fault;
    std::intptr_t handle = 0;
    const auto failed = openNative(path, {GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, OPEN_EXISTING}, handle);
    if (failed)
        return failed;
    const auto result = ::FlushFileBuffers(asHandle(handle)) != 0 ? std::error_code() : lastError();
    ::CloseHandle(asHandle(handle));
    return result;
}

std::error_code syncFolder(const std::filesystem::path& path)
{
    // NTFS journals names; MOVEFILE_WRITE_THROUGH waits for the journal.
    return faultAt(FileStep::SyncFolder, path);
}

namespace {

/// The folder that an environment variable names, or a sub-folder of the user's profile.
std::filesystem::path profileFolder(const wchar_t* variable, const wchar_t* fallback)
{
    std::wstring value(32768, L'\0');
    for (const wchar_t* name : {variable, L"USERPROFILE"}) {
        const DWORD length = ::GetEnvironmentVariableW(name, value.data(), static_cast<DWORD>(value.size()));
        const std::filesystem::path folder(value.substr(0, length < value.size() ? length : 0));
        if (folder.is_absolute())
            return name == variable ? folder : folder / fallback;
    }
    return L"C:\\";
}

}  // namespace

std::filesystem::path cacheFolder()
{
    return profileFolder(L"LOCALAPPDATA", L"AppData\\Local") / "lorikeet";
}

std::filesystem::path dataFolder()
{
    return profileFolder(L"APPDATA", L"AppData\\Roaming") / "lorikeet";
}

std::filesystem::path executableFolder()
{
    std::wstring name(32768, L'\0');
    const DWORD length = ::GetModuleFileNameW(nullptr, name.data(), static_cast<DWORD>(name.size()));
    return std::filesystem::path(name.substr(0, length)).parent_path();
}

std::string utf8(const std::filesystem::path& path)
{
    const std::u8string text = path.u8string();
    return {reinterpret_cast<const char*>(text.data()), text.size()};
}

std::filesystem::path pathFromUtf8(std::string_view text)
{
    return std::filesystem::path(std::u8string(reinterpret_cast<const char8_t*>(text.data()), text.size()));
}

}  // namespace lorikeet
