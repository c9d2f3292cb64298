// SPDX-License-Identifier: GPL-3.0-or-later
// recipe.added_tokens from the job to files that transformers and PEFT load with the same ids and the same logits, and back.
#include "engine/api/exporting.h"
#include "engine/api/generation.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/api/tokenizing.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/model_source.h"
#include "engine/generate/added_tokens.h"
#include "engine/generate/model_text.h"
#include "tests/engine/formats/oracle.h"
#include "tests/engine/logits.h"
#include "tests/engine/oracle_process.h"
#include "tests/engine/train/tiny_run.h"

#include <QtTest>

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace lorikeet;
using test::difference;
using test::logitsIn;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

/// "warp" and "cache" stand in the rows; "<|im_end|>" is in the vocabulary already, and so is "a" as a word.
const std::vector<std::string> kAdded{"warp", "cache", "<|im_end|>", "a", "<tool>", "\u00e9t\u00e9 "};
const std::vector<std::string> kTexts{"say warp 3", "warpcachewarp! <tool>", "a cat ate <|im_end|>", "un \u00e9t\u00e9 chaud", "<to ol>", ""};
constexpr std::int64_t kNew = 4;
constexpr std::int64_t kTiny = 258;  ///< tokens of the tiny model

QString text(const fs::path& path) { return QString::fromStdString(path.string()); }

}  // namespace

class TestAddedTokens : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        for (const char* kind : {"untied", "padded"}) {
            const QString failed = test::runOracle("make_tiny_model.py", {text(m_runs.path(kind)), kind});
            QVERIFY2(failed.isEmpty(), qPrintable(failed));
        }
        m_texts = write("texts.json", Json(kTexts));
    }

    void idsAreThoseOfTransformers()
    {
        const Json theirs = formats::askOracle("added_tokens_oracle.py", {"tokens", text(m_runs.path("model")), write("added.json", Json(kAdded)), m_texts});
        const auto source = grown(job("model"));
        const generate::ModelText words = generate::loadModelText(*source);
        QCOMPARE(static_cast<std::int64_t>(words.tokenizer->vocabSize()), theirs.at("length").get<std::int64_t>());
        QCOMPARE(source->shape().vocab, kTiny + kNew);
        for (std::size_t i = 0; i < kTexts.size(); ++i) {
            const std::vector<std::int32_t> ids = words.tokenizer->encode(kTexts[i], tokenizer::SpecialTokens::Parse);
            QVERIFY2(Json(ids) == theirs.at("ids").at(i), (kTexts[i] + ": " + Json(ids).dump() + " " + theirs.at("ids").at(i).dump()).c_str());
            QCOMPARE(words.tokenizer->decode(ids, false), kTexts[i]);
        }
        QCOMPARE(grown(job("padded"))->shape().vocab, kTiny + 7);
    }

    void newRowsAreTheMeanOfTheOthers()
    {
        const auto source = grown(job("untied"));
        const auto base = formats::openModelSource(m_runs.path("untied"));
        const std::int64_t width = source->shape().hidden;
        for (const ParamId id : {formats::embeddingId(), formats::headId()}) {
            std::vector<float> own(static_cast<std::size_t>(kTiny * width));
            base->readRows(id, 0, kTiny, own);
            std::vector<float> rows(static_cast<std::size_t>(4 * width));  // the last two of the model, the first two that are new
            source->readRows(id, kTiny - 2, 4, rows);
            for (std::int64_t column = 0; column < width; ++column) {
                double sum = 0;
                for (std::int64_t row = 0; row < kTiny; ++row)
                    sum += static_cast<double>(own[static_cast<std::size_t>(row * width + column)]);
                const auto at = [&](std::int64_t row) { return rows[static_cast<std::size_t>(row * width + column)]; };
                QCOMPARE(at(1), own[static_cast<std::size_t>((kTiny - 1) * width + column)]);
                QCOMPARE(at(2), static_cast<float>(sum / static_cast<double>(kTiny)));
                QCOMPARE(at(3), at(2));
            }
        }
    }

    void theyMustBeTrained()
    {
        Job untied = job("untied");
        untied.recipe.alsoTrain = {"embeddings"};
        refused(untied, "head is a table of its own");
        untied.recipe.alsoTrain = {"head"};
        refused(untied, "until they are trained");
    }

    void theFormulaTellsTheNewRows()
    {
        const Job wanted = job("untied");
        const plan::MemoryPlan plan = api::planJob(api::modelShape(wanted), wanted, api::findDevice("cpu"));
        const auto told = std::ranges::any_of(plan.terms, [](const plan::Term& term) { return term.formula.find("2 x (258 + 4 added) x 48") != std::string::npos; });
        QVERIFY(told);
    }

    void aRunTakesItsPlanAndResumesBitForBit_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("precision");
        QTest::newRow("tied") << "model" << "fp32";
        QTest::newRow("untied in bf16") << "untied" << "bf16";
        QTest::newRow("padded") << "padded" << "fp32";
    }
    void aRunTakesItsPlanAndResumesBitForBit()
    {
        QFETCH(QString, model);
        QFETCH(QString, precision);
        Job wanted = job(model);
        wanted.recipe.precision = precision.toStdString();
        test::Disturbance checked;
        checked.checkMemory = true;
        const test::Outcome whole = m_runs.run(wanted, m_runs.path(model + "-run"), false, checked);
        QVERIFY2(!whole.error, whole.error ? whole.error->what() : "");
        QCOMPARE(whole.unused, std::vector<std::string>{});
        // Batches of so few rows leave slots empty; the tables have none.
        for (const std::string& name : whole.unwritten)
            QVERIFY2(name.find("weight") == std::string::npos && name.find("trained") == std::string::npos, name.c_str());
        test::Disturbance stopped;
        stopped.stopAt = [](const RunEvent& event) { return test::isStep(event, 3); };
        QVERIFY(m_runs.run(wanted, m_runs.path(model + "-halves"), false, stopped).result->stopped);
        const test::Outcome halves = m_runs.run(wanted, m_runs.path(model + "-halves"), true);
        QVERIFY2(!halves.error, halves.error ? halves.error->what() : "");
        QVERIFY(halves.masters == whole.masters);
        Job other = wanted;
        other.recipe.addedTokens.pop_back();
        const test::Outcome changed = m_runs.run(other, m_runs.path(model + "-halves"), true);
        QVERIFY(changed.error && changed.error->message().find("added_tokens") != std::string::npos);
    }

    void adaptersLoadInPeft_data()
    {
        QTest::addColumn<QString>("model");
        QTest::newRow("tied") << "model";
        QTest::newRow("untied") << "untied";
        QTest::newRow("padded") << "padded";
        QTest::newRow("GGUF") << QStringLiteral(LORIKEET_STARTER_MODEL);
    }
    void adaptersLoadInPeft()
    {
        QFETCH(QString, model);
        const bool gguf = model.endsWith(QLatin1String(".gguf"));
        const QString name = gguf ? QStringLiteral("starter") : model;
        Job wanted = job(model);
        if (gguf) {
            wanted.recipe.context = 64;
            wanted.recipe.maxSteps = 1;
            wanted.recipe.accumulation = 1;
            wanted.recipe.optimizer = "sgd";
            wanted.recipe.warmupRatio = 0;
            wanted.data.validationFraction = 0;
            wanted.run.evalEvery = 0;
        }
        const test::Outcome trained = m_runs.run(wanted, m_runs.path(name + "-peft-run"), false);
        QVERIFY2(!trained.error, trained.error ? trained.error->what() : "");
        const fs::path adapter = m_runs.path(name + "-adapter");
        for (const api::ExportCheck& check : api::exportRun({m_runs.path(name + "-peft-run"), "peft", adapter}, {}, {}).checks)
            QVERIFY2(check.passed, check.what.c_str());

        const auto source = grown(wanted);
        const QString tokens = probe(source->shape().vocab);
        const fs::path theirs = m_runs.path("theirs.safetensors");
        const Json told = formats::askOracle("added_tokens_oracle.py", {"adapter", text(wanted.model.path), text(adapter), tokens, text(theirs)});
        QCOMPARE(told.at("rows").get<std::int64_t>(), source->shape().vocab);
        QVERIFY(source->shape().vocab > formats::openModelSource(wanted.model.path)->shape().vocab || model == "padded");
        sameLogits(wanted.model.path, adapter, theirs);

        // The tokenizer beside it says the same as ours.
        const Json ids = formats::askOracle("added_tokens_oracle.py", {"ids", text(adapter), m_texts});
        const generate::ModelText words = generate::loadModelText(*source);
        for (std::size_t i = 0; i < kTexts.size(); ++i)
            QVERIFY2(Json(words.tokenizer->encode(kTexts[i], tokenizer::SpecialTokens::Parse)) == ids.at("ids").at(i), kTexts[i].c_str());
        QCOMPARE(generate::addedTokensOf(adapter, *formats::openModelSource(wanted.model.path)).tokens.empty(), false);
    }

    void aRunStartsFromSuchAnAdapter()
    {
        Job next = job("untied");
        next.recipe.initAdapter = m_runs.path("untied-adapter").string();
        next.recipe.learningRate = 0;
        const test::Outcome again = m_runs.run(next, m_runs.path("again-run"), false);
        QVERIFY2(!again.error, again.error ? again.error->what() : "");
        (void)api::exportRun({m_runs.path("again-run"), "peft", m_runs.path("again-adapter")}, {}, {});
        QCOMPARE(formats::bytesOfFile(text(m_runs.path("again-adapter") / "adapter_model.safetensors")),
                 formats::bytesOfFile(text(m_runs.path("untied-adapter") / "adapter_model.safetensors")));
        next.recipe.addedTokens.clear();
        const test::Outcome without = m_runs.run(next, m_runs.path("without-run"), false);
        QVERIFY(without.error && (without.error->message() + without.error->hint()).find("added_tokens") != std::string::npos);
        next.recipe.addedTokens = kAdded;
        std::swap(next.recipe.addedTokens[0], next.recipe.addedTokens[1]);
        const test::Outcome swapped = m_runs.run(next, m_runs.path("swapped-run"), false);
        QVERIFY(swapped.error && swapped.error->message().find("\"cache\"") != std::string::npos);
    }

    void adaptersOfPeftLoadHere_data()
    {
        QTest::addColumn<QString>("model");
        QTest::newRow("tied") << "model";
        QTest::newRow("untied") << "untied";
    }
    void adaptersOfPeftLoadHere()
    {
        QFETCH(QString, model);
        const fs::path adapter = m_runs.path(model + "-theirs");
        const fs::path theirs = m_runs.path("made.safetensors");
        (void)formats::askOracle("added_tokens_oracle.py", {"make", text(m_runs.path(model)), text(adapter), probe(kTiny + 2), text(theirs)});
        sameLogits(m_runs.path(model), adapter, theirs);
        const auto base = formats::openModelSource(m_runs.path(model));
        QCOMPARE(generate::addedTokensOf(adapter, *base).tokens, (std::vector<NewToken>{{"<tool>", true}, {"<end of tool>", true}}));
        api::Generation answer(m_runs.path(model).string(), adapter, "cpu", 64, {}, {});
        api::GenerationOptions asked;
        asked.prompt = "<tool>";
        asked.chat = false;
        asked.maxTokens = 1;
        QCOMPARE(answer.generate(asked, {}, {}).promptTokens, std::int64_t{1});
        QCOMPARE(api::TextTokenizer(m_runs.path(model).string(), adapter).text("<tool><end of tool>").ids, (std::vector<std::int32_t>{kTiny, kTiny + 1}));
        QVERIFY(api::TextTokenizer(m_runs.path(model).string()).text("<tool>").ids.size() > 1);
        // The template beside an adapter is the one it was trained with.
        writeFileAtomically(adapter / "chat_template.jinja", "{{ messages[0]['content'] }}<tool>");
        api::Generation again(m_runs.path(model).string(), adapter, "cpu", 64, {}, {});
        asked.chat = true;
        QCOMPARE(again.generate(asked, {}, {}).promptTokens, std::int64_t{2});
        const std::string row = R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"a"}]})";
        const std::vector<std::int32_t> ids = api::TextTokenizer(m_runs.path(model).string(), adapter).conversation(row).ids;
        QCOMPARE(ids.size(), std::size_t{2});
        QCOMPARE(ids.back(), static_cast<std::int32_t>(kTiny));
    }

    void wholeModelsOpenInTransformers_data()
    {
        QTest::addColumn<QString>("model");
        QTest::newRow("tied") << "model";
        QTest::newRow("untied") << "untied";
    }
    void wholeModelsOpenInTransformers()
    {
        QFETCH(QString, model);
        Job wanted = job(model);
        wanted.recipe.method = "full";
        wanted.recipe.alsoTrain.clear();
        wanted.recipe.dropout = 0;
        wanted.recipe.learningRate = 1e-3;
        const test::Outcome trained = m_runs.run(wanted, m_runs.path(model + "-full-run"), false);
        QVERIFY2(!trained.error, trained.error ? trained.error->what() : "");
        const fs::path folder = m_runs.path(model + "-full");
        (void)api::exportRun({m_runs.path(model + "-full-run"), "safetensors", folder}, {}, {});
        QCOMPARE(formats::openModelSource(folder)->shape().vocab, kTiny + kNew);
        const fs::path theirs = m_runs.path("full.safetensors");
        (void)formats::askOracle("export_oracle.py", {"logits", text(folder), probe(kTiny + kNew), text(theirs)});
        sameLogits(folder, {}, theirs);
        const Json ids = formats::askOracle("added_tokens_oracle.py", {"ids", text(folder), m_texts});
        QCOMPARE(ids.at("length").get<std::int64_t>(), kTiny + kNew);
    }

private:
    [[nodiscard]] Job job(const QString& model) const
    {
        Job job = m_runs.job();
        job.model.path = fs::path(model.toStdString()).is_absolute() ? model.toStdString() : m_runs.path(model).string();
        job.recipe.addedTokens = kAdded;
        job.recipe.alsoTrain = {"embeddings", "head"};
        job.recipe.maxSteps = 5;
        return job;
    }
    [[nodiscard]] static std::unique_ptr<formats::ModelSource> grown(const Job& job)
    {
        return generate::withTokens(formats::openModelSource(job.model.path), generate::addedTokensOf(job));
    }
    [[nodiscard]] QString write(const char* name, const Json& value) const
    {
        writeFileAtomically(m_runs.path(name), value.dump());
        return text(m_runs.path(name));
    }
    /// A row of tokens, the newest among them.
    [[nodiscard]] QString probe(std::int64_t vocab)
    {
        m_tokens.clear();
        for (std::int64_t i = 0; i < 30; ++i)
            m_tokens.push_back(static_cast<std::int32_t>(i % 3 == 0 ? vocab - 1 - i % 2 : (i * 7919 + 13) % vocab));
        return write("tokens.json", Json(m_tokens));
    }
    void sameLogits(const fs::path& model, const fs::path& adapter, const fs::path& theirs) const
    {
        const fs::path ours = m_runs.path("ours.safetensors");
        api::writeLogits(model.string(), adapter, m_tokens, ours, DType::F32, "cpu");
        const double d = difference(logitsIn(ours), logitsIn(theirs));
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
    }
    static void refused(const Job& job, const std::string& named)
    {
        try {
            (void)api::planJob(api::modelShape(job), job, api::findDevice("cpu"));
            QFAIL("it was planned");
        } catch (const Error& error) {
            QVERIFY2(error.code() == ErrorCode::Usage && error.message().find(named) != std::string::npos, error.what());
        }
    }

    test::TinyRuns m_runs;
    QString m_texts;
    std::vector<std::int32_t> m_tokens;
};

QTEST_GUILESS_MAIN(TestAddedTokens)
#include "tst_added_tokens.moc"
