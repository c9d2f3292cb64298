// SPDX-License-Identifier: GPL-3.0-or-later
// From buffers to the budget: categories and terms at the peak point, and the verdict.
#include "engine/plan/builder.h"

#include "engine/base/check.h"
#include "engine/base/units.h"

#include <algorithm>
#include <map>

namespace lorikeet::plan {

namespace {

/// Above this share of the capacity the verdict is "tight".
constexpr double kTightShare = 0.92;

std::string_view sentenceOf(std::string_view name)
{
    static const std::map<std::string_view, std::string_view> kSentences{
        {term::kLayerWeights, "The frozen matrices, biases and norm gains of all layers in the job's precision."},
        {term::kTables, "The embedding table, the output head (once when they are tied) and the last norm."},
        {term::kAdapter, "The LoRA matrices A and B being trained, in fp32."},
        {term::kAdapterWork, "A bf16 copy of the adapter that the products use; made again after each step."},
        {term::kKept, "What forward keeps so that backward can compute gradients; the recompute level decides how much."},
        {term::kStream, "The input of every layer, kept at every recompute level."},
        {term::kGradient, "One fp32 number for each adapter parameter."},
        {term::kMoments, "Adam's running mean and variance of each gradient, in fp32."},
        {term::kBlockScratch, "Work space of one layer's forward pass, shared by all layers."},
        {term::kBackwardScratch, "Work space of one layer's backward pass, shared by all layers."},
        {term::kLossChunk, "Logits of a few rows at a time; their gradient overwrites them."},
        {term::kEvaluate, "A forward pass over validation rows; keeps nothing."},
        {term::kSample, "Keys and values of the tokens written so far while sampling text."},
        {term::kBatch, "Token ids, targets, positions and document bounds of one micro-batch."},
        {term::kRope, "Sine and cosine of every position."},
        {term::kStaging, "Rows of a weight on their way from the file to their place."},
        {term::kMatmul, "Work space that the matrix product library asks for."},
        {term::kWiden, "This processor has no bf16 arithmetic: operands are widened to fp32 here."},
        {term::kSlack, "Alignment and gaps that packing could not fill."},
        {term::kContext, "Memory that the run time and the libraries hold before the first buffer."},
        {term::kAttentionPool, "LibTorch's flash attention allocates its results itself; they are copied into the plan's buffers."},
    };
    const auto it = kSentences.find(name);
    LORIKEET_CHECK(it != kSentences.end(), "term without a sentence");
    return it->second;
}

/// "30 x 4 x [1024, 576] bf16" for a family of buffers: the most common shape, its count, and what is left over.
std::string formulaOf(const std::vector<const Buffer*>& members)
{
    std::map<std::string, std::pair<std::size_t, std::uint64_t>> shapes;
    for (const Buffer* buffer : members) {
        std::string text;
        for (const std::int64_t dim : buffer->shape)
            text += (text.empty() ? "" : " x ") + formatInteger(static_cast<std::uint64_t>(dim));
        text += " x " + std::to_string(bytesOf(buffer->dtype)) + " B";
        auto& [count, bytes] = shapes[text];
        ++count;
        bytes += buffer->bytes;
    }
    std::vector<std::pair<std::string, std::pair<std::size_t, std::uint64_t>>> sorted(shapes.begin(), shapes.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second.second > b.second.second; });
    std::string text;
    for (const auto& [shape, entry] : sorted) {
        if (!text.empty())
            text += " + ";
        text += entry.first == 1 ? shape : std::to_string(entry.first) + " x (" + shape + ")";
    }
    return text;
}

void addBufferTerms(MemoryPlan& plan)
{
    std::map<std::string_view, std::vector<const Buffer*>> families;
    for (const Buffer& buffer : plan.buffers)
        if (buffer.space == Space::Device && buffer.first <= plan.peakPoint && plan.peakPoint <= buffer.last)
            families[buffer.term].push_back(&buffer);
    for (const auto& [name, members] : families) {
        Term term;
        term.category = members.front()->category;
        term.name = std::string(name);
        term.sentence = std::string(sentenceOf(name));
        term.formula = formulaOf(members);
        for (const Buffer* buffer : members)
            term.bytes += buffer->bytes;
        plan.terms.push_back(std::move(term));
    }
}

void addOtherTerm(MemoryPlan& plan, std::string_view name, std::uint64_t bytes, const std::string& formula, bool estimate)
{
    if (bytes == 0)
        return;
    plan.terms.push_back({Category::Buffers, std::string(name), formula, std::string(sentenceOf(name)), bytes, estimate});
}

}  // namespace

void summarise(MemoryPlan& plan, const DeviceSpec& device, const KernelCosts& costs)
{
    plan.terms.clear();
    addBufferTerms(plan);
    addOtherTerm(plan, term::kSlack, plan.arenaBytes - plan.lowerBoundBytes, "arena - live bytes at the peak", false);
    plan.externalBytes = device.contextBytes + costs.attentionPoolBytes;
    addOtherTerm(plan, term::kAttentionPool, costs.attentionPoolBytes, "upper bound", true);
    addOtherTerm(plan, term::kContext, device.contextBytes, device.contextIsEstimate ? "catalogue estimate" : "measured", device.contextIsEstimate);
    std::stable_sort(plan.terms.begin(), plan.terms.end(), [](const Term& a, const Term& b) {
        return a.category != b.category ? a.category < b.category : a.bytes > b.bytes;
    });
    plan.categoryBytes = {};
    for (const Term& term : plan.terms)
        plan.categoryBytes[static_cast<std::size_t>(term.category)] += term.bytes;

    plan.deviceId = device.id;
    plan.capacityBytes = device.availableBytes;
    const std::uint64_t total = plan.totalBytes();
    plan.verdict = total > plan.capacityBytes ? Verdict::DoesNotFit
                 : static_cast<double>(total) > kTightShare * static_cast<double>(plan.capacityBytes) ? Verdict::Tight
                                                                                                       : Verdict::Fits;
}

}  // namespace lorikeet::plan
