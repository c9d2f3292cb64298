// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/quantised_weights.h"

#include "engine/kernels/elementwise.h"
#include "engine/quant/double_quant.h"
#include "engine/quant/int8.h"
#include "engine/quant/nf4.h"

#include <algorithm>
#include <vector>

namespace lorikeet::model {

namespace {

/// A place on the host for what goes into a planned buffer: the buffer itself on a CPU.
template <typename T>
class HostSide {
public:
    HostSide(kernels::Context& context, const Mat& target) : m_context(context), m_target(target)
    {
        if (context.device != nullptr)
            m_room.resize(static_cast<std::size_t>(target.elements()));
    }
    [[nodiscard]] std::span<T> values()
    {
        return m_room.empty() ? std::span(m_target.as<T>(), static_cast<std::size_t>(m_target.elements())) : std::span(m_room);
    }
    void send()
    {
        if (!m_room.empty())
            kernels::upload(m_context, m_target, m_room.data());
    }

private:
    kernels::Context& m_context;
    Mat m_target;
    std::vector<T> m_room;
};

/// Hands the matrix to `take` in blocks of whole rows.
template <typename Take>
void inRowBlocks(const kernels::QuantMat& matrix, std::span<float> room, const ReadRows& read, const Take& take)
{
    const std::int64_t atOnce = std::max<std::int64_t>(1, static_cast<std::int64_t>(room.size()) / matrix.cols);
    for (std::int64_t row = 0; row < matrix.rows; row += atOnce) {
        const std::int64_t count = std::min(atOnce, matrix.rows - row);
        const std::span<float> block = room.first(static_cast<std::size_t>(count * matrix.cols));
        read(row, count, block);
        take(row, count, block);
    }
}

void fillInt8(kernels::Context& context, const kernels::QuantMat& matrix, std::span<float> room, const ReadRows& read)
{
    HostSide<std::uint8_t> codes(context, matrix.codes);
    HostSide<float> scales(context, matrix.absmax);
    inRowBlocks(matrix, room, read, [&](std::int64_t row, std::int64_t count, std::span<const float> block) {
        quant::quantiseRows(block, matrix.cols, codes.values().subspan(static_cast<std::size_t>(row * matrix.cols), block.size()),
                            scales.values().subspan(static_cast<std::size_t>(row), static_cast<std::size_t>(count)));
    });
    codes.send();
    scales.send();
}

void fillNf4(kernels::Context& context, const kernels::QuantMat& matrix, const Mat& plannedScales, std::span<float> room, const ReadRows& read)
{
    const auto blocks = static_cast<std::int64_t>(matrix.absmax.elements());
    const bool isDouble = static_cast<bool>(matrix.nestedAbsmax);
    HostSide<std::uint8_t> codes(context, matrix.codes);
    HostSide<float> scales(context, isDouble ? plannedScales.part(0, 1, blocks) : matrix.absmax);
    quant::Nf4Quantiser quantiser(matrix.rows * matrix.cols, codes.values(), scales.values());
    inRowBlocks(matrix, room, read, [&](std::int64_t, std::int64_t, std::span<const float> block) { quantiser.add(block); });
    quantiser.finish();
    codes.send();
    if (!isDouble) {
        scales.send();
        return;
    }
    HostSide<std::uint8_t> scaleCodes(context, matrix.absmax);
    HostSide<float> nested(context, matrix.nestedAbsmax);
    HostSide<float> offset(context, matrix.nestedOffset);
    offset.values()[0] = quant::doubleQuantise(scales.values(), scaleCodes.values(), nested.values());
    scaleCodes.send();
    nested.send();
    offset.send();
}

}  // namespace

kernels::QuantMat quantisedMat(PlannedMemory& memory, const plan::LinearWeights& ids, Linear linear, const ModelShape& shape)
{
    const LinearShape size = shapeOf(linear, shape);
    kernels::QuantMat matrix;
    matrix.kind = memory.plan().layout.quantization;
    matrix.rows = size.out;
    matrix.cols = size.in;
    matrix.codes = memory.mat(ids.codes);
    matrix.absmax = memory.mat(ids.scales);
    matrix.nestedAbsmax = memory.mat(ids.nestedScales);
    matrix.nestedOffset = memory.mat(ids.nestedOffset);
    return matrix;
}

bool copyQuantised(kernels::Context& context, const kernels::QuantMat& matrix, const formats::ModelSource& source, ParamId id)
{
    const formats::StoredQuantization stored = source.storedQuantization(id);
    const bool isDouble = static_cast<bool>(matrix.nestedAbsmax);
    if (stored.kind != matrix.kind || stored.doubleQuantization != isDouble || !stored.sameMap)
        return false;
    HostSide<std::uint8_t> codes(context, matrix.codes);
    if (!isDouble) {
        HostSide<float> scales(context, matrix.absmax);
        source.readQuantised(id, {codes.values(), std::as_writable_bytes(scales.values()), {}, nullptr});
        codes.send();
        scales.send();
        return true;
    }
    HostSide<std::uint8_t> scales(context, matrix.absmax);
    HostSide<float> nested(context, matrix.nestedAbsmax);
    HostSide<float> offset(context, matrix.nestedOffset);
    source.readQuantised(id, {codes.values(), std::as_writable_bytes(scales.values()), nested.values(), offset.values().data()});
    codes.send();
    scales.send();
    nested.send();
    offset.send();
    return true;
}

void fillQuantised(const LoadRoom& room, const kernels::QuantMat& matrix, const ReadRows& read)
{
    HostSide<float> staging(*room.context, room.staging);
    if (matrix.kind == Quantization::Int8)
        fillInt8(*room.context, matrix, staging.values(), read);
    else
        fillNf4(*room.context, matrix, room.scales, staging.values(), read);
}

}  // namespace lorikeet::model
