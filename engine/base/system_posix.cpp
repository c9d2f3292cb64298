// SPDX-License-Identifier: GPL-3.0-or-later
// Memory, processor count, libraries and terminal of POSIX systems (numbers from Linux' /proc and control groups).
#include "engine/base/cgroup.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/processor.h"
#include "engine/base/progress.h"
#include "engine/base/system.h"
#include "engine/base/units.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace lorikeet {

namespace {

/// The value of a line "Key:   123 kB" of a /proc file in bytes, or 0.
std::uint64_t procBytes(std::string_view text, std::string_view key)
{
    auto at = text.starts_with(key) ? 0 : text.find("\n" + std::string(key));
    if (at == std::string_view::npos)
        return 0;
    at = text.find_first_of("0123456789", at + key.size());
    std::uint64_t kib = 0;
    if (at != std::string_view::npos)
        std::from_chars(text.data() + at, text.data() + text.size(), kib);
    return kib * 1024;
}

std::string procText(const char* path)
{
    try {
        return readTextFile(path, 1 << 20);
    } catch (const Error&) {
        return {};
    }
}

std::uint64_t physicalBytes()
{
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long pageBytes = ::sysconf(_SC_PAGESIZE);
    return pages > 0 && pageBytes > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(pageBytes) : 0;
}

/// What a limit of this process leaves of what is counted against it; no limit leaves everything.
std::uint64_t leftOf(int resource, std::uint64_t usedBytes)
{
    struct rlimit limit = {};
    if (::getrlimit(static_cast<decltype(RLIMIT_DATA)>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur - std::min<std::uint64_t>(limit.rlim_cur, usedBytes);
}

/// Threads of the affinity mask. More than 1024 processors need a larger mask than cpu_set_t.
int threadsAllowed()
{
#ifdef __linux__
    for (int processors = 1024; processors <= 1 << 20; processors *= 4) {
        cpu_set_t* set = CPU_ALLOC(processors);
        if (set == nullptr)
            break;
        const std::size_t bytes = CPU_ALLOC_SIZE(processors);
        const int failed = ::sched_getaffinity(0, bytes, set);
        const int count = failed == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (failed == 0)
            return std::max(1, count);
        if (errno != EINVAL)
            break;
    }
#endif
    return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

/// Brand name of processors without cpuid.
std::string procProcessorName()
{
    const std::string text = procText("/proc/cpuinfo");
    for (const std::string_view key : {"model name", "Model", "Hardware"}) {
        const auto at = text.find(key);
        const auto colon = at == std::string::npos ? at : text.find(": ", at);
        if (colon != std::string::npos)
            return text.substr(colon + 2, text.find('\n', colon) - colon - 2);
    }
    return "unknown processor";
}

}  // namespace

HostMemory hostMemory()
{
    const std::string info = procText("/proc/meminfo");
    HostMemory memory;
    memory.totalBytes = procBytes(info, "MemTotal:");
    memory.availableBytes = procBytes(info, "MemAvailable:");
    if (memory.totalBytes == 0) {
        memory.totalBytes = physicalBytes();
        memory.availableBytes = memory.totalBytes / 2;
    }
    const CgroupLimits limits = readCgroupLimits("/");
    memory.totalBytes = std::min(memory.totalBytes, limits.memoryBytes.value_or(memory.totalBytes));
    memory.availableBytes = std::min(memory.availableBytes, limits.memoryAvailableBytes.value_or(memory.availableBytes));
    const std::string status = procText("/proc/self/status");
    memory.availableBytes = std::min({memory.availableBytes, leftOf(RLIMIT_DATA, procBytes(status, "VmData:")), leftOf(RLIMIT_AS, procBytes(status, "VmSize:"))});
    return memory;
}

ProcessMemory processMemory()
{
    // Without the heap: it is asked for when there is no memory left.
    std::array<char, 8192> room;
    const int file = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const ssize_t count = file < 0 ? 0 : ::read(file, room.data(), room.size());
    if (file >= 0)
        ::close(file);
    const std::string_view status(room.data(), static_cast<std::size_t>(std::max<ssize_t>(0, count)));
    ProcessMemory memory;
    memory.residentBytes = procBytes(status, "VmRSS:");
    memory.peakResidentBytes = std::max(procBytes(status, "VmHWM:"), memory.residentBytes);
    return memory;
}

void limitProcessMemory(std::uint64_t bytes)
{
    const struct rlimit limit = {bytes, bytes};
    if (::setrlimit(RLIMIT_DATA, &limit) != 0)
        throw Error(ErrorCode::Device, "the memory of this process cannot be limited to " + formatBytes(bytes) + ": " + std::strerror(errno),
                    "give a lower limit than the one that is in force");
}

Processor processor()
{
    Processor result = processorFeatures();
    if (result.name.empty())
        result.name = procProcessorName();
    result.threads = threadsAllowed();
    if (const auto quota = readCgroupLimits("/").processors)
        result.threads = std::max(1, static_cast<int>(std::min<double>(result.threads, std::ceil(*quota))));
    return result;
}

DynamicLibrary::DynamicLibrary(const std::filesystem::path& path, bool globalSymbols)
    : m_handle(::dlopen(path.c_str(), RTLD_NOW | (globalSymbols ? RTLD_GLOBAL : RTLD_LOCAL)))
{
    if (m_handle != nullptr)
        return;
    const char* reason = ::dlerror();
    throw Error(ErrorCode::Device, "cannot load the library " + utf8(path) + ": " + (reason != nullptr ? reason : "unknown reason"),
                "check that it is installed; `lorikeet-cli doctor` lists what is found");
}

void* DynamicLibrary::symbol(const char* name) const noexcept
{
    return ::dlsym(m_handle, name);
}

void ignoreBrokenPipes() noexcept
{
    std::signal(SIGPIPE, SIG_IGN);
}

bool isTerminal(int fileDescriptor) noexcept
{
    return ::isatty(fileDescriptor) == 1;
}

int terminalWidth() noexcept
{
    for (const int fd : {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO}) {
        struct winsize size = {};
        if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
            return size.ws_col;
    }
    if (const char* columns = std::getenv("COLUMNS")) {
        int width = 0;
        std::from_chars(columns, columns + std::strlen(columns), width);
        if (width > 0 && width <= 10000)
            return width;
    }
    return 80;
}

std::int64_t processId() noexcept
{
    return ::getpid();
}

bool isProcessAlive(std::int64_t id) noexcept
{
    const auto pid = static_cast<pid_t>(id);
    if (id <= 0 || pid != id)
        return false;
    return ::kill(pid, 0) == 0 || errno == EPERM;
}

// Delegates, so that the destructor gives the memory back when a stop ends the touching.
PageBlock::PageBlock(std::uint64_t bytes, const std::stop_token& stop) : PageBlock()
{
    if (bytes == 0)
        return;
    const auto refuse = [bytes] {
        throw Error(ErrorCode::DoesNotFit, "cannot get " + formatBytes(bytes) + " of memory; " +
                    formatBytes(hostMemory().availableBytes) + " are available",
                    "close other programs, or choose a smaller job (`lorikeet-cli plan` shows what takes the memory)");
    };
    // The kernel promises more than it has and kills later; so ask it first, and touch every page now.
    if (bytes > hostMemory().availableBytes)
        refuse();
    void* data = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        refuse();
    m_data = static_cast<std::byte*>(data);
    m_bytes = bytes;
#ifdef MADV_HUGEPAGE
    constexpr std::uint64_t kHugePage = 2 << 20;
    if (bytes >= kHugePage)
        ::madvise(data, static_cast<std::size_t>(bytes), MADV_HUGEPAGE);
#endif
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
    // A handler with SA_RESTART lets read() go on waiting, so the waiting is done here, a while at a time.
    constexpr int kLookMs = 50;
    while (true) {
        throwIfStopped(stop);
        pollfd input = {STDIN_FILENO, POLLIN, 0};
        if (const int ready = ::poll(&input, 1, kLookMs); ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        const ssize_t bytes = ::read(STDIN_FILENO, target.data(), target.size());
        if (bytes >= 0)
            return static_cast<std::size_t>(bytes);
        if (errno != EINTR && errno != EAGAIN)
            throw Error(ErrorCode::BadInput, std::string("standard input cannot be read: ") + std::strerror(errno), "give it a file or a pipe: < rows.txt");
    }
}

PageBlock::~PageBlock()
{
    if (m_data != nullptr)
        ::munmap(m_data, static_cast<std::size_t>(m_bytes));
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
