// SPDX-License-Identifier: GPL-3.0-or-later
// The few file calls that differ between systems, returning std::error_code; files_posix.cpp and files_windows.cpp implement
// them, files.cpp and atomic_files.cpp build the room's public face from them. Nothing outside engine/base includes this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>

namespace lorikeet {

/// One open file or folder of the system; closed by the destructor.
class NativeFile {
public:
    NativeFile() = default;
    ~NativeFile() { close(); }
    NativeFile(NativeFile&& other) noexcept;
    NativeFile& operator=(NativeFile&& other) noexcept;

    /// Opens for reading by offset. Never waits (a FIFO does not block). Anything but a regular file is refused.
    std::error_code openForReading(const std::filesystem::path& path);
    /// Makes a new file, never following a link, and holds it: claim() by another process fails until close(). It gets the
    /// permissions of `like` where that exists.
    std::error_code createHeld(const std::filesystem::path& path, const std::filesystem::path& like);
    /// Makes a new folder and holds it in the same way.
    std::error_code createHeldFolder(const std::filesystem::path& path);
    /// Takes hold of a file or folder that createHeld or createHeldFolder made, if the maker lives no more. Never waits.
    [[nodiscard]] bool claim(const std::filesystem::path& path);
    /// Makes the file where there is none and takes hold of it until close(). Never waits: device_or_resource_busy while another holds it.
    /// Success without a hold on a file system that knows no locks.
    std::error_code openExclusively(const std::filesystem::path& path);
    /// Opens for appending; makes the file where there is none.
    std::error_code openForAppending(const std::filesystem::path& path);

    [[nodiscard]] bool isOpen() const noexcept { return m_handle != kClosed; }
    std::error_code size(std::uint64_t& bytes) const;
    /// Reads up to target.size() bytes at `offset`; `got` is less only at the end of the file.
    std::error_code readAt(std::uint64_t offset, std::span<std::byte> target, std::size_t& got) const;
    /// Writes all bytes at the cursor.
    std::error_code write(std::span<const std::byte> bytes) const;
    std::error_code truncate(std::uint64_t bytes) const;
    /// Returns when the bytes are on the disk.
    std::error_code sync() const;
    /// Lets go of what a system refuses to rename while it is open (Windows; nothing to do elsewhere).
    void releaseForRename() noexcept;
    void close() noexcept;

private:
    static constexpr std::intptr_t kClosed = -1;
    std::intptr_t m_handle = kClosed;  ///< file descriptor or HANDLE
};

/// Renames a file over another one, atomically.
std::error_code replaceNativeFile(const std::filesystem::path& from, const std::filesystem::path& to);
/// Renames; fails with file_exists where `to` exists.
std::error_code renameToNew(const std::filesystem::path& from, const std::filesystem::path& to);
/// Swaps two folders in one step. function_not_supported where the system or this file system cannot.
std::error_code exchangeFolders(const std::filesystem::path& a, const std::filesystem::path& b);
/// fsync of a file by its path.
std::error_code syncFile(const std::filesystem::path& path);
/// fsync of a folder: renames and new names in it are on the disk. Success where the system knows no such thing.
std::error_code syncFolder(const std::filesystem::path& path);

}  // namespace lorikeet
