// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/costs.h"

#include "engine/kernels/matmul.h"
#include "engine/plan/principal.h"
#include "engine/plan/trained.h"

#include <algorithm>
#include <vector>

namespace lorikeet::kernels {

namespace {

// A half-filled micro-batch runs with fewer rows; the library may then choose another kernel. Sizes asked for, and head room above
// the largest answer for the sizes between.
constexpr std::int64_t kRowGrain = 64;
constexpr std::uint64_t kHeadRoom = 64 << 10;

/// What cuBLASLt is given on Hopper (NVIDIA, "cublasSetWorkspace": 32 MiB).
constexpr std::uint64_t kCudaMatmulScratch = 32u << 20;
// Flash attention 2's deterministic backward sums dq in one fp32 copy per group of multiprocessors; no card has more than 160.
constexpr std::int64_t kMostMultiprocessors = 160;
constexpr std::int64_t kFlashRowPadding = 128;
/// The caching allocator's segments of 20 MiB, partly filled.
constexpr std::uint64_t kPoolRounding = 64u << 20;

/// Forward, input gradient and adapter products of one linear map at `rows` rows.
void addLinear(std::vector<MatmulShape>& list, std::int64_t rows, LinearShape map, const ProductSizes& sizes)
{
    const DType c = sizes.compute;
    const DType gradient = c == DType::F64 ? DType::F64 : DType::F32;
    const std::int64_t r = sizes.largestRank;
    if (sizes.wholeModel)
        list.push_back({map.out, map.in, rows, true, false, c, gradient});
    list.push_back({rows, map.out, map.in, false, true, c, c});
    if (sizes.training)
        list.push_back({rows, map.in, map.out, false, false, c, c});
    if (r == 0)
        return;
    list.push_back({rows, r, map.in, false, true, c, c});
    list.push_back({rows, map.out, r, false, true, c, c});
    if (sizes.magnitudes)
        list.push_back({std::min(plan::kNormRows, map.out), map.in, r, false, false, c, gradient});
    if (!sizes.training)
        return;
    list.push_back({rows, r, map.out, false, false, c, c});
    list.push_back({rows, map.in, r, false, false, c, c});
    list.push_back({r, map.in, rows, true, false, c, gradient});
    list.push_back({map.out, r, rows, true, false, c, gradient});
}

/// The products that split principal parts off the weights; they run on the host.
std::uint64_t principalScratch(const ModelShape& shape, const ProductSizes& sizes)
{
    if (!sizes.principal)
        return 0;
    std::uint64_t bytes = 0;
    for (const Linear linear : kLinears) {
        const LinearShape map = shapeOf(linear, shape);
        const std::int64_t columns = plan::principalColumns(sizes.largestRank, map);
        for (const MatmulShape& product : {MatmulShape{columns, map.out, map.in, false, true}, MatmulShape{columns, map.in, map.out, false, false},
                                           MatmulShape{map.out, map.in, sizes.largestRank, false, false}})
            bytes = std::max(bytes, cpuMatmulScratchBytes(product));
    }
    return bytes + bytes / 4 + kHeadRoom;
}

}  // namespace

ProductSizes productSizes(const Job& job)
{
    ProductSizes sizes;
    sizes.rows = job.slots();
    sizes.lossChunk = std::min(job.recipe.lossChunk, job.slots());
    sizes.compute = precisionOf(job);
    sizes.wholeModel = job.recipe.method == "full";
    if (sizes.wholeModel)
        return sizes;
    sizes.also = alsoTrainOf(job);
    sizes.principal = startsFromPrincipalParts(job);
    sizes.magnitudes = trainsMagnitudes(job);
    sizes.largestRank = job.recipe.rank;
    for (const auto& [pattern, rank] : job.recipe.rankPattern)
        sizes.largestRank = std::max(sizes.largestRank, rank);
    return sizes;
}

plan::KernelCosts cpuCosts(const ModelShape& shape, const ProductSizes& sizes)
{
    plan::KernelCosts costs;
    costs.matmulScratchBytes = 0;
    costs.attentionWorkspace = true;
    costs.principalScratchBytes = principalScratch(shape, sizes);
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
        if (sizes.headIsTrained(shape.tiedHead))
            products.push_back({shape.vocab, shape.hidden, rows, true, false, sizes.compute, DType::F32});
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

plan::KernelCosts cudaCosts(const ModelShape& shape, const ProductSizes& sizes)
{
    plan::KernelCosts costs;
    costs.matmulScratchBytes = kCudaMatmulScratch;
    costs.attentionWorkspace = false;
    costs.principalScratchBytes = principalScratch(shape, sizes);
    if (sizes.compute != DType::BF16 || shape.headSize % 8 != 0 || sizes.rows < 1)
        return costs;
    const std::int64_t heads = shape.heads;
    const std::int64_t rows = sizes.rows;
    const std::int64_t outAndStatistics = rows * (2 * shape.queryWidth() + 4 * heads);
    const std::int64_t gradients = rows * 2 * (shape.queryWidth() + 2 * shape.kvWidth() + (shape.kvHeads < heads ? 2 * shape.queryWidth() : 0));
    const std::int64_t paddedHead = (shape.headSize + 31) / 32 * 32;
    const std::int64_t copies = (kMostMultiprocessors + heads - 1) / heads;
    const std::int64_t sums = 4 * (rows + kFlashRowPadding) * heads * (paddedHead * copies + 1);
    const std::int64_t backward = rows * 4 * heads + gradients + sums;
    costs.attentionPoolBytes = static_cast<std::uint64_t>(sizes.training ? std::max(outAndStatistics, backward) : outAndStatistics) + kPoolRounding;
    return costs;
}

}  // namespace lorikeet::kernels
