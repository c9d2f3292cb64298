// SPDX-License-Identifier: GPL-3.0-or-later
// From buffers to the budget: categories and terms at the peak point, and the verdict.
#include "engine/plan/builder.h"

#include "engine/base/units.h"
#include "engine/plan/formula.h"
#include "engine/plan/sentences.h"

#include <algorithm>
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

Term termOf(const Family& family, const MemoryPlan& plan)
{
    Term term;
    term.category = family.members.front()->category;
    term.name = std::string(family.name);
    term.sentence = sentenceOf(family.name, family.members, plan);
    term.formula = formulaOf(family.members, plan.layout);
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
    return {Category::Buffers, std::string(name), formula, sentenceOf(name), bytes, false, bytes, bytes};
}

Term estimatedTerm(std::string_view name, std::uint64_t bytes, std::uint64_t low, std::uint64_t high)
{
    return {Category::Buffers, std::string(name), bytesText(bytes), sentenceOf(name), bytes, true, low, high};
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
        terms.push_back(termOf(family, plan));
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
