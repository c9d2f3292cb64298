// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/builder.h"

#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/base/error.h"

#include <optional>

namespace lorikeet::plan {

namespace {

// Far above any machine and far below what sums of alignments and terms could overflow.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 60;

}  // namespace

std::uint64_t Builder::checkedBytes(const Buffer& buffer)
{
    std::optional<std::uint64_t> bytes = bytesOf(buffer.dtype);
    for (const std::int64_t dim : buffer.shape)
        bytes = bytes ? checkedMul(*bytes, static_cast<std::uint64_t>(dim)) : bytes;
    const auto sum = bytes ? checkedAdd(m_sum, *bytes) : bytes;
    if (!sum || *sum > kMostBytes)
        throw Error(ErrorCode::Usage, "the job's buffers add up to more than 2^60 bytes at \"" + buffer.name + "\"",
                    "lower recipe.micro_batch or recipe.context, or choose a smaller model");
    m_sum = *sum;
    return *bytes;
}

BufferId Builder::add(std::string name, Category category, std::string_view termName, DType dtype, Dims dims,
                      Lifetime life, int layer)
{
    Buffer buffer;
    if (named)
        buffer.name = std::move(name);
    buffer.category = category;
    buffer.term = termName;
    buffer.layer = layer;
    buffer.dtype = dtype;
    buffer.shape = dims;
    buffer.first = life.first;
    buffer.last = life.last;
    buffer.bytes = checkedBytes(buffer);
    LORIKEET_CHECK(buffer.bytes > 0 && life.first <= life.last, "empty buffer " + buffer.name);
    plan.buffers.push_back(std::move(buffer));
    return static_cast<BufferId>(plan.buffers.size()) - 1;
}

BufferId Builder::addHost(std::string name, std::string_view termName, DType dtype, Dims dims, Lifetime life, int layer)
{
    const BufferId id = add(std::move(name), Category::Buffers, termName, dtype, dims, life, layer);
    plan.buffers.back().space = Space::Host;
    return id;
}

Lifetime Builder::phase(Phase p) const
{
    const auto& points = plan.program.points;
    PointIndex first = -1;
    PointIndex last = -1;
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].phase != p)
            continue;
        if (first < 0)
            first = static_cast<PointIndex>(i);
        last = static_cast<PointIndex>(i);
    }
    LORIKEET_CHECK(first >= 0, "phase missing from the program");
    return {first, last};
}

}  // namespace lorikeet::plan
