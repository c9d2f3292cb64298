// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/bench_model.h"

#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/philox.h"
#include "engine/formats/model_source.h"
#include "engine/lora/adapter.h"
#include "engine/model/weight_loader.h"

namespace lorikeet::api {

data::MicroBatch packedBatch(const TokenRows& rows, const std::vector<std::int64_t>& prompts)
{
    data::MicroBatch batch;
    batch.documentStarts = {0};
    for (std::size_t d = 0; d < rows.size(); ++d) {
        const auto length = static_cast<std::int64_t>(rows[d].size());
        const std::int64_t prompt = d < prompts.size() ? prompts[d] : 0;
        for (std::int64_t i = 0; i < length; ++i) {
            const bool counted = i + 1 < length && i + 1 >= prompt;
            batch.tokens.push_back(rows[d][static_cast<std::size_t>(i)]);
            batch.positions.push_back(static_cast<std::int32_t>(i));
            batch.targets.push_back(counted ? rows[d][static_cast<std::size_t>(i) + 1] : -1);
            batch.supervised += counted ? 1 : 0;
        }
        batch.documentStarts.push_back(static_cast<std::int32_t>(batch.tokens.size()));
        batch.sampleIds.push_back(static_cast<std::int64_t>(d));
    }
    return batch;
}

TokenRows randomRows(const Job& job, std::int64_t vocab)
{
    TokenRows rows(static_cast<std::size_t>(job.recipe.microBatch));
    std::uint32_t number = 0;
    for (auto& row : rows) {
        row.resize(static_cast<std::size_t>(job.recipe.context));
        for (std::int32_t& token : row)
            token = static_cast<std::int32_t>(philox4x32({number++, 0, 0, 0}, {1, 2})[0] % static_cast<std::uint32_t>(vocab));
    }
    return rows;
}

BenchModel::BenchModel(const Job& job)
    : m_job(job), m_shape(modelShape(job.model.path)), m_device(findDevice("cpu")), m_compute(model::openDevice(m_device, static_cast<int>(job.run.threads))),
      m_context(m_compute->context()), m_plan(planJob(m_shape, job, m_device)), m_memory(m_plan, m_compute->makeArena(m_plan.arenaBytes), 0)
{
    m_memory.enter(0);
    const bool isBlueprint = job.model.path.starts_with("blueprint:");
    const auto source = isBlueprint ? nullptr : formats::openModelSource(locateModel(job.model.path));
    m_hasWeights = source && source->hasWeights();
    if (m_hasWeights)
        model::loadWeights(*source, m_memory, m_context, {}, {});
    else
        model::fillRandomWeights(m_shape, m_memory, m_context, 1);
    m_decoder.emplace(m_shape, m_memory, m_context);
    m_adapter.emplace(m_memory, m_context);
    std::vector<float> flat(static_cast<std::size_t>(m_plan.layout.trained.adapterElements));
    lora::initialise(flat, m_plan.layout.trained.adapters, job.recipe.seed);
    m_adapter->set(flat);
    m_adapter->begin();
}

double BenchModel::step(const data::MicroBatch& batch, std::int64_t number)
{
    const double scale = 1.0 / static_cast<double>(batch.supervised);
    m_adapter->clearGradient();
    const double sum = m_decoder->trainMicroBatch(batch, {scale, m_job.recipe.dropout, 42, static_cast<std::uint32_t>(number)}, {});
    const double norm = m_adapter->gradientNorm();
    m_adapter->update(m_job, m_job.recipe.learningRate, norm, number);
    return sum * scale;
}

}  // namespace lorikeet::api
