// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a function over indices on a few threads; the caller collects by index, so the order of the results is fixed.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace lorikeet::data {

/// Calls work(i) once for each i < count, on at most `threads` threads (this one included), and returns when all are done. The
/// first exception by index is thrown again. @throws Error{Cancelled} when `stop` was requested.
void forEachRow(std::size_t count, int threads, const std::stop_token& stop, const std::function<void(std::size_t)>& work);

}  // namespace lorikeet::data
