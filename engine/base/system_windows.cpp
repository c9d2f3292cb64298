// SPDX-License-Identifier: GPL-3.0-or-later
// Memory, processor count, libraries, console and page blocks of Windows.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/processor.h"
#include "engine/base/progress.h"
#include "engine/base/system.h"
#include "engine/base/units.h"

#include <algorithm>
#include <bit>
#include <string>
#include <system_error>
#include <utility>

#include <io.h>
#include <windows.h>

#include <psapi.h>

namespace lorikeet {

HostMemory hostMemory()
{
    MEMORYSTATUSEX status = {};
    status.dwLength = sizeof(status);
    if (::GlobalMemoryStatusEx(&status) == 0)
        return {};
    HostMemory memory;
    memory.totalBytes = status.ullTotalPhys;
    // What can be committed may be less than what is free: the page file and a job object limit it.
    memory.availableBytes = std::min<std::uint64_t>(status.ullAvailPhys, status.ullAvailPageFile);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION job = {};
    if (::QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &job, sizeof(job), nullptr) != 0) {
        const DWORD flags = job.BasicLimitInformation.LimitFlags;
        std::uint64_t limit = memory.totalBytes;
        if ((flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0)
            limit = std::min<std::uint64_t>(limit, job.JobMemoryLimit);
        if ((flags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0)
            limit = std::min<std::uint64_t>(limit, job.ProcessMemoryLimit);
        memory.totalBytes = limit;
        memory.availableBytes = std::min(memory.availableBytes, limit - std::min(limit, processMemory().residentBytes));
    }
    return memory;
}

ProcessMemory processMemory()
{
    PROCESS_MEMORY_COUNTERS counters = {};
    if (::GetProcessMemoryInfo(::GetCurrentProcess(), &counters, sizeof(counters)) == 0)
        return {};
    return {counters.WorkingSetSize, counters.PeakWorkingSetSize};
}

void limitProcessMemory(std::uint64_t bytes)
{
    // The handle stays open: the limit lives as long as the job object.
    const HANDLE job = ::CreateJobObjectW(nullptr, nullptr);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = {};
    limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_PROCESS_MEMORY;
    limit.ProcessMemoryLimit = static_cast<SIZE_T>(bytes);
    if (job != nullptr && ::SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof(limit)) != 0
        && ::AssignProcessToJobObject(job, ::GetCurrentProcess()) != 0)
        return;
    const std::error_code reason(static_cast<int>(::GetLastError()), std::system_category());
    throw Error(ErrorCode::Device, "the memory of this process cannot be limited to " + formatBytes(bytes) + ": " + reason.message(),
                "give a lower limit than the one that is in force");
}

Processor processor()
{
    Processor result = processorFeatures();
    if (result.name.empty())
        result.name = "unknown processor";
    DWORD_PTR process = 0;
    DWORD_PTR system = 0;
    // More than 64 processors form groups; then the mask is 0 and all of them count.
    if (::GetProcessAffinityMask(::GetCurrentProcess(), &process, &system) != 0 && process != 0)
        result.threads = std::popcount(static_cast<std::uint64_t>(process));
    else
        result.threads = static_cast<int>(std::max<DWORD>(1, ::GetActiveProcessorCount(ALL_PROCESSOR_GROUPS)));
    return result;
}

DynamicLibrary::DynamicLibrary(const std::filesystem::path& path, bool globalSymbols)
{
    (void)globalSymbols;  // Windows resolves imports by module, there is no global table
    // Looks beside the library for what it needs, which the default search does not; only allowed with an absolute path.
    const DWORD flags = path.is_absolute() ? LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS
                                           : LOAD_LIBRARY_SEARCH_DEFAULT_DIRS;
    m_handle = reinterpret_cast<void*>(::LoadLibraryExW(path.c_str(), nullptr, flags));
    if (m_handle == nullptr) {
        const std::error_code reason(static_cast<int>(::GetLastError()), std::system_category());
        throw Error(ErrorCode::Device, "cannot load the library " + utf8(path) + ": " + reason.message(),
                    "check that it is installed; `lorikeet-cli doctor` lists what is found");
    }
}

void* DynamicLibrary::symbol(const char* name) const noexcept
{
    return reinterpret_cast<void*>(::GetProcAddress(reinterpret_cast<HMODULE>(m_handle), name));
}

void ignoreBrokenPipes() noexcept {}  // Windows sends no signal

bool isTerminal(int fileDescriptor) noexcept
{
    return fileDescriptor >= 0 && ::_isatty(fileDescriptor) != 0;
}

int terminalWidth() noexcept
{
    for (const DWORD stream : {STD_ERROR_HANDLE, STD_OUTPUT_HANDLE}) {
        CONSOLE_SCREEN_BUFFER_INFO info = {};
        if (::GetConsoleScreenBufferInfo(::GetStdHandle(stream), &info) != 0)
            return info.srWindow.Right - info.srWindow.Left + 1;
    }
    return 80;
}

std::int64_t processId() noexcept
{
    return static_cast<std::int64_t>(::GetCurrentProcessId());
}

bool isProcessAlive(std::int64_t id) noexcept
{
    if (id <= 0 || id > 0xffffffffLL)
        return false;
    const HANDLE process = ::OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(id));
    if (process == nullptr)
        return ::GetLastError() == ERROR_ACCESS_DENIED;
    const bool runs = ::WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
    ::CloseHandle(process);
    return runs;
}

// Delegates, so that the destructor gives the memory back when a stop ends the touching.
PageBlock::PageBlock(std::uint64_t bytes, const std::stop_token& stop) : PageBlock()
{
    if (bytes == 0)
        return;
    void* data = nullptr;
    if (bytes <= hostMemory().availableBytes)
        data = ::VirtualAlloc(nullptr, static_cast<SIZE_T>(bytes), MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (data == nullptr)
        throw Error(ErrorCode::DoesNotFit,
                    "cannot get " + formatBytes(bytes) + " of memory; " + formatBytes(hostMemory().availableBytes) + " are available",
                    "close other programs, or choose a smaller job (`lorikeet-cli plan` shows what takes the memory)");
    m_data = static_cast<std::byte*>(data);
    m_bytes = bytes;
    constexpr std::uint64_t kPage = 4096;
    constexpr std::uint64_t kLook = 16u << 20;
    for (std::uint64_t at = 0; at < bytes; at += kPage) {
        if (at % kLook == 0)
            throwIfStopped(stop);
        *const_cast<volatile std::byte*>(m_data + at) = std::byte{0};
    }
}

std::size_t readStandardInput(std::span<char> target, const std::stop_token& stop)
{
    throwIfStopped(stop);
    DWORD bytes = 0;
    const BOOL good = ::ReadFile(::GetStdHandle(STD_INPUT_HANDLE), target.data(), static_cast<DWORD>(target.size()), &bytes, nullptr);
    const DWORD reason = ::GetLastError();
    // Ctrl-C ends a read from the console.
    throwIfStopped(stop);
    if (good == 0 && reason != ERROR_BROKEN_PIPE && reason != ERROR_HANDLE_EOF)
        throw Error(ErrorCode::BadInput, "standard input cannot be read: " + std::system_category().message(static_cast<int>(reason)),
                    "give it a file or a pipe: < rows.txt");
    return bytes;
}

PageBlock::~PageBlock()
{
    if (m_data != nullptr)
        ::VirtualFree(m_data, 0, MEM_RELEASE);
}

PageBlock::PageBlock(PageBlock&& other) noexcept : m_data(std::exchange(other.m_data, nullptr)), m_bytes(std::exchange(other.m_bytes, 0)) {}

PageBlock& PageBlock::operator=(PageBlock&& other) noexcept
{
    if (this != &other) {
        PageBlock moved(std::move(other));
        std::swap(m_data, moved.m_data);
        std::swap(m_bytes, moved.m_bytes);
    }
    return *this;
}

}  // namespace lorikeet
