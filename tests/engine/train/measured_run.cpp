// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/train/measured_run.h"

#include "engine/base/check.h"
#include "engine/base/files.h"
#include "engine/base/system.h"
#include "engine/formats/model_source.h"
#include "engine/hardware/devices.h"
#include "engine/plan/catalogue/catalogue.h"
#include "engine/spec/job_fields.h"
#include "engine/train/trainer.h"
#include "tests/engine/oracle_process.h"
#include "tests/engine/train/sparse_model.h"

#include <QCoreApplication>
#include <QFile>
#include <QJsonDocument>
#include <QProcess>

#include <cstdio>
#include <cstring>
#include <sstream>

namespace lorikeet::test {

namespace {

constexpr const char* kChild = "--measured-run";
constexpr int kSeconds = 280;

/// Ends a run after its last step, before the checkpoint that a run ends with.
struct LastStepDone {};

plan::MemoryPlan planHere(const Job& job, const DeviceSpec& device)
{
    const auto source = formats::openModelSource(job.model.path);
    const auto opened = model::openDevice(device, static_cast<int>(job.run.threads));
    return plan::plan(source->shape(), job, device, opened->costs(source->shape(), kernels::productSizes(job)));
}

/// Words of the child: the job's file, the run's folder, "ends" or "cut", and the share of the plan that is withheld, "free" for no limit.
struct Child {
    Job job;
    std::string folder;
    bool ends = true;
    bool limited = false;
    double lacking = 0;
};

void report(const train::Trainer& trainer, const train::TrainerOptions& options, std::uint64_t loaded, std::int64_t steps)
{
    const plan::MemoryPlan& plan = trainer.plan();
    const auto show = [](const char* name, std::uint64_t bytes) { std::printf("\"%s\":%llu,", name, static_cast<unsigned long long>(bytes)); };
    std::printf("{");
    show("plan", plan.totalBytes() + plan.hostBytes);
    show("arena", plan.arenaBytes + plan.hostBytes);
    show("context", options.device.contextBytes);
    show("loaded", loaded);
    show("peak", processMemory().peakResidentBytes);
    std::printf("\"steps\":%d}\n", static_cast<int>(steps));
    if (std::getenv("LORIKEET_SHOW_MAPS"))
        std::fprintf(stderr, "%s", readTextFile("/proc/self/smaps_rollup", 1 << 20).c_str());
}

int trainHere(const Child& child)
{
    train::TrainerOptions options;
    options.job = child.job;
    options.modelPath = child.job.model.path;
    options.device = hardware::probeCpu();
    options.runFolder = child.folder;
    std::int64_t steps = 0;
    std::uint64_t loaded = 0;  // the peak when the last tensor was in its place; 0 before the first
    train::TrainerHooks hooks;
    hooks.progress = [&](const Progress& progress) {
        if (progress.stage.starts_with("loading weights"))
            loaded = processMemory().peakResidentBytes;
    };
    hooks.emit = [&](const RunEvent& event) {
        const auto* step = std::get_if<StepDone>(&event);
        steps = step ? step->step : steps;
        if (step && !child.ends && step->step == child.job.recipe.maxSteps)
            throw LastStepDone{};
    };
    if (child.limited) {
        const plan::MemoryPlan plan = planHere(child.job, options.device);
        const auto total = static_cast<double>(plan.totalBytes() + plan.hostBytes);
        limitProcessMemory(static_cast<std::uint64_t>(total * (1 - child.lacking)));
        options.device = hardware::probeCpu();
    }
    train::Trainer trainer(options, hooks);
    try {
        trainer.run();
    } catch (const LastStepDone&) {
        // what is measured is over
    } catch (const Error& error) {
        std::printf("{\"error\":\"%s\",\"code\":%d,\"loaded\":%s}\n", std::string(nameOf(error.code())).c_str(), exitCodeOf(error.code()), loaded > 0 ? "true" : "false");
        std::fprintf(stderr, "%s\n", error.what());
        return 0;
    }
    report(trainer, options, loaded, steps);
    return 0;
}

QByteArray rowsOf(bool full)
{
    QByteArray rows;
    for (int i = 0; i < (full ? 160 : 3); ++i)
        rows += QString("{\"messages\":[{\"role\":\"user\",\"content\":\"Question %1?\"},{\"role\":\"assistant\",\"content\":\"%2\"}]}\n")
                    .arg(i)
                    .arg(QString("The answer of row %1. ").arg(i).repeated(full ? 12 : 1))
                    .toUtf8();
    return rows;
}

}  // namespace

QString MeasuredRuns::prepare()
{
    if (!m_folder.isValid())
        return m_folder.errorString();
    for (const bool full : {false, true}) {
        QFile file(m_folder.filePath(full ? "full.jsonl" : "few.jsonl"));
        const QByteArray rows = rowsOf(full);
        if (!file.open(QIODevice::WriteOnly) || file.write(rows) != rows.size())
            return file.errorString();
    }
    return runOracle("make_tiny_model.py", {m_folder.filePath("tokenizer")});
}

Job MeasuredRuns::jobOf(const MeasuredJob& measured)
{
    Job job;
    job.data.path = m_folder.filePath(measured.fullRows ? "full.jsonl" : "few.jsonl").toStdString();
    job.recipe.maxSteps = 2;
    job.run.threads = 2;
    job.run.device = "cpu";
    std::istringstream settings(measured.settings);
    for (std::string word; settings >> word;) {
        const std::size_t equals = word.find('=');
        setJobField(job, word.substr(0, equals), word.substr(equals + 1));
    }
    if (measured.model == "starter") {
        job.model.path = LORIKEET_STARTER_MODEL;
        return job;
    }
    const ModelShape* blueprint = plan::findBlueprint(measured.model);
    LORIKEET_CHECK(blueprint || measured.model == "mini", "no blueprint " + measured.model);
    ModelShape shape = blueprint ? *blueprint : miniShape();
    shape.layers = measured.layers > 0 ? measured.layers : shape.layers;
    const std::filesystem::path folder = m_folder.filePath(QString("%1-%2").arg(measured.model.c_str()).arg(shape.layers)).toStdString();
    if (!std::filesystem::exists(folder))
        writeSparseModel(folder, shape, m_folder.filePath("tokenizer").toStdString());
    job.model.path = folder.string();
    return job;
}

std::uint64_t MeasuredRuns::plannedBytes(const Job& job) const { return planHere(job, hardware::probeCpu()).totalBytes(); }

MeasuredReport MeasuredRuns::run(const MeasuredJob& measured, const MeasuredOptions& options)
{
    const QString run = m_folder.filePath(QString("run-%1").arg(++m_runs));
    const std::string file = m_folder.filePath("job.lorikeet.json").toStdString();
    writeFileAtomically(file, writeJob(jobOf(measured)));
    QProcess process;
    process.start(QCoreApplication::applicationFilePath(), {kChild, QString::fromStdString(file), run, measured.ends ? "ends" : "cut",
                                                            options.limited ? QString::number(options.lacking) : QString("free")});
    MeasuredReport report;
    const bool finished = process.waitForFinished(kSeconds * 1000);
    const QString said = QString::fromUtf8(process.readAllStandardError());
    if (!finished || process.exitStatus() != QProcess::NormalExit || process.exitCode() != 0)
        report.problem = QString("the process ended with %1 %2: %3").arg(finished ? "code" : "no answer").arg(process.exitCode()).arg(said);
    if (qEnvironmentVariableIsSet("LORIKEET_SHOW_MAPS"))
        std::fprintf(stderr, "%s", said.toUtf8().constData());
    report.values = QJsonDocument::fromJson(process.readAllStandardOutput()).object();
    report.values["said"] = said;
    std::filesystem::remove_all(run.toStdString());
    return report;
}

int measuredMain(int count, char** words, const std::function<int()>& test)
{
    if (count != 6 || std::strcmp(words[1], kChild) != 0)
        return test();
    try {
        const std::string limit = words[5];
        return trainHere({loadJobFile(words[2]), words[3], std::string(words[4]) == "ends", limit != "free", limit == "free" ? 0.0 : std::strtod(words[5], nullptr)});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

}  // namespace lorikeet::test
