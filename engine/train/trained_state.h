// SPDX-License-Identifier: GPL-3.0-or-later
// What an optimizer step changes: the trained parameters, their gradient and the optimizer's state, as flat buffers on the device.
#pragma once

#include "engine/kernels/context.h"
#include "engine/model/planned_memory.h"
#include "engine/spec/job.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::train {

class TrainedState {
public:
    TrainedState(model::PlannedMemory& memory, kernels::Context& context);

    /// Sets the masters of the adapters. `flat` has Trained::adapterElements.
    void set(std::span<const float> flat);
    /// Makes the working copy from the masters, and the optimizer's state and the gradient zero: the state before the first step.
    void begin();
    /// Makes the working copy from the masters that a checkpoint brought.
    void refreshWork();
    /// All masters, on the host.
    [[nodiscard]] std::vector<float> masters() const;
    /// Those of the adapters, which are small.
    [[nodiscard]] std::vector<float> adapterMasters() const;
    /// Masters [offset, offset + to.size()).
    void readMasters(std::int64_t offset, std::span<float> to) const;

    /// What a checkpoint holds besides counters, by name: "masters", then the optimizer's state.
    struct Part {
        std::string name;
        tensor::Mat mat;
    };
    [[nodiscard]] std::vector<Part> parts() const;
    [[nodiscard]] kernels::Context& context() const noexcept { return m_context; }

    void clearGradient();
    /// Norm of the gradient over all trained parameters.
    [[nodiscard]] double gradientNorm();
    /// One step of recipe.optimizer with clipping by `norm`. `step` counts from 1.
    void update(const Job& job, double learningRate, double norm, std::int64_t step);

private:
    void updateRange(const Job& job, const plan::OptimizerRange& range, double learningRate, double gradientScale, std::int64_t step);

    model::PlannedMemory& m_memory;
    kernels::Context& m_context;
    tensor::Mat m_master;
    tensor::Mat m_work;  ///< none when the products use the masters
    tensor::Mat m_gradient;
    tensor::Mat m_moment1;
    tensor::Mat m_moment2;
    tensor::Mat m_scale1;
    tensor::Mat m_scale2;
};

}  // namespace lorikeet::train
