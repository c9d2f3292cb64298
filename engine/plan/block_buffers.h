// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of one decoder block in the plan. Legend as in layout.h.
#pragma once

#include <array>
#include <cstdint>

namespace lorikeet::plan {

using BufferId = std::int32_t;
inline constexpr BufferId kNone = -1;

/// What one block reads and writes. In a training layer some ids are buffers of their own (kept for backward), the others are the
/// shared scratch of the phase.
struct BlockBuffers {
    BufferId x = kNone;      ///< [T, H] block input
    BufferId norm1 = kNone;  ///< [T, H] input of q, k, v; where the norms come behind (ModelShape::normAfter) what the attention gave before its own
    BufferId qPre = kNone;   ///< [T, Q] before q/k norm (models with q/k norm only)
    BufferId kPre = kNone;   ///< [T, K]
    BufferId q = kNone;      ///< [T, Q] after rope
    BufferId k = kNone;      ///< [T, K] after rope
    BufferId v = kNone;      ///< [T, K]
    BufferId attn = kNone;   ///< [T, Q] attention output
    BufferId lse = kNone;    ///< [T, heads] log-sum-exp, fp32
    BufferId mid = kNone;    ///< [T, H] after the attention residual
    BufferId norm2 = kNone;  ///< [T, H] input of gate, up; or what the MLP gave
    BufferId gate = kNone;   ///< [T, F]
    BufferId up = kNone;     ///< [T, F]
    BufferId product = kNone;  ///< [T, F] silu(gate) * up
    std::array<BufferId, 7> loraS{kNone, kNone, kNone, kNone, kNone, kNone, kNone};  ///< [T, r] scale * drop(x) A^T
    BufferId dropped = kNone;  ///< [T, max in] masked adapter input (dropout > 0)
    BufferId y = kNone;        ///< [T, H] block output: x of the next layer
};

/// The parts that may be kept for backward and so may be offloaded; S of the adapters besides.
inline constexpr std::array<BufferId BlockBuffers::*, 14> kKeptParts{
    &BlockBuffers::x,    &BlockBuffers::norm1, &BlockBuffers::qPre, &BlockBuffers::kPre, &BlockBuffers::q,  &BlockBuffers::k,      &BlockBuffers::v,
    &BlockBuffers::attn, &BlockBuffers::lse,   &BlockBuffers::mid,  &BlockBuffers::norm2, &BlockBuffers::gate, &BlockBuffers::up, &BlockBuffers::product};

}  // namespace lorikeet::plan
