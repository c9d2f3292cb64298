// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/sentences.h"

#include "engine/base/check.h"
#include "engine/plan/term_names.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace lorikeet::plan {

namespace {

/// Lines that hold the same in every job.
constexpr std::pair<std::string_view, std::string_view> kSentences[] = {
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
    {term::kDequantise, "Work space for one matrix in the job's precision, made from its codes just before it is used."},
    {term::kRowNorms, "The length of each row of an adapted matrix, made anew after each step (DoRA)."},
    {term::kNormBlock, "Some rows of one adapted matrix in fp32 while their lengths are made (DoRA)."},
    {term::kHostLayers, "Frozen layers that lie in host memory and visit the device when it is their turn."},
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

using Words = std::vector<std::string>;

/// "a", "a and b", "a, b and c".
std::string listed(const Words& words)
{
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i)
        text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " and ") + words[i];
    return text;
}

std::string capitalised(std::string text)
{
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

/// The parts of one line, by the places that the layout gives their buffers.
class Line {
public:
    Line(const std::vector<const Buffer*>& members, const MemoryPlan& plan) : m_plan(plan)
    {
        std::uint64_t largest = 0;
        for (const Buffer* buffer : members) {
            m_ids.insert(static_cast<BufferId>(buffer - plan.buffers.data()));
            largest = std::max(largest, buffer->bytes);
        }
        // Families that are only planned for leave small norms behind when a layer goes to the host.
        for (const Buffer* buffer : members)
            if (buffer->bytes == largest)
                m_layers.insert(buffer->layer);
    }

    [[nodiscard]] bool has(BufferId id) const { return id != kNone && m_ids.contains(id); }
    /// "all layers", "the 12 layers that stay on the device".
    [[nodiscard]] std::string layers() const
    {
        const std::size_t all = m_plan.layout.layers.size();
        const std::string count = m_layers.size() == 1 ? "one layer" : std::to_string(m_layers.size()) + " layers";
        if (m_layers.size() == all)
            return all == 1 ? "the one layer" : "all layers";
        return "the " + count + (m_layers.size() == 1 ? " that stays on the device" : " that stay on the device");
    }
    [[nodiscard]] std::size_t size() const noexcept { return m_ids.size(); }

private:
    const MemoryPlan& m_plan;
    std::set<BufferId> m_ids;
    std::set<int> m_layers;
};

bool trains(const Layout& layout, ParamKind kind)
{
    return std::ranges::any_of(layout.trained.parameters, [kind](const ParameterSlot& slot) { return slot.id.kind == kind; });
}

/// What recipe.also_train put beside the adapter.
std::string trainedWhole(const Layout& layout)
{
    const bool embedding = trains(layout, ParamKind::Embedding);
    const bool tied = embedding && layout.head == kNone && !trains(layout, ParamKind::Head);
    Words words;
    if (embedding)
        words.emplace_back(tied ? "the embedding table (the output head too)" : "the embedding table");
    if (trains(layout, ParamKind::Head))
        words.emplace_back("the output head");
    if (trains(layout, ParamKind::FinalNorm))
        words.emplace_back("the norms");
    return listed(words);
}

std::string layerWeights(const Line& line, const Layout& layout)
{
    std::size_t matrices = 0;
    std::size_t biases = 0;
    for (const LayerWeights& layer : layout.layers)
        for (const LinearWeights& linear : layer.linears) {
            matrices += line.has(linear.weight) ? 1 : 0;
            biases += line.has(linear.bias) ? 1 : 0;
        }
    Words parts;
    if (matrices > 0)
        parts.emplace_back("matrices");
    if (biases > 0)
        parts.emplace_back("biases");
    if (line.size() > matrices + biases)
        parts.emplace_back("norms");
    std::string text = "The frozen " + listed(parts) + " of " + line.layers() + " in the job's precision";
    if (layout.quantization != Quantization::None)
        text += "; the matrices are quantised";
    if (trains(layout, ParamKind::FinalNorm))
        text += "; the norms are trained and counted with the adapter";
    return text + ".";
}

std::string tables(const Line& line, const Layout& layout)
{
    const bool tied = line.has(layout.embedding) && layout.embedding == layout.head;
    const bool hosted = layout.hostRows != kNone;
    Words here;
    Words trained;
    const auto place = [&](bool isHere, bool isTrained, const char* name) {
        if (isHere)
            here.emplace_back(name);
        else if (isTrained)
            trained.emplace_back(name);
    };
    place(line.has(layout.embedding), trains(layout, ParamKind::Embedding), tied ? "the embedding table, which is the output head too," : "the embedding table");
    if (!tied)
        place(line.has(layout.head), trains(layout, ParamKind::Head), "the output head");
    place(line.has(layout.finalNorm), trains(layout, ParamKind::FinalNorm), "the last norm");
    std::string text = capitalised(listed(here));
    if (text.ends_with(','))
        text.pop_back();
    if (hosted)
        text += "; the embedding table lies in host memory";
    if (!trained.empty())
        text += "; " + listed(trained) + (trained.size() > 1 ? " are" : " is") + " trained and counted with the adapter";
    return text + ".";
}

std::string quantised(const Line& line, const Layout& layout)
{
    return "The frozen matrices of " + line.layers() + (layout.quantization == Quantization::Nf4 ? " as codes of 4 bits (NF4)." : " as codes of 8 bits.");
}

std::string scales(const Layout& layout)
{
    if (layout.quantization == Quantization::Int8)
        return "What the codes are multiplied by: one fp32 number for each row of a matrix.";
    const std::string block = "What the codes are multiplied by: one number for each block of " + std::to_string(kNf4Block) + " of them, ";
    return block + (layout.doubleQuantization ? "itself a code of 8 bits with scales of its own." : "in fp32.");
}

std::string adapter(const Layout& layout)
{
    const bool magnitudes = std::ranges::any_of(layout.trained.adapters, &AdapterSlot::dora);
    return std::string("The LoRA matrices A and B") + (magnitudes ? " and the magnitudes (DoRA)" : "") + ", being trained, in fp32.";
}

std::string visitingLayers(const Layout& layout)
{
    const auto offloaded = std::ranges::count_if(layout.hostLayers, [](const LayerWeights& layer) {
        return layer.normIn != kNone || std::ranges::any_of(layer.linears, [](const LinearWeights& linear) { return linear.weight != kNone || linear.codes != kNone; });
    });
    return offloaded > 1 ? "Room for two of the offloaded layers: one in use, one on its way." : "Room for the offloaded layer when it is its turn.";
}

std::string hostEmbedding(const Line& line, const Layout& layout)
{
    return std::string("The embedding table in host memory") + (line.has(layout.hostRows) ? ", and the rows of one micro-batch on their way to the device." : ".");
}

}  // namespace

std::string sentenceOf(std::string_view term)
{
    const auto* found = std::ranges::find(kSentences, term, &std::pair<std::string_view, std::string_view>::first);
    LORIKEET_CHECK(found != std::end(kSentences), "term without a sentence");
    return std::string(found->second);
}

std::string sentenceOf(std::string_view term, const std::vector<const Buffer*>& members, const MemoryPlan& plan)
{
    const Layout& layout = plan.layout;
    if (term == term::kLayerWeights || term == term::kUnquantised)
        return layerWeights(Line(members, plan), layout);
    if (term == term::kTables || term == term::kHeadTable || term == term::kEmbeddingTable || term == term::kLastNorm)
        return tables(Line(members, plan), layout);
    if (term == term::kQuantised)
        return quantised(Line(members, plan), layout);
    if (term == term::kScales)
        return scales(layout);
    if (term == term::kAdapter)
        return adapter(layout);
    if (term == term::kAlso)
        return "The adapter, and beside it " + trainedWhole(layout) + " of the model, trained whole, as the products read them.";
    if (term == term::kAlsoMasters)
        return "The adapter, and beside it " + trainedWhole(layout) + " of the model, in fp32: steps are too small for bf16 to hold.";
    if (term == term::kAlsoGradient)
        return "One fp32 number for each parameter of the adapter and of what is trained whole: " + trainedWhole(layout) + ".";
    if (term == term::kLayerSlots)
        return visitingLayers(layout);
    if (term == term::kHostEmbedding)
        return hostEmbedding(Line(members, plan), layout);
    return sentenceOf(term);
}

}  // namespace lorikeet::plan
