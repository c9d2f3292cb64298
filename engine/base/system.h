// SPDX-License-Identifier: GPL-3.0-or-later
// Questions to the operating system that are not files: memory, processor, dynamic libraries, interrupt signals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

namespace lorikeet {

/// Memory a process can still get without swapping: the smallest of MemAvailable, what is left of the cgroup's limit, and what is left
/// of this process's own limits (`ulimit -d`, `ulimit -v`).
struct HostMemory {
    std::uint64_t totalBytes = 0;      ///< physical memory, or the cgroup's limit where it is smaller
    std::uint64_t availableBytes = 0;  ///< free for a new process now
};
[[nodiscard]] HostMemory hostMemory();

/// Resident set of this process now and at its peak, in bytes.
struct ProcessMemory {
    std::uint64_t residentBytes = 0;
    std::uint64_t peakResidentBytes = 0;
};
[[nodiscard]] ProcessMemory processMemory();

/// From now on the system refuses this process any writable memory of its own beyond `bytes` in sum: RLIMIT_DATA on Linux, a job object
/// on Windows. It cannot be raised again. @throws Error{Device} when the system refuses the limit.
void limitProcessMemory(std::uint64_t bytes);

/// Processor brand string and the instruction sets that matter here.
struct Processor {
    std::string name;
    int threads = 1;  ///< hardware threads this process may use (affinity and cgroup quota respected)
    bool avx2 = false;
    bool avx512 = false;      ///< F, BW, DQ, VL
    bool avx512Bf16 = false;  ///< native bf16 products
    bool amxBf16 = false;
};
[[nodiscard]] Processor processor();

/// A shared library opened at run time. Never unloaded: LibTorch does not survive it.
class DynamicLibrary {
public:
    /// @throws Error{Device} with the loader's reason. `globalSymbols` makes its symbols visible to later libraries.
    DynamicLibrary(const std::filesystem::path& path, bool globalSymbols);
    /// Address of a symbol, or nullptr.
    [[nodiscard]] void* symbol(const char* name) const noexcept;

private:
    void* m_handle = nullptr;
};

/// Turns SIGINT and SIGTERM (Ctrl-C, console close) into a stop request; the second interrupt ends the process at once.
/// One per process, made by main.
class InterruptGuard {
public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
    [[nodiscard]] std::stop_token token() const noexcept;
    /// 0, or the exit code the signal stands for: 130 or 143.
    [[nodiscard]] int exitCode() const noexcept;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// A closed pipe (`lorikeet-cli ... | head`) gives a write error and not a signal. Called once by main.
void ignoreBrokenPipes() noexcept;

/// True when standard output / error is a terminal; its width in columns.
[[nodiscard]] bool isTerminal(int fileDescriptor) noexcept;
[[nodiscard]] int terminalWidth() noexcept;

/// The next bytes of standard input, as many as are there; waits for the first one. 0 at its end. Not to be mixed with std::cin.
/// @throws Error{Cancelled} when `stop` is requested while it waits, Error{BadInput} when it cannot be read.
[[nodiscard]] std::size_t readStandardInput(std::span<char> target, const std::stop_token& stop);

/// This process's own id, and whether a process with this id lives (for lock files).
[[nodiscard]] std::int64_t processId() noexcept;
[[nodiscard]] bool isProcessAlive(std::int64_t id) noexcept;

/// Zeroed memory of at least `bytes`, aligned to 4096, from the system directly, huge pages asked for where they help;
/// every page is touched so that the memory is really there, which takes about a second per GiB where the system is slow to give it.
/// @throws Error{DoesNotFit}, Error{Cancelled} between pages
class PageBlock {
public:
    PageBlock() = default;
    explicit PageBlock(std::uint64_t bytes, const std::stop_token& stop = {});
    ~PageBlock();
    PageBlock(PageBlock&& other) noexcept;
    PageBlock& operator=(PageBlock&& other) noexcept;
    [[nodiscard]] std::byte* data() const noexcept { return m_data; }
    [[nodiscard]] std::uint64_t size() const noexcept { return m_bytes; }

private:
    std::byte* m_data = nullptr;
    std::uint64_t m_bytes = 0;
};

}  // namespace lorikeet
