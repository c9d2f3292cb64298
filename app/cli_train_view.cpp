// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli_train_view.h"

#include "engine/base/units.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>

namespace lorikeet::app {

namespace {

constexpr int kBarCells = 12;  // with the numbers the line fits 80 columns

std::uint64_t sumOf(const CategoryBytes& bytes) { return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0}); }

class JsonView final : public TrainView {
public:
    explicit JsonView(Output& out) : m_out(out) {}
    void event(const RunEvent& event) override { m_out.json(toJson(event)); }
    void memory(const MemoryMeasured& measured) override { m_out.json(toJson(RunEvent(measured))); }
    void progress(const Progress& progress) override { m_out.json(toJson(RunEvent(PhaseProgress{progress}))); }

private:
    Output& m_out;
};

class PlainView final : public TrainView {
public:
    explicit PlainView(Output& out) : m_out(out) {}

    void event(const RunEvent& event) override
    {
        std::visit([this](const auto& value) { show(value); }, event);
    }

    void memory(const MemoryMeasured& measured) override { m_measured = measured; }

    void progress(const Progress& progress) override
    {
        if (m_out.isTerminal())
            m_out.status().show(describe(progress));
        else if (progress.stage != m_stage)
            m_out.line(progress.stage);
        m_stage = progress.stage;
    }

private:
    void show(const RunStarted& started)
    {
        m_started = started;
        m_out.line(formatInteger(static_cast<std::uint64_t>(started.trainRows)) + " rows, "
                   + formatInteger(static_cast<std::uint64_t>(started.trainTokens)) + " tokens ("
                   + formatInteger(static_cast<std::uint64_t>(started.supervisedTokens)) + " trained), "
                   + formatInteger(static_cast<std::uint64_t>(started.validationRows)) + " rows held out");
        m_out.line(formatCount(started.trainableParameters) + " trainable parameters, " + std::to_string(started.totalSteps) + " steps on "
                   + started.device + ", " + formatBytes(sumOf(started.plannedBytes)) + " planned");
        if (started.firstStep > 0)
            m_out.line("goes on after step " + std::to_string(started.firstStep));
        m_out.line("run folder: " + started.runFolder);
    }

    void show(const StepDone& step)
    {
        if (m_out.isTerminal())
            m_out.status().show(statusOf(step));
        else
            m_out.line("step " + std::to_string(step.step) + "/" + std::to_string(m_started.totalSteps) + "  " + numbersOf(step));
    }

    void show(const EvalDone& eval)
    {
        m_out.line("validation loss " + formatNumber(eval.loss) + " after step " + std::to_string(eval.step));
    }

    void show(const SampleDone& sample)
    {
        m_out.line("sample after step " + std::to_string(sample.step) + ": " + sample.text);
    }

    void show(const CheckpointSaved& saved)
    {
        if (!m_out.isTerminal())
            m_out.line("checkpoint: " + saved.folder);
    }

    void show(const RunNotice& notice) { m_out.line("note: " + notice.message); }
    void show(const MemoryMeasured& measured) { memory(measured); }
    void show(const PhaseProgress& phase) { progress(phase.progress); }
    void show(const StateChanged&) {}

    void show(const RunEnded& ended)
    {
        m_out.status().clear();
        if (ended.status != RunEnded::Status::Done)
            return;
        m_out.line("done: " + std::to_string(ended.step) + " steps in " + formatDuration(ended.seconds) + lossChange(ended));
        if (!ended.adapterFolder.empty())
            m_out.line("adapter: " + ended.adapterFolder);
        if (ended.modelFolder)
            m_out.line("model: " + *ended.modelFolder);
    }

    static std::string lossChange(const RunEnded& ended)
    {
        if (!ended.validationLossBefore || !ended.validationLossAfter)
            return {};
        const double before = *ended.validationLossBefore;
        const double change = 100.0 * (*ended.validationLossAfter - before) / before;
        return ", validation loss " + formatNumber(before) + " -> " + formatNumber(*ended.validationLossAfter) + " (" + (change > 0 ? "+" : "")
             + formatNumber(change, 3) + " %)";
    }

    [[nodiscard]] std::string numbersOf(const StepDone& step) const
    {
        std::string text = "loss " + formatNumber(step.loss) + "  lr " + formatNumber(step.learningRate, 3) + "  grad " + formatNumber(step.gradNorm, 3)
                         + "  " + rateOf(step) + "  ETA " + formatDuration(step.etaSeconds);
        if (m_measured)
            text += "  memory " + memoryText() + " planned";
        return text;
    }

    [[nodiscard]] std::string statusOf(const StepDone& step) const
    {
        const double share = static_cast<double>(step.step) / static_cast<double>(std::max<std::int64_t>(1, m_started.totalSteps));
        std::string text = bar(share, kBarCells) + " " + std::to_string(step.step) + "/" + std::to_string(m_started.totalSteps) + "  loss "
                         + formatNumber(step.loss) + "  " + rateOf(step) + "  ETA " + formatDuration(step.etaSeconds);
        return m_measured ? text + "  " + memoryText() : text;
    }

    static std::string rateOf(const StepDone& step) { return formatInteger(static_cast<std::uint64_t>(step.tokensPerSecond)) + " tok/s"; }

    [[nodiscard]] std::string memoryText() const
    {
        return formatBytes(m_measured->residentBytes) + " of " + formatBytes(sumOf(m_started.plannedBytes));
    }

    Output& m_out;
    RunStarted m_started;
    std::optional<MemoryMeasured> m_measured;
    std::string m_stage;
};

}  // namespace

std::unique_ptr<TrainView> makeJsonView(Output& out) { return std::make_unique<JsonView>(out); }
std::unique_ptr<TrainView> makePlainView(Output& out) { return std::make_unique<PlainView>(out); }

}  // namespace lorikeet::app
