// SPDX-License-Identifier: GPL-3.0-or-later
// Jobs at the edges of what a job may say, in checking mode: no buffer is used outside its life, none overruns its end, no row that was
// not written is read (it would be NaN and end the run).
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/spec/job.h"
#include "tests/engine/api/api_run.h"
#include "tests/engine/train/tiny_run.h"

#include <nlohmann/json.hpp>

#include <QtTest>

#include <cmath>

using namespace lorikeet;
using test::WatchedRun;

class TestOddJobs : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }

    void trainsInCheckingMode_data()
    {
        QTest::addColumn<QString>("recipe");
        const auto row = [](const char* name, const char* recipe) { QTest::newRow(name) << QString(recipe); };
        row("as it is", "{}");
        row("every layer keeps all", R"({"recompute": "0"})");
        row("attention is kept", R"({"recompute": "2"})");
        row("whole blocks again", R"({"recompute": "3"})");
        row("levels by layer", R"({"recompute": "0:3,1:0"})");
        row("bf16", R"({"precision": "bf16"})");
        row("bf16, whole blocks again, no dropout", R"({"precision": "bf16", "recompute": "3", "dropout": 0.0})");
        row("some targets", R"({"targets": ["q", "down"]})");
        row("one target, no dropout", R"({"targets": ["v"], "dropout": 0.0, "recompute": "3"})");
        row("ranks by pattern", R"({"rank_pattern": {"layers.0.self_attn.q_proj": 1, "down_proj": 9}, "recompute": "2"})");
        row("rank larger than every width", R"({"rank": 200, "recompute": "3"})");
        row("rank 1", R"({"rank": 1})");
        row("loss chunk larger than the batch", R"({"loss_chunk": 5000})");
        row("loss chunk of one row", R"({"loss_chunk": 1})");
        row("no packing", R"({"packing": false})");
        row("rows that are no multiple of 64", R"({"context": 97, "micro_batch": 3})");
        row("the smallest context", R"({"context": 8, "micro_batch": 1, "train_on": "all"})");
        row("a small odd context, rows in pieces", R"({"context": 9, "micro_batch": 3, "overlong": "split", "train_on": "all"})");
        row("one thread", R"({"threads": 1})");
        row("more threads than cores", R"({"threads": 7})");
        row("no validation rows", R"({"validation_fraction": 0.0})");
        row("one step", R"({"max_steps": 1})");
        row("warm-up to the end", R"({"warmup_ratio": 1.0})");
        row("no clipping, weight decay", R"({"max_grad_norm": 0.0, "weight_decay": 0.1})");
        row("rate 0", R"({"learning_rate": 0.0})");
    }
    void trainsInCheckingMode()
    {
        QFETCH(QString, recipe);
        WatchedRun run(options(jobWith(recipe), QTest::currentDataTag()));
        run.start();
        const RunEnded ended = run.end();
        QVERIFY2(ended.status == RunEnded::Status::Done, ended.errorMessage.c_str());
        for (const RunEvent& event : run.events())
            if (const auto* step = std::get_if<StepDone>(&event))
                QVERIFY(std::isfinite(step->loss) && step->gradNorm >= 0);
    }

    void aTokenizerLargerThanTheModelIsRefusedBeforeTheFirstStep()
    {
        const auto file = std::filesystem::path(m_runs.job().model.path) / "tokenizer.json";
        const std::string before = readTextFile(file, 64 << 20);
        auto words = nlohmann::ordered_json::parse(before);
        const std::int64_t next = static_cast<std::int64_t>(words["model"]["vocab"].size() + words["added_tokens"].size());
        auto added = words["added_tokens"][0];
        added["id"] = next;
        added["content"] = "warp";
        added["special"] = false;
        words["added_tokens"].push_back(added);
        writeFileAtomically(file, words.dump());
        WatchedRun run(options(m_runs.job(), "large-tokenizer"));
        run.start();
        const RunEnded ended = run.end();
        writeFileAtomically(file, before);
        QCOMPARE(ended.status, RunEnded::Status::Failed);
        QVERIFY2(ended.errorCode == ErrorCode::BadInput, ended.errorMessage.c_str());
        QVERIFY2(ended.errorMessage.find("token " + std::to_string(next)) != std::string::npos, ended.errorMessage.c_str());
        QVERIFY(!std::filesystem::exists(m_runs.path("large-tokenizer") / "run.json"));
    }

    void anAdapterOfAnotherScaleIsNotContinued()
    {
        Job job = m_runs.job();
        job.recipe.maxSteps = 1;
        WatchedRun first(options(job, "first"));
        first.start();
        const RunEnded ended = first.end();
        QCOMPARE(ended.status, RunEnded::Status::Done);
        job.recipe.initAdapter = ended.adapterFolder;
        WatchedRun same(options(job, "same-scale"));
        same.start();
        QCOMPARE(same.end().status, RunEnded::Status::Done);
        job.recipe.alpha *= 2;
        WatchedRun other(options(job, "other-scale"));
        other.start();
        const RunEnded refused = other.end();
        QCOMPARE(refused.status, RunEnded::Status::Failed);
        QVERIFY2(refused.errorMessage.find("alpha") != std::string::npos, refused.errorMessage.c_str());
    }

private:
    /// The tiny job with some fields replaced, read back through the job file's checks.
    [[nodiscard]] Job jobWith(const QString& changes) const
    {
        Job base = m_runs.job();
        base.recipe.maxSteps = 3;
        base.run.evalEvery = 2;
        auto text = nlohmann::ordered_json::parse(writeJob(base));
        const auto replaced = nlohmann::ordered_json::parse(changes.toStdString());
        for (const auto& [key, value] : replaced.items()) {
            const char* section = key == "threads" ? "run" : key == "train_on" || key == "validation_fraction" ? "data" : "recipe";
            text[section][key] = value;
        }
        return parseJob(text.dump(), "job");
    }
    [[nodiscard]] api::RunOptions options(const Job& job, const QString& name) const
    {
        api::RunOptions options;
        options.job = job;
        options.runFolder = m_runs.path(QString(name).replace(' ', '-'));
        options.checkMemory = true;
        return options;
    }

    test::TinyRuns m_runs;
};

QTEST_GUILESS_MAIN(TestOddJobs)
#include "tst_odd_jobs.moc"
