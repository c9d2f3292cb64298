// SPDX-License-Identifier: GPL-3.0-or-later
// The first half of a run: everything that can be refused is refused here, before a file of the run is written.
#include "engine/train/trainer.h"

#include "engine/base/date.h"
#include "engine/base/error.h"
#include "engine/base/units.h"
#include "engine/generate/added_tokens.h"
#include "engine/generate/model_text.h"
#include "engine/lora/adapter.h"
#include "engine/lora/peft_folder.h"
#include "engine/lora/pissa.h"
#include "engine/model/principal_room.h"
#include "engine/model/weight_loader.h"
#include "engine/train/start_file.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

namespace lorikeet::train {

namespace {

constexpr std::uint64_t kGuardBytes = 64;
constexpr const char* kLockFile = "run.lock";

/// The date of utcNow()'s text. @throws Error{BadInput}
std::tm dateOf(const std::string& created)
{
    using namespace std::chrono;
    int y = 0;
    unsigned m = 0;
    unsigned d = 0;
    std::tm time{};
    if (std::sscanf(created.c_str(), "%4d-%2u-%2uT%2d:%2d:%2dZ", &y, &m, &d, &time.tm_hour, &time.tm_min, &time.tm_sec) != 6)
        throw Error(ErrorCode::BadInput, "run.json: created is \"" + created + "\", expected a date like 2026-01-31T12:00:00Z", "start the run anew");
    const year_month_day date{year{y}, month{m}, day{d}};
    if (!date.ok())
        throw Error(ErrorCode::BadInput, "run.json: created is \"" + created + "\", which is no date", "start the run anew");
    time.tm_year = y - 1900;
    time.tm_mon = static_cast<int>(m) - 1;
    time.tm_mday = static_cast<int>(d);
    time.tm_wday = static_cast<int>(weekday(sys_days(date)).c_encoding());
    time.tm_yday = static_cast<int>((sys_days(date) - sys_days(year_month_day{year{y}, January, day{1}})).count());
    return time;
}

void requireFits(const plan::MemoryPlan& plan, const DeviceSpec& device)
{
    if (plan.verdict != plan::Verdict::DoesNotFit)
        return;
    if (plan.hostCapacityBytes > 0 && plan.hostBytes > plan.hostCapacityBytes)
        throw Error(ErrorCode::DoesNotFit,
                    "what the job offloads needs " + formatBytes(plan.hostBytes) + " of host memory, this machine can give " + formatBytes(plan.hostCapacityBytes),
                    "turn recipe.offload_activations off, lower recipe.offload_layers, or close other programs");
    throw Error(ErrorCode::DoesNotFit,
                "the job needs " + formatBytes(plan.totalBytes()) + ", " + device.name + " can give " + formatBytes(plan.capacityBytes),
                "lower recipe.context or recipe.micro_batch, raise recipe.recompute, or choose a smaller model");
}

}  // namespace

Trainer::Trainer(TrainerOptions options, TrainerHooks hooks) : m_options(std::move(options)), m_hooks(std::move(hooks)) {}

Trainer::~Trainer() = default;

/// Before anything is read or loaded: whether the folder can be written, and that nobody else works in it.
void Trainer::claimFolder()
{
    const std::filesystem::path& folder = m_options.runFolder;
    if (!m_options.resume && std::filesystem::exists(folder / "run.json"))
        throw Error(ErrorCode::Target, utf8(folder) + " already holds a run", "give another --out, or --resume to go on with it");
    if (!isWritableTarget(folder))
        throw Error(ErrorCode::Target, "cannot write into " + utf8(folder), "choose a folder that can be written to");
    // A folder that is no run stays as it is until the run begins.
    if (std::filesystem::exists(folder / "run.json"))
        lockFolder();
}

void Trainer::lockFolder()
{
    m_lock = std::make_unique<LockFile>(m_options.runFolder / kLockFile, utf8(m_options.runFolder) + " is being trained by another program");
}

void Trainer::prepareData()
{
    const Job& job = m_options.job;
    m_source = generate::withTokens(model::openRunnableModel(m_options.modelPath), generate::addedTokensOf(job));
    m_text = generate::loadModelText(*m_source);
    // Templates may print the date: a resumed run sees the day on which it began.
    m_created = m_options.resume ? readRunRecord(m_options.runFolder).created : utcNow();
    m_data = data::buildDataset(job, *m_text.tokenizer, m_text.chat(), m_hooks.progress, m_hooks.stop, dateOf(m_created));
    for (const auto* part : {&m_data.train, &m_data.validation})
        for (const data::Example& example : *part)
            model::requireKnownTokens(example.tokens, m_source->shape());
    const data::SamplerOptions sampling = data::samplerOptions(job, {}, job.slots());
    m_sampler = std::make_unique<data::Sampler>(m_data.train, sampling);
    m_totalSteps = m_sampler->totalSteps(job.recipe.epochs, job.recipe.maxSteps);
    if (!m_data.validation.empty())
        m_validation = data::validationBatches(m_data.validation, sampling);
    prepareSample();
}

void Trainer::prepareSample()
{
    const std::string& prompt = m_options.job.run.samplePrompt;
    if (prompt.empty())
        return;
    m_samplePrompt = generate::promptTokens(m_text, prompt, {}, true);
    const std::int64_t context = m_options.job.recipe.context;
    if (static_cast<std::int64_t>(m_samplePrompt.size()) >= context)
        throw Error(ErrorCode::Usage, "run.sample_prompt has " + std::to_string(m_samplePrompt.size()) + " tokens, recipe.context is " + std::to_string(context),
                    "shorten the prompt");
}

void Trainer::prepareMemory()
{
    const Job& job = m_options.job;
    const ModelShape& shape = m_source->shape();
    m_device = model::openDevice(m_options.device, static_cast<int>(job.run.threads));
    m_context = m_device->context();
    const plan::KernelCosts costs = m_device->costs(shape, kernels::productSizes(job));
    const std::uint64_t guard = m_options.checkMemory ? kGuardBytes : 0;
    m_plan = plan::plan(shape, job, m_options.device, costs, {}, {.guardBytes = guard});
    requireFits(m_plan, m_options.device);
    m_memory = std::make_unique<model::PlannedMemory>(m_plan, m_device->makeArena(m_plan.arenaBytes, m_hooks.stop), guard);
    m_memory->enter(m_plan.program.at(plan::Phase::Load, plan::PointKind::Load));
    loadModel();
    m_decoder = std::make_unique<model::Decoder>(shape, *m_memory, m_context);
    m_state = std::make_unique<TrainedState>(*m_memory, m_context);
    report("load");
}

void Trainer::loadModel()
{
    if (!startsFromPrincipalParts(m_options.job)) {
        model::loadWeights(*m_source, *m_memory, m_context, m_hooks.stop, m_hooks.progress);
        return;
    }
    // A run that goes on takes what was split off at its first start: the residual is then the same whatever the number of threads.
    if (m_options.resume)
        m_startHash = readRunRecord(m_options.runFolder).startHash;
    const bool known = !m_startHash.empty();
    m_start.resize(static_cast<std::size_t>(m_plan.layout.trained.adapterElements));
    if (known)
        readStart(m_options.runFolder, m_startHash, m_start);
    lora::PrincipalRoom room = model::principalRoom(*m_memory);
    lora::Pissa pissa(m_plan.layout.trained.adapters, m_options.job.recipe.seed, room, m_start, known);
    const ProgressFn progress = [this](const Progress& loaded) {
        if (m_hooks.progress)
            m_hooks.progress({"loading weights and splitting off their principal parts", loaded.done, loaded.total, loaded.unit});
    };
    model::loadWeights(*m_source, *m_memory, m_context, m_hooks.stop, progress,
                       [&](ParamId id, const model::ReadRows& fromFile) { return pissa.residualOf(id, fromFile, m_hooks.stop); });
}

void Trainer::startFromAdapter(const std::string& folder, std::span<float> flat)
{
    const std::vector<plan::AdapterSlot>& planned = m_plan.layout.trained.adapters;
    const auto slots = lora::readSlots(pathFromUtf8(folder), m_source->shape());
    const auto same = [](const plan::AdapterSlot& a, const plan::AdapterSlot& b) {
        return a.layer == b.layer && a.linear == b.linear && a.rank == b.rank && a.dora == b.dora && std::abs(a.scale - b.scale) <= 1e-12 * std::abs(b.scale);
    };
    if (!std::equal(slots.begin(), slots.end(), planned.begin(), planned.end(), same))
        throw Error(ErrorCode::BadInput, folder + " was trained with other targets, ranks, alpha or magnitudes than this job states",
                    "set recipe.targets, recipe.rank, recipe.alpha, recipe.rslora and recipe.dora as in its adapter_config.json");
    generate::requireSameIds(pathFromUtf8(folder), m_text, m_options.job);
    lora::readWeights(pathFromUtf8(folder), planned, flat);
    startFromModules(pathFromUtf8(folder));
}

void Trainer::startFromModules(const std::filesystem::path& folder)
{
    const ModelShape& shape = m_source->shape();
    const lora::WholeModules whole = lora::findModules(folder, shape);
    if (whole.apart)
        throw Error(ErrorCode::BadInput, utf8(folder) + " has a head apart from its embedding table, this model has one table for both",
                    "merge it into its base model with PEFT and continue from there");
    const auto trained = [&](ParamId id) {
        return std::ranges::find(m_plan.layout.trained.parameters, id, &plan::ParameterSlot::id) != m_plan.layout.trained.parameters.end();
    };
    for (const ParamId id : whole.ids)
        if (!trained(id))
            throw Error(ErrorCode::BadInput, utf8(folder) + " brings " + formats::hfNameOf(id) + " whole, which this job does not train",
                        "set recipe.also_train as the adapter was trained");
    // What the adapter does not bring goes on from the base model.
    const formats::ReadParameter own = lora::moduleReader(folder, shape);
    if (!whole.ids.empty())
        model::fillParameters(
            [&](ParamId id, std::int64_t first, std::int64_t count, std::span<float> rows) {
                if (std::ranges::binary_search(whole.ids, id))
                    own(id, first, count, rows);
                else
                    m_source->readRows(id, first, count, rows);
            },
            shape, *m_memory, m_context);
}

void Trainer::prepareState()
{
    // Parameters of the model were loaded into the masters; an adapter starts from numbers of its own.
    if (const plan::Trained& trained = m_plan.layout.trained; !trained.adapters.empty()) {
        std::vector<float> flat = std::exchange(m_start, {});
        flat.resize(static_cast<std::size_t>(trained.adapterElements));
        if (const std::string& folder = m_options.job.recipe.initAdapter; !folder.empty())
            startFromAdapter(folder, flat);
        else if (!startsFromPrincipalParts(m_options.job))
            lora::initialise(flat, trained.adapters, m_options.job.recipe.seed);
        m_state->set(flat);
    }
    m_state->begin();
    if (!trainsMagnitudes(m_options.job))
        return;
    if (m_options.job.recipe.initAdapter.empty())
        m_decoder->startMagnitudes();
    else
        m_decoder->refreshRowNorms();
    m_state->refreshWork();
}

RunRecord Trainer::record() const
{
    RunRecord record;
    record.created = m_created;
    record.job = m_options.job;
    record.totalSteps = m_totalSteps;
    record.modelHash = m_modelHash;
    record.dataHash = m_dataHash;
    record.startHash = m_startHash;
    record.device = m_options.device.name;
    record.plannedBytes = m_plan.categoryBytes;
    record.plannedTotal = m_plan.totalBytes();
    record.versions = m_options.versions;
    return record;
}

void Trainer::prepareFolder()
{
    const Job& job = m_options.job;
    std::vector<std::filesystem::path> dataFiles{pathFromUtf8(job.data.path)};
    if (!job.data.validationPath.empty())
        dataFiles.push_back(pathFromUtf8(job.data.validationPath));
    m_modelHash = hashOfFiles(m_source->files(), "hashing the model", m_hooks.stop, m_hooks.progress);
    m_dataHash = hashOfFiles(dataFiles, "hashing the data", m_hooks.stop, m_hooks.progress);
    if (m_options.resume) {
        resumeFrom(record());
        return;
    }
    makeFolders(m_options.runFolder);
    if (!m_lock)
        lockFolder();
    if (startsFromPrincipalParts(m_options.job))
        m_startHash = writeStart(m_options.runFolder, m_state->adapterMasters());
    writeRunRecord(m_options.runFolder, record());
    m_log = std::make_unique<EventLog>(m_options.runFolder);
}

void Trainer::restore(const Checkpoint& checkpoint)
{
    restoreState(checkpoint, *m_state);
    m_decoder->refreshRowNorms();
    m_sampler->restore(checkpoint.sampler);
    m_step = m_firstStep = m_savedStep = m_loggedStep = checkpoint.step;
    m_evaluatedStep = checkpoint.evaluatedStep;
    m_totalTokens = checkpoint.totalTokens;
    m_seconds = checkpoint.secondsBefore;
    m_lossBefore = checkpoint.validationLossBefore;
    m_lossLast = checkpoint.validationLossLast;
}

void Trainer::resumeFrom(const RunRecord& now)
{
    const RunRecord before = readRunRecord(m_options.runFolder);
    requireResumable(before, now);
    m_created = before.created;
    if (!hasCheckpoint(m_options.runFolder)) {
        // Ended before its first checkpoint: nothing was kept, so the run begins again.
        writeRunRecord(m_options.runFolder, record());
        m_log = std::make_unique<EventLog>(m_options.runFolder);
        m_log->cutTo(0);
        return;
    }
    std::vector<std::string> skipped;
    const Checkpoint checkpoint = readNewestCheckpoint(m_options.runFolder, skipped);
    for (const std::string& text : skipped)
        if (m_hooks.emit)
            m_hooks.emit(RunNotice{"a checkpoint was passed over: " + text});
    restore(checkpoint);
    writeRunRecord(m_options.runFolder, record());
    m_log = std::make_unique<EventLog>(m_options.runFolder);
    m_log->cutTo(checkpoint.eventBytes);
}

void Trainer::announce()
{
    RunStarted started;
    started.totalSteps = m_totalSteps;
    started.firstStep = m_firstStep;
    started.trainRows = static_cast<std::int64_t>(m_data.train.size());
    started.validationRows = static_cast<std::int64_t>(m_data.validation.size());
    for (const data::Example& example : m_data.train) {
        started.trainTokens += static_cast<std::int64_t>(example.tokens.size());
        started.supervisedTokens += example.supervised();
    }
    started.trainableParameters = static_cast<std::uint64_t>(m_plan.layout.trained.parameterCount);
    started.plannedBytes = m_plan.categoryBytes;
    started.device = m_options.device.name;
    started.runFolder = utf8(m_options.runFolder);
    emit(started);
}

}  // namespace lorikeet::train
