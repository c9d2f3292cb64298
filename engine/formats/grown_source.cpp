// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/grown_source.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace lorikeet::formats {

namespace {

constexpr std::int64_t kRowsAtOnce = 256;

}  // namespace

GrownSource::GrownSource(std::unique_ptr<ModelSource> source, std::vector<NewToken> tokens, std::int64_t vocab)
    : m_source(std::move(source)), m_tokens(std::move(tokens)), m_shape(m_source->shape())
{
    LORIKEET_CHECK(vocab >= m_shape.vocab, "a vocabulary cannot shrink");
    m_shape.addedRows = vocab - m_shape.vocab;
    m_shape.vocab = vocab;
    validateShape(m_shape, "the model with its added tokens");
}

bool GrownSource::hasGrown(ParamId id) const noexcept
{
    return m_shape.addedRows > 0 && (id.kind == ParamKind::Embedding || id.kind == ParamKind::Head);
}

const std::vector<float>& GrownSource::meanOf(ParamId id) const
{
    const std::size_t which = id.kind == ParamKind::Head ? 1 : 0;
    std::call_once(m_meansMade[which], [&] {
        const std::int64_t rows = m_source->shape().vocab;
        const auto width = static_cast<std::size_t>(m_shape.hidden);
        std::vector<double> sum(width);
        std::vector<float> block(static_cast<std::size_t>(std::min(kRowsAtOnce, rows)) * width);
        for (std::int64_t row = 0; row < rows; row += kRowsAtOnce) {
            const auto count = static_cast<std::size_t>(std::min(kRowsAtOnce, rows - row));
            m_source->readRows(id, row, static_cast<std::int64_t>(count), std::span(block).first(count * width));
            for (std::size_t i = 0; i < count * width; ++i)
                sum[i % width] += static_cast<double>(block[i]);
        }
        std::vector<float> mean(width);
        std::ranges::transform(sum, mean.begin(), [rows](double total) { return static_cast<float>(total / static_cast<double>(rows)); });
        m_means[which] = std::move(mean);
    });
    return m_means[which];
}

void GrownSource::readRows(ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const
{
    const std::int64_t own = m_source->shape().vocab;
    if (!hasGrown(id) || firstRow + rowCount <= own) {
        m_source->readRows(id, firstRow, rowCount, target);
        return;
    }
    const std::int64_t fromFile = std::clamp<std::int64_t>(own - firstRow, 0, rowCount);
    if (fromFile > 0)
        m_source->readRows(id, firstRow, fromFile, target.first(static_cast<std::size_t>(fromFile * m_shape.hidden)));
    const std::vector<float>& mean = meanOf(id);
    for (std::int64_t row = fromFile; row < rowCount; ++row)
        std::ranges::copy(mean, target.begin() + row * m_shape.hidden);
}

bool GrownSource::readRaw(ParamId id, DType dtype, std::span<std::byte> target) const
{
    return !hasGrown(id) && m_source->readRaw(id, dtype, target);
}

}  // namespace lorikeet::formats
