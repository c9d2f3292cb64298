// SPDX-License-Identifier: GPL-3.0-or-later
// The quantisation state of a bitsandbytes checkpoint: what is read, and hostile ones that are refused by field.
#include "engine/formats/bnb_quant_state.h"
#include "tests/engine/formats/refusal.h"

#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::formats;

class TestBnbQuantState : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aNestedStateIsRead()
    {
        const BnbQuantState state = parseBnbQuantState(R"({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [4096, 14336],
            "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.03125})", "w");
        QCOMPARE(state.rows, std::int64_t{4096});
        QCOMPARE(state.cols, std::int64_t{14336});
        QVERIFY(state.dtype == DType::BF16);
        QVERIFY(state.nested);
        QCOMPARE(state.nestedOffset, 0.03125f);
    }
    void aPlainStateIsRead()
    {
        const BnbQuantState state = parseBnbQuantState(R"({"quant_type":"nf4","blocksize":64,"dtype":"float16","shape":[1,3]})", "w");
        QVERIFY(!state.nested);
        QVERIFY(state.dtype == DType::F16);
        QCOMPARE(state.rows, std::int64_t{1});
        QCOMPARE(state.cols, std::int64_t{3});
    }

    void hostileStatesAreRefused_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("named");
        const QByteArray good = R"({"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[2,3])";
        const auto changed = [&](const char* from, const char* to) { return QByteArray(good + "}").replace(from, to); };
        QTest::newRow("no JSON") << QByteArray("nf4") << QByteArray("file.w");
        QTest::newRow("empty") << QByteArray() << QByteArray("file.w");
        QTest::newRow("a list") << QByteArray("[]") << QByteArray("file.w");
        QTest::newRow("too long") << QByteArray("{" + QByteArray(5000, ' ') + "}") << QByteArray("4096");
        QTest::newRow("another type") << changed("\"nf4\"", "\"fp4\"") << QByteArray("quant_type");
        QTest::newRow("a number as type") << changed("\"nf4\"", "4") << QByteArray("quant_type");
        QTest::newRow("other blocks") << changed("64", "128") << QByteArray("blocksize");
        QTest::newRow("no blocks") << changed("64", "null") << QByteArray("blocksize");
        QTest::newRow("negative blocks") << changed("64", "-64") << QByteArray("blocksize");
        QTest::newRow("another dtype") << changed("float32", "float64") << QByteArray("dtype");
        QTest::newRow("no shape") << changed("\"shape\"", "\"form\"") << QByteArray("shape");
        QTest::newRow("three sizes") << changed("[2,3]", "[2,3,4]") << QByteArray("shape");
        QTest::newRow("a zero size") << changed("[2,3]", "[0,3]") << QByteArray("shape");
        QTest::newRow("a negative size") << changed("[2,3]", "[-2,3]") << QByteArray("shape");
        QTest::newRow("half a size") << changed("[2,3]", "[2.5,3]") << QByteArray("shape");
        QTest::newRow("a text as size") << changed("[2,3]", "[\"2\",3]") << QByteArray("shape");
        QTest::newRow("2^64 elements") << changed("[2,3]", "[4294967296,4294967296]") << QByteArray("2^40");
        QTest::newRow("2^41 elements") << changed("[2,3]", "[1048576,2097152]") << QByteArray("2^40");
        QTest::newRow("nested without offset") << QByteArray(good + R"(,"nested_blocksize":256,"nested_dtype":"float32"})") << QByteArray("nested_offset");
        QTest::newRow("nested without blocks") << QByteArray(good + R"(,"nested_offset":1,"nested_dtype":"float32"})") << QByteArray("nested_blocksize");
        QTest::newRow("nested without dtype") << QByteArray(good + R"(,"nested_blocksize":256,"nested_offset":1})") << QByteArray("nested_dtype");
        QTest::newRow("a huge offset") << QByteArray(good + R"(,"nested_blocksize":256,"nested_offset":1e300,"nested_dtype":"float32"})") << QByteArray("nested_offset");
        QTest::newRow("a text as offset") << QByteArray(good + R"(,"nested_blocksize":256,"nested_offset":"1","nested_dtype":"float32"})") << QByteArray("nested_offset");
    }
    void hostileStatesAreRefused()
    {
        QFETCH(QByteArray, json);
        QFETCH(QByteArray, named);
        const std::string message = refusalOf([&] { return parseBnbQuantState({json.constData(), static_cast<std::size_t>(json.size())}, "file.w"); });
        VERIFY_REFUSAL(message, named.toStdString());
        VERIFY_REFUSAL(message, "file.w");
    }
};

QTEST_GUILESS_MAIN(TestBnbQuantState)
#include "tst_bnb_quant_state.moc"
