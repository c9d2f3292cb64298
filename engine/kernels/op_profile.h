// SPDX-License-Identifier: GPL-3.0-or-later
// Times of the single ops of a step on a CPU. Off, it costs nothing: while a profile lives, a context calls through a table of timed
// entries in front of its own; otherwise nothing knows of it.
#pragma once

#include "engine/kernels/op_table.h"
#include "engine/kernels/op_work.h"

#include <functional>
#include <vector>

namespace lorikeet::kernels {

/// One call of one op.
struct OpRecord {
    const char* op = "";      ///< "matmul", "attentionForward"
    std::int32_t point = -1;  ///< program point of the run
    double begin = 0;         ///< seconds of the steady clock
    double seconds = 0;
    OpWork work;
};

/// Belongs to the context's thread. Ops of a CPU only: elsewhere a call returns before its work is done.
class OpProfile {
public:
    /// Ops that run through `context` are recorded from here on; `point` says where the run is.
    OpProfile(Context& context, std::function<std::int32_t()> point);
    ~OpProfile();
    OpProfile(const OpProfile&) = delete;
    OpProfile& operator=(const OpProfile&) = delete;

    [[nodiscard]] const std::vector<OpRecord>& records() const noexcept { return m_records; }
    void clear() noexcept { m_records.clear(); }

    /// Runs `work` with the plain table and records it. For the timed entries.
    void record(const char* op, const OpWork& counts, const std::function<void(const OpTable&)>& work);

private:
    Context& m_context;
    const OpTable* m_plain;
    OpTable m_timed;
    std::function<std::int32_t()> m_point;
    std::vector<OpRecord> m_records;
};

/// Seconds of the clock of OpRecord::begin.
[[nodiscard]] double profileSeconds();

}  // namespace lorikeet::kernels
