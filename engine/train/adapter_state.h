// SPDX-License-Identifier: GPL-3.0-or-later
// What an optimizer step changes: the adapter, its gradient and Adam's moments, as flat buffers on the device.
#pragma once

#include "engine/kernels/context.h"
#include "engine/model/planned_memory.h"
#include "engine/spec/job.h"

#include <cstdint>
#include <vector>

namespace lorikeet::train {

class AdapterState {
public:
    AdapterState(model::PlannedMemory& memory, kernels::Context& context);

    /// Sets the adapter and makes the working copy; moments become zero. `flat` has Layout::adapterElements.
    void set(const std::vector<float>& flat);
    /// Sets all three, as from a checkpoint.
    void restore(const std::vector<float>& adapter, const std::vector<float>& moment1, const std::vector<float>& moment2);
    [[nodiscard]] std::vector<float> adapter() const { return download(m_master); }
    [[nodiscard]] std::vector<float> moment1() const { return download(m_moment1); }
    [[nodiscard]] std::vector<float> moment2() const { return download(m_moment2); }

    void clearGradient();
    /// Norm of the gradient over all trained parameters.
    [[nodiscard]] double gradientNorm();
    /// One AdamW step with clipping by `norm`. `step` counts from 1.
    void update(const Job& job, double learningRate, double norm, std::int64_t step);

private:
    [[nodiscard]] std::vector<float> download(const tensor::Mat& mat) const;
    void refreshWork();

    model::PlannedMemory& m_memory;
    kernels::Context& m_context;
    tensor::Mat m_master;
    tensor::Mat m_work;  ///< none when the products use the masters
    tensor::Mat m_gradient;
    tensor::Mat m_moment1;
    tensor::Mat m_moment2;
};

}  // namespace lorikeet::train
