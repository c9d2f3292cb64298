// SPDX-License-Identifier: GPL-3.0-or-later
// What the fields of a job mean together: targets, adapter sizes, recompute levels, validation.
#include "engine/base/error.h"
#include "engine/spec/job.h"

#include <QtTest/QtTest>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lorikeet;

namespace {

Job readyJob()
{
    Job job;
    job.model.path = "starter";
    job.data.path = "rows.jsonl";
    return job;
}

std::string levelsAsText(const Job& job, std::int64_t layers)
{
    std::string text;
    for (const Recompute level : recomputeLevels(job, layers))
        text += static_cast<char>('0' + static_cast<int>(level));
    return text;
}

std::vector<std::string> fieldsOf(const std::vector<Issue>& issues)
{
    std::vector<std::string> fields;
    for (const Issue& issue : issues)
        fields.push_back(issue.field);
    return fields;
}

}  // namespace

class TestJob : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void targetsComeInTheOrderOfTheBlockAndOnce_data()
    {
        QTest::addColumn<QStringList>("words");
        QTest::addColumn<QString>("expected");
        QTest::newRow("all") << QStringList{"all"} << "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj ";
        QTest::newRow("short and long words") << QStringList{"down", "v_proj", "q"} << "q_proj v_proj down_proj ";
        QTest::newRow("twice") << QStringList{"o", "o_proj", "o"} << "o_proj ";
        QTest::newRow("all and more") << QStringList{"q", "all"} << "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj ";
    }
    void targetsComeInTheOrderOfTheBlockAndOnce()
    {
        QFETCH(QStringList, words);
        QFETCH(QString, expected);
        Job job;
        job.recipe.targets.clear();
        for (const QString& word : words)
            job.recipe.targets.push_back(word.toStdString());
        QString names;
        for (const Linear linear : targetsOf(job))
            names += QString(nameOf(linear)) + ' ';
        QCOMPARE(names, expected);
    }

    void anUnknownTargetIsNamedWithASuggestion()
    {
        Job job;
        job.recipe.targets = {"q", "gate_porj"};
        try {
            static_cast<void>(targetsOf(job));
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Usage);
            QVERIFY2(error.message().find("did you mean \"gate_proj\"?") != std::string::npos, error.what());
        }
        job.recipe.targets.clear();
        QVERIFY_EXCEPTION_THROWN(static_cast<void>(targetsOf(job)), Error);
    }

    void theScaleIsAlphaOverRankOrOverItsRoot()
    {
        Job job;
        job.recipe.rank = 64;
        job.recipe.alpha = 16;
        QCOMPARE(adapterSizeOf(job, 0, Linear::Q).scale, 0.25);
        job.recipe.rslora = true;
        QCOMPARE(adapterSizeOf(job, 0, Linear::Q).scale, 2.0);
    }

    void patternsChangeRankAndAlphaOfTheirModulesOnly()
    {
        Job job;
        job.recipe.rankPattern = {{"down_proj", 32}, {"layers.1.mlp.*", 4}};
        job.recipe.alphaPattern = {{"self_attn\\.[qk]_proj", 8}};
        QCOMPARE(adapterSizeOf(job, 0, Linear::Down).rank, std::int64_t{32});
        QCOMPARE(adapterSizeOf(job, 0, Linear::Down).alpha, 32.0);
        QCOMPARE(adapterSizeOf(job, 1, Linear::Up).rank, std::int64_t{4});
        QCOMPARE(adapterSizeOf(job, 11, Linear::Up).rank, std::int64_t{16});
        QCOMPARE(adapterSizeOf(job, 3, Linear::K).alpha, 8.0);
        QCOMPARE(adapterSizeOf(job, 3, Linear::K).scale, 0.5);
        QCOMPARE(adapterSizeOf(job, 3, Linear::V).alpha, 32.0);
        // Both patterns match: the first in the order of the map wins.
        QCOMPARE(adapterSizeOf(job, 1, Linear::Down).rank, std::int64_t{32});
    }

    void recomputeLevelsCoverEveryLayer_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("levels");
        QTest::newRow("one level") << "2" << "2222";
        QTest::newRow("ranges") << "0-1:1,2-3:3" << "1133";
        QTest::newRow("any order, blanks, single layers") << " 3:0 , 0 - 1:2, 2:1" << "2210";
    }
    void recomputeLevelsCoverEveryLayer()
    {
        QFETCH(QString, text);
        QFETCH(QString, levels);
        Job job;
        job.recipe.recompute = text.toStdString();
        QCOMPARE(QString::fromStdString(levelsAsText(job, 4)), levels);
    }

    void faultyRecomputeIsRefused_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* text, const char* said) { QTest::newRow(text) << text << said; };
        row("", "not a level");
        row("4", "not a level");
        row("-1", "not a level");
        row("1.5", "not a level");
        row("0-3", "not a level");
        row("0-1:1", "layer 2 has no level");
        row("1-3:1", "layer 0 has no level");
        row("0:1,2-3:1", "layer 1 has no level");
        row("0-4:1", "layer 4 does not exist");
        row("0-1:1,2-3:1,9-12:2", "layer 12 does not exist");
        row("0-2:1,2-3:2", "layer 2 has two levels");
        row("3-0:1", "not a layer or a range");
        row("0-3:9", "not a level");
        row("0-3:1,", "has no ':'");
        row("0-3:1;", "not a level");
        row("x:1", "not a layer");
        row("0-99999999999999999999:1", "not a layer");
    }
    void faultyRecomputeIsRefused()
    {
        QFETCH(QString, text);
        QFETCH(QString, said);
        Job job;
        job.recipe.recompute = text.toStdString();
        try {
            static_cast<void>(recomputeLevels(job, 4));
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Usage);
            QVERIFY2(QString::fromStdString(error.message()).contains(said), error.what());
        }
    }

    void aReadyJobHasNoIssues()
    {
        const auto issues = validate(readyJob());
        QVERIFY2(issues.empty(), issues.empty() ? "" : issues.front().message.c_str());
    }

    void anEmptyJobSaysWhatIsMissingAllAtOnce()
    {
        const auto issues = validate(Job{});
        QCOMPARE(fieldsOf(issues), (std::vector<std::string>{"model.path", "data.path"}));
        for (const Issue& issue : issues) {
            QVERIFY(issue.severity == Issue::Severity::Error);
            QVERIFY(!issue.fix.empty());
        }
    }

    void issuesAreFound_data()
    {
        QTest::addColumn<int>("which");
        QTest::addColumn<QString>("field");
        QTest::addColumn<bool>("isError");
        QTest::newRow("two validation sources") << 0 << "data.validation_fraction" << true;
        QTest::newRow("nothing to evaluate") << 1 << "run.eval_every" << false;
        QTest::newRow("pattern for no module") << 2 << "recipe.rank_pattern" << true;
        QTest::newRow("pattern for another module") << 3 << "recipe.alpha_pattern" << false;
        QTest::newRow("warm-up of no step") << 4 << "recipe.warmup_ratio" << false;
        QTest::newRow("endless warm-up") << 5 << "recipe.warmup_ratio" << false;
        QTest::newRow("learning rate 0") << 6 << "recipe.learning_rate" << false;
        QTest::newRow("chunk above the micro-batch") << 7 << "recipe.loss_chunk" << false;
        QTest::newRow("rank out of range") << 8 << "recipe.rank" << true;
        QTest::newRow("NaN") << 9 << "recipe.alpha" << true;
        QTest::newRow("unknown choice") << 10 << "recipe.precision" << true;
        QTest::newRow("broken pattern") << 11 << "recipe.rank_pattern" << true;
        QTest::newRow("broken recompute") << 12 << "recipe.recompute" << true;
        QTest::newRow("two starts of the adapter") << 13 << "recipe.adapter_init" << true;
        QTest::newRow("trained whole in a full fine-tuning") << 15 << "recipe.also_train" << false;
        QTest::newRow("a trained table on the host") << 16 << "recipe.offload_embedding" << true;
        QTest::newRow("a fast rate for a table") << 17 << "recipe.learning_rate" << false;
        QTest::newRow("principal parts without an adapter") << 14 << "recipe.adapter_init" << true;
        QTest::newRow("added tokens that are not trained") << 21 << "recipe.added_tokens" << true;
        QTest::newRow("an added token twice") << 22 << "recipe.added_tokens" << true;
        QTest::newRow("magnitudes beside dropout") << 18 << "recipe.dora" << true;
        QTest::newRow("magnitudes beside principal parts") << 19 << "recipe.dora" << true;
        QTest::newRow("magnitudes without an adapter") << 20 << "recipe.dora" << true;
    }
    void issuesAreFound()
    {
        QFETCH(int, which);
        QFETCH(QString, field);
        QFETCH(bool, isError);
        Job job = readyJob();
        switch (which) {
        case 0: job.data.validationFraction = 0.1, job.data.validationPath = "v.jsonl"; break;
        case 1: job.run.evalEvery = 10; break;
        case 2: job.recipe.rankPattern = {{"q_porj", 8}}; break;
        case 3: job.recipe.targets = {"q"}, job.recipe.alphaPattern = {{"down_proj", 8}}; break;
        case 4: job.recipe.maxSteps = 10; break;
        case 5: job.recipe.warmupRatio = 0.8; break;
        case 6: job.recipe.learningRate = 0; break;
        case 7: job.recipe.context = 64; break;
        case 8: job.recipe.rank = 0; break;
        case 9: job.recipe.alpha = std::numeric_limits<double>::quiet_NaN(); break;
        case 10: job.recipe.precision = "fp8"; break;
        case 11: job.recipe.rankPattern = {{"(q_proj", 8}}; break;
        case 12: job.recipe.recompute = "0-9"; break;
        case 13: job.recipe.adapterInit = "pissa", job.recipe.initAdapter = "adapters/first"; break;
        case 14: job.recipe.adapterInit = "pissa", job.recipe.method = "full", job.recipe.learningRate = 1e-5; break;
        case 15: job.recipe.alsoTrain = {"norms"}, job.recipe.method = "full", job.recipe.learningRate = 1e-5; break;
        case 16: job.recipe.alsoTrain = {"embeddings"}, job.recipe.offloadEmbedding = true; break;
        case 21: job.recipe.addedTokens = {"<tool>"}, job.recipe.alsoTrain = {"head"}; break;
        case 22: job.recipe.addedTokens = {"<a>", "<b>", "<a>"}, job.recipe.alsoTrain = {"embeddings"}; break;
        case 17: job.recipe.alsoTrain = {"head"}, job.recipe.learningRate = 2e-3; break;
        case 18: job.recipe.dora = true, job.recipe.dropout = 0.05; break;
        case 19: job.recipe.dora = true, job.recipe.adapterInit = "pissa"; break;
        case 20: job.recipe.dora = true, job.recipe.method = "full", job.recipe.learningRate = 1e-5; break;
        default: QFAIL("no such row");
        }
        const auto issues = validate(job);
        QCOMPARE(fieldsOf(issues), std::vector<std::string>{field.toStdString()});
        QCOMPARE(issues.front().severity == Issue::Severity::Error, isError);
        QVERIFY(!issues.front().message.empty());
    }

    void aPatternForADeepLayerIsNotTakenForAMistake()
    {
        Job job = readyJob();
        job.recipe.rankPattern = {{"layers.101.mlp.down_proj", 8}};
        QVERIFY(validate(job).empty());
    }

    void precisionIsBf16OrFp32()
    {
        Job job;
        QCOMPARE(precisionOf(job), DType::BF16);
        job.recipe.precision = "fp32";
        QCOMPARE(precisionOf(job), DType::F32);
        job.recipe.precision = "fp16";
        QVERIFY_EXCEPTION_THROWN(static_cast<void>(precisionOf(job)), Error);
    }
};

QTEST_GUILESS_MAIN(TestJob)
#include "tst_job.moc"
