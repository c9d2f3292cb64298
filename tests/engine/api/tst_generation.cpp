// SPDX-License-Identifier: GPL-3.0-or-later
// Prompts and tokens at the edges of what a model takes: refused by name, or answered; never read past a table. A base held in four bits
// answers as bitsandbytes' does.
#include "engine/api/generation.h"
#include "engine/api/tokenizing.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/generate/sampler.h"
#include "tests/engine/logits.h"
#include "tests/engine/oracle_process.h"
#include "tests/engine/train/tiny_run.h"

#include <QtTest>

#include <cmath>
#include <limits>

using namespace lorikeet;

namespace {

constexpr std::int32_t kVocab = 258;
constexpr std::int64_t kModelContext = 512;

template <typename Verb>
std::optional<ErrorCode> refusal(const Verb& verb)
{
    try {
        verb();
        return std::nullopt;
    } catch (const Error& error) {
        return error.code();
    }
}

}  // namespace

class TestGeneration : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        m_model = m_runs.job().model.path;
    }

    void answersEndWithTheContext_data()
    {
        QTest::addColumn<int>("room");
        for (int room : {1, 2, 3, 64})
            QTest::addRow("%d slots behind the prompt", room) << room;
    }
    void answersEndWithTheContext()
    {
        QFETCH(int, room);
        api::GenerationOptions options;
        options.prompt = "warp";
        options.chat = false;
        options.maxTokens = 1000;
        options.temperature = 5;  // no early end
        api::Generation generation(m_model, {}, "cpu", 4 + room, {}, {});
        const api::GenerationResult result = generation.generate(options, {}, {});
        QCOMPARE(result.promptTokens, std::int64_t{4});
        // Every slot is filled, and the last one's logits give one token more.
        QVERIFY(result.reachedEnd ? static_cast<int>(result.tokens.size()) <= room : static_cast<int>(result.tokens.size()) == room + 1);
    }

    void aContextWithoutRoomForThePromptIsRefused_data()
    {
        QTest::addColumn<qint64>("context");
        for (const qint64 context : {std::numeric_limits<qint64>::min(), qint64{-5}, qint64{0}, qint64{1}, qint64{4}})
            QTest::addRow("%lld", context) << context;
    }
    void aContextWithoutRoomForThePromptIsRefused()
    {
        QFETCH(qint64, context);
        api::GenerationOptions options;
        options.prompt = "warp";
        options.chat = false;
        const auto refused = refusal([&] {
            api::Generation generation(m_model, {}, "cpu", context, {}, {});
            (void)generation.generate(options, {}, {});
        });
        QCOMPARE(refused, std::optional(context < 1 ? ErrorCode::Usage : ErrorCode::BadInput));
    }

    void aContextBeyondTheModelsEndsAtTheModels()
    {
        api::GenerationOptions options;
        options.prompt = std::string(kModelContext, 'x');
        options.chat = false;
        api::Generation generation(m_model, {}, "cpu", 1 << 20, {}, {});
        QCOMPARE(refusal([&] { (void)generation.generate(options, {}, {}); }), std::optional(ErrorCode::BadInput));
    }

    void tokensOutsideTheVocabularyAreRefused_data()
    {
        QTest::addColumn<int>("token");
        for (const int token : {-1, kVocab, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()})
            QTest::addRow("%d", token) << token;
    }
    void tokensOutsideTheVocabularyAreRefused()
    {
        QFETCH(int, token);
        const auto target = m_runs.path("refused.safetensors");
        QCOMPARE(refusal([&] { api::writeLogits(m_model, {}, {1, token, 2}, target, DType::F32, "cpu"); }), std::optional(ErrorCode::BadInput));
        QVERIFY(!std::filesystem::exists(target));
    }

    void moreTokensThanTheModelsContextHaveLogits()
    {
        const auto target = m_runs.path("long.safetensors");
        const std::vector<std::int32_t> tokens(static_cast<std::size_t>(kModelContext) + 91, kVocab - 1);
        api::writeLogits(m_model, {}, tokens, target, DType::F32, "cpu");
        const formats::SafetensorsFile file(target);
        std::vector<float> logits(tokens.size() * kVocab);
        file.read(*file.find("logits"), 0, std::as_writable_bytes(std::span(logits)));
        QVERIFY(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }));
    }

    void aQuantisedBaseAnswersAsBitsandbytesDoes_data()
    {
        QTest::addColumn<bool>("twice");
        QTest::newRow("nf4") << false;
        QTest::newRow("nf4-double") << true;
    }
    void aQuantisedBaseAnswersAsBitsandbytesDoes()
    {
        QFETCH(bool, twice);
        const auto text = [&](const char* name) { return QString::fromStdString(m_runs.path(name).string()); };
        // Rows of multiples of 64, as bitsandbytes needs them on a CPU.
        if (!std::filesystem::exists(m_runs.path("blocks"))) {
            QString problem = test::runOracle("make_chatml_model.py", {text("blocks")});
            if (problem.isEmpty())
                problem = test::runOracle("model_oracle.py", {"peft", text("blocks"), text("adapter")});
            QVERIFY2(problem.isEmpty(), qPrintable(problem));
        }
        const std::string model = text("blocks").toStdString();
        const std::string prompt = "What is a warp? A warp is a group of";
        const std::vector<std::int32_t> tokens = api::TextTokenizer(model).text(prompt).ids;
        QStringList numbers;
        for (const std::int32_t token : tokens)
            numbers << QString::number(token);
        writeFileAtomically(m_runs.path("tokens.json"), ("[" + numbers.join(", ") + "]").toStdString());
        const QString problem = test::runOracle("bnb_checkpoint_oracle.py", {"logits", text("blocks"), text("adapter"), text("tokens.json"), text("theirs.safetensors"),
                                                                            QTest::currentDataTag()});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const std::vector<float> theirs = test::logitsIn(m_runs.path("theirs.safetensors"));

        const auto ours = [&](const api::BaseWeights& weights) {
            api::writeLogits(model, m_runs.path("adapter"), tokens, m_runs.path("ours.safetensors"), DType::F32, "cpu", weights);
            return test::logitsIn(m_runs.path("ours.safetensors"));
        };
        const api::BaseWeights weights{Quantization::Nf4, twice};
        const double d = test::difference(ours(weights), theirs);
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
        QVERIFY(test::difference(ours({}), theirs) > 1e-2);

        api::GenerationOptions options;
        options.prompt = prompt;
        options.chat = false;
        options.maxTokens = 1;
        api::Generation generation(model, m_runs.path("adapter"), "cpu", 64, {}, {}, weights);
        const std::vector<std::int32_t> answered = generation.generate(options, {}, {}).tokens;
        const std::size_t vocab = theirs.size() / tokens.size();
        const auto last = theirs.end() - static_cast<std::ptrdiff_t>(vocab);
        QCOMPARE(answered, (std::vector<std::int32_t>{static_cast<std::int32_t>(std::max_element(last, theirs.end()) - last)}));
    }

    void logitsThatCannotBeWrittenAreNamed()
    {
        std::stop_source stopped;
        stopped.request_stop();
        const auto unwritten = m_runs.path("stopped.safetensors");
        QCOMPARE(refusal([&] { api::writeLogits(m_model, {}, {1, 2, 3}, unwritten, DType::F32, "cpu", {}, stopped.get_token()); }), std::optional(ErrorCode::Cancelled));
        QVERIFY(!std::filesystem::exists(unwritten));
        QCOMPARE(refusal([&] { api::writeLogits(m_model, {}, {1}, m_runs.path("rows.jsonl") / "below", DType::F32, "cpu"); }), std::optional(ErrorCode::Target));
    }

    void logitsThatAreNotNumbersChooseNothing()
    {
        for (const double temperature : {0.0, 1.0}) {
            std::vector<float> logits(7, 0.5f);
            logits[4] = std::numeric_limits<float>::quiet_NaN();
            QCOMPARE(refusal([&] { (void)generate::chooseToken(logits, {temperature, 1.0, 1}, 0); }), std::optional(ErrorCode::RunFailed));
        }
    }

private:
    test::TinyRuns m_runs;
    std::string m_model;
};

QTEST_GUILESS_MAIN(TestGeneration)
#include "tst_generation.moc"
