// SPDX-License-Identifier: GPL-3.0-or-later
// AtomicFile and AtomicFolder: write beside the target, flush, rename. At every moment a reader finds the old or the new.
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/file_errors.h"
#include "engine/base/file_faults.h"
#include "engine/base/files.h"
#include "engine/base/native_file.h"
#include "engine/base/system.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace lorikeet {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNewSuffix = ".lorikeet-new";
constexpr std::string_view kOldSuffix = ".lorikeet-old";

/// Start of the names of everything temporary that belongs to `target`: a hash, so that long names stay within the limit.
std::string temporaryPrefix(const fs::path& target)
{
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    for (const char byte : utf8(target.filename()))
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text = ".";
    for (int shift = 60; shift >= 0; shift -= 4)
        text += kDigits[(hash >> shift) & 15];
    return text;
}

fs::path temporaryName(const fs::path& target, std::string_view suffix)
{
    static std::atomic<std::uint64_t> counter{0};
    std::string name = temporaryPrefix(target) + "-" + std::to_string(processId()) + "-" + std::to_string(counter.fetch_add(1));
    return target.parent_path() / pathFromUtf8(name.append(suffix));
}

/// Calls `make` with fresh names until one is free (names of dead processes with our id may lie around).
template <typename Make>
std::error_code makeTemporary(const fs::path& target, fs::path& name, Make make)
{
    constexpr int kTries = 1000;
    std::error_code failed;
    for (int i = 0; i < kTries; ++i) {
        name = temporaryName(target, kNewSuffix);
        failed = make(name);
        if (failed != std::errc::file_exists)
            return failed;
    }
    return failed;
}

/// An absolute path without a trailing separator, links of the last part followed: replacing a link keeps the link.
fs::path resolvedTarget(const fs::path& path)
{
    std::error_code failed;
    fs::path target = fs::absolute(path, failed).lexically_normal();
    if (!target.has_filename())
        target = target.parent_path();
    if (fs::is_symlink(target, failed)) {
        const fs::path real = fs::weakly_canonical(target, failed);
        if (!failed)
            target = real;
    }
    return target;
}

/// Removes what writers of this target left when they died, and puts an old folder back whose replacement never came.
void sweepLeftovers(const fs::path& target)
{
    std::error_code failed;
    const std::string prefix = temporaryPrefix(target) + "-";
    std::vector<fs::path> found;
    for (fs::directory_iterator at(target.parent_path(), failed), end; !failed && at != end; at.increment(failed)) {
        const std::string name = utf8(at->path().filename());
        if (name.starts_with(prefix) && (name.ends_with(kNewSuffix) || name.ends_with(kOldSuffix)))
            found.push_back(at->path());
    }
    for (const auto& path : found) {
        NativeFile hold;
        if (!hold.claim(path))
            continue;
        hold.releaseForRename();
        if (utf8(path).ends_with(kOldSuffix) && !fs::exists(fs::symlink_status(target, failed)) && !renameToNew(path, target))
            continue;
        fs::remove_all(path, failed);
    }
}

/// fsync of every file below `folder`, then of every folder, the deepest first.
std::error_code syncTree(const fs::path& folder)
{
    std::error_code failed;
    std::vector<fs::path> folders{folder};
    for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
        std::error_code ignored;
        if (at->is_symlink(ignored))
            continue;
        if (at->is_directory(ignored))
            folders.push_back(at->path());
        else if (at->is_regular_file(ignored)) {
            if (const auto result = syncFile(at->path()))
                return result;
        }
    }
    for (auto at = folders.rbegin(); !failed && at != folders.rend(); ++at)
        failed = syncFolder(*at);
    return failed;
}

}  // namespace

struct AtomicFile::State {
    fs::path target;
    fs::path temporary;
    NativeFile file;
    bool committed = false;

    /// Closes and removes the temporary file: nothing half-written stays.
    void discard() noexcept
    {
        file.releaseForRename();
        std::error_code ignored;
        fs::remove(temporary, ignored);
        file.close();
    }
    void orThrow(const std::error_code& failed, std::string_view action) const
    {
        if (failed)
            throw targetError(action, target, failed);
    }
};

AtomicFile::AtomicFile(const std::filesystem::path& path) : m_state(std::make_unique<State>())
{
    m_state->target = resolvedTarget(path);
    std::error_code ignored;
    const auto status = fs::status(m_state->target, ignored);
    if (fs::is_directory(status))
        throw Error(ErrorCode::Target, "cannot write " + utf8(path) + ": it is a folder, expected a file", "name a file in it");
    if (fs::exists(status) && !fs::is_regular_file(status))
        throw Error(ErrorCode::Target, "cannot write " + utf8(path) + ": it is a pipe or a device, expected a regular file",
                    "choose another name");
    sweepLeftovers(m_state->target);
    const auto make = [this](const fs::path& name) { return m_state->file.createHeld(name, m_state->target); };
    m_state->orThrow(makeTemporary(m_state->target, m_state->temporary, make), "write");
}

AtomicFile::~AtomicFile()
{
    if (!m_state->committed)
        m_state->discard();
}

void AtomicFile::write(std::span<const std::byte> bytes)
{
    LORIKEET_CHECK(!m_state->committed, "write after commit");
    auto failed = faultAt(FileStep::Write, m_state->temporary);
    if (!failed)
        failed = m_state->file.write(bytes);
    m_state->orThrow(failed, "write");
}

void AtomicFile::write(std::string_view text)
{
    write(std::as_bytes(std::span(text.data(), text.size())));
}

void AtomicFile::commit()
{
    State& state = *m_state;
    LORIKEET_CHECK(!state.committed, "commit twice");
    auto failed = faultAt(FileStep::Sync, state.temporary);
    if (!failed)
        failed = state.file.sync();
    state.orThrow(failed, "write");
    state.file.releaseForRename();
    failed = faultAt(FileStep::Replace, state.target);
    if (!failed)
        failed = replaceNativeFile(state.temporary, state.target);
    state.orThrow(failed, "replace");
    state.committed = true;
    state.file.close();
    state.orThrow(syncFolder(state.target.parent_path()), "write the folder of");
}

void writeFileAtomically(const std::filesystem::path& path, std::string_view text)
{
    AtomicFile file(path);
    file.write(text);
    file.commit();
}

struct AtomicFolder::State {
    fs::path target;
    fs::path staging;
    NativeFile hold;
    bool replaceExisting = false;
    bool committed = false;

    void orThrow(const std::error_code& failed, std::string_view action) const
    {
        if (failed)
            throw targetError(action, target, failed);
    }
    void swapIn();
    void moveAsideAndIn();
};

AtomicFolder::AtomicFolder(const std::filesystem::path& path, bool replaceExisting) : m_state(std::make_unique<State>())
{
    State& state = *m_state;
    state.target = resolvedTarget(path);
    state.replaceExisting = replaceExisting;
    sweepLeftovers(state.target);
    std::error_code ignored;
    const auto status = fs::status(state.target, ignored);
    if (fs::exists(status) && !fs::is_directory(status))
        throw Error(ErrorCode::Target, "cannot make the folder " + utf8(path) + ": a file of this name exists", "choose another name");
    if (fs::exists(status) && !replaceExisting)
        throw Error(ErrorCode::Target, "the folder " + utf8(path) + " exists already", "choose another name, or remove it first");
    const auto make = [&state](const fs::path& name) { return state.hold.createHeldFolder(name); };
    state.orThrow(makeTemporary(state.target, state.staging, make), "create the folder");
}

AtomicFolder::~AtomicFolder()
{
    if (m_state->committed)
        return;
    m_state->hold.releaseForRename();
    std::error_code ignored;
    fs::remove_all(m_state->staging, ignored);
}

const std::filesystem::path& AtomicFolder::staging() const noexcept
{
    return m_state->staging;
}

/// The new folder takes the place of an existing one; what was there is removed last, and a failure to remove it is no
/// failure of the write (it is swept next time).
void AtomicFolder::State::swapIn()
{
    auto failed = faultAt(FileStep::Replace, target);
    if (!failed)
        failed = exchangeFolders(staging, target);
    if (failed == std::errc::function_not_supported)
        return moveAsideAndIn();
    orThrow(failed, "replace the folder");
    committed = true;
    orThrow(syncFolder(target.parent_path()), "write the folder of");
    std::error_code ignored;
    if (!faultAt(FileStep::RemoveOld, staging))
        fs::remove_all(staging, ignored);  // after the exchange the old content has this name
}

/// Where two folders cannot be exchanged in one step there is a moment without either. A process that dies in it leaves the
/// old one under a name that sweepLeftovers puts back.
void AtomicFolder::State::moveAsideAndIn()
{
    const fs::path aside = temporaryName(target, kOldSuffix);
    orThrow(renameToNew(target, aside), "move aside the folder");
    NativeFile asideHold;
    (void)asideHold.claim(aside);
    asideHold.releaseForRename();
    auto failed = faultAt(FileStep::Replace, staging);
    if (!failed)
        failed = renameToNew(staging, target);
    if (failed) {
        (void)renameToNew(aside, target);
        orThrow(failed, "replace the folder");
    }
    committed = true;
    orThrow(syncFolder(target.parent_path()), "write the folder of");
    std::error_code ignored;
    if (!faultAt(FileStep::RemoveOld, aside))
        fs::remove_all(aside, ignored);
}

void AtomicFolder::commit()
{
    State& state = *m_state;
    LORIKEET_CHECK(!state.committed, "commit twice");
    state.orThrow(syncTree(state.staging), "write the folder");
    state.hold.releaseForRename();
    std::error_code ignored;
    if (state.replaceExisting && fs::is_directory(state.target, ignored)) {
        state.swapIn();
    } else {
        auto failed = faultAt(FileStep::Replace, state.target);
        if (!failed)
            failed = renameToNew(state.staging, state.target);
        state.orThrow(failed, "create the folder");
        state.committed = true;
        state.orThrow(syncFolder(state.target.parent_path()), "write the folder of");
    }
    state.hold.close();
}

}  // namespace lorikeet
