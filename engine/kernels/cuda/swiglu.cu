// SPDX-License-Identifier: GPL-3.0-or-later
// SwiGLU, one thread per element.
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

#include <cmath>

namespace lorikeet::kernels::cuda {

namespace {

__device__ inline float sigmoidOf(float x) { return 1.0f / (1.0f + expf(-x)); }

template <typename S>
__global__ void swigluForwardKernel(S* product, const S* gate, const S* up, std::int64_t count)
{
    for (std::int64_t i = firstElement(); i < count; i += elementStride()) {
        const float g = load(gate + i);
        store(product + i, g * sigmoidOf(g) * load(up + i));
    }
}

template <typename S>
__global__ void swigluBackwardKernel(S* gate, S* up, const S* dProduct, std::int64_t count)
{
    for (std::int64_t i = firstElement(); i < count; i += elementStride()) {
        const float g = load(gate + i);
        const float u = load(up + i);
        const float d = load(dProduct + i);
        const float sigmoid = sigmoidOf(g);
        store(up + i, d * g * sigmoid);
        store(gate + i, d * u * sigmoid * (1.0f + g * (1.0f - sigmoid)));
    }
}

}  // namespace

bool launchSwigluForward(Stream stream, const SwigluForward& args)
{
    return withStorage(args.gate.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(swigluForwardKernel<S>, blocksFor(args.gate.elements()), kThreads, 0, stream, args.product.as<S>(), args.gate.as<S>(),
                        args.up.as<S>(), args.gate.elements());
    });
}

bool launchSwigluBackward(Stream stream, const SwigluBackward& args)
{
    return withStorage(args.gate.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(swigluBackwardKernel<S>, blocksFor(args.gate.elements()), kThreads, 0, stream, args.gate.as<S>(), args.up.as<S>(),
                        args.dProduct.as<S>(), args.gate.elements());
    });
}

}  // namespace lorikeet::kernels::cuda
