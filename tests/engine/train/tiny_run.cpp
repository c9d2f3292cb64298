// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/train/tiny_run.h"

#include "engine/base/check.h"
#include "engine/hardware/devices.h"
#include "tests/engine/oracle_process.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <bit>
#include <chrono>

namespace lorikeet::test {

namespace {

constexpr int kRows = 36;

QByteArray rowAt(int index)
{
    static const char* const kWords[] = {"warp", "block", "grid", "tile", "cache", "lane", "fence"};
    const QString word = kWords[index % 7];
    QString answer;
    for (int i = 0; i <= index % 5; ++i)
        answer += word + (i % 2 ? "! " : " ");
    const QJsonArray messages{QJsonObject{{"role", "user"}, {"content", QString("say %1 %2").arg(word).arg(index)}},
                              QJsonObject{{"role", "assistant"}, {"content", answer + "ok"}}};
    return QJsonDocument(QJsonObject{{"messages", messages}}).toJson(QJsonDocument::Compact) + "\n";
}

double secondsNow() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string bits(double value)
{
    return std::to_string(std::bit_cast<std::uint64_t>(value));
}

}  // namespace

QString TinyRuns::prepare()
{
    if (!m_folder.isValid())
        return m_folder.errorString();
    QFile data(m_folder.filePath("rows.jsonl"));
    if (!data.open(QIODevice::WriteOnly))
        return data.errorString();
    for (int i = 0; i < kRows; ++i)
        data.write(rowAt(i));
    return runOracle("make_tiny_model.py", {m_folder.filePath("model")});
}

Job TinyRuns::job() const
{
    Job job;
    job.model.path = m_folder.filePath("model").toStdString();
    job.data.path = m_folder.filePath("rows.jsonl").toStdString();
    job.data.validationFraction = 0.15;
    job.recipe.rank = 4;
    job.recipe.alpha = 8;
    job.recipe.dropout = 0.1;
    job.recipe.context = 160;
    job.recipe.microBatch = 2;
    job.recipe.accumulation = 2;
    job.recipe.epochs = 3;
    job.recipe.learningRate = 1e-2;
    job.recipe.warmupRatio = 0.1;
    job.recipe.precision = "fp32";
    job.run.device = "cpu";
    job.run.threads = 2;
    job.run.saveEvery = 2;
    job.run.evalEvery = 3;
    return job;
}

Outcome TinyRuns::run(const Job& job, const std::filesystem::path& runFolder, bool resume, const Disturbance& disturbance) const
{
    Outcome outcome;
    std::stop_source stop;
    double asked = 0;
    const auto ask = [&](bool wanted) {
        if (wanted && stop.request_stop())
            asked = secondsNow();
    };
    train::TrainerHooks hooks;
    hooks.stop = stop.get_token();
    hooks.emit = [&](const RunEvent& event) {
        outcome.events.push_back(event);
        ask(disturbance.stopAt && disturbance.stopAt(event));
        if (disturbance.killAt && disturbance.killAt(event))
            throw Killed{};
    };
    hooks.progress = [&](const Progress& progress) { ask(disturbance.stopAtProgress && disturbance.stopAtProgress(progress)); };
    hooks.memory = [&](const MemoryMeasured& measured) { ask(disturbance.stopAtMemory && disturbance.stopAtMemory(measured)); };
    train::TrainerOptions options;
    options.job = job;
    options.modelPath = job.model.path;
    options.device = hardware::probeCpu();
    options.runFolder = runFolder;
    options.resume = resume;
    options.checkMemory = disturbance.checkMemory;
    try {
        train::Trainer trainer(options, hooks);
        outcome.result = trainer.run();
        outcome.masters = trainer.state().masters();
        outcome.slots = trainer.plan().layout.trained.adapters;
        outcome.parameters = trainer.plan().layout.trained.parameters;
        outcome.unused = trainer.memory().unused();
        outcome.unwritten = trainer.memory().unwritten();
    } catch (const Error& error) {
        outcome.error = error;
    } catch (const Killed&) {
        outcome.killed = true;
    }
    if (asked > 0)
        outcome.secondsAfterStop = secondsNow() - asked;
    return outcome;
}

std::vector<std::string> facts(const std::vector<RunEvent>& events)
{
    std::vector<std::string> texts;
    for (const RunEvent& event : events) {
        if (const auto* s = std::get_if<StepDone>(&event))
            texts.push_back("step " + std::to_string(s->step) + " epoch " + bits(s->epoch) + " loss " + bits(s->loss) + " rate " + bits(s->learningRate)
                            + " norm " + bits(s->gradNorm) + " tokens " + std::to_string(s->tokens) + " of which " + std::to_string(s->supervisedTokens)
                            + " total " + std::to_string(s->totalTokens));
        else if (const auto* e = std::get_if<EvalDone>(&event))
            texts.push_back("evaluation at " + std::to_string(e->step) + " loss " + bits(e->loss) + " tokens " + std::to_string(e->supervisedTokens));
        else if (const auto* sample = std::get_if<SampleDone>(&event))
            texts.push_back("sample at " + std::to_string(sample->step) + ": " + sample->text);
    }
    return texts;
}

std::vector<std::string> loggedFacts(const std::filesystem::path& runFolder) { return facts(train::readEvents(runFolder)); }

void flipByte(const std::filesystem::path& path)
{
    QFile file(QString::fromStdString(path.string()));
    char byte = 0;
    const bool flipped = file.open(QIODevice::ReadWrite) && file.seek(file.size() - 5) && file.getChar(&byte) && file.seek(file.size() - 5)
                      && file.putChar(static_cast<char>(byte ^ 1));
    LORIKEET_CHECK(flipped, "cannot change a byte of " + path.string());
}

}  // namespace lorikeet::test
