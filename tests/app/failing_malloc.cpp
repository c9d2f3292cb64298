// SPDX-License-Identifier: GPL-3.0-or-later
// A library to be preloaded into lorikeet-cli: memory runs out in the threads beside the main one. LORIKEET_FAIL_ABOVE: allocations of
// at least so many bytes are counted; LORIKEET_FAIL_AT: from this one on they fail; LORIKEET_FAIL_ONCE: only this one does. With
// LORIKEET_FAIL_COUNT the number of such allocations is written to that file when the program ends.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

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

long numberOf(const char* name)
{
    const char* text = std::getenv(name);
    return text ? std::strtol(text, nullptr, 10) : -1;
}

__attribute__((constructor)) void begin()
{
    failAt = numberOf("LORIKEET_FAIL_AT");
    once = std::getenv("LORIKEET_FAIL_ONCE") != nullptr;
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

bool fails(std::size_t bytes)
{
    if (above < 0 || bytes < static_cast<std::size_t>(above) || syscall(SYS_gettid) == getpid())
        return false;
    const long number = counted.fetch_add(1) + 1;
    return failAt > 0 && (once ? number == failAt : number >= failAt);
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
