// SPDX-License-Identifier: GPL-3.0-or-later
// Tokens and labels of whole rows against transformers' assistant masks and TRL's SFTTrainer, live, with the tokenizer of the starter
// model and the chat templates that TRL publishes.
#include "engine/data/example.h"
#include "engine/data/reader.h"

#include "tests/engine/tokenizer/oracle.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::data;
using Json = nlohmann::json;

class TestLabelParity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void templatesWithTagsGiveTheAssistantMask_data();
    void templatesWithTagsGiveTheAssistantMask();
    void templatesWithoutTagsGiveTheSameAnswers_data();
    void templatesWithoutTagsGiveTheSameAnswers();
    void pastedSpecialTokensAreEncodedAsText();
    void rowsAreTokenisedAsTrlDoes_data();
    void rowsAreTokenisedAsTrlDoes();
    void aShiftedMaskWouldBeSeen();

private:
    std::vector<Sample> samplesOf(const QString& file, const char* format) const;
    Json read(const QString& file) const { return tokenizer::testing::readJson(m_folder.filePath(file)); }

    QTemporaryDir m_folder;
    std::unique_ptr<tokenizer::Tokenizer> m_tokenizer;
    std::vector<Sample> m_chats;
};

namespace {

/// Empty when tokens and mask are those of the oracle; null there means that the template refuses the row.
std::string difference(const TokenizedRow& ours, const Json& theirs)
{
    if (theirs.is_null() || ours.refused)
        return theirs.is_null() && ours.refused == DropReason::TemplateRefused ? "" : "refused on one side only: " + ours.problem;
    const auto ids = theirs.at("ids").get<std::vector<std::int32_t>>();
    const auto mask = theirs.at("mask").get<std::vector<std::uint8_t>>();
    std::string text = tokenizer::testing::firstDifference(ours.tokens, ids);
    if (text.empty())
        text = tokenizer::testing::firstDifference(ours.lossMask, mask);
    return text.empty() ? text : tokenizer::testing::quoted(ours.text) + "\n" + text;
}

void addTemplates(const Json& file)
{
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < file.at("templates").size(); ++i)
        QTest::newRow(file.at("templates").at(i).at("name").get<std::string>().c_str()) << static_cast<int>(i);
}

}  // namespace

std::vector<Sample> TestLabelParity::samplesOf(const QString& file, const char* format) const
{
    std::vector<Sample> samples;
    RowReader reader(m_folder.filePath(file).toStdString());
    while (const auto row = reader.next()) {
        const SampleOrProblem result = toSample(row->value, *formatFromName(format));
        if (!result.sample)
            qFatal("row %d: %s", static_cast<int>(row->number), result.problem.c_str());
        samples.push_back(*result.sample);
    }
    return samples;
}

void TestLabelParity::initTestCase()
{
    const QString failure = tokenizer::testing::runOracle("label_oracle.py", {QStringLiteral(LORIKEET_STARTER_MODEL), m_folder.path()});
    QVERIFY2(failure.isEmpty(), qPrintable(failure));
    m_tokenizer = tokenizer::loadTokenizer(m_folder.filePath("tokenizer").toStdString());
    m_chats = samplesOf("rows.jsonl", "messages");
    QCOMPARE(m_chats.size(), std::size_t{200});
}

void TestLabelParity::templatesWithTagsGiveTheAssistantMask_data()
{
    addTemplates(read("chats.json"));
}

void TestLabelParity::templatesWithTagsGiveTheAssistantMask()
{
    QFETCH(int, index);
    const Json entry = read("chats.json").at("templates").at(static_cast<std::size_t>(index));
    const auto chatTemplate = tokenizer::ChatTemplate::parse(entry.at("source").get<std::string>(), entry.at("name").get<std::string>());
    QVERIFY(chatTemplate.hasGenerationTags());
    const Tokenization tokenization(*m_tokenizer, &chatTemplate, "assistant");
    int compared = 0;
    for (std::size_t i = 0; i < m_chats.size(); ++i) {
        const std::string text = difference(tokenization.tokenize(m_chats[i]), entry.at("rows").at(i));
        QVERIFY2(text.empty(), ("row " + std::to_string(i + 1) + ": " + text).c_str());
        compared += !entry.at("rows").at(i).is_null();
    }
    QVERIFY2(compared >= 100, qPrintable(QString::number(compared)));
}

void TestLabelParity::templatesWithoutTagsGiveTheSameAnswers_data()
{
    addTemplates(read("plain.json"));
}

void TestLabelParity::templatesWithoutTagsGiveTheSameAnswers()
{
    QFETCH(int, index);
    const Json entry = read("plain.json").at("templates").at(static_cast<std::size_t>(index));
    const auto chatTemplate = tokenizer::ChatTemplate::parse(entry.at("source").get<std::string>(), entry.at("name").get<std::string>());
    QVERIFY(!chatTemplate.hasGenerationTags());
    const Tokenization tokenization(*m_tokenizer, &chatTemplate, "assistant");
    int compared = 0;
    for (std::size_t i = 0; i < m_chats.size(); ++i) {
        if (entry.at("rows").at(i).is_null())
            continue;
        const std::string text = difference(tokenization.tokenize(m_chats[i]), entry.at("rows").at(i));
        QVERIFY2(text.empty(), ("row " + std::to_string(i + 1) + ": " + text).c_str());
        ++compared;
    }
    QVERIFY2(compared >= 60, qPrintable(QString::number(compared)));
}

void TestLabelParity::pastedSpecialTokensAreEncodedAsText()
{
    const Json file = read("pasted.json");
    const auto samples = samplesOf("pasted.jsonl", "messages");
    QCOMPARE(samples.size(), std::size_t{80});
    for (const char* source : {"tagged", "plain"}) {
        const std::string text = std::string(source) == "plain" ? tokenizer::chatMl().source() : file.at("template").get<std::string>();
        const auto chatTemplate = tokenizer::ChatTemplate::parse(text, source);
        const Tokenization tokenization(*m_tokenizer, &chatTemplate, "assistant");
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const TokenizedRow row = tokenization.tokenize(samples[i]);
            QVERIFY(row.specialsAsText);
            const std::string unlike = difference(row, file.at("rows").at(i));
            QVERIFY2(unlike.empty(), (std::string(source) + ", row " + std::to_string(i + 1) + ": " + unlike).c_str());
        }
    }
}

void TestLabelParity::rowsAreTokenisedAsTrlDoes_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("format");
    QTest::newRow("text") << "text" << "text";
    QTest::newRow("prompt and completion") << "prompt_completion" << "prompt_completion";
    QTest::newRow("prompt and completion as messages") << "prompt_completion_chat" << "prompt_completion";
    QTest::newRow("messages") << "messages" << "messages";
}

void TestLabelParity::rowsAreTokenisedAsTrlDoes()
{
    QFETCH(QString, name);
    QFETCH(QString, format);
    const Json file = read("trl.json");
    const auto chatTemplate = tokenizer::ChatTemplate::parse(file.at("template").get<std::string>(), "tagged ChatML");
    const Tokenization tokenization(*m_tokenizer, &chatTemplate, "assistant");
    const Json& rows = file.at("sets").at(name.toStdString());
    const auto samples = samplesOf("trl/" + name + ".jsonl", qPrintable(format));
    QCOMPARE(samples.size(), rows.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const std::string text = difference(tokenization.tokenize(samples[i]), rows.at(i));
        QVERIFY2(text.empty(), ("row " + std::to_string(i + 1) + ": " + text).c_str());
    }
}

/// The comparison itself can fail: a mask that is off by one token, or a lost token, is told.
void TestLabelParity::aShiftedMaskWouldBeSeen()
{
    const auto chatTemplate = tokenizer::ChatTemplate::parse(read("chats.json").at("templates").at(0).at("source").get<std::string>(), "llama3");
    const Json expected = read("chats.json").at("templates").at(0).at("rows").at(0);
    const TokenizedRow row = Tokenization(*m_tokenizer, &chatTemplate, "assistant").tokenize(m_chats[0]);
    TokenizedRow shifted = row;
    std::ranges::rotate(shifted.lossMask, shifted.lossMask.begin() + 1);
    QVERIFY(!difference(shifted, expected).empty());
    TokenizedRow shorter = row;
    shorter.tokens.pop_back();
    QVERIFY(!difference(shorter, expected).empty());
    QVERIFY(!difference(row, nullptr).empty());
}

QTEST_GUILESS_MAIN(TestLabelParity)
#include "tst_label_parity.moc"
