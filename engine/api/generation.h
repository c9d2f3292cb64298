// SPDX-License-Identifier: GPL-3.0-or-later
// Text from a model, with or without an adapter, streamed; and its raw logits.
#pragma once

#include "engine/base/progress.h"
#include "engine/spec/dtype.h"
#include "engine/spec/job.h"
#include "engine/spec/quantization.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::api {

struct GenerationOptions {
    std::string prompt;
    bool chat = true;          ///< wrap the prompt as a user message in the model's chat template, where it has one
    std::string system;        ///< system message; empty: none
    std::int64_t maxTokens = 128;
    double temperature = 0.0;  ///< 0: greedy
    double topP = 1.0;
    std::uint64_t seed = 42;
    bool useAdapter = true;    ///< ignored without an adapter
};

struct GenerationResult {
    std::string text;
    std::vector<std::int32_t> tokens;
    std::int64_t promptTokens = 0;
    double seconds = 0;
    bool reachedEnd = false;  ///< an end token, not the limit
    std::string adapterHash;  ///< SHA-256 of the adapter file that answered; empty: the base
};

/// How the frozen matrices of the layers are held: as the run held them whose adapter answers.
struct BaseWeights {
    Quantization quantization = Quantization::None;
    bool doubleQuantization = true;  ///< of NF4

    bool operator==(const BaseWeights&) const = default;
};
/// How the base is held that the adapter of this job's run belongs to. What PiSSA quantised is the rest of each weight: its plain
/// adapter belongs to the base as it is.
[[nodiscard]] BaseWeights baseWeightsOf(const Job& job);

/// A loaded model that answers prompts. Belongs to one thread at a time.
class Generation {
public:
    /// Loads the model (and a PEFT adapter folder, where given). Blocks. @throws Error
    Generation(const std::string& model, const std::filesystem::path& adapter, const std::string& device, std::int64_t context,
               const std::stop_token& stop, const ProgressFn& progress, const BaseWeights& weights = {});
    ~Generation();
    Generation(Generation&&) noexcept;

    /// `onText` gets each new piece of valid UTF-8. @throws Error{Cancelled} on stop.
    GenerationResult generate(const GenerationOptions& options, const std::function<void(std::string_view)>& onText,
                              const std::stop_token& stop);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// fp32 logits [T, V] of all positions, written as safetensors with the tensor "logits". @throws Error{Cancelled} on stop, before anything
/// is written.
void writeLogits(const std::string& model, const std::filesystem::path& adapter, const std::vector<std::int32_t>& tokens,
                 const std::filesystem::path& target, DType precision, const std::string& device, const BaseWeights& weights = {},
                 const std::stop_token& stop = {}, const ProgressFn& progress = {});

}  // namespace lorikeet::api
