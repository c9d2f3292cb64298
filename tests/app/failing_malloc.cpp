// SPDX-License-Identifier: GPL-3.0-or-later
// A library to be preloaded into lorikeet-cli: memory runs out in the threads beside the main one. LORIKEET_FAIL_ABOVE: allocations of
// at least so many bytes are counted; LORIKEET_FAIL_AT: from this one on they fail; LORIKEET_FAIL_ONCE: only this one does. With
// LORIKEET_FAIL_COUNT the number of such allocations is written to that file when the program ends. Allocations of oneDNN, of libgomp, of
// libstdc++'s directory iterators and of the functions of the program in LORIKEET_HELPLESS ("start-bytes," in hexadecimal, as linked) succeed
// always: the first writes through the null pointer, the second ends the process, the third allocate in noexcept functions, the last are
// destructors of a library that do; nobody above them can help it (before oneDNN compiles, the program asks for room itself).
#include <dlfcn.h>
#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

// Plain values, for the C library allocates before anything is constructed.
std::atomic<long> counted{0};
long above = -1;
long failAt = -1;
bool once = false;
std::atomic<bool> spent{false};

struct Range {
    std::uintptr_t first = 0;
    std::uintptr_t bytes = 0;
};
constexpr int kMostRanges = 16;
Range helpless[kMostRanges];
int helplessCount = 0;

void readHelpless()
{
    const char* text = std::getenv("LORIKEET_HELPLESS");
    while (text && *text && helplessCount < kMostRanges) {
        char* end = nullptr;
        Range& range = helpless[helplessCount++];
        range.first = std::strtoull(text, &end, 16);
        if (*end != '-')
            return;
        range.bytes = std::strtoull(end + 1, &end, 16);
        text = *end == ',' ? end + 1 : nullptr;
    }
}

/// The frame of a call lies in one of the program's own functions that cannot do without.
bool isInHelpless(const void* frame, const void* base)
{
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(frame) - reinterpret_cast<std::uintptr_t>(base);
    for (int i = 0; i < helplessCount; ++i)
        if (offset >= helpless[i].first && offset < helpless[i].first + helpless[i].bytes)
            return true;
    return false;
}

long numberOf(const char* name)
{
    const char* text = std::getenv(name);
    return text ? std::strtol(text, nullptr, 10) : -1;
}

__attribute__((constructor)) void begin()
{
    // Its first call loads a library, which allocates.
    void* frame = nullptr;
    static_cast<void>(backtrace(&frame, 1));
    failAt = numberOf("LORIKEET_FAIL_AT");
    once = std::getenv("LORIKEET_FAIL_ONCE") != nullptr;
    readHelpless();
    above = numberOf("LORIKEET_FAIL_ABOVE");
}

__attribute__((destructor)) void end()
{
    const char* path = std::getenv("LORIKEET_FAIL_COUNT");
    std::FILE* file = path ? std::fopen(path, "w") : nullptr;
    if (!file)
        return;
    std::fprintf(file, "%ld\n", counted.load());
    std::fclose(file);
}

/// True for a call from inside a library that cannot do without.
bool isHelpless()
{
    static thread_local bool asking = false;
    if (asking)
        return true;
    asking = true;
    void* frames[24];
    const int count = backtrace(frames, 24);
    bool found = false;
    for (int i = 0; i < count && !found; ++i) {
        Dl_info info;
        found = dladdr(frames[i], &info) != 0 && info.dli_fname != nullptr
             && (std::strstr(info.dli_fname, "libdnnl") != nullptr || std::strstr(info.dli_fname, "libgomp") != nullptr
                 || (info.dli_sname != nullptr
                     && (std::strstr(info.dli_sname, "directory_iterator") != nullptr || std::strstr(info.dli_sname, "10filesystem10remove_all") != nullptr))
                 || (std::strstr(info.dli_fname, "lorikeet-cli") != nullptr && isInHelpless(frames[i], info.dli_fbase)));
    }
    asking = false;
    return found;
}

bool fails(std::size_t bytes)
{
    if (above < 0 || bytes < static_cast<std::size_t>(above) || syscall(SYS_gettid) == getpid())
        return false;
    const long number = counted.fetch_add(1) + 1;
    if (failAt <= 0 || number < failAt || (once && spent))
        return false;
    if (isHelpless())
        return false;
    spent = true;
    return true;
}

void* none()
{
    errno = ENOMEM;
    return nullptr;
}

}  // namespace

#define LORIKEET_PRELOADED extern "C" __attribute__((visibility("default")))

LORIKEET_PRELOADED void* malloc(std::size_t bytes) { return fails(bytes) ? none() : __libc_malloc(bytes); }

LORIKEET_PRELOADED void* calloc(std::size_t count, std::size_t bytes) { return fails(count * bytes) ? none() : __libc_calloc(count, bytes); }

LORIKEET_PRELOADED void* realloc(void* old, std::size_t bytes) { return fails(bytes) ? none() : __libc_realloc(old, bytes); }

LORIKEET_PRELOADED void* memalign(std::size_t alignment, std::size_t bytes) { return fails(bytes) ? none() : __libc_memalign(alignment, bytes); }

LORIKEET_PRELOADED void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return fails(bytes) ? none() : __libc_memalign(alignment, bytes); }

LORIKEET_PRELOADED int posix_memalign(void** result, std::size_t alignment, std::size_t bytes)
{
    if (fails(bytes))
        return ENOMEM;
    *result = __libc_memalign(alignment, bytes);
    return *result ? 0 : ENOMEM;
}
