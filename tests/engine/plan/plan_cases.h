// SPDX-License-Identifier: GPL-3.0-or-later
// Models, jobs and devices that the tests of the planner share: small random ones and the shapes of two well-known models.
#pragma once

#include "engine/plan/fit.h"
#include "engine/spec/device_spec.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"

#include <algorithm>
#include <random>
#include <string>

namespace lorikeet::test {

/// Integers of a fixed sequence, both ends included.
class Dice {
public:
    explicit Dice(unsigned seed) : m_engine(seed) {}
    std::int64_t operator()(std::int64_t low, std::int64_t high)
    {
        return low + static_cast<std::int64_t>(m_engine() % static_cast<std::uint64_t>(high - low + 1));
    }
    bool coin() { return (*this)(0, 1) == 1; }

private:
    std::mt19937_64 m_engine;
};

inline ModelShape smallShape(Dice& dice, std::int64_t mostLayers)
{
    ModelShape s;
    s.family = dice.coin() ? "llama" : "qwen3";
    s.name = "small";
    s.layers = dice(1, mostLayers);
    s.kvHeads = dice(1, 3);
    s.heads = s.kvHeads * dice(1, 3);
    s.headSize = 8 * dice(1, 8);
    s.hidden = 16 * dice(2, 40);
    s.mlp = 16 * dice(2, 80);
    s.vocab = dice(200, 30000);
    s.maxContext = 4096;
    s.tiedHead = dice.coin();
    s.qkNorm = s.family == "qwen3";
    return s;
}

/// Makes the last rows of the tables those of new tokens, half of the time where the job trains the tables.
inline void addTokens(Dice& dice, ModelShape& shape, Job& job)
{
    const auto trains = [&](const char* part) { return std::ranges::find(job.recipe.alsoTrain, part) != job.recipe.alsoTrain.end(); };
    const bool tables = job.recipe.method == "full" || (trains("embeddings") && (shape.tiedHead || trains("head")));
    if (!tables || dice.coin())
        return;
    shape.addedRows = dice(1, 5);
    for (std::int64_t i = 0; i < shape.addedRows; ++i)
        job.recipe.addedTokens.push_back("<new" + std::to_string(i) + ">");
}

/// Llama-3.1-8B by its config.json; `layers` 80 with the widths of the 70B model makes that one.
inline ModelShape llama8b()
{
    ModelShape s;
    s.family = "llama";
    s.name = "Llama-3.1-8B";
    s.layers = 32;
    s.hidden = 4096;
    s.heads = 32;
    s.kvHeads = 8;
    s.headSize = 128;
    s.mlp = 14336;
    s.vocab = 128256;
    s.maxContext = 131072;
    return s;
}

inline ModelShape llama70b()
{
    ModelShape s = llama8b();
    s.name = "Llama-3.1-70B";
    s.layers = 80;
    s.hidden = 8192;
    s.heads = 64;
    s.mlp = 28672;
    return s;
}

/// A card of so many bytes with the rates of an RTX 4090's datasheet.
inline DeviceSpec cardOf(std::uint64_t bytes)
{
    DeviceSpec device;
    device.kind = DeviceSpec::Kind::Catalogue;
    device.id = "card";
    device.name = "card";
    device.totalBytes = device.availableBytes = bytes;
    device.contextBytes = 300u << 20;
    device.contextIsEstimate = true;
    device.bf16Arithmetic = true;
    device.computeCapability = 89;
    device.rates = {82.6, 165.2, 1008, 31.5, false};
    return device;
}

inline plan::KernelCosts noCosts(const Job&) { return {.matmulScratchBytes = 1 << 20}; }

}  // namespace lorikeet::test
