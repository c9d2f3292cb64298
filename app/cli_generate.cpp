// SPDX-License-Identifier: GPL-3.0-or-later
// `generate` and `logits`: what a model answers, with or without an adapter, and the numbers behind it.
#include "app/cli_input.h"
#include "app/cli_verbs.h"
#include "engine/api/generation.h"
#include "engine/api/models.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/units.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

namespace lorikeet::app {

namespace {

/// Room for the words of a chat template and for short follow-ups.
constexpr std::int64_t kTemplateTokens = 256;
constexpr std::int64_t kLeastContext = 1024;

/// What both verbs load.
struct ModelOptions {
    std::string model;
    std::string adapter;
    std::string device;
    std::string quantization = "none";
    bool singleQuantization = false;

    [[nodiscard]] api::BaseWeights weights() const { return {quantizationNamed(quantization).value_or(Quantization::None), !singleQuantization}; }
};

struct GenerateOptions : ModelOptions {
    api::GenerationOptions generation;
    bool raw = false;
    bool json = false;
};

void requireInRange(const char* option, double value, double least, double most)
{
    if (!(value >= least && value <= most))
        throw Error(ErrorCode::Usage, std::string(option) + " is " + formatNumber(value) + ", expected " + formatNumber(least) + " to "
                                          + formatNumber(most),
                    std::string("give ") + option + " a number in that range, or leave it out for its default (see lorikeet-cli generate --help)");
}

/// Slots of the KV cache: enough for the prompt (a token is at least a byte) and the answer, not more than the model knows.
std::int64_t contextFor(const GenerateOptions& options)
{
    const auto promptBytes = static_cast<std::int64_t>(options.generation.prompt.size() + options.generation.system.size());
    const std::int64_t wanted = std::max(kLeastContext, promptBytes + options.generation.maxTokens + kTemplateTokens);
    return std::min(wanted, api::modelShape(options.model).maxContext);
}

nlohmann::ordered_json toJson(const GenerateOptions& options, const api::GenerationResult& result)
{
    const double rate = static_cast<double>(result.tokens.size()) / std::max(result.seconds, 1e-9);
    return {{"v", kJsonVersion},
            {"model", options.model},
            {"adapter", options.adapter.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(options.adapter)},
            {"adapter_sha256", result.adapterHash.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(result.adapterHash)},
            {"prompt", options.generation.prompt},
            {"text", result.text},
            {"tokens", result.tokens},
            {"prompt_tokens", result.promptTokens},
            {"reached_end", result.reachedEnd},
            {"seconds", result.seconds},
            {"tok_s", rate}};
}

int runGenerate(GenerateOptions options, Session& session)
{
    requireInRange("--max-tokens", static_cast<double>(options.generation.maxTokens), 1, 1e6);
    requireInRange("--temperature", options.generation.temperature, 0, 100);
    requireInRange("--top-p", options.generation.topP, 0, 1);
    options.generation.chat = !options.raw;
    if (options.generation.prompt == "-")
        options.generation.prompt = readAllInput(session.stop);
    const std::filesystem::path adapter = pathFromUtf8(options.adapter);
    api::Generation generation(options.model, adapter, options.device, contextFor(options), session.stop, progressOnError(), options.weights());
    clearErrorStatus();
    const auto show = [&](std::string_view text) {
        if (!options.json)
            session.out.text(text);
    };
    const api::GenerationResult result = generation.generate(options.generation, show, session.stop);
    if (options.json)
        session.out.json(toJson(options, result));
    else if (result.text.empty() || result.text.back() != '\n')
        session.out.line("");
    return 0;
}

struct LogitsOptions : ModelOptions {
    std::string precision = "fp32";
    std::string tokenText;
    std::vector<std::int32_t> tokens;
    std::string target;
    bool json = false;
};

void requireKnownTokens(const LogitsOptions& options)
{
    const ModelShape shape = api::modelShape(options.model, pathFromUtf8(options.adapter));
    for (const std::int32_t token : options.tokens)
        if (token < 0 || token >= shape.vocab)
            throw Error(ErrorCode::Usage, "--tokens: there is no token " + std::to_string(token) + ", expected 0 to " + std::to_string(shape.vocab - 1),
                        "lorikeet-cli tokenize prints the tokens of a text");
    if (static_cast<std::int64_t>(options.tokens.size()) > shape.maxContext)
        throw Error(ErrorCode::Usage, "--tokens: " + std::to_string(options.tokens.size()) + " tokens are more than the model's context of "
                                          + std::to_string(shape.maxContext),
                    "give at most that many, or run the text in parts");
}

/// "1,2,3". @throws Error{Usage}
std::vector<std::int32_t> parseTokens(std::string_view text)
{
    std::vector<std::int32_t> tokens;
    for (const char* at = text.data(), *end = at + text.size();; ++at) {
        std::int32_t token = 0;
        const auto [stop, failed] = std::from_chars(at, end, token);
        if (failed != std::errc() || (stop != end && *stop != ','))
            throw Error(ErrorCode::Usage, "--tokens is \"" + std::string(text) + "\", expected ids with commas between them", "--tokens 1,2,3");
        tokens.push_back(token);
        at = stop;
        if (at == end)
            return tokens;
    }
}

int runLogits(LogitsOptions options, Session& session)
{
    options.tokens = parseTokens(options.tokenText);
    requireKnownTokens(options);
    const DType precision = options.precision == "bf16" ? DType::BF16 : DType::F32;
    const std::filesystem::path target = pathFromUtf8(options.target);
    api::writeLogits(options.model, pathFromUtf8(options.adapter), options.tokens, target, precision, options.device, options.weights(), session.stop, progressOnError());
    clearErrorStatus();
    const std::int64_t vocab = api::modelShape(options.model, pathFromUtf8(options.adapter)).vocab;
    if (options.json)
        session.out.json({{"v", kJsonVersion}, {"file", options.target}, {"tensor", "logits"}, {"shape", {options.tokens.size(), vocab}}});
    else
        session.out.line("wrote logits [" + std::to_string(options.tokens.size()) + ", " + std::to_string(vocab) + "] fp32 to " + utf8(target));
    return 0;
}

void addModelOptions(CLI::App& verb, ModelOptions& options, const char* device)
{
    options.device = device;
    verb.add_option("model", options.model, "folder, .gguf file, or starter")->required();
    verb.add_option("--adapter", options.adapter, "PEFT adapter folder");
    verb.add_option("--device", options.device, "auto, cpu or cuda:0")->capture_default_str();
    verb.add_option("--quantization", options.quantization, "hold the frozen weights as the run did whose adapter answers")
        ->check(CLI::IsMember({"none", "nf4", "int8"}))
        ->capture_default_str();
    verb.add_flag("--no-double-quantization", options.singleQuantization, "nf4 with fp32 scales");
}

}  // namespace

void addGenerateVerb(CLI::App& app, Action& chosen)
{
    const auto options = std::make_shared<GenerateOptions>();
    CLI::App* verb = app.add_subcommand("generate", "let a model answer, with or without an adapter");
    addModelOptions(*verb, *options, "auto");
    verb->add_option("--prompt", options->generation.prompt, "what to answer; - reads standard input")->required();
    verb->add_option("--system", options->generation.system, "system message");
    verb->add_option("--max-tokens", options->generation.maxTokens, "longest answer in tokens")->capture_default_str();
    verb->add_option("--temperature", options->generation.temperature, "0: always the most likely token")->capture_default_str();
    verb->add_option("--top-p", options->generation.topP, "draw from the most likely tokens of this total probability")->capture_default_str();
    verb->add_option("--seed", options->generation.seed, "of the draws")->capture_default_str();
    verb->add_flag("--raw", options->raw, "continue the prompt as it stands, without the model's chat template");
    verb->add_flag("--json", options->json, "one JSON object when the answer is complete");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runGenerate(*options, session); }; });
}

void addLogitsVerb(CLI::App& app, Action& chosen)
{
    const auto options = std::make_shared<LogitsOptions>();
    CLI::App* verb = app.add_subcommand("logits", "raw scores of every next token, as safetensors");
    addModelOptions(*verb, *options, "cpu");
    verb->add_option("--tokens", options->tokenText, "token ids: 1,2,3")->required()->type_name("IDS");
    verb->add_option("-o,--output", options->target, "file to write: fp32 [tokens, vocabulary], tensor \"logits\"")->required();
    verb->add_option("--precision", options->precision, "arithmetic")->check(CLI::IsMember({"fp32", "bf16"}))->capture_default_str();
    verb->add_flag("--json", options->json, "one JSON object");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runLogits(*options, session); }; });
}

}  // namespace lorikeet::app
