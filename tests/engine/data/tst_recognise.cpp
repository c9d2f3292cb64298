// SPDX-License-Identifier: GPL-3.0-or-later
// Which format a row, and a file, has.
#include "engine/data/recognise.h"

#include "data_files.h"

using namespace lorikeet;
using namespace lorikeet::data;
using Json = nlohmann::ordered_json;

class TestRecognise : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void rowsHaveAFormat_data();
    void rowsHaveAFormat();
    void theMostCommonFormatWins();
    void theEarlierRowWinsATie();
    void unknownKeysAreListed();
    void formatsAreForcedByName();
};

void TestRecognise::rowsHaveAFormat_data()
{
    QTest::addColumn<QString>("row");
    QTest::addColumn<QString>("format");
    QTest::newRow("messages") << R"({"messages": [{"role": "user", "content": "a"}]})" << "messages";
    QTest::newRow("empty messages") << R"({"messages": []})" << "messages";
    QTest::newRow("messages under conversations") << R"({"conversations": [{"role": "user", "content": "a"}]})" << "messages";
    QTest::newRow("sharegpt") << R"({"id": 3, "conversations": [{"from": "human", "value": "a"}]})" << "sharegpt";
    QTest::newRow("sharegpt, singular") << R"({"conversation": [{"from": "human", "value": "a"}]})" << "sharegpt";
    QTest::newRow("sharegpt under messages") << R"({"messages": [{"from": "human", "value": "a"}]})" << "sharegpt";
    QTest::newRow("alpaca") << R"({"instruction": "a", "input": "", "output": "b"})" << "alpaca";
    QTest::newRow("alpaca without input") << R"({"instruction": "a", "output": "b"})" << "alpaca";
    QTest::newRow("alpaca with text beside it") << R"({"instruction": "a", "output": "b", "text": "c"})" << "alpaca";
    QTest::newRow("prompt and completion") << R"({"prompt": "a", "completion": "b"})" << "prompt_completion";
    QTest::newRow("lists") << R"({"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]})" << "prompt_completion";
    QTest::newRow("text") << R"({"text": "a", "meta": {}})" << "text";
    QTest::newRow("bare text") << R"("a")" << "text";
    QTest::newRow("prompt alone") << R"({"prompt": "a"})" << "";
    QTest::newRow("preference") << R"({"chosen": "a", "rejected": "b"})" << "";
    QTest::newRow("text that is a number") << R"({"text": 3})" << "";
    QTest::newRow("messages that are text") << R"({"messages": "a"})" << "";
    QTest::newRow("number") << "3" << "";
    QTest::newRow("list") << "[1]" << "";
    QTest::newRow("null") << "null" << "";
}

void TestRecognise::rowsHaveAFormat()
{
    QFETCH(QString, row);
    QFETCH(QString, format);
    const auto found = formatOf(Json::parse(row.toStdString()));
    QCOMPARE(found ? QString::fromUtf8(nameOf(*found).data()) : QString(), format);
}

void TestRecognise::theMostCommonFormatWins()
{
    const std::vector<Json> rows{Json::parse(R"({"text":"a"})"), Json::parse(R"({"other":1})"), Json::parse(R"({"prompt":"a","completion":"b"})"),
                                 Json::parse(R"({"prompt":"a","completion":"b"})")};
    QVERIFY(recogniseFormat(rows) == RowFormat::PromptCompletion);
}

void TestRecognise::theEarlierRowWinsATie()
{
    const std::vector<Json> rows{Json::parse(R"({"text":"a"})"), Json::parse(R"({"prompt":"a","completion":"b"})")};
    QVERIFY(recogniseFormat(rows) == RowFormat::Text);
}

void TestRecognise::unknownKeysAreListed()
{
    const std::vector<Json> rows{Json::parse(R"({"question":"a","answer":"b"})"), Json::parse(R"({"question":"a","score":1})"), Json(3)};
    QVERIFY(!recogniseFormat(rows));
    const QString text = QString::fromStdString(describeUnrecognised(rows));
    QVERIFY2(text.startsWith("keys found: question, answer, score; known formats: messages"), qPrintable(text));
    Json wide;
    for (int i = 0; i < 100; ++i)
        wide["k" + std::to_string(i)] = i;
    QVERIFY(QString::fromStdString(describeUnrecognised({&wide, 1})).contains("k11, ...;"));
}

void TestRecognise::formatsAreForcedByName()
{
    QVERIFY(!formatFromName("auto"));
    for (const RowFormat format : {RowFormat::Messages, RowFormat::ShareGpt, RowFormat::Alpaca, RowFormat::PromptCompletion, RowFormat::Text})
        QVERIFY(formatFromName(nameOf(format)) == format);
    QVERIFY(refuses(ErrorCode::Usage, {"chatml", "sharegpt"}, [] { (void)formatFromName("chatml"); }));
}

QTEST_GUILESS_MAIN(TestRecognise)
#include "tst_recognise.moc"
