// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/costs.h"

#include "engine/kernels/matmul.h"

#include <algorithm>
#include <vector>

namespace lorikeet::kernels {

namespace {

// A half-filled micro-batch runs with fewer rows; the library may then choose another kernel. Sizes asked for, and head room above
// the largest answer for the sizes between.
constexpr std::int64_t kRowGrain = 64;
constexpr std::uint64_t kHeadRoom = 64 << 10;

/// Forward, input gradient and adapter products of one linear map at `rows` rows.
void addLinear(std::vector<MatmulShape>& list, std::int64_t rows, LinearShape map, const ProductSizes& sizes)
{
    const DType c = sizes.compute;
    const DType gradient = c == DType::F64 ? DType::F64 : DType::F32;
    const std::int64_t r = sizes.largestRank;
    list.push_back({rows, map.out, map.in, false, true, c, c});
    if (sizes.training)
        list.push_back({rows, map.in, map.out, false, false, c, c});
    if (r == 0)
        return;
    list.push_back({rows, r, map.in, false, true, c, c});
    list.push_back({rows, map.out, r, false, true, c, c});
    if (!sizes.training)
        return;
    list.push_back({rows, r, map.out, false, false, c, c});
    list.push_back({rows, map.in, r, false, false, c, c});
    list.push_back({r, map.in, rows, true, false, c, gradient});
    list.push_back({map.out, r, rows, true, false, c, gradient});
}

}  // namespace

plan::KernelCosts cpuCosts(const ModelShape& shape, const ProductSizes& sizes)
{
    plan::KernelCosts costs;
    costs.matmulScratchBytes = 0;
    costs.attentionWorkspace = true;
    if (sizes.compute == DType::F64)
        return costs;
    std::vector<MatmulShape> products;
    for (const std::int64_t rows : {sizes.rows, std::min(sizes.rows, kRowGrain), (sizes.rows / 2 + kRowGrain - 1) / kRowGrain * kRowGrain, std::int64_t{1}}) {
        if (rows < 1 || rows > sizes.rows)
            continue;
        for (const Linear linear : kLinears)
            addLinear(products, rows, shapeOf(linear, shape), sizes);
    }
    const std::int64_t chunk = std::max<std::int64_t>(1, sizes.lossChunk);
    for (const std::int64_t rows : {chunk, std::int64_t{1}}) {
        products.push_back({rows, shape.vocab, shape.hidden, false, true, sizes.compute, sizes.compute});
        if (sizes.training)
            products.push_back({rows, shape.hidden, shape.vocab, false, false, sizes.compute, sizes.compute});
    }
    const bool widened = sizes.compute == DType::BF16 && !cpuMultipliesBf16();
    for (MatmulShape product : products) {
        if (widened) {
            costs.widenBytes = std::max(costs.widenBytes, widenBytes(product));
            product.operands = product.result = DType::F32;
        }
        costs.matmulScratchBytes = std::max(costs.matmulScratchBytes, cpuMatmulScratchBytes(product));
    }
    costs.matmulScratchBytes += costs.matmulScratchBytes / 4 + kHeadRoom;
    return costs;
}

}  // namespace lorikeet::kernels
