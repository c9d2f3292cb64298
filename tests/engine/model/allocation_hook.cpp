// SPDX-License-Identifier: GPL-3.0-or-later
// glibc lets a program bring its own malloc family; these forward to glibc's own entry points and count.
#include "tests/engine/model/allocation_hook.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {

std::atomic<bool> watching{false};
std::atomic<bool> tracing{false};
std::atomic<std::int64_t> totalCount{0};
/// Large ones from us, and from inside oneDNN.
struct Tally {
    std::atomic<std::int64_t> count{0};
    std::atomic<std::size_t> largest{0};
};
Tally own;
Tally library;
thread_local bool insideHook = false;

constexpr int kFrames = 40;

bool isInLibrary(void* const* stack, int frames)
{
    for (int i = 0; i < frames; ++i) {
        Dl_info info{};
        if (dladdr(stack[i], &info) != 0 && info.dli_fname && std::strstr(info.dli_fname, "libdnnl"))
            return true;
    }
    return false;
}

void note(std::size_t bytes)
{
    if (!watching.load(std::memory_order_relaxed) || insideHook)
        return;
    totalCount.fetch_add(1, std::memory_order_relaxed);
    if (bytes <= lorikeet::test::kLargestStray)
        return;
    insideHook = true;
    void* stack[kFrames];
    const int frames = backtrace(stack, kFrames);
    Tally& tally = isInLibrary(stack, frames) ? library : own;
    tally.count.fetch_add(1);
    std::size_t before = tally.largest.load();
    while (before < bytes && !tally.largest.compare_exchange_weak(before, bytes)) {
    }
    if (tracing)
        backtrace_symbols_fd(stack, frames, STDERR_FILENO);
    insideHook = false;
}

}  // namespace

#define LORIKEET_HOOK extern "C" __attribute__((visibility("default")))

LORIKEET_HOOK void* malloc(std::size_t bytes)
{
    note(bytes);
    return __libc_malloc(bytes);
}

LORIKEET_HOOK void* calloc(std::size_t count, std::size_t bytes)
{
    note(count * bytes);
    return __libc_calloc(count, bytes);
}

LORIKEET_HOOK void* realloc(void* old, std::size_t bytes)
{
    note(bytes);
    return __libc_realloc(old, bytes);
}

LORIKEET_HOOK void* memalign(std::size_t alignment, std::size_t bytes)
{
    note(bytes);
    return __libc_memalign(alignment, bytes);
}

LORIKEET_HOOK void* aligned_alloc(std::size_t alignment, std::size_t bytes)
{
    note(bytes);
    return __libc_memalign(alignment, bytes);
}

LORIKEET_HOOK int posix_memalign(void** result, std::size_t alignment, std::size_t bytes)
{
    note(bytes);
    void* memory = __libc_memalign(alignment, bytes);
    if (!memory)
        return ENOMEM;
    *result = memory;
    return 0;
}

LORIKEET_HOOK void free(void* memory) { __libc_free(memory); }

LORIKEET_HOOK void* mmap(void* address, std::size_t bytes, int protection, int flags, int file, off_t offset)
{
    note(bytes);
    return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}

LORIKEET_HOOK void* mmap64(void* address, std::size_t bytes, int protection, int flags, int file, off_t offset)
{
    return mmap(address, bytes, protection, flags, file, offset);
}

namespace lorikeet::test {

AllocationWatch::AllocationWatch()
{
    // The first call of backtrace loads a library; that must not happen inside the hook.
    void* stack[2];
    backtrace(stack, 2);
    tracing = std::getenv("LORIKEET_TRACE_ALLOCATIONS") != nullptr;
    totalCount = 0;
    for (Tally* tally : {&own, &library}) {
        tally->count = 0;
        tally->largest = 0;
    }
    watching = true;
}

AllocationWatch::~AllocationWatch() { watching = false; }
std::int64_t AllocationWatch::strays() const { return own.count; }
std::size_t AllocationWatch::largest() const { return own.largest; }
std::int64_t AllocationWatch::libraryStrays() const { return library.count; }
std::size_t AllocationWatch::libraryLargest() const { return library.largest; }
std::int64_t AllocationWatch::count() const { return totalCount; }

}  // namespace lorikeet::test
