// SPDX-License-Identifier: GPL-3.0-or-later
// Same seed, same bits; a run that was stopped or killed and resumed is the run that never was: losses, rates, evaluations, adapter.
#include "engine/base/files.h"
#include "tests/engine/train/tiny_run.h"

#include <nlohmann/json.hpp>

#include <QFile>
#include <QtTest>

#include <cmath>

using namespace lorikeet;
using test::facts;
using test::isStep;
using test::loggedFacts;
using test::Outcome;

namespace {

constexpr std::uint64_t kLargest = 1u << 20;

/// Named kinds of job.
Job jobOf(const test::TinyRuns& runs, const QString& kind)
{
    Job job = runs.job();
    if (kind == "bf16")
        job.recipe.precision = "bf16";
    else if (kind == "one row at a time")
        job.recipe.packing = false;
    else if (kind == "file order, one micro-batch, no dropout") {
        job.data.shuffle = false;
        job.recipe.accumulation = 1;
        job.recipe.dropout = 0;
    } else if (kind == "evaluation at epoch ends") {
        job.run.evalEvery = 0;
    } else if (kind == "no validation")
        job.data.validationFraction = 0;
    return job;
}

}  // namespace

class TestTrainerResume : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        m_straight = m_runs.run(m_runs.job(), m_runs.path("straight"), false);
        QVERIFY2(m_straight.result.has_value(), m_straight.error ? m_straight.error->what() : "killed");
        m_steps = m_straight.result->step;
        QVERIFY(m_steps >= 9);
        const auto& first = std::get<EvalDone>(*std::find_if(m_straight.events.begin(), m_straight.events.end(), [](const RunEvent& e) { return std::holds_alternative<EvalDone>(e); }));
        QVERIFY(*m_straight.result->validationLossAfter < 0.8 * first.loss);
    }

    void sameSeedGivesTheSameBits()
    {
        const Outcome again = m_runs.run(m_runs.job(), m_runs.path("again"), false);
        QVERIFY(again.result.has_value());
        QCOMPARE(facts(again.events), facts(m_straight.events));
        QVERIFY(again.masters == m_straight.masters);
        Job other = m_runs.job();
        other.recipe.seed = 43;
        const Outcome different = m_runs.run(other, m_runs.path("other-seed"), false);
        QVERIFY(different.masters != m_straight.masters);
    }

    void stoppedAndResumedIsNeverStopped_data()
    {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<int>("at");
        QTest::addColumn<bool>("killed");
        for (const bool killed : {false, true})
            for (int at = 0; at <= 10; ++at)
                QTest::addRow("%s after step %d", killed ? "killed" : "stopped", at) << QString() << at << killed;
        for (const char* kind : {"bf16", "one row at a time", "file order, one micro-batch, no dropout", "evaluation at epoch ends", "no validation"})
            for (const bool killed : {false, true})
                QTest::addRow("%s: %s after step 5", kind, killed ? "killed" : "stopped") << QString(kind) << 5 << killed;
    }
    void stoppedAndResumedIsNeverStopped()
    {
        QFETCH(QString, kind);
        QFETCH(int, at);
        QFETCH(bool, killed);
        const Job job = jobOf(m_runs, kind);
        const QString name = QString(QTest::currentDataTag()).replace(' ', '-');
        const Outcome straight = kind.isEmpty() ? m_straight : m_runs.run(job, m_runs.path(name + "-straight"), false);
        QVERIFY(straight.result.has_value());
        const auto there = [&](const RunEvent& event) { return at == 0 ? std::holds_alternative<RunStarted>(event) : isStep(event, at); };
        test::Disturbance disturbance;
        (killed ? disturbance.killAt : disturbance.stopAt) = there;
        const Outcome first = m_runs.run(job, m_runs.path(name), false, disturbance);
        QVERIFY(killed ? first.killed : first.result && first.result->stopped && first.result->step == at);
        const Outcome rest = m_runs.run(job, m_runs.path(name), true);
        QVERIFY2(rest.result.has_value(), rest.error ? rest.error->what() : "");
        QCOMPARE(loggedFacts(m_runs.path(name)), facts(straight.events));
        QVERIFY(rest.masters == straight.masters);
        QCOMPARE(rest.result->validationLossBefore, straight.result->validationLossBefore);
        QCOMPARE(rest.result->validationLossAfter, straight.result->validationLossAfter);
    }

    void aRunMayBeStoppedManyTimes()
    {
        const Job job = m_runs.job();
        const auto folder = m_runs.path("many");
        int sessions = 0;
        for (bool done = false; !done; ++sessions) {
            QVERIFY(sessions < 30);
            test::Disturbance disturbance;
            int seen = 0;
            const bool kill = sessions % 3 == 1;
            (kill ? disturbance.killAt : disturbance.stopAt) = [&](const RunEvent& event) { return std::holds_alternative<StepDone>(event) && ++seen == (kill ? 3 : 1); };
            const Outcome part = m_runs.run(job, folder, sessions > 0, disturbance);
            QVERIFY2(!part.error, part.error ? part.error->what() : "");
            done = part.result && !part.result->stopped;
            if (done)
                QVERIFY(part.masters == m_straight.masters);
        }
        QVERIFY(sessions > 3);
        QCOMPARE(loggedFacts(folder), facts(m_straight.events));
    }

    void moreEpochsGoOnFromTheEnd()
    {
        Job job = m_runs.job();
        job.recipe.schedule = "constant";
        job.recipe.warmupRatio = 0;
        Job shorter = job;
        shorter.recipe.epochs = 2;
        const Outcome straight = m_runs.run(job, m_runs.path("three-epochs"), false);
        const Outcome first = m_runs.run(shorter, m_runs.path("two-then-three"), false);
        QVERIFY(straight.result && first.result);
        QVERIFY(first.result->step < straight.result->step);
        const Outcome rest = m_runs.run(job, m_runs.path("two-then-three"), true);
        QVERIFY2(rest.result.has_value(), rest.error ? rest.error->what() : "");
        // With a constant rate the longer run passes through the shorter one's end.
        QVERIFY(rest.masters == straight.masters);
        QCOMPARE(rest.result->step, straight.result->step);
    }

    void aDamagedCheckpointIsPassedOverAndNamed()
    {
        const Job job = m_runs.job();
        const auto folder = m_runs.path("damaged");
        test::Disturbance disturbance;
        disturbance.stopAt = [](const RunEvent& event) { return isStep(event, 5); };
        QVERIFY(m_runs.run(job, folder, false, disturbance).result);
        QVERIFY(std::filesystem::exists(folder / "checkpoints" / "step-5"));
        test::flipByte(folder / "checkpoints" / "step-5" / "state.safetensors");
        const Outcome rest = m_runs.run(job, folder, true);
        QVERIFY2(rest.result.has_value(), rest.error ? rest.error->what() : "");
        const bool named = std::any_of(rest.events.begin(), rest.events.end(), [](const RunEvent& event) {
            const auto* notice = std::get_if<RunNotice>(&event);
            return notice && notice->message.find("step-5") != std::string::npos;
        });
        QVERIFY(named);
        QCOMPARE(std::get<RunStarted>(rest.events[1]).firstStep, std::int64_t{4});
        QVERIFY(rest.masters == m_straight.masters);
        QCOMPARE(loggedFacts(folder), facts(m_straight.events));
    }

    void withoutAGoodCheckpointTheResumeIsRefused()
    {
        const Job job = m_runs.job();
        const auto folder = m_runs.path("all-damaged");
        test::Disturbance disturbance;
        disturbance.stopAt = [](const RunEvent& event) { return isStep(event, 3); };
        QVERIFY(m_runs.run(job, folder, false, disturbance).result);
        for (const auto& entry : std::filesystem::directory_iterator(folder / "checkpoints"))
            test::flipByte(entry.path() / "state.json");
        const Outcome rest = m_runs.run(job, folder, true);
        QVERIFY(rest.error.has_value());
        QCOMPARE(rest.error->code(), ErrorCode::BadInput);
        QVERIFY(rest.error->message().find("step-3") != std::string::npos);
    }

    void changedFieldsAreRefusedByName_data()
    {
        QTest::addColumn<QString>("field");
        for (const char* field : {"recipe.rank", "recipe.learning_rate", "recipe.seed", "recipe.dropout", "recipe.micro_batch", "recipe.packing",
                                  "recipe.schedule", "recipe.precision", "data.shuffle", "data.validation_fraction", "run.threads"})
            QTest::newRow(field) << field;
    }
    void changedFieldsAreRefusedByName()
    {
        QFETCH(QString, field);
        Job job = m_runs.job();
        if (field == "recipe.rank") job.recipe.rank = 5;
        if (field == "recipe.learning_rate") job.recipe.learningRate *= 1.5;
        if (field == "recipe.seed") job.recipe.seed += 1;
        if (field == "recipe.dropout") job.recipe.dropout = 0.2;
        if (field == "recipe.micro_batch") job.recipe.microBatch = 3;
        if (field == "recipe.packing") job.recipe.packing = false;
        if (field == "recipe.schedule") job.recipe.schedule = "linear";
        if (field == "recipe.precision") job.recipe.precision = "bf16";
        if (field == "data.shuffle") job.data.shuffle = false;
        if (field == "data.validation_fraction") job.data.validationFraction = 0.2;
        if (field == "run.threads") job.run.threads = 1;
        const Outcome refused = m_runs.run(job, m_runs.path("straight"), true);
        QVERIFY(refused.error.has_value());
        QCOMPARE(refused.error->code(), ErrorCode::Usage);
        QVERIFY2(refused.error->message().find(field.toStdString()) != std::string::npos, refused.error->what());
        QCOMPARE(loggedFacts(m_runs.path("straight")), facts(m_straight.events));
    }

    void changedDataAreRefused()
    {
        const Job job = m_runs.job();
        const QString path = QString::fromStdString(job.data.path);
        QVERIFY(QFile::copy(path, path + ".good"));
        QFile file(path);
        QVERIFY(file.open(QIODevice::Append));
        file.write("{\"messages\":[{\"role\":\"user\",\"content\":\"one\"},{\"role\":\"assistant\",\"content\":\"more\"}]}\n");
        file.close();
        const Outcome refused = m_runs.run(job, m_runs.path("straight"), true);
        QVERIFY(QFile::remove(path) && QFile::rename(path + ".good", path));
        QVERIFY(refused.error.has_value());
        QCOMPARE(refused.error->code(), ErrorCode::BadInput);
        QVERIFY(refused.error->message().find("rows.jsonl") != std::string::npos);
    }

    void changedWeightsAreRefused()
    {
        const Job job = m_runs.job();
        const auto weights = std::filesystem::path(job.model.path) / "model.safetensors";
        test::flipByte(weights);
        const Outcome refused = m_runs.run(job, m_runs.path("straight"), true);
        test::flipByte(weights);
        QVERIFY(refused.error.has_value());
        QCOMPARE(refused.error->code(), ErrorCode::BadInput);
        QVERIFY(refused.error->message().find("model") != std::string::npos);
        // Put back as it was, the same resume is fine and has nothing left to do.
        const Outcome fine = m_runs.run(job, m_runs.path("straight"), true);
        QVERIFY(fine.result && fine.masters == m_straight.masters);
    }

    void aRunResumedOnAnotherDayReadsTheSameRows()
    {
        // The template prints the day: a run record that says another day gives other tokens, today's date is not asked.
        const Job job = m_runs.job();
        const auto folder = m_runs.path("another-day");
        test::Disturbance atStart;
        atStart.killAt = [](const RunEvent& event) { return std::holds_alternative<RunStarted>(event); };
        QVERIFY(m_runs.run(job, folder, false, atStart).killed);
        auto record = nlohmann::ordered_json::parse(readTextFile(folder / "run.json", kLargest));
        record["created"] = "2024-02-29T23:59:59Z";
        writeFileAtomically(folder / "run.json", record.dump());
        const Outcome leapDay = m_runs.run(job, folder, true, {});
        QVERIFY2(leapDay.result.has_value(), leapDay.error ? leapDay.error->what() : "");
        QVERIFY(leapDay.masters != m_straight.masters);
        QCOMPARE(nlohmann::ordered_json::parse(readTextFile(folder / "run.json", kLargest))["created"].get<std::string>(), std::string("2024-02-29T23:59:59Z"));

        const auto twice = m_runs.path("another-day-twice");
        QVERIFY(m_runs.run(job, twice, false, atStart).killed);
        writeFileAtomically(twice / "run.json", record.dump());
        test::Disturbance later;
        later.stopAt = [](const RunEvent& event) { return isStep(event, 4); };
        QVERIFY(m_runs.run(job, twice, true, later).result);
        const Outcome rest = m_runs.run(job, twice, true);
        QVERIFY(rest.result && rest.masters == leapDay.masters);
    }

private:
    test::TinyRuns m_runs;
    Outcome m_straight;
    std::int64_t m_steps = 0;
};

QTEST_GUILESS_MAIN(TestTrainerResume)
#include "tst_trainer_resume.moc"
