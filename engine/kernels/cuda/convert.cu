// SPDX-License-Identifier: GPL-3.0-or-later
// Conversion between storage types.
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

namespace lorikeet::kernels::cuda {

namespace {

template <typename To, typename From>
__global__ void convertKernel(To* y, const From* x, std::int64_t count, double scale)
{
    using C = typename Arithmetic<To>::C;
    for (std::int64_t i = firstElement(); i < count; i += elementStride())
        store(y + i, static_cast<C>(load(x + i)) * static_cast<C>(scale));
}

template <typename F>
bool withAnyStorage(DType dtype, const F& f)
{
    if (dtype == DType::F64) {
        f(double{});
        return true;
    }
    return withStorage(dtype, f);
}

}  // namespace

bool launchConvert(Stream stream, const Convert& args)
{
    bool known = true;
    known = withAnyStorage(args.y.dtype, [&](auto to) {
        known = known && withAnyStorage(args.x.dtype, [&](auto from) {
            using To = decltype(to);
            using From = decltype(from);
            const auto kernel = convertKernel<To, From>;
            LORIKEET_LAUNCH(kernel, blocksFor(args.y.elements()), kThreads, 0, stream, args.y.as<To>(), args.x.as<From>(), args.y.elements(), args.scale);
        });
    }) && known;
    return known;
}

}  // namespace lorikeet::kernels::cuda
