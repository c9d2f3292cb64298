// SPDX-License-Identifier: GPL-3.0-or-later
// Program points: the run written down as a list, so that a lifetime is a pair of numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lorikeet::plan {

using PointIndex = std::int32_t;

enum class Phase : std::uint8_t { Load, Train, Evaluate, Sample, Save };

/// What happens at a point. Forward and Backward exist once per layer.
enum class PointKind : std::uint8_t { Load, Batch, Embed, Forward, Head, Backward, Reduce, Clip, Optimizer, Decode, Save };

struct ProgramPoint {
    Phase phase = Phase::Load;
    PointKind kind = PointKind::Load;
    std::int32_t layer = -1;
};

/// The points in the order they run. Train, Evaluate and Sample repeat; what lives across a repetition spans the whole phase.
struct Program {
    std::vector<ProgramPoint> points;
    std::int32_t layers = 0;

    /// Index of a point. @throws Error{Internal} when this program has no such point.
    [[nodiscard]] PointIndex at(Phase phase, PointKind kind, std::int32_t layer = -1) const;
    [[nodiscard]] PointIndex last() const noexcept { return static_cast<PointIndex>(points.size()) - 1; }
};

/// The program of a training run (all phases), or of inference only (Load, Evaluate, Sample).
[[nodiscard]] Program trainingProgram(std::int32_t layers);
[[nodiscard]] Program inferenceProgram(std::int32_t layers);

/// "train, forward of layer 3".
[[nodiscard]] std::string describe(const ProgramPoint& point);

}  // namespace lorikeet::plan
