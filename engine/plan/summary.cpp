// SPDX-License-Identifier: GPL-3.0-or-later
// From buffers to the budget: categories and terms at the peak point, and the verdict.
#include "engine/plan/builder.h"

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/plan/formula.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace lorikeet::plan {

namespace {

/// Above this share of the capacity the verdict is "tight".
constexpr double kTightShare = 0.92;
// Spread of an estimated CUDA context: 0.4 to 0.7 GB are reported where the catalogue says 512 MiB.
constexpr double kContextLow = 0.75;
constexpr double kContextHigh = 1.3;
// 14 to 37 MiB were measured of 40 with two threads (tst_peak_memory); each thread has a stack.
constexpr double kGrowthLow = 0.35;
constexpr double kGrowthHigh = 1.6;
constexpr std::uint64_t kDesktopBytes = std::uint64_t{3} << 29;

std::uint64_t scaled(std::uint64_t bytes, double factor) { return static_cast<std::uint64_t>(static_cast<double>(bytes) * factor); }

/// A sentence for every line of the budget.
constexpr std::pair<std::string_view, std::string_view> kSentences[] = {
    {term::kLayerWeights, "The frozen matrices, biases and norm gains of all layers in the job's precision."},
    {term::kTables, "The embedding table, the output head (once when they are tied) and the last norm."},
    {term::kAdapter, "The LoRA matrices A and B, and with DoRA the magnitudes, being trained, in fp32."},
    {term::kAdapterWork, "A bf16 copy of the adapter that the products use; made again after each step."},
    {term::kKept, "What forward keeps so that backward can compute gradients; the recompute level decides how much."},
    {term::kStream, "The input of every layer, kept at every recompute level."},
    {term::kGradient, "One fp32 number for each adapter parameter."},
    {term::kMoments, "Adam's running mean and variance of each gradient, in fp32."},
    {term::kMoments8bit, "Adam's running mean and variance in one byte each, a dynamic 8-bit code (Dettmers et al. 2022)."},
    {term::kMomentScales, "One fp32 scale for each 256 coded moments."},
    {term::kMomentum, "The running direction that the optimizer keeps, in fp32."},
    {term::kModel, "Every parameter of the model in the job's precision; all of them are trained."},
    {term::kMasters, "Every parameter in fp32: steps are too small for bf16 to hold."},
    {term::kModelGradient, "One fp32 number for each parameter of the model."},
    {term::kAlso, "The adapter, and beside it the parameters of the model that are trained whole, as the products read them."},
    {term::kAlsoMasters, "The adapter and what is trained whole beside it in fp32: steps are too small for bf16 to hold."},
    {term::kAlsoGradient, "One fp32 number for each parameter of the adapter and of what is trained whole beside it."},
    {term::kQuantised, "The frozen matrices of all layers as codes of 4 or 8 bits."},
    {term::kScales, "What the codes are multiplied by: one number for each block or row."},
    {term::kDequantise, "Work space for one matrix in the job's precision, made from its codes just before it is used."},
    {term::kRowNorms, "The length of each row of an adapted matrix, made anew after each step (DoRA)."},
    {term::kNormBlock, "Some rows of one adapted matrix in fp32 while their lengths are made (DoRA)."},
    {term::kLayerSlots, "Room for two of the offloaded layers: one in use, one on its way."},
    {term::kHostLayers, "Frozen layers that lie in host memory and visit the device when it is their turn."},
    {term::kHostEmbedding, "The embedding table in host memory, and the rows of one micro-batch on their way to the device."},
    {term::kHostKept, "What forward keeps for backward, in host memory until the layer's turn comes again."},
    {term::kKeptSlots, "Room for what two layers keep, and the inputs of three: one in use, one on its way from or to host memory."},
    {term::kBlockScratch, "Work space of one layer's forward pass, shared by all layers."},
    {term::kBackwardScratch, "Work space of one layer's backward pass, shared by all layers."},
    {term::kLossChunk, "Logits of a few rows at a time; their gradient overwrites them."},
    {term::kEvaluate, "A forward pass over validation rows; keeps nothing."},
    {term::kSample, "Keys and values of the tokens written so far while sampling text."},
    {term::kBatch, "Token ids, targets, positions and document bounds of one micro-batch."},
    {term::kRope, "Sine and cosine of every position."},
    {term::kStaging, "Rows of a weight on their way from the file to their place."},
    {term::kPrincipal, "While loading: one weight in fp32, and the directions searched in it for the part that moves into the adapter (PiSSA)."},
    {term::kMatmul, "Work space that the matrix product library asks for."},
    {term::kWiden, "This processor has no bf16 arithmetic: operands are widened to fp32 here."},
    {term::kSlack, "Alignment and gaps that packing could not fill."},
    {term::kGrowth, "What the process grows by while it trains: compiled products, thread stacks, heap for data, checkpoints and events."},
    {term::kContext, "Memory that the run time and the libraries hold before the first buffer."},
    {term::kAttentionPool, "LibTorch's flash attention allocates its results itself; they are copied into the plan's buffers."},
    {term::kOtherPrograms, "Memory that the system and other programs hold now; the run cannot have it."},
    {term::kDriver, "What the driver or the system keeps of this memory, by rule."},
};

std::string_view sentenceOf(std::string_view name)
{
    const auto* found = std::ranges::find(kSentences, name, &std::pair<std::string_view, std::string_view>::first);
    LORIKEET_CHECK(found != std::end(kSentences), "term without a sentence");
    return found->second;
}

/// The buffers of one term, in the order of the plan.
struct Family {
    std::string_view name;
    std::vector<const Buffer*> members;
};

/// Families of the buffers of `space` that live at `point`.
std::vector<Family> familiesAt(const MemoryPlan& plan, Space space, PointIndex point)
{
    std::vector<Family> families;
    for (const Buffer& buffer : plan.buffers) {
        if (buffer.space != space || buffer.first > point || point > buffer.last)
            continue;
        // Names of terms are constants: neighbours of one family mostly share the address too.
        auto found = std::ranges::find_if(families, [&](const Family& f) { return f.name.data() == buffer.term.data() || f.name == buffer.term; });
        if (found == families.end())
            found = families.insert(families.end(), {buffer.term, {}});
        found->members.push_back(&buffer);
    }
    return families;
}

Term termOf(const Family& family, const Layout& layout)
{
    Term term;
    term.category = family.members.front()->category;
    term.name = std::string(family.name);
    term.sentence = std::string(sentenceOf(family.name));
    term.formula = formulaOf(family.members, layout);
    for (const Buffer* buffer : family.members)
        term.bytes += buffer->bytes;
    term.lowBytes = term.highBytes = term.bytes;
    return term;
}

/// The same line on a card.
constexpr const char* kCardContext = "The CUDA context, and the kernels of this program, of cuBLASLt and of LibTorch's attention as they are loaded; "
                                     "cuDNN is not used, and NCCL not on one card.";

std::string bytesText(std::uint64_t bytes) { return formatInteger(bytes) + " B"; }

/// A line that no buffer owns: exact, or an estimate with its spread.
Term otherTerm(std::string_view name, std::uint64_t bytes, const std::string& formula)
{
    return {Category::Buffers, std::string(name), formula, std::string(sentenceOf(name)), bytes, false, bytes, bytes};
}

Term estimatedTerm(std::string_view name, std::uint64_t bytes, std::uint64_t low, std::uint64_t high)
{
    return {Category::Buffers, std::string(name), bytesText(bytes), std::string(sentenceOf(name)), bytes, true, low, high};
}

/// The point at which most host bytes live.
PointIndex hostPeak(const MemoryPlan& plan)
{
    std::vector<std::int64_t> change(plan.program.points.size() + 1, 0);
    for (const Buffer& buffer : plan.buffers) {
        if (buffer.space != Space::Host)
            continue;
        change[static_cast<std::size_t>(buffer.first)] += static_cast<std::int64_t>(buffer.bytes);
        change[static_cast<std::size_t>(buffer.last) + 1] -= static_cast<std::int64_t>(buffer.bytes);
    }
    std::partial_sum(change.begin(), change.end(), change.begin());
    return static_cast<PointIndex>(std::ranges::max_element(change) - change.begin());
}

/// Families of a space as terms, and what packing could not fill of its arena.
std::vector<Term> termsOf(const MemoryPlan& plan, Space space, PointIndex point, std::uint64_t arenaBytes)
{
    std::vector<Term> terms;
    std::uint64_t live = 0;
    for (const Family& family : familiesAt(plan, space, point)) {
        terms.push_back(termOf(family, plan.layout));
        live += terms.back().bytes;
    }
    if (arenaBytes > live)
        terms.push_back(otherTerm(term::kSlack, arenaBytes - live, bytesText(arenaBytes) + " - " + bytesText(live)));
    return terms;
}

void addExternalTerms(MemoryPlan& plan, const DeviceSpec& device, const KernelCosts& costs)
{
    if (device.growthBytes > 0)
        plan.terms.push_back(estimatedTerm(term::kGrowth, device.growthBytes, scaled(device.growthBytes, kGrowthLow), scaled(device.growthBytes, kGrowthHigh)));
    if (costs.attentionPoolBytes > 0)
        plan.terms.push_back(estimatedTerm(term::kAttentionPool, costs.attentionPoolBytes, 0, costs.attentionPoolBytes));
    if (device.contextBytes == 0)
        return;
    Term context = device.contextIsEstimate
                     ? estimatedTerm(term::kContext, device.contextBytes, scaled(device.contextBytes, kContextLow), scaled(device.contextBytes, kContextHigh))
                     : otherTerm(term::kContext, device.contextBytes, bytesText(device.contextBytes));
    if (device.computeCapability > 0)
        context.sentence = kCardContext;
    plan.terms.push_back(std::move(context));
}

/// What the device has and this run cannot get.
std::vector<Term> deductionsOf(const DeviceSpec& device)
{
    if (device.totalBytes <= device.availableBytes)
        return {};
    const std::uint64_t bytes = device.totalBytes - device.availableBytes;
    const std::string formula = bytesText(device.totalBytes) + " - " + bytesText(device.availableBytes);
    const bool planned = device.kind == DeviceSpec::Kind::Catalogue;
    Term term = otherTerm(planned ? term::kDriver : term::kOtherPrograms, bytes, formula);
    term.estimate = planned;
    // The cards that may drive screens.
    if (planned && (device.id.starts_with("RTX") || device.id.starts_with("GTX"))) {
        term.highBytes = bytes + kDesktopBytes;
        term.sentence = "What the driver keeps of the card, by rule; a desktop with its programs takes another 0.3 to 1.5 GiB.";
    }
    return {term};
}

Verdict verdictOf(std::uint64_t needed, std::uint64_t capacity)
{
    if (needed > capacity)
        return Verdict::DoesNotFit;
    return static_cast<double>(needed) > kTightShare * static_cast<double>(capacity) ? Verdict::Tight : Verdict::Fits;
}

void sortTerms(std::vector<Term>& terms)
{
    std::stable_sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) {
        return a.category != b.category ? a.category < b.category : a.bytes > b.bytes;
    });
}

/// Terms of both spaces; the categories are their sums.
void addTerms(MemoryPlan& plan, const DeviceSpec& device, const KernelCosts& costs)
{
    plan.terms = termsOf(plan, Space::Device, plan.peakPoint, plan.arenaBytes);
    addExternalTerms(plan, device, costs);
    sortTerms(plan.terms);
    plan.hostTerms.clear();
    if (plan.hostBytes > 0) {
        plan.hostTerms = termsOf(plan, Space::Host, hostPeak(plan), plan.hostBytes);
        sortTerms(plan.hostTerms);
    }
    plan.deductions = deductionsOf(device);
    plan.categoryBytes = {};
    for (const Term& term : plan.terms)
        plan.categoryBytes[static_cast<std::size_t>(term.category)] += term.bytes;
}

}  // namespace

void summarise(MemoryPlan& plan, const DeviceSpec& device, const KernelCosts& costs, bool brief)
{
    plan.externalBytes = device.contextBytes + device.growthBytes + costs.attentionPoolBytes;
    if (!brief)
        addTerms(plan, device, costs);
    plan.deviceId = device.id;
    plan.capacityBytes = device.availableBytes;
    plan.hostCapacityBytes = device.hostAvailableBytes;
    // Where the device is the host both arenas lie in the same memory.
    const bool shared = device.sharesHostMemory();
    plan.sharesHost = shared;
    const Verdict here = verdictOf(plan.totalBytes() + (shared ? plan.hostBytes : 0), plan.capacityBytes);
    const Verdict there = shared || plan.hostCapacityBytes == 0 ? Verdict::Fits : verdictOf(plan.hostBytes, plan.hostCapacityBytes);
    plan.verdict = std::max(here, there);
}

}  // namespace lorikeet::plan
