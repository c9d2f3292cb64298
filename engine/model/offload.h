// SPDX-License-Identifier: GPL-3.0-or-later
// Moves what the plan keeps in host memory: frozen layers before their turn, kept activations after forward and before backward, rows
// of the embedding. Copies run on a lane beside the computation, one layer ahead of it. Does nothing where nothing is offloaded.
#pragma once

#include "engine/kernels/copy_lane.h"
#include "engine/model/planned_memory.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace lorikeet::model {

class Offload {
public:
    static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

    /// `memory` and `context` must outlive it.
    Offload(PlannedMemory& memory, kernels::Context& context);

    /// Before a pass: what a pass that was broken off left under way is waited for.
    void begin();
    /// What is computed after this finds the weights of `layer` in its slot; those of `next` (kNobody: of no layer) set out for theirs.
    void bringWeights(std::size_t layer, std::size_t next);
    /// What is computed after this may write the slot of a layer that goes forward.
    void makeRoom(std::size_t layer);
    /// What a layer has kept, `rows` rows of it, sets out for the host.
    void stash(std::size_t layer, std::int64_t rows);
    /// What is computed after this finds in its slot what a layer kept; that of the layer below sets out for its own.
    void fetch(std::size_t layer, std::int64_t rows);

    [[nodiscard]] bool embeddingIsOnHost() const noexcept { return m_onHost; }
    /// x [N, H] = rows of the table on the host; the first tokens.size() of x's rows are written, N must not be less.
    void embed(const Mat& x, std::span<const std::int32_t> tokens);

private:
    using Ticket = kernels::CopyLane::Ticket;

    [[nodiscard]] bool weightsAreOnHost(std::size_t layer) const;
    [[nodiscard]] bool keptIsOnHost(std::size_t layer) const;
    void startWeights(std::size_t layer);
    void startFetch(std::size_t layer, std::int64_t rows);

    PlannedMemory& m_memory;
    kernels::Context& m_context;
    const plan::Layout& m_layout;
    bool m_onHost = false;
    std::unique_ptr<kernels::CopyLane> m_lane;  ///< where layers or activations are on the host
    std::array<std::size_t, 2> m_weightsOf{kNobody, kNobody};  ///< the layer whose weights a slot holds or is about to
    std::array<Ticket, 2> m_weightsHere{};
    std::array<Ticket, 2> m_stashed{};  ///< by slot
    std::array<Ticket, 2> m_fetched{};
};

}  // namespace lorikeet::model
