// SPDX-License-Identifier: GPL-3.0-or-later
// Copies between host and device that run beside the computation: a stream of their own on CUDA, a thread on a CPU. Copies are done in the
// order in which they were asked for.
#pragma once

#include "engine/kernels/context.h"

#include <cstdint>
#include <memory>

namespace lorikeet::kernels {

/// Belongs to the thread of its context. What it copies must stay until waitFor() or its end; the destructor waits for what is under way.
class CopyLane {
public:
    using Ticket = std::uint64_t;  ///< 0: nothing to wait for

    virtual ~CopyLane() = default;
    /// Copies asked for from here on begin after everything that the context was asked to compute so far.
    virtual void follow() = 0;
    virtual void toHost(void* to, const Mat& from) = 0;
    virtual void toDevice(const Mat& to, const void* from) = 0;
    /// Stands for everything asked for so far.
    [[nodiscard]] virtual Ticket mark() = 0;
    /// What the context is asked to compute after this finds the copies up to `ticket` done.
    virtual void waitFor(Ticket ticket) = 0;
    /// Tells that host memory will often be copied, so that it can be locked in place. It must outlive the lane; does nothing where locking
    /// is refused, copies are only slower then.
    virtual void pin(void* memory, std::uint64_t bytes) = 0;
};

/// A lane beside a context. @throws Error{Device}
[[nodiscard]] std::unique_ptr<CopyLane> makeCopyLane(Context& context);

}  // namespace lorikeet::kernels
