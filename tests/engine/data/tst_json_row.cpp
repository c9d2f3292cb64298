// SPDX-License-Identifier: GPL-3.0-or-later
// One row of JSON: what is read, what is refused and where, and the limits against hostile text.
#include "engine/data/json_row.h"

#include <QtTest>

using namespace lorikeet::data;

class TestJsonRow : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void goodValuesKeepTheOrderOfTheirKeys();
    void brokenTextIsDescribedWithItsByte_data();
    void brokenTextIsDescribedWithItsByte();
    void depthIsLimited();
    void bracketsInsideStringsDoNotCount();
    void manyKeysAreRefusedFast();
    void utf8FollowsTheUnicodeTable_data();
    void utf8FollowsTheUnicodeTable();
};

void TestJsonRow::goodValuesKeepTheOrderOfTheirKeys()
{
    const JsonRow row = parseJsonRow(R"({"z": 1, "a": "\u00e9\ud83d\ude00", "m": [true, null]})");
    QCOMPARE(row.problem, std::string());
    QCOMPARE(row.value.dump(), std::string("{\"z\":1,\"a\":\"é😀\",\"m\":[true,null]}"));
}

void TestJsonRow::brokenTextIsDescribedWithItsByte_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("byte");
    QTest::addColumn<QString>("cause");
    QTest::newRow("cut off") << QByteArray(R"({"text": "abc)") << "byte 14:" << "missing closing quote";
    QTest::newRow("trailing comma") << QByteArray(R"({"a": 1,})") << "byte 9:" << "expected string literal";
    QTest::newRow("two values") << QByteArray(R"({"a": 1} {"a": 2})") << "byte 10:" << "expected end of input";
    QTest::newRow("single quotes") << QByteArray(R"({'a': 1})") << "byte 2:" << "invalid literal";
    QTest::newRow("NaN") << QByteArray(R"({"a": NaN})") << "byte 7:" << "NaN and Infinity are not JSON";
    QTest::newRow("-Infinity") << QByteArray(R"({"a": -Infinity})") << "byte 8:" << "NaN and Infinity are not JSON";
    QTest::newRow("lone surrogate") << QByteArray(R"({"a": "\ud83d"})") << "byte 14:" << "surrogate";
    QTest::newRow("Latin-1") << QByteArray("{\"a\": \"caf\xE9\"}") << "byte 11:" << "0xE9 is not valid UTF-8";
    QTest::newRow("number too large") << QByteArray(R"({"a": 1e999})") << "byte 1:" << "number overflow";
    QTest::newRow("raw control character") << QByteArray("{\"a\": \"x\ty\"}") << "byte 9:" << "control character";
    QTest::newRow("nothing") << QByteArray("") << "byte 1:" << "unexpected end of input";
}

void TestJsonRow::brokenTextIsDescribedWithItsByte()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, byte);
    QFETCH(QString, cause);
    const JsonRow row = parseJsonRow(text.toStdString());
    QVERIFY(row.value.is_null());
    const QString problem = QString::fromStdString(row.problem);
    QVERIFY2(problem.startsWith(byte) && problem.contains(cause), qPrintable(problem));
    QVERIFY2(!problem.contains("json.exception"), qPrintable(problem));
}

void TestJsonRow::depthIsLimited()
{
    const auto nested = [](int depth) { return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']'); };
    QCOMPARE(parseJsonRow(nested(kMaxJsonDepth)).problem, std::string());
    QVERIFY(QString::fromStdString(parseJsonRow(nested(kMaxJsonDepth + 1)).problem).startsWith("byte 65: objects and lists are nested"));
    QVERIFY(!parseJsonRow(nested(10'000'000)).problem.empty());
}

void TestJsonRow::bracketsInsideStringsDoNotCount()
{
    const std::string text = R"({"a": ")" + std::string(100, '[') + R"(\"[[", "b": "::"})";
    QCOMPARE(parseJsonRow(text).problem, std::string());
}

void TestJsonRow::manyKeysAreRefusedFast()
{
    std::string text = "{\"k\":0";
    for (int i = 0; i < 2'000'000; ++i)
        text += ",\"" + std::to_string(i) + "\":0";
    text += "}";
    QElapsedTimer timer;
    timer.start();
    QVERIFY(QString::fromStdString(parseJsonRow(text).problem).contains("2000001 keys"));
    QVERIFY2(timer.elapsed() < 2000, qPrintable(QString::number(timer.elapsed())));
}

void TestJsonRow::utf8FollowsTheUnicodeTable_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<int>("invalidAt");
    QTest::newRow("all lengths") << QByteArray("a\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF") << -1;
    QTest::newRow("overlong two") << QByteArray("a\xC0\x80") << 1;
    QTest::newRow("overlong three") << QByteArray("\xE0\x9F\xBF") << 0;
    QTest::newRow("overlong four") << QByteArray("\xF0\x8F\xBF\xBF") << 0;
    QTest::newRow("surrogate") << QByteArray("ab\xED\xA0\x80") << 2;
    QTest::newRow("above the last plane") << QByteArray("\xF4\x90\x80\x80") << 0;
    QTest::newRow("lone continuation") << QByteArray("ab\x80") << 2;
    QTest::newRow("cut off") << QByteArray("ab\xE2\x82") << 2;
    QTest::newRow("broken third byte") << QByteArray("\xE2\x82\x41") << 0;
    QTest::newRow("never used") << QByteArray("x\xFF") << 1;
}

void TestJsonRow::utf8FollowsTheUnicodeTable()
{
    QFETCH(QByteArray, text);
    QFETCH(int, invalidAt);
    const auto found = findInvalidUtf8(text.toStdString());
    QCOMPARE(found ? static_cast<int>(*found) : -1, invalidAt);
}

QTEST_GUILESS_MAIN(TestJsonRow)
#include "tst_json_row.moc"
