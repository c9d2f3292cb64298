// SPDX-License-Identifier: GPL-3.0-or-later
// SwiGLU, forward and backward.
#pragma once

#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/swiglu.h"

namespace lorikeet::kernels::LORIKEET_ISA {

template <typename S>
auto sigmoidOf(typename Arithmetic<S>::V x)
{
    return 1.0f / (1.0f + expOf(-x));
}

inline void swigluForward(Context&, const SwigluForward& args)
{
    withStorage(args.gate.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const S* gate = args.gate.as<S>();
        const S* up = args.up.as<S>();
        S* product = args.product.as<S>();
        elementwise<S>(
            args.gate.elements(),
            [&](std::int64_t i) {
                const auto g = load(gate + i);
                store(product + i, g * sigmoidOf<S>(g) * load(up + i));
            },
            [&](std::int64_t i) {
                const C g = loadOne(gate + i);
                storeOne(product + i, g / (C(1) + std::exp(-g)) * loadOne(up + i));
            });
    });
}

inline void swigluBackward(Context&, const SwigluBackward& args)
{
    withStorage(args.gate.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        S* gate = args.gate.as<S>();
        S* up = args.up.as<S>();
        const S* d = args.dProduct.as<S>();
        elementwise<S>(
            args.gate.elements(),
            [&](std::int64_t i) {
                const auto g = load(gate + i);
                const auto u = load(up + i);
                const auto dp = load(d + i);
                const auto sig = sigmoidOf<S>(g);
                store(up + i, dp * g * sig);
                store(gate + i, dp * u * sig * (1.0f + g * (1.0f - sig)));
            },
            [&](std::int64_t i) {
                const C g = loadOne(gate + i);
                const C u = loadOne(up + i);
                const C dp = loadOne(d + i);
                const C sig = C(1) / (C(1) + std::exp(-g));
                storeOne(up + i, dp * g * sig);
                storeOne(gate + i, dp * u * sig * (C(1) + g * (C(1) - sig)));
            });
    });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
