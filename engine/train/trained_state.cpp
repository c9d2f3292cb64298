// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/trained_state.h"

#include "engine/base/check.h"
#include "engine/kernels/adamw.h"
#include "engine/kernels/adamw_8bit.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/sgd_lion.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::train {

using plan::Phase;
using plan::PointKind;
using tensor::Mat;

TrainedState::TrainedState(model::PlannedMemory& memory, kernels::Context& context) : m_memory(memory), m_context(context)
{
    const plan::Layout& layout = memory.plan().layout;
    m_master = memory.mat(layout.master);
    m_gradient = memory.mat(layout.gradient);
    m_moment1 = memory.mat(layout.moment1);
    m_moment2 = memory.mat(layout.moment2);
    m_scale1 = memory.mat(layout.moment1Scale);
    m_scale2 = memory.mat(layout.moment2Scale);
    if (layout.work != layout.master)
        m_work = memory.mat(layout.work);
}

void TrainedState::refreshWork()
{
    if (m_work)
        kernels::convert(m_context, {m_work, m_master, 1.0});
}

void TrainedState::set(std::span<const float> flat)
{
    const std::int64_t elements = m_memory.plan().layout.trained.adapterElements;
    LORIKEET_CHECK(static_cast<std::int64_t>(flat.size()) == elements, "adapters of another size");
    if (elements > 0)
        kernels::upload(m_context, m_master.part(0, 1, elements), flat.data());
}

void TrainedState::begin()
{
    refreshWork();
    for (const Mat& mat : {m_gradient, m_moment1, m_moment2, m_scale1, m_scale2})
        if (mat)
            kernels::fillZero(m_context, mat);
}

std::vector<float> TrainedState::masters() const
{
    std::vector<float> flat(static_cast<std::size_t>(m_master.elements()));
    readMasters(0, flat);
    return flat;
}

std::vector<float> TrainedState::adapterMasters() const
{
    std::vector<float> flat(static_cast<std::size_t>(m_memory.plan().layout.trained.adapterElements));
    readMasters(0, flat);
    return flat;
}

void TrainedState::readMasters(std::int64_t offset, std::span<float> to) const
{
    kernels::download(m_context, to.data(), m_master.part(offset, 1, static_cast<std::int64_t>(to.size())));
}

std::vector<TrainedState::Part> TrainedState::parts() const
{
    std::vector<Part> all{{"masters", m_master}, {"moment1", m_moment1}, {"moment1_scale", m_scale1}, {"moment2", m_moment2}, {"moment2_scale", m_scale2}};
    std::erase_if(all, [](const Part& part) { return !part.mat; });
    return all;
}

void TrainedState::clearGradient() { kernels::fillZero(m_context, m_gradient); }

double TrainedState::gradientNorm()
{
    m_memory.enter(m_memory.plan().program.at(Phase::Train, PointKind::Clip));
    return std::sqrt(kernels::sumOfSquares(m_context, m_gradient));
}

void TrainedState::update(const Job& job, double learningRate, double norm, std::int64_t step)
{
    m_memory.enter(m_memory.plan().program.at(Phase::Train, PointKind::Optimizer));
    const double limit = job.recipe.maxGradNorm;
    // torch.nn.utils.clip_grad_norm_ adds 1e-6 to the norm.
    const double scale = limit > 0 ? std::min(1.0, limit / (norm + 1e-6)) : 1.0;
    for (const plan::OptimizerRange& range : m_memory.plan().layout.trained.ranges)
        updateRange(job, range, learningRate * (range.isB ? job.recipe.loraplusRatio : 1.0), scale, step);
}

void TrainedState::updateRange(const Job& job, const plan::OptimizerRange& range, double learningRate, double gradientScale, std::int64_t step)
{
    const auto part = [&](const Mat& mat) { return mat.part(range.offset, 1, range.count); };
    const auto scales = [&](const Mat& mat) { return mat.part(range.offset / kOptimizerBlock, 1, optimizerBlocks(range.count)); };
    const JobRecipe& recipe = job.recipe;
    const double decay = range.decays ? recipe.weightDecay : 0.0;
    switch (optimizerOf(job)) {
    case OptimizerKind::AdamW:
        kernels::adamW(m_context, {.parameter = part(m_master), .gradient = part(m_gradient), .moment1 = part(m_moment1), .moment2 = part(m_moment2),
                                   .work = part(m_work), .learningRate = learningRate, .beta1 = recipe.adamBeta1, .beta2 = recipe.adamBeta2,
                                   .eps = recipe.adamEps, .weightDecay = decay, .gradientScale = gradientScale, .step = step});
        return;
    case OptimizerKind::AdamW8bit:
        kernels::adamW8bit(m_context, {.parameter = part(m_master), .gradient = part(m_gradient), .moment1 = part(m_moment1),
                                       .moment2 = part(m_moment2), .absmax1 = scales(m_scale1), .absmax2 = scales(m_scale2), .work = part(m_work),
                                       .learningRate = learningRate, .beta1 = recipe.adamBeta1, .beta2 = recipe.adamBeta2, .eps = recipe.adamEps,
                                       .weightDecay = decay, .gradientScale = gradientScale, .step = step});
        return;
    case OptimizerKind::Sgd:
        kernels::sgdMomentum(m_context, {.parameter = part(m_master), .gradient = part(m_gradient), .velocity = part(m_moment1), .work = part(m_work),
                                         .learningRate = learningRate, .momentum = recipe.momentum, .weightDecay = decay, .gradientScale = gradientScale});
        return;
    case OptimizerKind::Lion:
        kernels::lion(m_context, {.parameter = part(m_master), .gradient = part(m_gradient), .moment = part(m_moment1), .work = part(m_work),
                                  .learningRate = learningRate, .beta1 = recipe.adamBeta1, .beta2 = recipe.adamBeta2, .weightDecay = decay,
                                  .gradientScale = gradientScale});
        return;
    }
}

}  // namespace lorikeet::train
