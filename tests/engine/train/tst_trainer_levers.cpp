// SPDX-License-Identifier: GPL-3.0-or-later
// Whole runs with every lever: they learn, the plan is what they use, and resuming them changes no bit.
#include "tests/engine/train/tiny_run.h"

#include <QtTest>

#include <algorithm>
#include <array>

using namespace lorikeet;
using test::facts;
using test::isStep;
using test::Outcome;

namespace {

struct Lever {
    const char* name;
    void (*apply)(Job&);
};

constexpr std::array kLevers{
    Lever{"plain", [](Job&) {}},
    Lever{"nf4", [](Job& job) { job.recipe.quantization = "nf4"; }},
    Lever{"nf4, plain scales, bf16", [](Job& job) { job.recipe.quantization = "nf4"; job.recipe.doubleQuantization = false; job.recipe.precision = "bf16"; }},
    Lever{"int8", [](Job& job) { job.recipe.quantization = "int8"; }},
    Lever{"full", [](Job& job) { job.recipe.method = "full"; job.recipe.learningRate = 1e-3; job.recipe.weightDecay = 0.01; }},
    Lever{"full, bf16", [](Job& job) { job.recipe.method = "full"; job.recipe.learningRate = 1e-3; job.recipe.precision = "bf16"; }},
    Lever{"8-bit AdamW", [](Job& job) { job.recipe.optimizer = "adamw_8bit"; }},
    Lever{"full, 8-bit AdamW, bf16", [](Job& job) { job.recipe.method = "full"; job.recipe.optimizer = "adamw_8bit"; job.recipe.learningRate = 1e-3; job.recipe.precision = "bf16"; }},
    Lever{"sgd", [](Job& job) { job.recipe.optimizer = "sgd"; job.recipe.learningRate = 1.0; }},
    Lever{"sgd without momentum", [](Job& job) { job.recipe.optimizer = "sgd"; job.recipe.momentum = 0; job.recipe.learningRate = 1.0; }},
    Lever{"lion", [](Job& job) { job.recipe.optimizer = "lion"; job.recipe.learningRate = 1e-2; }},
    Lever{"LoRA+", [](Job& job) { job.recipe.loraplusRatio = 4; job.recipe.learningRate = 5e-3; }},
    Lever{"PiSSA", [](Job& job) { job.recipe.adapterInit = "pissa"; }},
    Lever{"PiSSA, nf4, bf16", [](Job& job) { job.recipe.adapterInit = "pissa"; job.recipe.quantization = "nf4"; job.recipe.precision = "bf16"; }},
    Lever{"PiSSA, offloaded layers, int8", [](Job& job) { job.recipe.adapterInit = "pissa"; job.recipe.offloadLayers = 1; job.recipe.quantization = "int8"; }},
    Lever{"DoRA", [](Job& job) { job.recipe.dora = true; job.recipe.dropout = 0; }},
    Lever{"DoRA, nf4, bf16, samples", [](Job& job) { job.recipe.dora = true; job.recipe.dropout = 0; job.recipe.quantization = "nf4"; job.recipe.precision = "bf16"; job.run.samplePrompt = "say warp 3"; job.run.sampleTokens = 4; }},
    Lever{"DoRA, offloaded, int8, 8-bit AdamW", [](Job& job) { job.recipe.dora = true; job.recipe.dropout = 0; job.recipe.offloadActivations = true; job.recipe.offloadLayers = 1; job.recipe.quantization = "int8"; job.recipe.optimizer = "adamw_8bit"; }},
    Lever{"offloaded, bf16", [](Job& job) { job.recipe.offloadActivations = true; job.recipe.offloadLayers = 2; job.recipe.precision = "bf16"; }},
    Lever{"offloaded, nf4", [](Job& job) { job.recipe.offloadActivations = true; job.recipe.offloadLayers = 1; job.recipe.quantization = "nf4"; job.run.samplePrompt = "say warp 3"; job.run.sampleTokens = 4; }},
    Lever{"also the table and norms", [](Job& job) { job.recipe.alsoTrain = {"embeddings", "norms"}; job.recipe.weightDecay = 0.01; }},
    Lever{"also norms, nf4, bf16, 8-bit AdamW", [](Job& job) { job.recipe.alsoTrain = {"norms"}; job.recipe.quantization = "nf4"; job.recipe.precision = "bf16"; job.recipe.optimizer = "adamw_8bit"; }},
    Lever{"also head, PiSSA, bf16, samples", [](Job& job) { job.recipe.alsoTrain = {"head"}; job.recipe.adapterInit = "pissa"; job.recipe.precision = "bf16"; job.recipe.learningRate = 4e-3; job.run.samplePrompt = "say warp 3"; job.run.sampleTokens = 4; }},
    Lever{"also norms, offloaded layers", [](Job& job) { job.recipe.alsoTrain = {"norms"}; job.recipe.offloadLayers = 1; job.recipe.offloadActivations = true; }},
    Lever{"samples", [](Job& job) { job.run.samplePrompt = "say warp 3"; job.run.sampleTokens = 8; }},
    Lever{"samples without validation", [](Job& job) { job.run.samplePrompt = "say warp 3"; job.run.sampleTokens = 8; job.data.validationFraction = 0; }},
};

std::vector<double> trainLosses(const Outcome& outcome)
{
    std::vector<double> losses;
    for (const RunEvent& event : outcome.events)
        if (const auto* step = std::get_if<StepDone>(&event))
            losses.push_back(step->loss);
    return losses;
}

}  // namespace

class TestTrainerLevers : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }

    void aLeverLearnsInItsPlanAndResumesExactly_data()
    {
        QTest::addColumn<int>("lever");
        for (std::size_t i = 0; i < kLevers.size(); ++i)
            QTest::newRow(kLevers[i].name) << static_cast<int>(i);
    }
    void aLeverLearnsInItsPlanAndResumesExactly()
    {
        QFETCH(int, lever);
        Job job = m_runs.job();
        // The template of the tiny model writes the date into every row, so that the curve differs from day to day: enough epochs for each.
        job.recipe.epochs = 5;
        kLevers[static_cast<std::size_t>(lever)].apply(job);
        const QString name = QString("lever-%1").arg(lever);
        const Outcome straight = m_runs.run(job, m_runs.path(name), false);
        QVERIFY2(straight.result.has_value(), straight.error ? straight.error->what() : "killed");
        const std::vector<double> losses = trainLosses(straight);
        QVERIFY2(losses.back() < 0.8 * losses.front(), qPrintable(QString("%1 -> %2").arg(losses.front()).arg(losses.back())));

        // Checking mode: the same bits, nothing planned in vain.
        const Outcome checked = m_runs.run(job, m_runs.path(name + "-checked"), false, {.checkMemory = true});
        QVERIFY2(checked.result.has_value(), checked.error ? checked.error->what() : "killed");
        QCOMPARE(facts(checked.events), facts(straight.events));
        QVERIFY(checked.masters == straight.masters);
        for (const std::string& unused : checked.unused)
            QVERIFY2(unused.starts_with("load."), unused.c_str());

        // Stopped in the middle and resumed.
        const auto resumed = m_runs.path(name + "-resumed");
        const Outcome first = m_runs.run(job, resumed, false, {.stopAt = [](const RunEvent& event) { return isStep(event, 5); }});
        QVERIFY(first.result.has_value() && first.result->stopped);
        const Outcome second = m_runs.run(job, resumed, true);
        QVERIFY2(second.result.has_value(), second.error ? second.error->what() : "killed");
        QVERIFY(second.masters == straight.masters);
        QCOMPARE(test::loggedFacts(resumed), facts(straight.events));
    }

    void samplesComeAtEveryEvaluation()
    {
        Job job = m_runs.job();
        job.run.samplePrompt = "say warp 3";
        job.run.sampleTokens = 8;
        const Outcome outcome = m_runs.run(job, m_runs.path("samples"), false);
        QVERIFY(outcome.result.has_value());
        std::vector<std::int64_t> evaluated;
        std::vector<std::int64_t> sampled;
        for (const RunEvent& event : outcome.events) {
            if (const auto* eval = std::get_if<EvalDone>(&event))
                evaluated.push_back(eval->step);
            if (const auto* sample = std::get_if<SampleDone>(&event)) {
                sampled.push_back(sample->step);
                QVERIFY(sample->tokens <= 8 && sample->prompt == job.run.samplePrompt);
            }
        }
        QVERIFY(evaluated.size() >= 3);
        QCOMPARE(sampled, evaluated);
    }

    void aPromptThatFillsTheContextIsRefused()
    {
        Job job = m_runs.job();
        job.run.samplePrompt = std::string(400, 'x');
        const Outcome outcome = m_runs.run(job, m_runs.path("long-prompt"), false);
        QVERIFY(outcome.error.has_value());
        QCOMPARE(outcome.error->code(), ErrorCode::Usage);
        QVERIFY(!std::filesystem::exists(m_runs.path("long-prompt")));
    }

    void aCheckpointOfAnotherOptimizerIsRefused()
    {
        const auto folder = m_runs.path("other-optimizer");
        QVERIFY(m_runs.run(m_runs.job(), folder, false, {.stopAt = [](const RunEvent& event) { return isStep(event, 3); }}).result.has_value());
        Job job = m_runs.job();
        job.recipe.optimizer = "lion";
        const Outcome outcome = m_runs.run(job, folder, true);
        QVERIFY(outcome.error.has_value());
        QVERIFY2(outcome.error->message().find("recipe.optimizer") != std::string::npos, outcome.error->what());
    }

private:
    test::TinyRuns m_runs;
};

QTEST_GUILESS_MAIN(TestTrainerLevers)
#include "tst_trainer_levers.moc"
