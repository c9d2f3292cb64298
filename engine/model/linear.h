// SPDX-License-Identifier: GPL-3.0-or-later
// A linear map, frozen or trained, with an optional LoRA adapter (Hu et al. 2021, arXiv:2106.09685):
// y = x W^T + b + s drop(x) A^T B^T. With a magnitude m (DoRA, Liu et al. 2024, arXiv:2402.09353) y = m / |W + s B A| z + b with
// z = x W^T + s x A^T B^T, where | | is the length of each row and a constant in the gradient.
//
// Legend: N rows, in and out widths, r rank.
#pragma once

#include "engine/kernels/dequantise.h"

#include <cstdint>

namespace lorikeet::model {

using kernels::Context;
using kernels::Mat;

/// Dropout of adapter inputs: what keys the mask besides the module.
struct DropoutKey {
    double probability = 0.0;
    std::uint32_t seed = 0;
    std::uint32_t step = 0;
    Mat positions;  ///< [1, N] int32
    Mat samples;    ///< [1, N] int64
};

/// Parameters of one map and where its gradients go.
struct LinearView {
    Mat weight;  ///< [out, in]; the scratch that `quantised` is widened into just before each product, where that is given
    kernels::QuantMat quantised;
    Mat bias;    ///< [1, out], or none
    Mat loraA;   ///< [r, in] in the compute type, or none: no adapter
    Mat loraB;   ///< [out, r]
    Mat dA;      ///< [r, in] fp32, summed into; none outside training
    Mat dB;      ///< [out, r] fp32
    Mat magnitude;   ///< [1, out] fp32, or none: no DoRA
    Mat rowNorms;    ///< [1, out] fp32: |W + s B A|, as makeRowNorms() left them
    Mat dMagnitude;  ///< [1, out] fp32, summed into; none outside training
    Mat dWeight; ///< [out, in] fp32, summed into; none: the weight is frozen
    Mat dBias;   ///< [1, out] fp32
    double scale = 1.0;
    std::uint32_t module = 0;  ///< layer * 7 + linear: keys dropout

    [[nodiscard]] bool adapted() const noexcept { return static_cast<bool>(loraA); }
    [[nodiscard]] bool hasMagnitude() const noexcept { return static_cast<bool>(magnitude); }
};

/// y [N, out] from x [N, in]. `s` [N, r] receives scale * drop(x) A^T; `dropped` [N, >= in] is workspace when dropout is on.
void linearForward(Context& context, const LinearView& map, const Mat& y, const Mat& x, const Mat& s, const Mat& dropped,
                   const DropoutKey& dropout);
/// Only `s`, made again from x.
void linearAdapterInput(Context& context, const LinearView& map, const Mat& x, const Mat& s, const Mat& dropped, const DropoutKey& dropout);

/// Fills map.rowNorms from the weight and the adapter as they are now; `block` is fp32 (fp64 on the reference path) workspace of at least
/// min(kNormRows, out) x in elements. Nothing to do without a magnitude.
void makeRowNorms(Context& context, const LinearView& map, const Mat& block);

/// Workspace and inputs of the backward pass.
struct LinearBackward {
    Mat dx;                   ///< [N, in], or none: nothing below is trained
    bool accumulate = false;  ///< dx += instead of dx =
    Mat dy;                   ///< [N, out]
    Mat x;                    ///< [N, in] as in forward
    Mat s;                    ///< [N, r] as in forward
    Mat dS;                   ///< [N, >= r] workspace
    Mat dropped;              ///< [N, >= in] workspace when dropout is on
    Mat z;                    ///< [N, >= out] workspace where the map has a magnitude
};
void linearBackward(Context& context, const LinearView& map, const LinearBackward& args, const DropoutKey& dropout);

}  // namespace lorikeet::model
