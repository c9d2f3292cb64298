// SPDX-License-Identifier: GPL-3.0-or-later
// Exports to places that are taken or cannot be, of models that changed or went away, and stopped ones: whole or not there. Adapters of
// quantised bases answer in PEFT as they do here.
#include "engine/api/exporting.h"
#include "engine/api/generation.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "tests/engine/api/api_run.h"
#include "tests/engine/logits.h"
#include "tests/engine/oracle_process.h"
#include "tests/engine/train/tiny_run.h"

#include <QFile>
#include <QtTest>

#include <fstream>

using namespace lorikeet;
namespace fs = std::filesystem;

class TestExporting : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        api::RunOptions options;
        options.job = m_runs.job();
        options.job.recipe.maxSteps = 2;
        options.runFolder = m_runs.path("run");
        test::WatchedRun run(options);
        run.start();
        const RunEnded ended = run.end();
        QVERIFY2(ended.status == RunEnded::Status::Done, ended.errorMessage.c_str());
    }

    void writesAndProves()
    {
        const api::ExportReport report = api::exportRun(request("good"), {}, {});
        QVERIFY(fs::exists(m_runs.path("good") / "adapter_model.safetensors"));
        QCOMPARE(report.checks.size(), std::size_t{2});
        for (const api::ExportCheck& check : report.checks)
            QVERIFY2(check.passed, check.what.c_str());
    }

    // What PiSSA quantised is the rest of each weight: its adapter belongs to the base as it is.
    void anAdapterOfAQuantisedBaseAnswersInPeft_data()
    {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("start");
        QTest::newRow("nf4") << "nf4" << "default";
        QTest::newRow("nf4, scales in 8 bits") << "nf4-double" << "default";
        QTest::newRow("nf4 of PiSSA's rest") << "nf4-double" << "pissa";
    }
    void anAdapterOfAQuantisedBaseAnswersInPeft()
    {
        QFETCH(QString, kind);
        QFETCH(QString, start);
        const bool pissa = start == "pissa";
        const QString name = kind + "-" + start;
        const QString model = text("blocks");
        // Rows of multiples of 64, as bitsandbytes needs them on a CPU.
        if (!fs::exists(m_runs.path("blocks"))) {
            const QString problem = test::runOracle("make_chatml_model.py", {model});
            QVERIFY2(problem.isEmpty(), qPrintable(problem));
        }
        api::RunOptions options;
        options.job = m_runs.job();
        options.job.model.path = model.toStdString();
        options.job.recipe.quantization = "nf4";
        options.job.recipe.doubleQuantization = kind == "nf4-double";
        options.job.recipe.adapterInit = start.toStdString();
        options.job.recipe.maxSteps = 4;
        options.runFolder = m_runs.path(name);
        test::WatchedRun run(options);
        run.start();
        const RunEnded ended = run.end();
        QVERIFY2(ended.status == RunEnded::Status::Done, ended.errorMessage.c_str());
        const api::BaseWeights base = api::inspectRun(options.runFolder).base;
        QVERIFY((base == api::BaseWeights{pissa ? Quantization::None : Quantization::Nf4, kind == "nf4-double"}));

        api::ExportRequest exporting = request(name + "-out");
        exporting.runFolder = options.runFolder;
        for (const api::ExportCheck& check : api::exportRun(exporting, {}, {}).checks)
            QVERIFY2(check.passed, check.what.c_str());

        const std::vector<std::int32_t> tokens{40, 41, 300, 7, 150, 151, 152, 383, 9, 200, 201, 3, 60, 61, 62};
        const auto ours = [&](const QString& adapter, const api::BaseWeights& weights) {
            const fs::path out = m_runs.path("ours.safetensors");
            api::writeLogits(model.toStdString(), adapter.toStdString(), tokens, out, DType::F32, "cpu", weights);
            return test::logitsIn(out);
        };
        QFile list(text("tokens.json"));
        QVERIFY(list.open(QIODevice::WriteOnly));
        QStringList numbers;
        for (const std::int32_t token : tokens)
            numbers << QString::number(token);
        list.write(("[" + numbers.join(", ") + "]").toUtf8());
        list.close();
        QStringList words{"logits", model, text(name + "-out"), list.fileName(), text("theirs.safetensors")};
        if (!pissa)
            words << kind;
        const QString problem = test::runOracle(pissa ? "model_oracle.py" : "bnb_checkpoint_oracle.py", words);
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const std::vector<float> theirs = test::logitsIn(m_runs.path("theirs.safetensors"));
        const double d = test::difference(ours(text(name + "-out"), base), theirs);
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
        // Another base, or none of what was learnt, is seen.
        const api::BaseWeights other{pissa ? Quantization::Nf4 : Quantization::None, true};
        QVERIFY(test::difference(ours(text(name + "-out"), other), theirs) > 1e-3);
        QVERIFY(test::difference(ours(QString(), base), theirs) > 1e-3);
    }

    /// Tables and norms go out with the adapter and come back: the model answers with them, and without them as before.
    void whatWasTrainedWholeIsExportedAndAnswers()
    {
        api::RunOptions options;
        options.job = m_runs.job();
        options.job.recipe.maxSteps = 4;
        options.job.recipe.alsoTrain = {"embeddings", "norms"};
        options.runFolder = m_runs.path("also");
        test::WatchedRun run(options);
        run.start();
        const RunEnded ended = run.end();
        QVERIFY2(ended.status == RunEnded::Status::Done, ended.errorMessage.c_str());
        QVERIFY(fs::exists(fs::path(ended.adapterFolder) / "adapter_model.safetensors"));
        api::ExportRequest exporting = request("also-adapter");
        exporting.runFolder = options.runFolder;
        const api::ExportReport report = api::exportRun(exporting, {}, {});
        for (const api::ExportCheck& check : report.checks)
            QVERIFY2(check.passed, check.what.c_str());
        // 2 layers of 7 maps with A and B, the table as embedding and as head, 2 norms a layer and the last.
        QCOMPARE(api::inspectAdapter(report.folder).tensors, 28 + 2 + 5);
        QCOMPARE(api::inspectAdapter(report.folder).alsoTrained.size(), std::size_t{5});
        exporting.to = "safetensors";
        exporting.target = m_runs.path("also-model");
        refused(exporting, ErrorCode::Usage);

        const auto answer = [](api::Generation& generation, bool adapted) {
            api::GenerationOptions asked;
            asked.prompt = "say warp 3";
            asked.maxTokens = 12;
            asked.useAdapter = adapted;
            return generation.generate(asked, {}, {}).tokens;
        };
        const std::string model = m_runs.job().model.path;
        api::Generation plain(model, {}, "cpu", 96, {}, {});
        api::Generation generation(model, report.folder, "cpu", 96, {}, {});
        const std::vector<std::int32_t> base = answer(plain, false);
        const std::vector<std::int32_t> adapted = answer(generation, true);
        QVERIFY(adapted != base);
        QCOMPARE(answer(generation, false), base);
        QCOMPARE(answer(generation, true), adapted);
    }

    void magnitudesAreWrittenAndProved()
    {
        api::RunOptions options;
        options.job = m_runs.job();
        options.job.recipe.maxSteps = 2;
        options.job.recipe.dropout = 0;
        options.job.recipe.dora = true;
        options.runFolder = m_runs.path("dora-run");
        test::WatchedRun run(options);
        run.start();
        const RunEnded ended = run.end();
        QVERIFY2(ended.status == RunEnded::Status::Done, ended.errorMessage.c_str());
        api::ExportRequest dora = request("dora");
        dora.runFolder = options.runFolder;
        for (const api::ExportCheck& check : api::exportRun(dora, {}, {}).checks)
            QVERIFY2(check.passed, check.what.c_str());
        (void)api::exportRun(request("plain"), {}, {});
        const api::AdapterInfo info = api::inspectAdapter(dora.target);
        const api::AdapterInfo plain = api::inspectAdapter(m_runs.path("plain"));
        QVERIFY(info.dora && !plain.dora);
        QCOMPARE(2 * info.tensors, 3 * plain.tensors);
    }

    void anExportIsReplacedOnlyWhenAllowed()
    {
        api::ExportRequest again = request("taken");
        (void)api::exportRun(again, {}, {});
        std::ofstream(m_runs.path("taken") / "tokenizer.json") << "old";
        refused(again, ErrorCode::Target);
        again.replace = true;
        (void)api::exportRun(again, {}, {});
        QVERIFY(fs::file_size(m_runs.path("taken") / "tokenizer.json") > 3);
    }

    void whatIsNoExportIsNeverReplaced_data()
    {
        QTest::addColumn<QString>("target");
        QTest::addColumn<QString>("precious");
        QTest::newRow("a file of the user's") << "mine" << "mine/thesis.txt";
        QTest::newRow("a folder of the user's") << "papers" << "papers/sub/thesis.txt";
        QTest::newRow("a file beside an export") << "beside" << "beside/notes.md";
        QTest::newRow("the run itself") << "run" << "run/run.json";
        QTest::newRow("its checkpoints") << "run/checkpoints" << "run/run.json";
        QTest::newRow("what holds the run") << "" << "run/run.json";
        QTest::newRow("by another way") << "run/../run/." << "run/run.json";
        QTest::newRow("a file") << "single.bin" << "single.bin";
        QTest::newRow("a link to a folder") << "link" << "linked/thesis.txt";
    }
    void whatIsNoExportIsNeverReplaced()
    {
        QFETCH(QString, target);
        QFETCH(QString, precious);
        const fs::path file = m_runs.path(precious);
        fs::create_directories(file.parent_path());
        if (!fs::exists(file))
            std::ofstream(file) << "mine";
        if (target == "beside")
            std::ofstream(m_runs.path("beside") / "adapter_config.json") << "{}";
        if (target == "link" && !fs::exists(m_runs.path("link")))
            fs::create_directory_symlink(m_runs.path("linked"), m_runs.path("link"));
        const auto bytes = fs::file_size(file);
        api::ExportRequest replacing = request(target);
        replacing.replace = true;
        refused(replacing, ErrorCode::Target);
        QCOMPARE(fs::file_size(file), bytes);
        QVERIFY(fs::exists(m_runs.path("run") / "checkpoints"));
    }

    void aTargetThatCannotBeIsNamed_data()
    {
        QTest::addColumn<QString>("target");
        QTest::newRow("below a file") << "rows.jsonl/out";
        QTest::newRow("a name longer than the system allows") << QString(300, 'x');
    }
    void aTargetThatCannotBeIsNamed()
    {
        QFETCH(QString, target);
        refused(request(target), ErrorCode::Target);
    }

    void aStoppedExportLeavesNothing()
    {
        std::stop_source stop;
        try {
            (void)api::exportRun(request("stopped"), stop.get_token(), [&](const Progress&) { stop.request_stop(); });
            QFAIL("it went on");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Cancelled);
        }
        QVERIFY(!fs::exists(m_runs.path("stopped")));
    }

    void changedWeightsAreRefused()
    {
        const fs::path weights = fs::path(m_runs.job().model.path) / "model.safetensors";
        test::flipByte(weights);
        refused(request("changed"), ErrorCode::BadInput);
        test::flipByte(weights);
        (void)api::exportRun(request("changed"), {}, {});
    }

    void aModelThatWentAwayIsNamed()
    {
        const fs::path model = m_runs.job().model.path;
        fs::rename(model, m_runs.path("elsewhere"));
        refused(request("gone"), ErrorCode::BadInput);
        fs::rename(m_runs.path("elsewhere"), model);
    }

    void whatIsNoRunIsRefused()
    {
        api::ExportRequest none = request("none");
        none.runFolder = m_runs.path("nowhere");
        refused(none, ErrorCode::BadInput);
        none.runFolder = m_runs.path("rows.jsonl");
        refused(none, ErrorCode::BadInput);
        none.runFolder = m_runs.path("rows.jsonl") / "below";
        refused(none, ErrorCode::BadInput);
        fs::create_directories(m_runs.path("damaged"));
        writeFileAtomically(m_runs.path("damaged") / "run.json", "{\"lorikeet_run\": \"x\"");
        none.runFolder = m_runs.path("damaged");
        refused(none, ErrorCode::BadInput);
    }

private:
    [[nodiscard]] QString text(const QString& name) const { return QString::fromStdString(m_runs.path(name).string()); }
    [[nodiscard]] api::ExportRequest request(const QString& target) const
    {
        api::ExportRequest request;
        request.runFolder = m_runs.path("run");
        request.target = m_runs.path(target);
        return request;
    }
    static void refused(const api::ExportRequest& request, ErrorCode code)
    {
        const bool existed = [&] { std::error_code ignored; return fs::exists(request.target, ignored); }();
        try {
            (void)api::exportRun(request, {}, {});
            QFAIL("it was exported");
        } catch (const Error& error) {
            QVERIFY2(error.code() == code, error.what());
        }
        std::error_code ignored;
        QCOMPARE(fs::exists(request.target, ignored), existed);
    }

    test::TinyRuns m_runs;
};

QTEST_GUILESS_MAIN(TestExporting)
#include "tst_exporting.moc"
