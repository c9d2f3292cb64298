// SPDX-License-Identifier: GPL-3.0-or-later
// AdamW with moments of 8 bits, block-wise (Dettmers et al. 2022, arXiv:2110.02861), in the arithmetic of bitsandbytes' CPU build.
#pragma once

#include "engine/kernels/context.h"
#include "engine/spec/quantization.h"

namespace lorikeet::kernels {

/// As AdamW; the moments are codes of kSignedMap and kUnsignedMap with one fp32 scale for each kOptimizerBlock elements, all zero at the
/// start. A step widens them, updates in fp32 and rounds the new moments to codes; the parameter moves by the unrounded ones.
///
/// Weight decay comes before the update, as in torch.optim.AdamW and bitsandbytes on a CPU; bitsandbytes' CUDA kernels decay after it.
/// Codes are chosen as bitsandbytes' CPU build does, by one of 65536 equal steps of [-1, 1]: moments below 2^-16 of their block's largest
/// become the code nearest to 2^-16 (its CUDA kernels look for the nearest code). On a card we follow the CPU too, so that a checkpoint
/// continues anywhere. bitsandbytes starts a block at each parameter and keeps parameters below 4096 elements in fp32; here a block
/// starts at each multiple of kOptimizerBlock from the first element given. States are theirs bit for bit; the parameter may be off by
/// the last bit of LibTorch's square root, which is not correctly rounded. Matrices are [1, n].
struct AdamW8bit {
    Mat parameter;  ///< fp32
    Mat gradient;   ///< fp32
    Mat moment1;    ///< uint8
    Mat moment2;    ///< uint8
    Mat absmax1;    ///< fp32 [1, optimizerBlocks(n)]
    Mat absmax2;
    Mat work;       ///< bf16, optional: gets the new parameter
    double learningRate = 0;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-8;
    double weightDecay = 0;
    double gradientScale = 1.0;
    std::int64_t step = 1;  ///< t, from 1
};
void adamW8bit(Context& context, const AdamW8bit& args);

}  // namespace lorikeet::kernels
