// SPDX-License-Identifier: GPL-3.0-or-later
// Files as rows: line numbers, lists, byte order marks, and everything that is wrong with files in the wild.
#include "engine/data/reader.h"

#include "data_files.h"

using namespace lorikeet;
using namespace lorikeet::data;

class TestReader : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void filesBecomeRows_data();
    void filesBecomeRows();
    void brokenRowsAreNamedAndTheRestIsRead_data();
    void brokenRowsAreNamedAndTheRestIsRead();
    void otherKindsOfFilesAreRefused_data();
    void otherKindsOfFilesAreRefused();
    void missingFilesAndFoldersAreRefused();
    void linesLongerThanABlockAreWhole();
    void aLineOverTheLimitIsSkippedWhole();
    void listElementsMayBeCutAnywhereByBlocks();
    void bytesReadReachTheTotal();
    void rowErrorsNameFileAndRow();
};

namespace {

/// "number:json" per row, "number!problem" for broken ones.
QStringList rowsOf(const std::filesystem::path& path)
{
    RowReader reader(path);
    QStringList rows;
    while (const auto row = reader.next())
        rows << QString::number(row->number)
                    + QString::fromStdString(row->problem.empty() ? ":" + row->value.dump() : "!" + row->problem);
    return rows;
}

}  // namespace

void TestReader::filesBecomeRows_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QStringList>("rows");
    const QStringList two{R"(1:{"a":1})", R"(2:{"a":2})"};
    QTest::newRow("lines") << "x.jsonl" << QByteArray("{\"a\":1}\n{\"a\":2}\n") << two;
    QTest::newRow("no last line break") << "x.ndjson" << QByteArray("{\"a\":1}\n{\"a\":2}") << two;
    QTest::newRow("CRLF") << "x.jsonl" << QByteArray("{\"a\":1}\r\n{\"a\":2}\r\n") << two;
    QTest::newRow("byte order mark") << "x.jsonl" << QByteArray("\xEF\xBB\xBF{\"a\":1}\n{\"a\":2}\n") << two;
    QTest::newRow("blank lines count as lines") << "x.jsonl" << QByteArray("\n{\"a\":1}\n  \t\r\n{\"a\":2}\n\n") << QStringList{R"(2:{"a":1})", R"(4:{"a":2})"};
    QTest::newRow("lines in .json") << "x.JSON" << QByteArray("{\"a\":1}\n{\"a\":2}\n") << two;
    QTest::newRow("list") << "x.json" << QByteArray("[{\"a\":1},\n {\"a\":2}]\n") << two;
    QTest::newRow("list after a mark and blanks") << "x.json" << QByteArray("\xEF\xBB\xBF \n[ {\"a\":1}\n,{\"a\":2} ] \n") << two;
    QTest::newRow("list in .jsonl") << "x.jsonl" << QByteArray("[{\"a\":1},{\"a\":2}]") << two;
    QTest::newRow("list on one line per row") << "x.json" << QByteArray("[\n{\"a\":1},\n{\"a\":2}\n]") << two;
    QTest::newRow("list of texts") << "x.json" << QByteArray("[\"a,]\\\"\", \"\", \"b\"]") << QStringList{"1:\"a,]\\\"\"", "2:\"\"", "3:\"b\""};
    QTest::newRow("list of numbers") << "x.json" << QByteArray("[1, 22 ,true]") << QStringList{"1:1", "2:22", "3:true"};
    QTest::newRow("nested brackets and quotes") << "x.json" << QByteArray(R"([{"a":["}",{"b":"\\"}]},[[]]])") << QStringList{R"(1:{"a":["}",{"b":"\\"}]})", "2:[[]]"};
    QTest::newRow("empty list") << "x.json" << QByteArray("[ ]") << QStringList{};
    QTest::newRow("empty file") << "x.jsonl" << QByteArray() << QStringList{};
    QTest::newRow("only a mark") << "x.jsonl" << QByteArray("\xEF\xBB\xBF") << QStringList{};
    QTest::newRow("text lines") << "x.txt" << QByteArray("one\n\n two \r\nthree") << QStringList{"1:\"one\"", "3:\" two \"", "4:\"three\""};
    QTest::newRow("text that begins with a bracket") << "x.txt" << QByteArray("[1]\n") << QStringList{"1:\"[1]\""};
}

void TestReader::filesBecomeRows()
{
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QFETCH(QStringList, rows);
    DataFolder folder;
    QCOMPARE(rowsOf(folder.put(qPrintable(name), bytes.toStdString())), rows);
}

void TestReader::brokenRowsAreNamedAndTheRestIsRead_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QStringList>("starts");
    QTest::addColumn<QString>("words");
    QTest::newRow("broken line") << "x.jsonl" << QByteArray("{\"a\":1}\n{\"a\":}\n{\"a\":3}\n") << QStringList{"1:", "2!byte 6", "3:"} << "syntax error";
    QTest::newRow("cut off") << "x.jsonl" << QByteArray("{\"a\":1}\n{\"a\": \"b") << QStringList{"1:", "2!byte"} << "was the file cut off?";
    QTest::newRow("invalid UTF-8") << "x.jsonl" << QByteArray("{\"a\":\"\xE9\"}\n{\"a\":3}\n") << QStringList{"1!byte 7", "2:"} << "0xE9";
    QTest::newRow("invalid UTF-8 in text") << "x.txt" << QByteArray("ok\nna\xEFve\n") << QStringList{"1:", "2!byte 3"} << "0xEF";
    QTest::newRow("object over several lines") << "x.json" << QByteArray("{\n \"a\": 1\n}\n") << QStringList{"1!byte", "2!", "3!"} << "one list of objects";
    QTest::newRow("broken element") << "x.json" << QByteArray("[{\"a\":1},\n{\"a\":},\n{\"a\":3}]") << QStringList{"1:", "2!line 2, byte 6", "3:"} << "syntax error";
    QTest::newRow("list without its end") << "x.json" << QByteArray("[{\"a\":1},\n{\"a\":2}\n") << QStringList{"1:", "2:", "3!line 3"} << "closed by ]";
    QTest::newRow("list cut off in a row") << "x.json" << QByteArray("[{\"a\":1},\n{\"a\":[2") << QStringList{"1:", "2!line 2"} << "cut off";
    QTest::newRow("list with a trailing comma") << "x.json" << QByteArray("[{\"a\":1},]") << QStringList{"1:", "2!line 1"} << "comma too many";
    QTest::newRow("list without a comma") << "x.json" << QByteArray("[{\"a\":1}\n{\"a\":2}]") << QStringList{"1:", "2!line 2"} << "expected , or ]";
    QTest::newRow("text behind the list") << "x.json" << QByteArray("[{\"a\":1}]\n{}") << QStringList{"1:", "2!line 2"} << "after the end";
    QTest::newRow("closing bracket too many") << "x.json" << QByteArray("[}]") << QStringList{"1!line 1"} << "syntax error";
}

void TestReader::brokenRowsAreNamedAndTheRestIsRead()
{
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QFETCH(QStringList, starts);
    QFETCH(QString, words);
    DataFolder folder;
    const QStringList rows = rowsOf(folder.put(qPrintable(name), bytes.toStdString()));
    QVERIFY2(rows.size() == starts.size(), qPrintable(rows.join('\n')));
    for (qsizetype i = 0; i < rows.size(); ++i)
        QVERIFY2(rows[i].startsWith(starts[i]), qPrintable(rows[i]));
    QVERIFY2(rows.join('\n').contains(words), qPrintable(rows.join('\n')));
}

void TestReader::otherKindsOfFilesAreRefused_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("words");
    QTest::newRow("parquet") << "x.parquet" << QByteArray("PAR1") << "ends in .parquet";
    QTest::newRow("packed parquet") << "x.parquet.gz" << QByteArray("\x1f\x8b") << "ends in .parquet.gz";
    QTest::newRow("only packed") << "x.zst" << QByteArray("\x28\xb5\x2f\xfd") << "no extension in front of .zst";
    QTest::newRow("other compression") << "x.jsonl.bz2" << QByteArray("BZh9") << "ends in .bz2";
    QTest::newRow("gzip under another name") << "x.jsonl" << QByteArray("\x1f\x8b\x08\0", 4) << "holds gzip data";
    QTest::newRow("Zstandard under another name") << "x.csv" << QByteArray("\x28\xb5\x2f\xfd") << "holds Zstandard data";
    QTest::newRow("no extension") << "rows" << QByteArray("{}\n") << "has no extension";
    QTest::newRow("UTF-16 little") << "x.jsonl" << QByteArray("\xFF\xFE{\0", 4) << "UTF-16";
    QTest::newRow("UTF-16 big") << "x.txt" << QByteArray("\xFE\xFF\0{", 4) << "UTF-16";
}

void TestReader::otherKindsOfFilesAreRefused()
{
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QFETCH(QString, words);
    DataFolder folder;
    const auto path = folder.put(qPrintable(name), bytes.toStdString());
    QVERIFY(refuses(ErrorCode::BadInput, {qPrintable(words), qPrintable(name)}, [&] { RowReader reader(path); }));
}

void TestReader::missingFilesAndFoldersAreRefused()
{
    DataFolder folder;
    QVERIFY(refuses(ErrorCode::BadInput, {"missing.jsonl"}, [&] { RowReader reader(folder.path("missing.jsonl")); }));
    std::filesystem::create_directory(folder.path("rows.jsonl"));
    QVERIFY(refuses(ErrorCode::BadInput, {"is a folder"}, [&] { RowReader reader(folder.path("rows.jsonl")); }));
}

void TestReader::linesLongerThanABlockAreWhole()
{
    DataFolder folder;
    const std::string longText(3'000'000, 'x');
    const auto path = folder.put("x.jsonl", "{\"a\":\"" + longText + "\"}\n{\"a\":\"b\"}\n");
    RowReader reader(path);
    const auto first = reader.next();
    QVERIFY(first && first->value.at("a").get<std::string>() == longText);
    const auto second = reader.next();
    QVERIFY(second && second->number == 2 && second->value.at("a") == "b");
    QVERIFY(!reader.next());
}

void TestReader::aLineOverTheLimitIsSkippedWhole()
{
    DataFolder folder;
    const auto path = folder.put("x.jsonl", "{\"a\":1}\n");
    std::filesystem::resize_file(path, kMaxRowBytes + 100);  // zero bytes: one endless second line
    {
        QFile file(QString::fromStdString(path.string()));
        QVERIFY(file.open(QIODevice::Append) && file.write("\n{\"a\":3}\n") > 0);
    }
    QCOMPARE(rowsOf(path), (QStringList{R"(1:{"a":1})", "2!the row is longer than 64 MiB", R"(3:{"a":3})"}));
}

void TestReader::listElementsMayBeCutAnywhereByBlocks()
{
    // Elements of every length around a block border.
    DataFolder folder;
    std::string text = "[";
    QStringList expected;
    for (int i = 0; i < 3000; ++i) {
        const std::string content(static_cast<std::size_t>(i % 311), '}');
        text += (i ? "," : "") + ("{\"t\":\"\\\"" + content + "\"}");
        expected << QString::number(i + 1) + ":{\"t\":\"\\\"" + QString::fromStdString(content) + "\"}";
    }
    QCOMPARE(rowsOf(folder.put("x.json", text + "]")), expected);
}

void TestReader::bytesReadReachTheTotal()
{
    DataFolder folder;
    RowReader reader(folder.put("x.jsonl", "{\"a\":1}\n\n{\"a\":2}\n"));
    QCOMPARE(reader.bytesTotal(), std::uint64_t{17});
    while (reader.next()) {}
    QCOMPARE(reader.bytesRead(), reader.bytesTotal());
    QCOMPARE(reader.blankLines(), std::int64_t{1});
}

void TestReader::rowErrorsNameFileAndRow()
{
    const Error error = rowError("some/rows.jsonl", {7, "byte 3: broken"});
    QCOMPARE(error.code(), ErrorCode::BadInput);
    QCOMPARE(error.message(), std::string("some/rows.jsonl, row 7: byte 3: broken"));
}

QTEST_GUILESS_MAIN(TestReader)
#include "tst_reader.moc"
