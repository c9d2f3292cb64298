// SPDX-License-Identifier: GPL-3.0-or-later
// Full fine-tuning exported as a Hugging Face folder: transformers opens it and answers the same, and it is the model that was trained.
#include "engine/api/exporting.h"
#include "engine/api/generation.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/model_source.h"
#include "engine/formats/safetensors_reader.h"
#include "tests/engine/api/api_run.h"
#include "tests/engine/logits.h"
#include "tests/engine/formats/oracle.h"
#include "tests/engine/oracle_process.h"
#include "tests/engine/train/tiny_run.h"

#include <QtTest>

#include <cmath>

using namespace lorikeet;
using test::difference;
using test::logitsIn;
namespace fs = std::filesystem;

class TestModelExport : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const QString failed = test::runOracle("make_chatml_model.py", {otherModels(), "others"});
        QVERIFY2(failed.isEmpty(), qPrintable(failed));
    }

    void theFolderIsTheTrainedModel_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("precision");
        QTest::newRow("folder") << "" << "fp32";
        QTest::newRow("folder in bf16") << "" << "bf16";
        for (const char* family : {"granite", "smollm3", "qwen2", "olmo2"})  // multipliers; layers without positions; a window in some layers and yarn; norms behind
            QTest::newRow(family) << otherModels() + "/" + family << "fp32";
        QTest::newRow("GGUF starter") << QStringLiteral(LORIKEET_STARTER_MODEL) << "fp32";
    }
    void theFolderIsTheTrainedModel()
    {
        QFETCH(QString, model);
        QFETCH(QString, precision);
        const QString name = QString(QTest::currentDataTag()).replace(' ', '-');
        Job job = fullJob(precision);
        if (!model.isEmpty())
            job.model.path = model.toStdString();
        const RunEnded trained = run(job, name + "-run");
        QVERIFY2(trained.status == RunEnded::Status::Done, trained.errorMessage.c_str());
        QVERIFY(std::abs(*trained.validationLossAfter - *trained.validationLossBefore) > 1e-3);

        const fs::path folder = m_runs.path(name);
        const api::ExportReport report = api::exportRun({m_runs.path(name + "-run"), "safetensors", folder}, {}, {});
        QCOMPARE(report.checks.size(), std::size_t{2});
        for (const api::ExportCheck& check : report.checks)
            QVERIFY2(check.passed, check.what.c_str());
        const formats::SafetensorsFile weights(folder / "model.safetensors");
        QVERIFY(weights.find("lm_head.weight") == nullptr);  // all have tied heads
        compareWithTransformers(folder, job.model.path, name);

        // A new run from the folder begins with the loss that the first one ended with.
        Job again = job;
        again.model.path = folder.string();
        again.recipe.maxSteps = 1;
        const RunEnded next = run(again, name + "-again");
        QVERIFY2(next.status == RunEnded::Status::Done, next.errorMessage.c_str());
        const double change = std::abs(*next.validationLossBefore - *trained.validationLossAfter);
        QVERIFY2(change <= (precision == "fp32" ? 1e-6 : 1e-3), qPrintable(QString::number(change)));
    }

    void theConfigurationIsTransformersReadingOfTheGgufFile()
    {
        const QString folder = QString::fromStdString(m_runs.path("GGUF-starter").string());
        const auto fields = formats::askOracle("export_oracle.py", {"config", QStringLiteral(LORIKEET_STARTER_MODEL), folder});
        QVERIFY(fields.size() > 10);
        for (const auto& [name, both] : fields.items()) {
            const bool isRounded = both[0].is_number_float() && std::abs(both[0].get<double>() - both[1].get<double>()) <= 1e-6 * both[0].get<double>();
            QVERIFY2(isRounded || both[0] == both[1], (name + ": " + both.dump()).c_str());
        }
    }

    void theWrongKindIsRefused()
    {
        Job job = fullJob("fp32");
        job.recipe.method = "lora";
        QCOMPARE(static_cast<int>(run(job, "lora-run").status), static_cast<int>(RunEnded::Status::Done));
        refused({m_runs.path("lora-run"), "safetensors", m_runs.path("wrong")}, ErrorCode::Usage, "adapter");
        refused({m_runs.path("folder-run"), "peft", m_runs.path("wrong")}, ErrorCode::Usage, "whole model");
        refused({m_runs.path("folder-run"), "gguf", m_runs.path("wrong")}, ErrorCode::Usage, "gguf");
    }

    void aTargetThatCannotBeIsNamed()
    {
        refused({m_runs.path("folder-run"), "safetensors", "/proc/self/model"}, ErrorCode::Target, "/proc/self");
        refused({m_runs.path("folder-run"), "safetensors", m_runs.path("rows.jsonl") / "model"}, ErrorCode::Target, "rows.jsonl");
        refused({m_runs.path("folder-run"), "safetensors", m_runs.path("folder")}, ErrorCode::Target, "already exists");
        QVERIFY(fs::exists(m_runs.path("folder") / "model.safetensors"));
        (void)api::exportRun({m_runs.path("folder-run"), "safetensors", m_runs.path("folder"), true}, {}, {});
        QVERIFY(fs::exists(m_runs.path("folder") / "model.safetensors"));
    }

    void aStoppedExportLeavesNothing()
    {
        std::stop_source stop;
        int reports = 0;
        try {
            // The third tensor, so that part of the weights is written.
            const auto progress = [&](const Progress& step) { (step.stage == "writing weights" && ++reports == 3) ? void(stop.request_stop()) : void(); };
            (void)api::exportRun({m_runs.path("folder-run"), "safetensors", m_runs.path("stopped")}, stop.get_token(), progress);
            QFAIL("it went on");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Cancelled);
        }
        QCOMPARE(reports, 3);
        QVERIFY(!fs::exists(m_runs.path("stopped")));
        for (const auto& entry : fs::directory_iterator(m_runs.path("")))
            QVERIFY2(entry.path().filename().string().find("stopped") == std::string::npos, entry.path().c_str());
    }

private:
    [[nodiscard]] QString otherModels() const { return QString::fromStdString(m_runs.path("others").string()); }
    [[nodiscard]] Job fullJob(const QString& precision) const
    {
        Job job = m_runs.job();
        job.recipe.method = "full";
        job.recipe.dropout = 0;
        job.recipe.precision = precision.toStdString();
        job.recipe.optimizer = "sgd";
        job.recipe.momentum = 0;
        job.recipe.learningRate = 0.05;
        job.recipe.warmupRatio = 0;
        job.recipe.context = 96;
        job.recipe.maxSteps = 2;
        job.run.saveEvery = 0;
        job.run.evalEvery = 0;
        return job;
    }
    RunEnded run(const Job& job, const QString& folder) const
    {
        api::RunOptions options;
        options.job = job;
        options.runFolder = m_runs.path(folder);
        test::WatchedRun run(options);
        run.start();
        return run.end();
    }
    void compareWithTransformers(const fs::path& folder, const std::string& base, const QString& name) const
    {
        const std::int64_t vocab = formats::openModelSource(folder)->shape().vocab;
        std::vector<std::int32_t> tokens;
        for (std::int64_t i = 0; i < 40; ++i)
            tokens.push_back(static_cast<std::int32_t>((i * 7919 + 13) % vocab));
        const fs::path list = m_runs.path(name + "-tokens.json");
        writeFileAtomically(list, nlohmann::ordered_json(tokens).dump());
        const fs::path theirs = m_runs.path(name + "-theirs.safetensors");
        (void)formats::askOracle("export_oracle.py", {"logits", QString::fromStdString(folder.string()), QString::fromStdString(list.string()),
                                                      QString::fromStdString(theirs.string())});
        const fs::path ours = m_runs.path(name + "-ours.safetensors");
        api::writeLogits(folder.string(), {}, tokens, ours, DType::F32, "cpu");
        const double d = difference(logitsIn(ours), logitsIn(theirs));
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
        api::writeLogits(base, {}, tokens, ours, DType::F32, "cpu");
        QVERIFY(difference(logitsIn(ours), logitsIn(theirs)) > 1e-3);
    }
    static void refused(const api::ExportRequest& request, ErrorCode code, const std::string& named)
    {
        try {
            (void)api::exportRun(request, {}, {});
            QFAIL("it was exported");
        } catch (const Error& error) {
            QVERIFY2(error.code() == code, error.what());
            QVERIFY2(error.message().find(named) != std::string::npos, error.what());
        }
    }

    test::TinyRuns m_runs;
};

QTEST_GUILESS_MAIN(TestModelExport)
#include "tst_model_export.moc"
