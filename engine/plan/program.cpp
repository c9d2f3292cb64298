// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/program.h"

#include "engine/base/check.h"

namespace lorikeet::plan {

namespace {

void appendForward(Program& program, Phase phase)
{
    program.points.push_back({phase, PointKind::Batch});
    program.points.push_back({phase, PointKind::Embed});
    for (std::int32_t layer = 0; layer < program.layers; ++layer)
        program.points.push_back({phase, PointKind::Forward, layer});
    program.points.push_back({phase, PointKind::Head});
}

const char* nameOf(Phase phase)
{
    switch (phase) {
    case Phase::Load: return "load";
    case Phase::Train: return "train";
    case Phase::Evaluate: return "evaluate";
    case Phase::Sample: return "sample";
    case Phase::Save: return "save";
    }
    return "?";
}

const char* nameOf(PointKind kind)
{
    switch (kind) {
    case PointKind::Load: return "loading";
    case PointKind::Batch: return "batch";
    case PointKind::Embed: return "embedding";
    case PointKind::Forward: return "forward";
    case PointKind::Head: return "head and loss";
    case PointKind::Backward: return "backward";
    case PointKind::Reduce: return "reduce";
    case PointKind::Clip: return "clip";
    case PointKind::Optimizer: return "optimizer";
    case PointKind::Decode: return "decode";
    case PointKind::Save: return "saving";
    }
    return "?";
}

}  // namespace

PointIndex Program::at(Phase phase, PointKind kind, std::int32_t layer) const
{
    for (std::size_t i = 0; i < points.size(); ++i) {
        const ProgramPoint& point = points[i];
        if (point.phase == phase && point.kind == kind && point.layer == layer)
            return static_cast<PointIndex>(i);
    }
    LORIKEET_CHECK(false, "no program point " + describe({phase, kind, layer}));
    return -1;
}

Program trainingProgram(std::int32_t layers)
{
    Program program;
    program.layers = layers;
    program.points.push_back({Phase::Load, PointKind::Load});
    appendForward(program, Phase::Train);
    for (std::int32_t layer = layers - 1; layer >= 0; --layer)
        program.points.push_back({Phase::Train, PointKind::Backward, layer});
    for (const PointKind kind : {PointKind::Reduce, PointKind::Clip, PointKind::Optimizer})
        program.points.push_back({Phase::Train, kind});
    appendForward(program, Phase::Evaluate);
    program.points.push_back({Phase::Sample, PointKind::Decode});
    program.points.push_back({Phase::Save, PointKind::Save});
    return program;
}

Program inferenceProgram(std::int32_t layers)
{
    Program program;
    program.layers = layers;
    program.points.push_back({Phase::Load, PointKind::Load});
    appendForward(program, Phase::Evaluate);
    program.points.push_back({Phase::Sample, PointKind::Decode});
    return program;
}

std::string describe(const ProgramPoint& point)
{
    std::string text = std::string(nameOf(point.phase)) + ", " + nameOf(point.kind);
    if (point.layer >= 0)
        text += " of layer " + std::to_string(point.layer);
    return text;
}

}  // namespace lorikeet::plan
