// SPDX-License-Identifier: GPL-3.0-or-later
// Everything a user chooses, as one value: the job file (*.lorikeet.json). Types, ranges, defaults, units and help of all
// fields stand in job_fields.h and nowhere else.
#pragma once

#include "engine/spec/dtype.h"
#include "engine/spec/model_shape.h"
#include "engine/spec/quantization.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace lorikeet {

/// Recompute level of a layer: what forward keeps for backward (architecture.md, "What a layer keeps").
enum class Recompute : std::uint8_t { KeepAll = 0, Cheap = 1, AttentionKept = 2, WholeBlock = 3 };

struct JobModel {
    std::string path;  ///< folder, .gguf, config.json, "starter" or "blueprint:NAME"
};

struct JobData {
    std::string path;
    std::string format = "auto";       ///< auto, messages, sharegpt, alpaca, prompt_completion, text
    double validationFraction = 0.0;   ///< share of the rows held out, by shuffled order of the seed
    std::string validationPath;        ///< own validation file; excludes validationFraction
    bool shuffle = true;
    std::string trainOn = "assistant"; ///< assistant, last_assistant, all
};

struct JobRecipe {
    std::string method = "lora";  ///< lora, full
    std::int64_t rank = 16;
    double alpha = 32.0;
    double dropout = 0.0;
    std::vector<std::string> targets{"all"};  ///< q k v o gate up down, their _proj names, or all
    bool rslora = false;                      ///< scale alpha / sqrt(rank) instead of alpha / rank
    std::map<std::string, std::int64_t> rankPattern;  ///< module path end -> rank, as PEFT's rank_pattern
    std::map<std::string, double> alphaPattern;
    std::string initAdapter;  ///< PEFT folder to continue from
    std::string adapterInit = "default";  ///< default, pissa
    bool dora = false;                    ///< a trained magnitude for each output of an adapted map (DoRA)
    std::vector<std::string> alsoTrain;   ///< beside the adapter, whole: embeddings, head, norms
    std::vector<std::string> addedTokens; ///< new words of the tokenizer, each with a row of its own in embedding and head
    std::int64_t context = 512;
    std::string overlong = "cut";  ///< cut, split, drop
    bool packing = true;
    std::int64_t microBatch = 2;
    std::int64_t accumulation = 1;
    double epochs = 1.0;
    std::int64_t maxSteps = 0;  ///< 0: decided by epochs
    double learningRate = 2e-4;
    std::string schedule = "cosine";  ///< cosine, linear, constant
    double warmupRatio = 0.03;
    double weightDecay = 0.0;
    double adamBeta1 = 0.9;
    double adamBeta2 = 0.999;
    double adamEps = 1e-8;
    double maxGradNorm = 1.0;  ///< 0: no clipping
    std::string precision = "bf16";  ///< fp32, bf16
    std::string recompute = "1";     ///< a level, or levels by layer range: "0-9:1,10-27:3"
    std::string quantization = "none";  ///< of the layers' frozen matrices: none, nf4, int8
    bool doubleQuantization = true;     ///< nf4: the scales quantised once more
    bool offloadActivations = false;    ///< kept activations lie in host memory until backward needs them
    std::int64_t offloadLayers = 0;     ///< first layers whose frozen weights lie in host memory
    bool offloadEmbedding = false;      ///< the embedding table lies in host memory (untied heads only)
    std::int64_t lossChunk = 256;    ///< rows of logits at a time
    std::string optimizer = "adamw"; ///< adamw, adamw_8bit, sgd, lion
    double momentum = 0.9;           ///< sgd only
    double loraplusRatio = 1.0;      ///< learning rate of B over that of A
    std::int64_t seed = 42;
};

struct JobRun {
    std::string device = "auto";  ///< auto, cpu, cuda:N, or a catalogue name (plan only)
    std::int64_t threads = 0;     ///< 0: all hardware threads
    std::int64_t evalEvery = 0;   ///< steps; 0: at the end of each epoch
    std::int64_t saveEvery = 0;   ///< steps; 0: at the end only
    std::string samplePrompt;     ///< answered at each evaluation; empty: no samples
    std::int64_t sampleTokens = 64;
};

/// The whole job. Paths are as the user wrote them until resolvePaths().
struct Job {
    JobModel model;
    JobData data;
    JobRecipe recipe;
    JobRun run;

    /// T: token slots of a micro-batch.
    [[nodiscard]] std::int64_t slots() const noexcept { return recipe.microBatch * recipe.context; }
};

/// One thing the user still has to put right, shown beside its field.
struct Issue {
    enum class Severity : std::uint8_t { Warning, Error };
    std::string field;  ///< "recipe.rank"; empty for the whole job
    Severity severity = Severity::Error;
    std::string message;
    std::string fix;
};

/// Format version of job files that this program writes and the newest it reads.
inline constexpr int kJobVersion = 4;

/// Parses a job file's text. @throws Error{Usage} with the key and a "did you mean" for unknown keys, wrong types, values out of
/// range, a missing or newer "lorikeet_job" version. `where` is the file shown in messages.
[[nodiscard]] Job parseJob(const std::string& text, const std::string& where);
/// The job as JSON text (indent 2, sections in the order model, data, recipe, run), lowest version that suffices.
[[nodiscard]] std::string writeJob(const Job& job);
/// Reads the file and makes relative paths absolute, counted from the file's folder.
[[nodiscard]] Job loadJobFile(const std::filesystem::path& path);
/// Makes model.path, data.path, data.validation_path and recipe.init_adapter absolute, counted from `folder`; "starter" and
/// "blueprint:..." stay.
void resolvePaths(Job& job, const std::filesystem::path& folder);
/// Problems that one field alone does not show (no model yet, pattern for a module that is not a target, warm-up without
/// steps ...). Empty means ready. Does not touch the file system.
[[nodiscard]] std::vector<Issue> validate(const Job& job);

/// The linear maps that recipe.targets names, in kLinears order. @throws Error{Usage} on an unknown name.
[[nodiscard]] std::vector<Linear> targetsOf(const Job& job);
/// Rank and scale of a target in a layer, patterns applied (PEFT: first pattern whose key ends the module path wins).
struct AdapterSize {
    std::int64_t rank = 0;
    double alpha = 0;
    double scale = 0;  ///< alpha / rank, or alpha / sqrt(rank) for rsLoRA
};
[[nodiscard]] AdapterSize adapterSizeOf(const Job& job, std::int64_t layer, Linear linear);
/// Level of every layer. @throws Error{Usage} on a malformed or incomplete recipe.recompute.
[[nodiscard]] std::vector<Recompute> recomputeLevels(const Job& job, std::int64_t layers);
/// True when the adapter starts as the principal part of each weight (PiSSA, arXiv:2404.02948).
[[nodiscard]] bool startsFromPrincipalParts(const Job& job) noexcept;
/// True when the adapted maps have trained magnitudes (DoRA, Liu et al. 2024, arXiv:2402.09353).
[[nodiscard]] bool trainsMagnitudes(const Job& job) noexcept;
/// Rule of recipe.optimizer.
enum class OptimizerKind : std::uint8_t { AdamW, AdamW8bit, Sgd, Lion };
/// @throws Error{Usage} on an unknown name.
[[nodiscard]] OptimizerKind optimizerOf(const Job& job);
/// Storage of the layers' frozen matrices. @throws Error{Usage} on an unknown name.
[[nodiscard]] Quantization quantizationOf(const Job& job);
/// True when validation rows exist: a share or a file of their own.
[[nodiscard]] bool hasValidation(const Job& job) noexcept;
/// bf16 or fp32 of recipe.precision.
[[nodiscard]] DType precisionOf(const Job& job);

}  // namespace lorikeet
