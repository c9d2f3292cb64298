// SPDX-License-Identifier: GPL-3.0-or-later
// Every touch of the file system: reading by offset, atomic replacement, well-known folders. No other room calls POSIX or
// Windows functions; paths are std::filesystem::path (UTF-8 in messages).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lorikeet {

/// A file opened for reading by offset (pread). Thread-safe: no shared cursor. Never maps, so a file that shrinks gives an
/// Error and not a signal.
class InputFile {
public:
    /// @throws Error{BadInput} when the file does not exist, is not a regular file or cannot be read.
    explicit InputFile(const std::filesystem::path& path);
    ~InputFile();
    InputFile(InputFile&&) noexcept;
    InputFile& operator=(InputFile&&) noexcept;

    [[nodiscard]] const std::filesystem::path& path() const noexcept;
    /// Size in bytes when the file was opened.
    [[nodiscard]] std::uint64_t size() const noexcept;
    /// Fills `target` from `offset`. @throws Error{BadInput} on a short read ("ends at byte N, expected M").
    void readExact(std::uint64_t offset, std::span<std::byte> target) const;

private:
    struct Handle;
    std::unique_ptr<Handle> m_handle;
};

/// The whole file as text. @throws Error{BadInput} when missing, unreadable or larger than `limitBytes`.
[[nodiscard]] std::string readTextFile(const std::filesystem::path& path, std::uint64_t limitBytes);

/// Writes a sibling temporary file, flushes it to disk, and renames it over `path`: after a crash there is the old file or
/// the new one, never half of one. @throws Error{Target} when the folder is read-only, the disk is full, ...
class AtomicFile {
public:
    explicit AtomicFile(const std::filesystem::path& path);
    ~AtomicFile();  ///< without commit() the temporary file is removed
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text);
    /// fsync, rename, fsync of the parent folder.
    void commit();

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// AtomicFile in one call.
void writeFileAtomically(const std::filesystem::path& path, std::string_view text);

/// A folder written beside its final place and renamed into it as a whole. An existing folder at `path` is replaced only if
/// `replaceExisting`; it is moved aside first and removed last.
class AtomicFolder {
public:
    AtomicFolder(const std::filesystem::path& path, bool replaceExisting);
    ~AtomicFolder();  ///< without commit() the temporary folder is removed
    AtomicFolder(const AtomicFolder&) = delete;
    AtomicFolder& operator=(const AtomicFolder&) = delete;

    /// Where to write the files meanwhile.
    [[nodiscard]] const std::filesystem::path& staging() const noexcept;
    /// fsync of every file and folder, rename, fsync of the parent. @throws Error{Target}
    void commit();

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// A file that only grows, one line a time, flushed on demand (events.jsonl). @throws Error{Target}
class AppendFile {
public:
    explicit AppendFile(const std::filesystem::path& path);
    ~AppendFile();
    AppendFile(const AppendFile&) = delete;
    AppendFile& operator=(const AppendFile&) = delete;
    /// Appends `line` and '\n' in one write.
    void appendLine(std::string_view line);
    /// fsync.
    void flush();

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// Holds a file that says "somebody works here", made where there is none. The system drops the hold when the process ends, however it ends; the
/// file itself stays. On a file system without locks nothing is held.
class LockFile {
public:
    /// @throws Error{Target} when another holder, in this process or another one, has it, or when the file cannot be made.
    /// `inUse` is the message then: "X is being trained by another program".
    LockFile(const std::filesystem::path& path, const std::string& inUse);
    ~LockFile();
    LockFile(const LockFile&) = delete;
    LockFile& operator=(const LockFile&) = delete;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// Cuts a file to `bytes`. @throws Error{Target}
void truncateFile(const std::filesystem::path& path, std::uint64_t bytes);

/// mkdir -p. @throws Error{Target} with the reason of the system.
void makeFolders(const std::filesystem::path& path);

/// True when `path`'s nearest existing ancestor can be written to and a file can be created there.
[[nodiscard]] bool isWritableTarget(const std::filesystem::path& path);

/// XDG cache folder + "lorikeet" ($XDG_CACHE_HOME or ~/.cache; %LOCALAPPDATA% on Windows). Not created.
[[nodiscard]] std::filesystem::path cacheFolder();
/// XDG data folder + "lorikeet" ($XDG_DATA_HOME or ~/.local/share; %APPDATA% on Windows). Not created.
[[nodiscard]] std::filesystem::path dataFolder();
/// Folder of the running executable.
[[nodiscard]] std::filesystem::path executableFolder();

/// UTF-8 form of a path for messages and JSON.
[[nodiscard]] std::string utf8(const std::filesystem::path& path);
/// Path from UTF-8.
[[nodiscard]] std::filesystem::path pathFromUtf8(std::string_view text);

}  // namespace lorikeet
