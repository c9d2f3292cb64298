// SPDX-License-Identifier: GPL-3.0-or-later
// Make it fit: the ways to bring a job under a device's memory, cheapest first; and the other way round, what spare memory could buy.
// Bytes come from plan() and from nothing else; time from step_cost.h.
#pragma once

#include "engine/plan/forecast.h"
#include "engine/plan/planner.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::plan {

/// What kernels need for a job: it changes with the job's sizes.
using CostsOf = std::function<KernelCosts(const Job&)>;

/// What a change does to what is learned. Neutral: the same loss, bit for bit or up to the order of sums. Bounded: a published, small
/// tolerance (rounding of weights or moments). Changed: other data or another adapter is trained.
enum class Quality : std::uint8_t { Neutral, Bounded, Changed };
[[nodiscard]] std::string_view nameOf(Quality quality) noexcept;

/// The things that can be turned.
enum class Lever : std::uint8_t {
    MicroBatch, LossChunk, Recompute, Optimizer, Precision, Quantization, Rank, Context, HostEmbedding, HostActivations, HostLayers
};
inline constexpr std::array<Lever, 11> kLevers{Lever::MicroBatch,      Lever::LossChunk,    Lever::Recompute, Lever::HostEmbedding,
                                               Lever::HostActivations, Lever::Optimizer,    Lever::Precision, Lever::Quantization,
                                               Lever::HostLayers,      Lever::Rank,         Lever::Context};
/// "micro-batch", "loss chunk", ...
[[nodiscard]] std::string_view nameOf(Lever lever) noexcept;

/// One field of the job changed; setJobField(job, field, to) applies it, with `from` it is undone.
struct FieldChange {
    std::string field;  ///< "recipe.micro_batch"
    std::string label;  ///< "Micro-batch"
    std::string from;
    std::string to;
};

/// One way: the job with some levers turned.
struct FitWay {
    Job job;                           ///< the job as it would be
    std::vector<FieldChange> changes;  ///< from the job that was asked about to `job`
    std::vector<Lever> levers;         ///< which were turned
    std::uint64_t totalBytes = 0;
    std::uint64_t hostBytes = 0;
    std::int64_t bytesSaved = 0;  ///< on the device; negative where room is used
    double slowdown = 1;          ///< seconds per token over those of the job that was asked about
    Quality quality = Quality::Neutral;
    double loss = 0;              ///< how much a Changed way changes: halvings of context and rank; else 0
    int roundings = 0;            ///< how much is stored more coarsely: see roundingsBetween()
    std::string summary;          ///< "micro-batch 1 (accumulation 4), recompute 3 in 12 of 30 layers"
    std::string qualityNote;      ///< one sentence
    Verdict verdict = Verdict::Fits;
};

/// Answer of makeItFit() and roomFor().
struct FitAnswer {
    std::uint64_t totalBytes = 0;  ///< of the job as it is
    std::uint64_t capacityBytes = 0;
    Verdict verdict = Verdict::Fits;
    std::string room;          ///< MemoryPlan::roomText() of the job as it is
    std::vector<FitWay> ways;  ///< best first
    std::string reason;        ///< why `ways` is empty
    int plans = 0;             ///< how often plan() was asked
};

struct FitOptions {
    Workload workload;
    std::vector<Lever> levers{kLevers.begin(), kLevers.end()};  ///< which may be turned
    std::int64_t leastContext = 128;
    std::int64_t leastRank = 4;
    std::int64_t leastLossChunk = 64;
};

/// The ways to make a job fit, best first: quality strictly before time (Neutral, Bounded, Changed), then by how much a Changed way
/// changes, by how much is rounded, and by slowdown. The first is the best of all combinations of the levers' settings, to a thousandth of the time; behind it stand
/// those that round more where they are faster, and each lever that does it alone. Empty when the job fits already or when nothing helps (`reason`).
/// @throws Error{Usage} as plan() does for the job itself.
[[nodiscard]] FitAnswer makeItFit(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options = {});

/// What spare memory could buy, one purchase each, all of which still fit: what was in host memory back on the device, less recompute, a larger micro-batch (same global batch), no or
/// milder quantisation, fp32, a longer context, a higher rank. Empty when the job does not fit or nothing fits besides.
[[nodiscard]] FitAnswer roomFor(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options = {});

/// The settings that makeItFit() combines, for one lever: the job itself, then jobs that differ from it in that lever only, from less to
/// more memory saved (recompute: for every pair of a lower and a higher level, the higher one in 1 .. L of the layers; layers in host
/// memory: every count of them). A combination is reached by turning one lever after the other.
[[nodiscard]] std::vector<Job> settingsOf(Lever lever, const ModelShape& shape, const Job& job, const FitOptions& options);
/// What turning a lever does to what is learned.
[[nodiscard]] Quality qualityOf(Lever lever) noexcept;
/// Halvings of context and rank between two jobs.
[[nodiscard]] double lossBetween(const Job& before, const Job& after) noexcept;
/// Steps of coarser storage between two jobs: bf16 for fp32, 8-bit moments and int8 weights are one each, NF4 two, a second quantisation of its
/// scales alone one. Ordered by the published losses: int8's is within noise (LLM.int8(), arXiv:2208.07339), NF4's is not for small models
/// (QLoRA, arXiv:2305.14314).
[[nodiscard]] int roundingsBetween(const Job& before, const Job& after);

/// The fields in which two jobs differ, in the order of the job file.
[[nodiscard]] std::vector<FieldChange> changesBetween(const Job& before, const Job& after);

}  // namespace lorikeet::plan
