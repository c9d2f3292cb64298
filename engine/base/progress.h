// SPDX-License-Identifier: GPL-3.0-or-later
// How long work reports itself and how it is told to stop: one value, one callback, std::stop_token.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace lorikeet {

/// One report of a running task. `done` and `total` count `unit`s; total 0 means "not known yet".
struct Progress {
    std::string stage;  ///< "loading weights", "tokenising", "writing adapter"
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    std::string unit;  ///< "tensors", "rows", "bytes", "steps"
};

/// Called on the worker's thread; must return quickly. An empty function means nobody listens.
using ProgressFn = std::function<void(const Progress&)>;

/// Throws Error{Cancelled} when `stop` was requested; called between tensors, rows and program points.
void throwIfStopped(const std::stop_token& stop);

}  // namespace lorikeet
