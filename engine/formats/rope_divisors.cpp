// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/rope_divisors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lorikeet::formats {

namespace {

constexpr double kTolerance = 1e-4;  // the divisors were computed in fp32

/// Turns per token of frequency i: 1 / wavelength.
double turnsOf(double theta, std::int64_t headSize, std::size_t i)
{
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(headSize);
    return std::pow(theta, exponent) / (2.0 * std::numbers::pi);
}

bool matches(const RopeScaling& scaling, std::span<const float> divisors, double theta, std::int64_t headSize)
{
    const std::vector<double> expected = ropeDivisors(scaling, theta, headSize);
    for (std::size_t i = 0; i < divisors.size(); ++i) {
        if (!(std::abs(static_cast<double>(divisors[i]) - expected[i]) <= kTolerance * expected[i]))
            return false;
    }
    return true;
}

/// The blended part is a line: s = slope * turns - offset, slope = original / (high - low), offset = low / (high - low).
struct Line {
    double slope = 0;
    double offset = 0;
};

std::optional<Line> blendLine(std::span<const float> divisors, double theta, std::int64_t headSize, double factor)
{
    std::vector<std::pair<double, double>> points;  // turns, s
    double kept = 0;                                // fewest turns of a frequency that is not scaled
    double divided = 0;                             // most turns of one that is scaled fully
    for (std::size_t i = 0; i < divisors.size(); ++i) {
        const double divisor = divisors[i];
        const double turns = turnsOf(theta, headSize, i);
        if (divisor <= 1 + kTolerance)
            kept = turns;
        else if (divisor < factor * (1 - kTolerance))
            points.emplace_back(turns, (1 / divisor - 1 / factor) / (1 - 1 / factor));
        else
            divided = std::max(divided, turns);
    }
    if (points.size() >= 2) {
        const auto [x0, s0] = points.front();
        const auto [x1, s1] = points.back();
        const double slope = (s0 - s1) / (x0 - x1);
        return Line{slope, slope * x0 - s0};
    }
    if (points.size() == 1)  // one point fixes a line only with the usual ratio high / low = 4
        return Line{(points[0].second + 1.0 / 3) / points[0].first, 1.0 / 3};
    if (divided <= 0)
        return std::nullopt;
    const double original = kept > 0 ? std::sqrt(4 / kept / divided) : 0.5 / divided;
    return Line{original / 3, 1.0 / 3};
}

RopeScaling llama3(double factor, double original, double low, double high)
{
    // the context is a whole number in RopeScaling; only ratios count, so the two factors take up the rest
    const double whole = std::max(1.0, std::round(original));
    return {RopeScaling::Type::Llama3, factor, low * whole / original, high * whole / original, static_cast<std::int64_t>(whole)};
}

}  // namespace

std::vector<double> ropeDivisors(const RopeScaling& scaling, double theta, std::int64_t headSize)
{
    std::vector<double> divisors(static_cast<std::size_t>(headSize / 2), 1.0);
    if (scaling.type == RopeScaling::Type::Linear)
        std::fill(divisors.begin(), divisors.end(), scaling.factor);
    for (std::size_t i = 0; i < divisors.size() && scaling.type == RopeScaling::Type::Yarn; ++i) {
        const double share = scaling.yarnShare(static_cast<std::int64_t>(i), theta, headSize);
        divisors[i] = 1.0 / (share / scaling.factor + 1.0 - share);
    }
    if (scaling.type != RopeScaling::Type::Llama3)
        return divisors;
    for (std::size_t i = 0; i < divisors.size(); ++i) {
        const double periods = turnsOf(theta, headSize, i) * static_cast<double>(scaling.originalContext);
        if (periods > scaling.highFrequencyFactor)
            continue;
        if (periods < scaling.lowFrequencyFactor) {
            divisors[i] = scaling.factor;
            continue;
        }
        const double s = (periods - scaling.lowFrequencyFactor) / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
        divisors[i] = 1.0 / ((1.0 - s) / scaling.factor + s);
    }
    return divisors;
}

std::optional<RopeScaling> recoverRopeScaling(std::span<const float> divisors, double theta, std::int64_t headSize)
{
    if (divisors.empty() || divisors.size() != static_cast<std::size_t>(headSize / 2))
        return std::nullopt;
    for (const float divisor : divisors) {
        if (!std::isfinite(divisor) || divisor <= 0)
            return std::nullopt;
    }
    const double factor = divisors.back();
    const RopeScaling flat{factor == 1.0 ? RopeScaling::Type::None : RopeScaling::Type::Linear, factor};
    if (matches(flat, divisors, theta, headSize))
        return flat;

    std::vector<RopeScaling> candidates{llama3(factor, 8192, 1, 4)};  // every published Llama 3 model
    if (const auto line = blendLine(divisors, theta, headSize, factor); line && line->slope > 0 && line->offset > 0) {
        const double high = 1 + 1 / line->offset;
        const double original = line->slope / line->offset;
        if (std::isfinite(high) && std::isfinite(original) && original < 1e12) {
            candidates.push_back(llama3(factor, std::max(1.0, std::round(original)), 1, std::round(high)));
            candidates.push_back(llama3(factor, original, 1, high));
        }
    }
    for (const RopeScaling& candidate : candidates) {
        if (candidate.highFrequencyFactor > candidate.lowFrequencyFactor && matches(candidate, divisors, theta, headSize))
            return candidate;
    }
    return std::nullopt;
}

}  // namespace lorikeet::formats
