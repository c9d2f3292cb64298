// SPDX-License-Identifier: GPL-3.0-or-later
// Exports to places that are taken or cannot be, of models that changed or went away, and stopped ones: whole or not there.
#include "engine/api/exporting.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "tests/engine/api/api_run.h"
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

    void aTakenTargetIsReplacedOnlyWhenAllowed()
    {
        fs::create_directories(m_runs.path("taken"));
        std::ofstream(m_runs.path("taken") / "precious.txt") << "mine";
        refused(request("taken"), ErrorCode::Target);
        QVERIFY(fs::exists(m_runs.path("taken") / "precious.txt"));
        api::ExportRequest replacing = request("taken");
        replacing.replace = true;
        (void)api::exportRun(replacing, {}, {});
        QVERIFY(fs::exists(m_runs.path("taken") / "adapter_config.json"));
        QVERIFY(!fs::exists(m_runs.path("taken") / "precious.txt"));
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
