// SPDX-License-Identifier: GPL-3.0-or-later
// A device opened for work: its kernels, its memory, what its kernels need. The CPU's is built in; CUDA's comes from the plug-in.
#pragma once

#include "engine/kernels/context.h"
#include "engine/kernels/costs.h"
#include "engine/model/planned_memory.h"
#include "engine/spec/device_spec.h"

#include <memory>
#include <stop_token>

namespace lorikeet::model {

class ComputeDevice {
public:
    virtual ~ComputeDevice() = default;
    [[nodiscard]] virtual const DeviceSpec& spec() const noexcept = 0;
    /// A context for one thread.
    [[nodiscard]] virtual kernels::Context context() = 0;
    /// @throws Error{DoesNotFit}, Error{Cancelled}
    [[nodiscard]] virtual std::unique_ptr<DeviceArena> makeArena(std::uint64_t bytes, const std::stop_token& stop = {}) = 0;
    [[nodiscard]] virtual plan::KernelCosts costs(const ModelShape& shape, const kernels::ProductSizes& sizes) = 0;
};

/// Opens the device of a spec and sets the number of CPU threads (0: all). @throws Error{Device} when it cannot be used here, saying
/// why: a catalogue card, no driver, too old a card.
[[nodiscard]] std::unique_ptr<ComputeDevice> openDevice(const DeviceSpec& spec, int threads);

}  // namespace lorikeet::model
