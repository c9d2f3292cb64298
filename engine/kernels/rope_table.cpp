// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/rope.h"

#include <cmath>
#include <numbers>

namespace lorikeet::kernels {

namespace {

float llama3Scaled(float inverse, const RopeScaling& s)
{
    const double wavelength = 2.0 * std::numbers::pi / inverse;
    const double original = static_cast<double>(s.originalContext);
    if (wavelength < original / s.highFrequencyFactor)
        return inverse;
    if (wavelength > original / s.lowFrequencyFactor)
        return static_cast<float>(inverse / s.factor);
    const double smooth = (original / wavelength - s.lowFrequencyFactor) / (s.highFrequencyFactor - s.lowFrequencyFactor);
    return static_cast<float>((1.0 - smooth) * inverse / s.factor + smooth * inverse);
}

/// In fp32 as transformers blends.
float yarnScaled(float inverse, float share, const RopeScaling& s)
{
    const float kept = 1.0f - share;
    return inverse / static_cast<float>(s.factor) * (1.0f - kept) + inverse * kept;
}

}  // namespace

std::vector<float> ropeInverseFrequencies(const ModelShape& shape)
{
    const std::int64_t half = shape.headSize / 2;
    std::vector<float> inverse(static_cast<std::size_t>(half));
    for (std::int64_t i = 0; i < half; ++i) {
        const double exponent = static_cast<double>(2 * i) / static_cast<double>(shape.headSize);
        // The exponent is rounded to fp32 before the power, as torch.arange(...).float() / dim does.
        float f = static_cast<float>(1.0 / std::pow(shape.ropeTheta, static_cast<double>(static_cast<float>(exponent))));
        if (shape.ropeScaling.type == RopeScaling::Type::Linear)
            f = static_cast<float>(f / shape.ropeScaling.factor);
        else if (shape.ropeScaling.type == RopeScaling::Type::Llama3)
            f = llama3Scaled(f, shape.ropeScaling);
        else if (shape.ropeScaling.type == RopeScaling::Type::Yarn)
            f = yarnScaled(f, static_cast<float>(shape.ropeScaling.yarnShare(i, shape.ropeTheta, shape.headSize)), shape.ropeScaling);
        inverse[static_cast<std::size_t>(i)] = f;
    }
    return inverse;
}

std::vector<float> ropeTable(const ModelShape& shape, std::int64_t context)
{
    const std::vector<float> inverse = ropeInverseFrequencies(shape);
    const std::size_t half = inverse.size();
    const auto length = static_cast<float>(shape.ropeScaling.attentionFactor);
    std::vector<float> table(static_cast<std::size_t>(context) * 2 * half);
    for (std::int64_t position = 0; position < context; ++position) {
        float* row = table.data() + static_cast<std::size_t>(position) * 2 * half;
        for (std::size_t i = 0; i < half; ++i) {
            // transformers multiplies position and frequency in fp32.
            const float angle = static_cast<float>(position) * inverse[i];
            row[i] = static_cast<float>(std::cos(static_cast<double>(angle))) * length;
            row[half + i] = static_cast<float>(std::sin(static_cast<double>(angle))) * length;
        }
    }
    return table;
}

}  // namespace lorikeet::kernels
