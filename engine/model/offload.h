// SPDX-License-Identifier: GPL-3.0-or-later
// Moves what the plan keeps in host memory: frozen layers before their turn, kept activations after forward and before backward, rows
// of the embedding. Does nothing where nothing is offloaded.
#pragma once

#include "engine/kernels/context.h"
#include "engine/model/planned_memory.h"

#include <array>
#include <cstdint>
#include <span>

namespace lorikeet::model {

class Offload {
public:
    /// `memory` and `context` must outlive it.
    Offload(PlannedMemory& memory, kernels::Context& context);

    /// The weights of a layer are in its slot when this returns.
    void bringWeights(std::size_t layer);
    /// What a layer keeps, `rows` rows of it, goes to the host; its slot is free for the layer after the next.
    void stash(std::size_t layer, std::int64_t rows);
    /// What a layer keeps is in its slot again when this returns.
    void fetch(std::size_t layer, std::int64_t rows);

    [[nodiscard]] bool embeddingIsOnHost() const noexcept { return m_onHost; }
    /// x [N, H] = rows of the table on the host; the first tokens.size() of x's rows are written, N must not be less.
    void embed(const Mat& x, std::span<const std::int32_t> tokens);

private:
    static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

    PlannedMemory& m_memory;
    kernels::Context& m_context;
    const plan::Layout& m_layout;
    bool m_onHost = false;
    std::array<std::size_t, 2> m_weightsOf{kNobody, kNobody};  ///< the layer whose weights a slot holds
    std::array<std::size_t, 2> m_keptOf{kNobody, kNobody};     ///< the layer whose activations a slot holds
};

}  // namespace lorikeet::model
