// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/trainer.h"

#include "engine/base/error.h"
#include "engine/base/system.h"
#include "engine/base/units.h"
#include "engine/generate/generator.h"
#include "engine/train/schedule.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>

namespace lorikeet::train {

namespace {

using plan::Phase;
using plan::PointKind;

class Stopwatch {
public:
    [[nodiscard]] double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - m_start).count(); }

private:
    std::chrono::steady_clock::time_point m_start = std::chrono::steady_clock::now();
};

}  // namespace

void Trainer::emit(const RunEvent& event)
{
    if (m_log)
        m_log->append(event);
    if (m_hooks.emit)
        m_hooks.emit(event);
}

void Trainer::report(const char* phase)
{
    if (!m_hooks.memory)
        return;
    MemoryMeasured measured;
    measured.step = m_step;
    measured.phase = phase;
    measured.liveBytes = m_memory->takePeakBytes();
    measured.arenaBytes = m_memory->arenaBytes();
    measured.residentBytes = processMemory().residentBytes;
    const std::uint64_t arenas = measured.arenaBytes + m_memory->hostBytes();
    // On a CPU the whole of the process is measured: what it holds beside its arenas is library and heap, and counts as buffers.
    if (m_options.device.kind == DeviceSpec::Kind::Cpu && measured.residentBytes > arenas)
        measured.liveBytes[static_cast<std::size_t>(plan::Category::Buffers)] += measured.residentBytes - arenas;
    m_hooks.memory(measured);
}

TrainerResult Trainer::run()
{
    // Touched, so that it is there to be given back when nothing else is.
    constexpr std::size_t kReserve = 512u << 10;
    try {
        m_reserve = std::make_unique<std::byte[]>(kReserve);
        return runAll();
    } catch (const std::bad_alloc&) {
        m_reserve.reset();
    }
    keepLastStep();
    throw outOfMemory();
}

void Trainer::keepLastStep() noexcept
{
    if (!m_log || !m_stateIsWhole || m_loggedStep != m_step || m_savedStep == m_step)
        return;
    try {
        save();
    } catch (const std::exception&) {
        // The checkpoints before this one are still there.
    }
}

Error Trainer::notFinite(const StepDone& failed) const
{
    const std::string what = "step " + std::to_string(m_step + 1) + ": the loss or its gradient is not finite";
    if (m_step == 0 && !std::isfinite(failed.loss))
        return {ErrorCode::BadInput, what + ", and nothing has been trained yet",
                "the model's weights are not finite or too large for bf16: try recipe.precision fp32, or fetch the model again"};
    const bool kept = hasCheckpoint(m_options.runFolder);
    return {ErrorCode::RunFailed, what, std::string("lower recipe.learning_rate, or use recipe.precision fp32") + (kept ? "; the last checkpoint is good" : "")};
}

Error Trainer::outOfMemory() const
{
    std::string message = std::string("memory ran out while ") + m_activity;
    if (m_log)
        message += " after step " + std::to_string(m_step);
    message += ": this process holds " + formatBytes(processMemory().residentBytes);
    if (m_memory)
        message += ", " + formatBytes(m_plan.totalBytes()) + " were planned";
    try {
        message += ", the system has " + formatBytes(hostMemory().availableBytes) + " left";
    } catch (const std::bad_alloc&) {
        message += ", and the system gives no more";
    }
    std::string hint = "close other programs, or lower recipe.context or recipe.micro_batch";
    if (m_savedStep >= 0)
        hint += "; --resume goes on from the checkpoint of step " + std::to_string(m_savedStep);
    return Error(ErrorCode::DoesNotFit, message, hint);
}

TrainerResult Trainer::runAll()
{
    claimFolder();
    prepareData();
    m_activity = "loading the model";
    prepareMemory();
    prepareState();
    m_activity = "preparing the run folder";
    prepareFolder();
    announce();
    TrainerResult result;
    try {
        // A run that was stopped during an evaluation makes up for it.
        if (m_evaluatedStep != m_step && (m_step == 0 || evaluationIsDue()))
            evaluate();
        m_lossBefore = m_firstStep == 0 ? m_lossLast : m_lossBefore;
        trainSteps();
        if (m_evaluatedStep != m_step)
            evaluate();
    } catch (const Error& error) {
        if (error.code() != ErrorCode::Cancelled)
            throw;
        result.stopped = true;
    }
    if (m_savedStep != m_step)
        save();
    m_log->flush();
    m_memory->verifyGuards();
    result.step = m_step;
    result.seconds = m_seconds;
    result.validationLossBefore = m_lossBefore;
    result.validationLossAfter = m_lossLast;
    return result;
}

void Trainer::trainSteps()
{
    while (m_step < m_totalSteps) {
        if (m_hooks.boundary)
            m_hooks.boundary();
        throwIfStopped(m_hooks.stop);
        m_activity = "training";
        emit(trainStep());
        m_loggedStep = m_step;
        report("train");
        if (evaluationIsDue())
            evaluate();
        const std::int64_t every = m_options.job.run.saveEvery;
        const bool asked = m_hooks.saveRequested && m_hooks.saveRequested();
        if (asked || (every > 0 && m_step % every == 0))
            save();
    }
}

StepDone Trainer::trainStep()
{
    const Stopwatch watch;
    const Job& job = m_options.job;
    // Until the optimizer has run nothing of this step is kept: a stop puts the sampler back.
    const data::SamplerState before = m_sampler->state();
    const std::int64_t step = m_step + 1;
    data::GlobalBatch batch;
    StepDone done;
    try {
        batch = m_sampler->next();
        m_state->clearGradient();
        model::TrainPass pass;
        pass.gradientScale = batch.supervised > 0 ? 1.0 / static_cast<double>(batch.supervised) : 0.0;
        pass.dropout = m_plan.layout.trained.adapters.empty() ? 0.0 : job.recipe.dropout;
        pass.seed = static_cast<std::uint32_t>(job.recipe.seed);
        pass.step = static_cast<std::uint32_t>(step);
        double sum = 0;
        for (const data::MicroBatch& micro : batch.micro)
            sum += m_decoder->trainMicroBatch(micro, pass, m_hooks.stop);
        done.loss = sum * pass.gradientScale;
        m_memory->enter(m_plan.program.at(Phase::Train, PointKind::Reduce));
        done.gradNorm = m_state->gradientNorm();
    } catch (const std::exception&) {
        m_sampler->restore(before);
        throw;
    }
    if (!std::isfinite(done.loss) || !std::isfinite(done.gradNorm)) {
        m_sampler->restore(before);
        throw notFinite(done);
    }
    done.learningRate = learningRateAt(job, step, m_totalSteps);
    m_stateIsWhole = false;
    m_state->update(job, done.learningRate, done.gradNorm, step);
    m_decoder->refreshRowNorms();
    m_stateIsWhole = true;
    m_step = step;
    m_totalTokens += batch.tokens;
    done.step = step;
    done.epoch = m_sampler->epochsDone();
    done.tokens = batch.tokens;
    done.supervisedTokens = batch.supervised;
    done.totalTokens = m_totalTokens;
    done.seconds = watch.seconds();
    m_seconds += done.seconds;
    done.tokensPerSecond = static_cast<double>(batch.tokens) / done.seconds;
    done.etaSeconds = m_seconds / static_cast<double>(m_step) * static_cast<double>(m_totalSteps - m_step);
    return done;
}

bool Trainer::evaluationIsDue() const
{
    const std::int64_t every = m_options.job.run.evalEvery;
    return every > 0 ? m_step % every == 0 : m_sampler->atEpochStart();
}

void Trainer::evaluate()
{
    m_activity = "evaluating";
    // Both or neither: a stop between them is made up for after a resume, and nothing is said twice.
    const std::optional<EvalDone> loss = validationLoss();
    const std::optional<SampleDone> answer = sample();
    m_evaluatedStep = m_step;
    if (loss) {
        m_lossLast = loss->loss;
        emit(*loss);
    }
    if (answer)
        emit(*answer);
}

std::optional<EvalDone> Trainer::validationLoss()
{
    if (m_validation.empty())
        return std::nullopt;
    const Stopwatch watch;
    EvalDone done;
    done.step = m_step;
    double sum = 0;
    for (const data::MicroBatch& micro : m_validation) {
        sum += m_decoder->evaluateMicroBatch(micro, m_hooks.stop);
        done.supervisedTokens += micro.supervised;
    }
    done.loss = sum / static_cast<double>(std::max<std::int64_t>(1, done.supervisedTokens));
    done.seconds = watch.seconds();
    report("evaluate");
    return done;
}

std::optional<SampleDone> Trainer::sample()
{
    if (m_samplePrompt.empty())
        return std::nullopt;
    const Stopwatch watch;
    const JobRun& run = m_options.job.run;
    const generate::GeneratedText answer = generate::generate(*m_decoder, *m_text.tokenizer, m_samplePrompt, m_options.job.recipe.context, run.sampleTokens,
                                                              {.temperature = 0}, {}, m_hooks.stop);
    report("sample");
    return SampleDone{m_step, run.samplePrompt, answer.text, static_cast<std::int64_t>(answer.tokens.size()), watch.seconds()};
}

void Trainer::save()
{
    m_activity = "writing a checkpoint";
    m_memory->enter(m_plan.program.at(Phase::Save, PointKind::Save));
    const CheckpointSaved saved{m_step, utf8(m_options.runFolder / "checkpoints" / ("step-" + std::to_string(m_step)))};
    emit(saved);
    m_log->flush();
    Checkpoint checkpoint;
    checkpoint.step = m_step;
    checkpoint.sampler = m_sampler->state();
    checkpoint.totalTokens = m_totalTokens;
    checkpoint.secondsBefore = m_seconds;
    checkpoint.eventBytes = m_log->bytes();
    checkpoint.evaluatedStep = m_evaluatedStep;
    checkpoint.validationLossBefore = m_lossBefore;
    checkpoint.validationLossLast = m_lossLast;
    writeCheckpoint(m_options.runFolder, checkpoint, *m_state);
    m_savedStep = m_step;
}

}  // namespace lorikeet::train
