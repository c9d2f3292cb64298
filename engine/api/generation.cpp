// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/generation.h"

#include "engine/api/guarded.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/hash.h"
#include "engine/formats/safetensors_writer.h"
#include "engine/generate/generator.h"
#include "engine/generate/session.h"
#include "engine/lora/peft_folder.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace lorikeet::api {

namespace {

/// What an adapter asks of the base before it can be loaded.
struct AdapterShape {
    std::vector<plan::AdapterSlot> slots;
    lora::WholeModules whole;
    generate::AddedTokens added;
};

AdapterShape shapeOfAdapter(const std::string& model, const std::filesystem::path& adapter)
{
    AdapterShape found;
    if (adapter.empty())
        return found;
    auto source = formats::openModelSource(locateModel(model));
    found.added = generate::addedTokensOf(adapter, *source);
    source = generate::withTokens(std::move(source), found.added);
    found.slots = lora::readSlots(adapter, source->shape());
    found.whole = lora::findModules(adapter, source->shape());
    return found;
}

generate::SessionOptions with(generate::SessionOptions options, const AdapterShape& adapter)
{
    options.added = adapter.added;
    return options;
}

std::vector<float> weightsOf(const generate::Session& session, const std::filesystem::path& adapter)
{
    std::vector<float> flat(static_cast<std::size_t>(session.plan().layout.trained.adapterElements));
    lora::readWeights(adapter, session.slots(), flat);
    return flat;
}

/// bf16 where both the file and the processor have it, else fp32.
DType precisionFor(const std::string& model, const DeviceSpec& device)
{
    return device.bf16Arithmetic && modelShape(model).storage == DType::BF16 ? DType::BF16 : DType::F32;
}

}  // namespace

BaseWeights baseWeightsOf(const Job& job)
{
    return {startsFromPrincipalParts(job) ? Quantization::None : quantizationOf(job), job.recipe.doubleQuantization};
}

struct Generation::State {
    State(const std::string& model, const AdapterShape& shape, const DeviceSpec& device, const generate::SessionOptions& options,
          const std::stop_token& stop, const ProgressFn& progress)
        : session(locateModel(model), shape.slots, device, with(options, shape), stop, progress, shape.whole)
    {
    }

    generate::Session session;
    std::vector<float> adapter;
    formats::ReadParameter modules;  ///< what the adapter brings whole; null without an adapter
    std::string adapterHash;
    bool adapterInPlace = false;

    void place(bool wanted)
    {
        if (adapter.empty() || wanted == adapterInPlace)
            return;
        if (wanted)
            session.setAdapter(adapter);
        else
            session.clearAdapter();
        session.setParameters(wanted ? modules : formats::ReadParameter{});
        adapterInPlace = wanted;
    }
};

Generation::Generation(const std::string& model, const std::filesystem::path& adapter, const std::string& device, std::int64_t context,
                       const std::stop_token& stop, const ProgressFn& progress, const BaseWeights& weights)
{
    guarded([&] {
        if (context < 1)
            throw Error(ErrorCode::Usage, "a context of " + std::to_string(context) + " tokens was asked for", "give at least 1");
        const DeviceSpec spec = findDevice(device);
        generate::SessionOptions options;
        options.context = context;
        options.precision = precisionFor(model, spec);
        options.quantization = weights.quantization;
        options.doubleQuantization = weights.doubleQuantization;
        options.templateBeside = adapter;
        m_state = std::make_unique<State>(model, shapeOfAdapter(model, adapter), spec, options, stop, progress);
        if (adapter.empty())
            return;
        m_state->adapter = weightsOf(m_state->session, adapter);
        m_state->modules = lora::moduleReader(adapter, m_state->session.source().shape());
        m_state->adapterHash = sha256OfFile(adapter / "adapter_model.safetensors", stop);
    });
}

Generation::~Generation() = default;
Generation::Generation(Generation&&) noexcept = default;

GenerationResult Generation::generate(const GenerationOptions& options, const std::function<void(std::string_view)>& onText,
                                      const std::stop_token& stop)
{
    return guarded([&] {
        const auto start = std::chrono::steady_clock::now();
        m_state->place(options.useAdapter);
        const std::vector<std::int32_t> prompt = generate::promptTokens(m_state->session.text(), options.prompt, options.system, options.chat);
        generate::GeneratedText text = generate::generate(m_state->session.decoder(), *m_state->session.text().tokenizer, prompt,
                                                          m_state->session.context(), options.maxTokens,
                                                          {options.temperature, options.topP, options.seed}, onText, stop);
        GenerationResult result;
        result.text = std::move(text.text);
        result.tokens = std::move(text.tokens);
        result.reachedEnd = text.reachedEnd;
        result.promptTokens = static_cast<std::int64_t>(prompt.size());
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (options.useAdapter)
            result.adapterHash = m_state->adapterHash;
        return result;
    });
}

void writeLogits(const std::string& model, const std::filesystem::path& adapter, const std::vector<std::int32_t>& tokens,
                 const std::filesystem::path& target, DType precision, const std::string& device, const BaseWeights& weights,
                 const std::stop_token& stop, const ProgressFn& progress)
{
    return guarded([&] {
        if (tokens.empty())
            throw Error(ErrorCode::Usage, "no tokens were given", "give --tokens 1,2,3");
        generate::SessionOptions options;
        options.context = 0;
        options.evaluateRows = static_cast<std::int64_t>(tokens.size());
        options.precision = precision;
        options.quantization = weights.quantization;
        options.doubleQuantization = weights.doubleQuantization;
        options.wantText = false;
        const AdapterShape shape = shapeOfAdapter(model, adapter);
        generate::Session session(locateModel(model), shape.slots, findDevice(device), with(options, shape), stop, progress, shape.whole);
        if (!adapter.empty()) {
            session.setAdapter(weightsOf(session, adapter));
            session.setParameters(lora::moduleReader(adapter, session.source().shape()));
        }
        const std::vector<float> logits = session.logits(tokens, stop);
        if (!std::ranges::all_of(logits, [](float value) { return std::isfinite(value); }))
            throw Error(ErrorCode::BadInput, "the model's logits are not finite", "its weights or the adapter's may be damaged: fetch the model again, or use another adapter");
        const std::vector<std::uint64_t> dims{tokens.size(), logits.size() / tokens.size()};
        formats::writeSafetensors(target, {{"logits", formats::SafeType::F32, dims}},
                                  [&](const formats::SafeEntry&, const formats::AppendBytes& append) { append(std::as_bytes(std::span(logits))); });
    }, ErrorCode::Target);
}

}  // namespace lorikeet::api
