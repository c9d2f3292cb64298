// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/adapter_state.h"

#include "engine/base/check.h"
#include "engine/kernels/adamw.h"
#include "engine/kernels/elementwise.h"

#include <cmath>

namespace lorikeet::train {

using plan::Phase;
using plan::PointKind;

AdapterState::AdapterState(model::PlannedMemory& memory, kernels::Context& context) : m_memory(memory), m_context(context)
{
    const plan::Layout& layout = memory.plan().layout;
    m_master = memory.mat(layout.master);
    m_gradient = memory.mat(layout.gradient);
    m_moment1 = memory.mat(layout.moment1);
    m_moment2 = memory.mat(layout.moment2);
    if (layout.work != layout.master)
        m_work = memory.mat(layout.work);
}

void AdapterState::refreshWork()
{
    if (m_work)
        kernels::convert(m_context, {m_work, m_master, 1.0});
}

void AdapterState::set(const std::vector<float>& flat)
{
    LORIKEET_CHECK(static_cast<std::int64_t>(flat.size()) == m_master.elements(), "adapter of another size");
    kernels::upload(m_context, m_master, flat.data());
    refreshWork();
    for (const tensor::Mat& mat : {m_gradient, m_moment1, m_moment2})
        if (mat)
            kernels::fillZero(m_context, mat);
}

void AdapterState::restore(const std::vector<float>& adapter, const std::vector<float>& moment1, const std::vector<float>& moment2)
{
    set(adapter);
    LORIKEET_CHECK(moment1.size() == adapter.size() && moment2.size() == adapter.size(), "moments of another size");
    kernels::upload(m_context, m_moment1, moment1.data());
    kernels::upload(m_context, m_moment2, moment2.data());
}

std::vector<float> AdapterState::download(const tensor::Mat& mat) const
{
    std::vector<float> flat(static_cast<std::size_t>(mat.elements()));
    kernels::download(m_context, flat.data(), mat);
    return flat;
}

void AdapterState::clearGradient() { kernels::fillZero(m_context, m_gradient); }

double AdapterState::gradientNorm()
{
    m_memory.enter(m_memory.plan().program.at(Phase::Train, PointKind::Clip));
    return std::sqrt(kernels::sumOfSquares(m_context, m_gradient));
}

void AdapterState::update(const Job& job, double learningRate, double norm, std::int64_t step)
{
    m_memory.enter(m_memory.plan().program.at(Phase::Train, PointKind::Optimizer));
    const double limit = job.recipe.maxGradNorm;
    // torch.nn.utils.clip_grad_norm_ adds 1e-6 to the norm.
    const double scale = limit > 0 ? std::min(1.0, limit / (norm + 1e-6)) : 1.0;
    kernels::adamW(m_context, {.parameter = m_master, .gradient = m_gradient, .moment1 = m_moment1, .moment2 = m_moment2, .work = m_work,
                               .learningRate = learningRate, .beta1 = job.recipe.adamBeta1, .beta2 = job.recipe.adamBeta2,
                               .eps = job.recipe.adamEps, .weightDecay = job.recipe.weightDecay, .gradientScale = scale, .step = step});
}

}  // namespace lorikeet::train
