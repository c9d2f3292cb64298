// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/model/random_model.h"

#include "engine/base/check.h"
#include "engine/base/philox.h"
#include "engine/formats/parameters.h"
#include "engine/kernels/elementwise.h"
#include "engine/lora/pissa.h"
#include "engine/model/principal_room.h"
#include "engine/model/weight_loader.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

namespace lorikeet::test {

namespace {

float normalAt(std::uint64_t seed, std::uint32_t stream, std::uint64_t index)
{
    const auto words = philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), stream, 7},
                                  {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
    const float u = (static_cast<float>(words[0] >> 8) + 1.0f) * 0x1p-24f;
    return std::sqrt(-2.0f * std::log(u)) * std::cos(2.0f * std::numbers::pi_v<float> * unitFloat(words[1]));
}

std::uint32_t streamOf(formats::ParamId id)
{
    return static_cast<std::uint32_t>(id.kind) * 100000u + static_cast<std::uint32_t>(id.layer + 1) * 100u + static_cast<std::uint32_t>(id.linear);
}

ModelShape baseShape()
{
    ModelShape s;
    s.family = "llama";
    s.name = "small";
    s.layers = 3;
    s.hidden = 48;
    s.heads = 4;
    s.kvHeads = 2;
    s.headSize = 12;
    s.mlp = 80;
    s.vocab = 101;
    s.maxContext = 4096;
    s.storage = DType::F32;
    return s;
}

}  // namespace

RandomSource::RandomSource(ModelShape shape, std::uint64_t seed) : m_shape(std::move(shape)), m_seed(seed) {}

void RandomSource::readRows(formats::ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const
{
    const auto [rows, columns] = formats::shapeOf(id, m_shape);
    const bool isVector = formats::isVector(id.kind);
    const bool isBias = id.kind == formats::ParamKind::LinearBias;
    const float deviation = isBias ? 0.5f : isVector ? 0.3f : 1.5f / std::sqrt(static_cast<float>(columns));
    const float middle = isVector && !isBias ? 1.0f : 0.0f;
    for (std::int64_t i = 0; i < rowCount * columns; ++i)
        target[static_cast<std::size_t>(i)] = middle + deviation * normalAt(m_seed, streamOf(id), static_cast<std::uint64_t>(firstRow * columns + i));
}

std::vector<float> RandomSource::values(formats::ParamId id) const
{
    const auto [rows, columns] = formats::shapeOf(id, m_shape);
    std::vector<float> all(static_cast<std::size_t>(rows * columns));
    readRows(id, 0, rows, all);
    return all;
}

std::vector<std::string> smallShapeNames() { return {"llama", "llama3-rope", "mistral-window", "qwen2", "qwen3", "smollm2", "wide-heads", "granite", "smollm3", "olmo2"}; }

ModelShape smallShape(const std::string& name)
{
    ModelShape s = baseShape();
    s.name = name;
    if (name == "llama3-rope") {
        s.ropeTheta = 500000.0;
        s.ropeScaling = {RopeScaling::Type::Llama3, 8.0, 1.0, 4.0, 16};
    } else if (name == "mistral-window") {
        s.family = "mistral";
        s.slidingWindow = 9;
    } else if (name == "qwen2") {
        s.family = "qwen2";
        s.qkvBias = true;
        s.normEps = 1e-6;
        s.slidingWindow = 11;  // but for the first layer
        s.slidingFrom = 1;
    } else if (name == "qwen3") {
        s.family = "qwen3";
        s.qkNorm = true;
        s.headSize = 16;
    } else if (name == "smollm2") {
        s.tiedHead = true;
        s.heads = 6;
        s.kvHeads = 2;
        s.headSize = 8;
    } else if (name == "wide-heads") {
        s.headSize = 20;
        s.ropeScaling = {.type = RopeScaling::Type::Yarn, .factor = 4.0, .originalContext = 64, .betaFast = 8, .betaSlow = 1, .attentionFactor = 1.2};
        s.kvHeads = 1;
        s.outBias = true;
        s.mlpBias = true;
        s.qkvBias = true;
    } else if (name == "granite") {
        s.family = "granite";
        s.embeddingScale = 3.0;
        s.residualScale = 0.4;
        s.attentionMultiplier = 0.2;
        s.logitDivisor = 2.5;
    } else if (name == "smollm3") {
        s.family = "smollm3";
        s.tiedHead = true;
        s.noRopePeriod = 2;
    } else if (name == "olmo2") {
        s.family = "olmo2";
        s.qkNorm = s.qkNormWholeWidth = s.normAfter = true;
    } else {
        LORIKEET_CHECK(name == "llama", "no small shape " + name);
    }
    return s;
}

data::MicroBatch randomBatch(const std::vector<int>& lengths, std::int64_t vocab, std::uint32_t seed)
{
    data::MicroBatch batch;
    batch.documentStarts.push_back(0);
    for (std::size_t d = 0; d < lengths.size(); ++d) {
        for (int i = 0; i < lengths[d]; ++i) {
            const auto words = philox4x32({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(d), seed, 0}, {1, 2});
            batch.tokens.push_back(static_cast<std::int32_t>(words[0] % static_cast<std::uint32_t>(vocab)));
            batch.positions.push_back(i);
            const bool learnt = i + 1 < lengths[d] && words[1] % 3 != 0;
            batch.targets.push_back(learnt ? static_cast<std::int32_t>(words[2] % static_cast<std::uint32_t>(vocab)) : -1);
            batch.supervised += learnt ? 1 : 0;
        }
        batch.documentStarts.push_back(static_cast<std::int32_t>(batch.tokens.size()));
        batch.sampleIds.push_back(static_cast<std::int64_t>(d) + 1000 * seed);
    }
    return batch;
}

Job smallJob(std::int64_t context, std::int64_t microBatch)
{
    Job job;
    job.recipe.rank = 4;
    job.recipe.alpha = 6;
    job.recipe.context = context;
    job.recipe.microBatch = microBatch;
    job.recipe.precision = "fp32";
    job.recipe.lossChunk = 16;
    job.data.validationFraction = 0.25;
    job.run.samplePrompt = "2 + 2";
    return job;
}

LoadedModel::LoadedModel(const ModelShape& shape, const Job& job, plan::PlanOptions options, int threads) : source(shape, 11)
{
    DeviceSpec spec;
    spec.availableBytes = 8ull << 30;
    spec.threads = threads;
    device = model::openDevice(spec, threads);
    kernels::ProductSizes sizes = kernels::productSizes(job);
    sizes.compute = options.reference ? DType::F64 : precisionOf(job);
    plan = plan::plan(source.shape(), job, spec, device->costs(source.shape(), sizes), {}, options);
    context = device->context();
    memory = std::make_unique<model::PlannedMemory>(plan, device->makeArena(plan.arenaBytes), options.guardBytes);
    memory->enter(0);
    if (job.recipe.adapterInit == "pissa") {
        lora::PrincipalRoom room = model::principalRoom(*memory);
        std::vector<float> start(static_cast<std::size_t>(plan.layout.trained.adapterElements));
        lora::Pissa pissa(plan.layout.trained.adapters, job.recipe.seed, room, start, false);
        model::loadWeights(source, *memory, context, {}, {}, [&](formats::ParamId id, const model::ReadRows& read) { return pissa.residualOf(id, read, {}); });
    } else {
        model::loadWeights(source, *memory, context, {}, {});
    }
    decoder = std::make_unique<model::Decoder>(source.shape(), *memory, context);
    std::vector<double> flat = numbersOf(plan.layout.master);
    // The parameters of the model were loaded; what is not theirs starts as nothing.
    std::fill_n(flat.begin(), plan.layout.trained.adapterElements, 0.0);
    for (const plan::AdapterSlot& slot : plan.layout.trained.adapters) {
        const auto fill = [&](std::int64_t offset, std::int64_t count, double deviation) {
            for (std::int64_t i = offset; i < offset + count; ++i)
                flat[static_cast<std::size_t>(i)] = deviation * normalAt(5, 900000, static_cast<std::uint64_t>(i));
        };
        fill(slot.aOffset, slot.rank * slot.in, 1.0 / std::sqrt(static_cast<double>(slot.in)));
        fill(slot.bOffset, slot.rank * slot.out, 0.3);
        // Magnitudes near the lengths of the rows, which are near 1.5, and none like its neighbour.
        for (std::int64_t i = 0; slot.dora && i < slot.out; ++i)
            flat[static_cast<std::size_t>(slot.mOffset + i)] = 1.5 + 0.3 * normalAt(5, 800000, static_cast<std::uint64_t>(slot.mOffset + i));
    }
    setAdapter(flat);
    clearGradient();
}

void LoadedModel::setAdapter(const std::vector<double>& flat)
{
    adapter = flat;
    std::vector<double> copy = flat;
    const tensor::Mat host{copy.data(), DType::F64, 1, static_cast<std::int64_t>(copy.size())};
    kernels::convert(context, {memory->mat(plan.layout.master), host, 1.0});
    if (plan.layout.work != plan.layout.master)
        kernels::convert(context, {memory->mat(plan.layout.work), host, 1.0});
    for (const plan::BufferId id : {plan.layout.moment1, plan.layout.moment2, plan.layout.moment1Scale, plan.layout.moment2Scale})
        if (const tensor::Mat state = memory->mat(id))
            kernels::fillZero(context, state);
    decoder->refreshRowNorms();
}

std::vector<double> LoadedModel::gradient() { return numbersOf(plan.layout.gradient); }

std::vector<double> LoadedModel::numbersOf(plan::BufferId id)
{
    const tensor::Mat from = memory->mat(id);
    std::vector<double> flat(static_cast<std::size_t>(from.elements()));
    kernels::convert(context, {{flat.data(), DType::F64, 1, from.elements()}, from, 1.0});
    return flat;
}

void LoadedModel::clearGradient() { kernels::fillZero(context, memory->mat(plan.layout.gradient)); }

}  // namespace lorikeet::test
