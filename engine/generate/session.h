// SPDX-License-Identifier: GPL-3.0-or-later
// A model loaded to answer: source, words, planned memory, decoder, an optional adapter. Belongs to one thread at a time.
#pragma once

#include "engine/base/progress.h"
#include "engine/formats/model_source.h"
#include "engine/generate/added_tokens.h"
#include "engine/generate/model_text.h"
#include "engine/lora/peft_modules.h"
#include "engine/model/compute_device.h"
#include "engine/model/decoder.h"
#include "engine/plan/planner.h"
#include "engine/spec/quantization.h"

#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

namespace lorikeet::generate {

struct SessionOptions {
    std::int64_t context = 1024;    ///< slots of the cache; 0: no generation
    std::int64_t evaluateRows = 0;  ///< rows of a pass with all logits; 0: none
    DType precision = DType::F32;
    Quantization quantization = Quantization::None;  ///< of the layers' matrices, as in training
    bool doubleQuantization = true;                  ///< of NF4
    int threads = 0;
    bool wantText = true;  ///< load tokenizer and template
    AddedTokens added;     ///< behind the model's own
    std::filesystem::path templateBeside;  ///< an adapter: takeTemplateOf()
};

class Session {
public:
    /// `slots` (without offsets) and `whole` describe the adapter to come; empty: none. @throws Error
    Session(const std::filesystem::path& model, std::vector<plan::AdapterSlot> slots, const DeviceSpec& device, const SessionOptions& options,
            const std::stop_token& stop, const ProgressFn& progress, const lora::WholeModules& whole = {});
    // The decoder refers to the other members.
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] const formats::ModelSource& source() const { return *m_source; }
    [[nodiscard]] const ModelText& text() const { return m_text; }
    [[nodiscard]] model::Decoder& decoder() { return *m_decoder; }
    [[nodiscard]] const plan::MemoryPlan& plan() const { return m_plan; }
    /// Slots with their offsets in the flat array.
    [[nodiscard]] const std::vector<plan::AdapterSlot>& slots() const { return m_plan.layout.trained.adapters; }
    [[nodiscard]] std::int64_t context() const { return m_plan.layout.sampleContext; }

    /// Puts an adapter's numbers in place, Trained::adapterElements.
    void setAdapter(std::span<const float> flat);
    /// Takes them away: exactly the base model answers.
    void clearAdapter();
    /// Puts the parameters in place that the adapter brings whole; a null `read`: those of the base model, as after loading.
    void setParameters(const formats::ReadParameter& read);
    /// fp32 logits [T, V] of all positions.
    [[nodiscard]] std::vector<float> logits(std::span<const std::int32_t> tokens, const std::stop_token& stop);

private:
    void refreshWork();

    std::unique_ptr<formats::ModelSource> m_source;
    ModelShape m_shape;  ///< the model's, with a head of its own where the adapter brings one
    ModelText m_text;
    std::unique_ptr<model::ComputeDevice> m_device;
    kernels::Context m_context;
    plan::MemoryPlan m_plan;
    std::unique_ptr<model::PlannedMemory> m_memory;
    std::unique_ptr<model::Decoder> m_decoder;
};

}  // namespace lorikeet::generate
