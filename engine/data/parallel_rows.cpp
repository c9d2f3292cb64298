// SPDX-License-Identifier: GPL-3.0-or-later
// Threads that live as long as one batch of rows.
#include "engine/data/parallel_rows.h"

#include "engine/base/progress.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace lorikeet::data {

void forEachRow(std::size_t count, int threads, const std::stop_token& stop, const std::function<void(std::size_t)>& work)
{
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure;
    std::size_t failedAt = count;
    const auto run = [&] {
        for (std::size_t i = next++; i < count && !stop.stop_requested(); i = next++) {
            try {
                work(i);
            } catch (...) {
                const std::lock_guard lock(mutex);
                if (i < failedAt) {
                    failedAt = i;
                    failure = std::current_exception();
                }
            }
        }
    };
    {
        const std::size_t wanted = std::min<std::size_t>(count, static_cast<std::size_t>(std::max(threads, 1)));
        std::vector<std::jthread> others;
        others.reserve(wanted);
        try {
            for (std::size_t i = 1; i < wanted; ++i)
                others.emplace_back(run);
        } catch (const std::system_error&) {
            // The system gives no more threads: those that there are do the work.
        }
        run();
    }
    throwIfStopped(stop);
    if (failure)
        std::rethrow_exception(failure);
}

}  // namespace lorikeet::data
