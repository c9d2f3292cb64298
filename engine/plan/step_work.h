// SPDX-License-Identifier: GPL-3.0-or-later
// Kinds of work of an optimizer step and their amounts, as step_cost.h counts them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace lorikeet::plan {

/// Kinds of work, in the order they are shown.
enum class Work : std::uint8_t { Matrices, Adapter, Attention, Elementwise, Head, Recompute, Dequantise, Optimizer, Offload };
inline constexpr std::array<Work, 9> kWorks{Work::Matrices, Work::Adapter, Work::Attention, Work::Elementwise, Work::Head,
                                            Work::Recompute, Work::Dequantise, Work::Optimizer, Work::Offload};
/// "matrices of the layers", "adapter", "attention", ...
[[nodiscard]] std::string_view nameOf(Work work) noexcept;

/// One kind of work in one optimizer step (all micro-batches).
struct WorkAmount {
    double flops = 0;
    double bytes = 0;      ///< to and from the device's memory
    double linkBytes = 0;  ///< over the link between host and device
    double launches = 0;   ///< kernels started
};

/// One optimizer step.
struct StepCost {
    std::array<WorkAmount, kWorks.size()> work{};  ///< by Work
    double modelFlops = 0;  ///< what MFU counts: no recompute, no dequantising
    double tokens = 0;      ///< real tokens (slots x fill)
    double layers = 1;      ///< over which the copies of an offload are spread

    [[nodiscard]] const WorkAmount& of(Work kind) const noexcept { return work[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] double flops() const noexcept;
    [[nodiscard]] double bytes() const noexcept;
};

}  // namespace lorikeet::plan
