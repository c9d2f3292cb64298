// SPDX-License-Identifier: GPL-3.0-or-later
// What every field of the job is: words, unit, range and where it lives in Job. Defaults are the initialisers in job.h.
#include "engine/spec/job_fields_table.h"

#include "engine/base/error.h"
#include "engine/spec/job_field_types.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lorikeet {

namespace {

constexpr double kMostSteps = 1e9;
constexpr double kLargestSeed = 9007199254740991.0;  // 2^53 - 1: exact in every JSON reader

/// Access to Job::section.member as a plain function pointer.
#define LORIKEET_MEMBER(section, member) [](Job& job) -> decltype(job.section.member)& { return job.section.member; }

void checkDevice(const std::string& device)
{
    const bool cuda = device.starts_with("cuda");
    const bool indexed = device.size() > 5 && device.size() <= 8 && device.starts_with("cuda:")
                      && std::all_of(device.begin() + 5, device.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (device.empty() || (cuda && !indexed))
        throw Error(ErrorCode::Usage, "run.device is \"" + device + "\", expected auto, cpu, cuda:N or the name of a card",
                    "cuda:0 is the first NVIDIA GPU; \"lorikeet-cli doctor\" lists this machine's devices");
}

void addModelAndData(std::vector<JobField>& table)
{
    table.push_back(pathField(
        {"model.path", "Base model", "",
         "The model that is fine-tuned: a Hugging Face folder (also models--ORG--NAME of the hub's cache), a .gguf file, \"starter\", or for "
         "planning only a config.json or \"blueprint:NAME\"; its size decides most of the memory and of the time.",
         false},
        LORIKEET_MEMBER(model, path)));
    table.push_back(pathField({"data.path", "Training data", "",
                               "File with the training examples (.jsonl, .json, .csv, .tsv or .txt, also .gz or .zst); a few hundred careful rows teach "
                               "more than thousands of noisy ones, and time grows with their tokens.",
                               false},
                              LORIKEET_MEMBER(data, path)));
    table.push_back(choiceField({"data.format", "Row format", "",
                                 "How a row is read; auto recognises it from the first rows, and a wrong choice is refused with "
                                 "the row number, so it costs neither quality nor speed."},
                                {"auto", "messages", "sharegpt", "alpaca", "prompt_completion", "text"}, LORIKEET_MEMBER(data, format)));
    table.push_back(numberField({"data.validation_fraction", "Validation share", "of the rows",
                                 "Share of the rows held out to measure the loss on unseen text; it shows overfitting early, costs "
                                 "those rows for training and a forward pass at each evaluation."},
                                {0, 0.9, 0, 0.3}, LORIKEET_MEMBER(data, validationFraction)));
    table.push_back(pathField({"data.validation_path", "Validation file", "",
                               "A file of its own for validation instead of a share of the training rows; keeps results of different "
                               "runs comparable."},
                              LORIKEET_MEMBER(data, validationPath)));
    table.push_back(booleanField({"data.shuffle", "Shuffle", "",
                                  "Draws the rows in a new order each epoch, decided by the seed; turning it off helps only when the "
                                  "order of the file is itself a curriculum."},
                                 LORIKEET_MEMBER(data, shuffle)));
    table.push_back(choiceField({"data.train_on", "Train on", "",
                                 "Which tokens the loss counts: every assistant turn, only the last one, or the whole text; training "
                                 "on prompts too makes the model imitate the questions and costs more time in the output layer."},
                                {"assistant", "last_assistant", "all"}, LORIKEET_MEMBER(data, trainOn)));
}

void addAdapter(std::vector<JobField>& table)
{
    table.push_back(choiceField({"recipe.method", "Method", "",
                                 "What is trained: lora adds small matrices beside the frozen model, full changes every weight and keeps a "
                                 "gradient, an fp32 master and optimizer state for each, often ten times the memory, for little more quality.",
                                 true, 2},
                                {"lora", "full"}, LORIKEET_MEMBER(recipe, method)));
    table.push_back(integerField({"recipe.rank", "Rank", "",
                                  "Width of the adapter: higher learns more detail and overfits sooner; adapter, gradients and "
                                  "optimizer state grow in proportion, speed changes little below 64.",
                                  false},
                                 {1, 1024, 4, 128}, LORIKEET_MEMBER(recipe, rank)));
    table.push_back(numberField({"recipe.alpha", "Alpha", "",
                                 "Strength of the adapter, which acts times alpha / rank; twice the rank is a good start, and doubling "
                                 "it works much like doubling the learning rate; free in memory and time."},
                                {0.001, 65536, 1, 256}, LORIKEET_MEMBER(recipe, alpha)));
    table.push_back(numberField({"recipe.dropout", "Dropout", "",
                                 "Share of the adapter's inputs set to zero while training: a little (0.05) resists overfitting on "
                                 "small data sets, at a few per cent of speed and no memory."},
                                {0, 0.95, 0, 0.3}, LORIKEET_MEMBER(recipe, dropout)));
    table.push_back(targetsField({"recipe.targets", "Target modules", "",
                                  "Linear maps that get an adapter: q k v o gate up down or all; all learns best, while q and v alone "
                                  "make the adapter several times smaller and the steps a little faster."},
                                 LORIKEET_MEMBER(recipe, targets)));
    table.push_back(booleanField({"recipe.rslora", "Rank-stabilised scale", "",
                                  "Scales by alpha / sqrt(rank) instead of alpha / rank, so that ranks above 32 keep their strength "
                                  "(lower alpha with it); free in memory and time."},
                                 LORIKEET_MEMBER(recipe, rslora)));
    table.push_back(integerMapField({"recipe.rank_pattern", "Rank by module", "",
                                     "Other ranks for single modules, by the end of the module's path (\"down_proj\": 32), as in PEFT; "
                                     "spends memory where it helps most."},
                                    {1, 1024, 4, 128}, LORIKEET_MEMBER(recipe, rankPattern)));
    table.push_back(numberMapField({"recipe.alpha_pattern", "Alpha by module", "",
                                    "Other alphas for single modules, by the end of the module's path, as in PEFT; changes how strongly "
                                    "they act and neither memory nor speed."},
                                   {0.001, 65536, 1, 256}, LORIKEET_MEMBER(recipe, alphaPattern)));
    table.push_back(pathField({"recipe.init_adapter", "Continue from adapter", "",
                               "PEFT folder whose weights the adapter starts from instead of from nothing; its rank and targets must be "
                               "those of the job."},
                              LORIKEET_MEMBER(recipe, initAdapter)));
    table.push_back(choiceField({"recipe.adapter_init", "Adapter start", "",
                                 "Where the adapter begins: default changes nothing at first, pissa moves the strongest part of each weight "
                                 "into it, which often learns faster and loses less under nf4; loading takes longer, and the exported adapter "
                                 "has twice the rank.",
                                 true, 2},
                                {"default", "pissa"}, LORIKEET_MEMBER(recipe, adapterInit)));
    table.push_back(booleanField({"recipe.dora", "Magnitudes (DoRA)", "",
                                  "Trains the length of each row of an adapted matrix beside the adapter, which then only turns it: often learns "
                                  "better at small ranks, for hardly any memory and about half as much time again; needs dropout 0.",
                                  true, 3},
                                 LORIKEET_MEMBER(recipe, dora)));
    table.push_back(wordsField({"recipe.also_train", "Also train", "",
                                "Parts of the model that are trained whole beside the adapter and exported with it: norms cost hardly "
                                "anything, embeddings and head learn new words and signs but are tables over the whole vocabulary with gradient, "
                                "fp32 master and optimizer state (with AdamW 16 to 18 bytes for each weight); where the head is the embedding table, either "
                                "word trains both.",
                                true, 3},
                               {"embeddings", "head", "norms"}, LORIKEET_MEMBER(recipe, alsoTrain)));
    table.push_back(tokensField({"recipe.added_tokens", "Added tokens", "",
                                 "New words or signs of the tokenizer, found whole wherever a row has them and shown in answers; each one that is "
                                 "not there yet gets a row in embedding and head that starts as the mean of the others and must be trained, so "
                                 "recipe.also_train needs embeddings, and head where that is a table of its own.",
                                 true, 4},
                                LORIKEET_MEMBER(recipe, addedTokens)));
}

void addBatch(std::vector<JobField>& table)
{
    table.push_back(integerField({"recipe.context", "Context", "tokens",
                                  "Longest text the model sees in training: longer keeps whole conversations together; activations grow "
                                  "in proportion, the time of attention with its square.",
                                  false},
                                 {8, 1048576, 128, 8192}, LORIKEET_MEMBER(recipe, context)));
    table.push_back(choiceField({"recipe.overlong", "Too long rows", "",
                                 "What happens to a row longer than the context: cut loses its end, split trains all of it in pieces "
                                 "(more steps), drop leaves it out; each case is counted and reported."},
                                {"cut", "split", "drop"}, LORIKEET_MEMBER(recipe, overlong)));
    table.push_back(booleanField({"recipe.packing", "Packing", "",
                                  "Puts several short rows side by side into one context, walled off from each other: same loss, same "
                                  "memory, and often several times the speed of one row per context."},
                                 LORIKEET_MEMBER(recipe, packing)));
    table.push_back(integerField({"recipe.micro_batch", "Micro-batch", "contexts",
                                  "Contexts computed at once: more keeps the device busier, and activations grow in proportion; the "
                                  "first thing to lower when a job does not fit."},
                                 {1, 4096, 1, 32}, LORIKEET_MEMBER(recipe, microBatch)));
    table.push_back(integerField({"recipe.accumulation", "Accumulation", "micro-batches",
                                  "Micro-batches whose gradients are added up before one optimizer step: the effect of a larger batch "
                                  "(steadier steps, fewer of them) at no memory."},
                                 {1, 65536, 1, 64}, LORIKEET_MEMBER(recipe, accumulation)));
    table.push_back(numberField({"recipe.epochs", "Epochs", "",
                                 "How often the data is seen: 1 to 3 is usual, more learns small data sets by heart; time grows in "
                                 "proportion, memory does not.",
                                 false},
                                {0.001, 10000, 0.5, 10}, LORIKEET_MEMBER(recipe, epochs)));
    table.push_back(integerField({"recipe.max_steps", "Most steps", "steps",
                                  "Ends the run after so many optimizer steps whatever the epochs say, for a quick look or a fixed "
                                  "budget of time; 0 leaves it to the epochs."},
                                 {0, kMostSteps, 0, 10000}, LORIKEET_MEMBER(recipe, maxSteps)));
}

void addOptimizer(std::vector<JobField>& table)
{
    table.push_back(numberField({"recipe.learning_rate", "Learning rate", "",
                                 "Size of a step at its highest: too low learns little, too high spoils the model or makes the loss "
                                 "jump; 1e-4 to 3e-4 suits most adapters; free in memory and time.",
                                 false},
                                {0, 1, 1e-5, 2e-3}, LORIKEET_MEMBER(recipe, learningRate)));
    table.push_back(choiceField({"recipe.schedule", "Schedule", "",
                                 "How the learning rate falls after warm-up: cosine and linear end at 0 and settle well, constant is for "
                                 "runs without a planned end; free in memory and time."},
                                {"cosine", "linear", "constant"}, LORIKEET_MEMBER(recipe, schedule)));
    table.push_back(numberField({"recipe.warmup_ratio", "Warm-up", "of the steps",
                                 "Share of the steps in which the learning rate climbs from 0, which keeps the first ones from doing "
                                 "harm; 0.03 to 0.1 is usual; free in memory and time."},
                                {0, 1, 0, 0.2}, LORIKEET_MEMBER(recipe, warmupRatio)));
    table.push_back(numberField({"recipe.weight_decay", "Weight decay", "",
                                 "Pulls the adapter's weights towards 0 with each step, a mild guard against overfitting; free in memory "
                                 "and time."},
                                {0, 1, 0, 0.1}, LORIKEET_MEMBER(recipe, weightDecay)));
    table.push_back(numberField({"recipe.adam_beta1", "Adam beta 1", "",
                                 "Memory of the optimizer for the direction of past gradients: higher is smoother and slower to turn; "
                                 "0.9 is rarely worth changing."},
                                {0, 0.9999, 0.8, 0.95}, LORIKEET_MEMBER(recipe, adamBeta1)));
    table.push_back(numberField({"recipe.adam_beta2", "Adam beta 2", "",
                                 "Memory of the optimizer for the size of past gradients: 0.95 to 0.99 reacts faster and can calm a "
                                 "noisy run, 0.999 is the standard."},
                                {0, 0.999999, 0.9, 0.9999}, LORIKEET_MEMBER(recipe, adamBeta2)));
    table.push_back(numberField({"recipe.adam_eps", "Adam epsilon", "",
                                 "Keeps the optimizer from dividing by nearly 0: larger values damp the steps of weights with tiny "
                                 "gradients; rarely worth changing."},
                                {1e-15, 0.1, 1e-10, 1e-6}, LORIKEET_MEMBER(recipe, adamEps)));
    table.push_back(numberField({"recipe.max_grad_norm", "Gradient clipping", "",
                                 "Longest gradient a step may use; longer ones are shortened to it, so that one odd batch does no harm; "
                                 "0 switches it off; nearly free."},
                                {0, 1e6, 0, 5}, LORIKEET_MEMBER(recipe, maxGradNorm)));
    table.push_back(choiceField({"recipe.optimizer", "Optimizer", "",
                                 "Rule that turns gradients into steps: adamw keeps 8 bytes of state for each trained weight, adamw_8bit "
                                 "2 bytes with nearly the same curve, lion and sgd 4 bytes, but they want other learning rates (lion about a "
                                 "third of AdamW's, sgd far more)."},
                                {"adamw", "adamw_8bit", "sgd", "lion"}, LORIKEET_MEMBER(recipe, optimizer)));
    table.back().choicesSince = {{"adamw_8bit", 2}, {"sgd", 2}, {"lion", 2}};
    table.push_back(numberField({"recipe.momentum", "Momentum", "",
                                 "Share of the last direction that sgd keeps; 0 needs no optimizer state at all and learns unsteadily; other "
                                 "optimizers do not use it.",
                                 true, 2},
                                {0, 0.9999, 0, 0.99}, LORIKEET_MEMBER(recipe, momentum)));
    table.push_back(numberField({"recipe.loraplus_ratio", "LoRA+ ratio", "",
                                 "Learning rate of the B matrices over that of A: 4 to 16 often learns faster (LoRA+), 1 is plain LoRA; free "
                                 "in memory and time.",
                                 true, 2},
                                {1, 64, 1, 16}, LORIKEET_MEMBER(recipe, loraplusRatio)));
}

void addPrecision(std::vector<JobField>& table)
{
    table.push_back(choiceField({"recipe.precision", "Precision", "",
                                 "Number format of base weights and activations: bf16 takes half the memory of fp32 and is several times "
                                 "faster where the hardware computes in it, with practically the same result."},
                                {"fp32", "bf16"}, LORIKEET_MEMBER(recipe, precision)));
    table.push_back(choiceField({"recipe.quantization", "Quantisation", "",
                                 "Number format of the layers' frozen matrices: nf4 takes about 4.1 bits for each weight instead of 16 "
                                 "(QLoRA) at a small loss of quality and 5 to 30 per cent of time, int8 8 bits at hardly any; what is "
                                 "trained stays fp32.",
                                 true, 2},
                                {"none", "nf4", "int8"}, LORIKEET_MEMBER(recipe, quantization)));
    table.push_back(booleanField({"recipe.double_quantization", "Double quantisation", "",
                                  "Stores the scales of nf4 in 8 bits as well: 0.37 bits less for each weight, practically the same "
                                  "result.",
                                  true, 2},
                                 LORIKEET_MEMBER(recipe, doubleQuantization)));
    table.push_back(recomputeField({"recipe.recompute", "Recompute", "level",
                                    "How much the backward pass computes again instead of keeping it: 0 keeps all, 1 costs a few per cent "
                                    "of time, 3 keeps only each layer's input for up to half more time; the result is the same; by layer "
                                    "range: \"0-9:1,10-27:3\"."},
                                   LORIKEET_MEMBER(recipe, recompute)));
    table.push_back(booleanField({"recipe.offload_activations", "Offload activations", "",
                                  "Keeps what backward needs in host memory instead of on the device: activations then hardly grow with the "
                                  "number of layers, at the price of copying them over the bus twice a step; the result is the same.",
                                  true, 2},
                                 LORIKEET_MEMBER(recipe, offloadActivations)));
    table.push_back(integerField({"recipe.offload_layers", "Offload layers", "layers",
                                  "First layers whose frozen weights wait in host memory and visit the device for their turn: frees their "
                                  "bytes, costs copying them twice for each micro-batch; the result is the same.",
                                  true, 2},
                                 {0, 1024, 0, 80}, LORIKEET_MEMBER(recipe, offloadLayers)));
    table.push_back(booleanField({"recipe.offload_embedding", "Offload embedding", "",
                                  "Leaves the embedding table in host memory and copies only the rows that a micro-batch needs: frees about "
                                  "1 GiB in an 8 B model at hardly any time; for models whose head is a table of its own.",
                                  true, 2},
                                 LORIKEET_MEMBER(recipe, offloadEmbedding)));
    table.push_back(integerField({"recipe.loss_chunk", "Loss chunk", "rows",
                                  "Rows whose scores over the whole vocabulary exist at one time: fewer saves memory (it is rows x "
                                  "vocabulary), below 128 it costs speed; the result is the same."},
                                 {1, 65536, 64, 4096}, LORIKEET_MEMBER(recipe, lossChunk)));
    table.push_back(integerField({"recipe.seed", "Seed", "",
                                  "Start of all randomness (first weights, order of rows, dropout): the same seed gives the same run, "
                                  "another one shows how much of a result was luck."},
                                 {0, kLargestSeed, 0, 9999}, LORIKEET_MEMBER(recipe, seed)));
}

void addRun(std::vector<JobField>& table)
{
    table.push_back(textField({"run.device", "Device", "",
                               "Where the job runs: auto (a usable GPU, else the CPU), cpu, cuda:0, or for planning only the name of a "
                               "card such as \"RTX 4090\"; a GPU is typically 10 to 100 times faster.",
                               false},
                              LORIKEET_MEMBER(run, device), checkDevice));
    table.push_back(integerField({"run.threads", "Threads", "threads",
                                  "Threads of CPU computations; 0 takes all hardware threads, fewer leave room for other work; runs are "
                                  "bit-identical only with the same number."},
                                 {0, 1024, 0, 64}, LORIKEET_MEMBER(run, threads)));
    table.push_back(integerField({"run.eval_every", "Evaluate every", "steps",
                                  "Steps between two measurements of the validation loss; often shows the best moment to stop, and each "
                                  "one costs a forward pass over the validation rows; 0 is once an epoch."},
                                 {0, kMostSteps, 0, 1000}, LORIKEET_MEMBER(run, evalEvery)));
    table.push_back(integerField({"run.save_every", "Save every", "steps",
                                  "Steps between two checkpoints: what a power cut can cost at most; each one takes 12 bytes of disk for "
                                  "each trained weight and a moment; 0 saves at the end only."},
                                 {0, kMostSteps, 0, 1000}, LORIKEET_MEMBER(run, saveEvery)));
    table.push_back(textField({"run.sample_prompt", "Sample prompt", "",
                               "A prompt that the model answers at each evaluation, so that one sees what it learns; needs memory for the "
                               "keys and values of a context, and a moment each time; empty switches it off.",
                               true, 2},
                              LORIKEET_MEMBER(run, samplePrompt)));
    table.push_back(integerField({"run.sample_tokens", "Sample length", "tokens",
                                  "Most tokens of a sample; each one takes about as long as reading the weights once.", true, 2},
                                 {1, 4096, 16, 512}, LORIKEET_MEMBER(run, sampleTokens)));
}

#undef LORIKEET_MEMBER

}  // namespace

std::vector<JobField> makeJobFields()
{
    std::vector<JobField> table;
    addModelAndData(table);
    addAdapter(table);
    addBatch(table);
    addOptimizer(table);
    addPrecision(table);
    addRun(table);
    return table;
}

}  // namespace lorikeet
