// SPDX-License-Identifier: GPL-3.0-or-later
// The strongest directions of a matrix as two thin factors: a truncated singular value decomposition on the host, in planned room.
#pragma once

#include "engine/base/philox.h"
#include "engine/kernels/context.h"

#include <cstdint>
#include <stop_token>

namespace lorikeet::lora {

using kernels::Mat;

/// Workspace for one map at a time, from Layout::principal.
struct PrincipalRoom {
    kernels::Context context;  ///< of the CPU
    Mat matrix;                ///< fp32, the largest map
    Mat left;                  ///< fp32, columns x out
    Mat right;                 ///< fp32, columns x in
    Mat core;                  ///< fp64, 2 columns x columns
};

/// Where the search starts: a seed's key and which map it is.
struct PrincipalSeed {
    PhiloxKey key{};
    std::uint32_t layer = 0;
    std::uint32_t linear = 0;
};

/// With W = U S V^T: a [r, in] = sqrt(S_r / scale) V_r^T and b [out, r] = U_r sqrt(S_r / scale), so that scale * b a is the part of `weight`
/// [out, in] in its r strongest directions (PiSSA, Meng et al. 2024, arXiv:2404.02948). All directions are followed where
/// plan::principalColumns says so, and the result is exact; else subspace iteration finds them (Halko et al. 2011, arXiv:0909.4061,
/// algorithm 4.4) with up to 16 rounds, as PEFT's "pissa_niter_16". `weight` is left as it is.
/// The same bits for the same seed and number of threads. @throws Error{Cancelled} between rounds.
void findPrincipalPart(PrincipalRoom& room, const Mat& weight, double scale, const PrincipalSeed& seed, const Mat& a, const Mat& b,
                       const std::stop_token& stop);

/// weight -= scale * b a.
void subtractPart(PrincipalRoom& room, const Mat& weight, double scale, const Mat& a, const Mat& b);

}  // namespace lorikeet::lora
