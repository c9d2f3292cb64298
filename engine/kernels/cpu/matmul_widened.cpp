// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/cpu/matmul_cpu.h"

#include "engine/base/check.h"
#include "engine/kernels/op_table.h"

namespace lorikeet::kernels {

void cpuMatmul(Context& context, const Matmul& args)
{
    if (args.a.dtype == DType::F64)
        referenceMatmul(args);
    else if (args.a.dtype == DType::BF16 && !cpuMultipliesBf16())
        widenedMatmul(context, args);
    else
        oneDnnMatmul(context, args);
}

void widenedMatmul(Context& context, const Matmul& args)
{
    auto* next = static_cast<float*>(context.widenScratch);
    const auto room = [&](const Mat& like) {
        const Mat wide{next, DType::F32, like.rows, like.cols};
        next += like.elements();
        return wide;
    };
    const std::uint64_t needed
        = 4ull * static_cast<std::uint64_t>(args.a.elements() + args.b.elements() + (args.c.dtype == DType::F32 ? 0 : args.c.elements()));
    LORIKEET_CHECK(needed <= context.widenScratchBytes, "a widened product wants " + std::to_string(needed) + " bytes, planned "
                                                            + std::to_string(context.widenScratchBytes));
    Matmul wide = args;
    wide.a = room(args.a);
    wide.b = room(args.b);
    context.ops->convert(context, {wide.a, args.a, 1.0});
    context.ops->convert(context, {wide.b, args.b, 1.0});
    if (args.c.dtype == DType::F32)
        return oneDnnMatmul(context, wide);
    wide.c = room(args.c);
    if (args.beta != 0.0)
        context.ops->convert(context, {wide.c, args.c, 1.0});
    oneDnnMatmul(context, wide);
    context.ops->convert(context, {args.c, wide.c, 1.0});
}

std::uint64_t widenBytes(const MatmulShape& s)
{
    return 4ull * static_cast<std::uint64_t>(s.m * s.k + s.k * s.n + (s.result == DType::F32 ? 0 : s.m * s.n));
}

}  // namespace lorikeet::kernels
