// SPDX-License-Identifier: GPL-3.0-or-later
// Gradient of attention on a CPU; see attention_cpu.h.
#pragma once

#include "engine/kernels/cpu/attention_backward_task.h"
#include "engine/kernels/cpu/attention_cpu.h"
#include "engine/kernels/cpu/elementwise_cpu.h"

namespace lorikeet::kernels::LORIKEET_ISA {

/// delta[n][h] = sum over the head of dout * out.
template <typename S>
void attentionDelta(const AttentionBackward& args, std::int64_t used)
{
    using C = typename Arithmetic<S>::C;
    const std::int64_t heads = args.q.cols / args.headSize;
    parallelRows(used, args.q.cols, [&](std::int64_t row) {
        for (std::int64_t head = 0; head < heads; ++head) {
            const std::int64_t offset = row * args.q.cols + head * args.headSize;
            C sum = 0;
            for (std::int64_t i = 0; i < args.headSize; ++i)
                sum += loadOne(args.dout.as<S>() + offset + i) * loadOne(args.out.as<S>() + offset + i);
            args.delta.as<C>()[row * heads + head] = sum;
        }
    });
}

template <typename S, typename Task>
void attentionBackwardWith(Context& context, const AttentionBackward& args)
{
    const auto* starts = args.documents.as<std::int32_t>();
    const std::int64_t documents = args.documents.cols - 1;
    const std::int64_t kvHeads = args.k.cols / args.headSize;
    const std::int64_t used = starts[documents];
    attentionDelta<S>(args, used);
    parallelTasks(documents * kvHeads, [&](std::int64_t task) {
        const std::int64_t start = starts[task / kvHeads];
        Task(args, start, starts[task / kvHeads + 1] - start, task % kvHeads).run();
    });
    if (args.sum)
        LORIKEET_ISA::convert(context, Convert{args.dq.head(used), args.sum.head(used), 1.0});
    for (const Mat& x : {args.dq, args.dk, args.dv, args.delta, args.sum})
        zeroRowsBehind(x, used);
}

inline void attentionBackward(Context& context, const AttentionBackward& args)
{
    withStorage(args.q.dtype, [&](auto s) { attentionBackwardWith<decltype(s), BackwardTask<decltype(s)>>(context, args); });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
