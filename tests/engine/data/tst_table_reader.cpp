// SPDX-License-Identifier: GPL-3.0-or-later
// CSV and TSV as rows: what RFC 4180 allows, what people's programs write besides, and everything that is wrong with tables in the wild.
#include "engine/data/conversation.h"
#include "engine/data/preview.h"
#include "engine/data/table_reader.h"

#include "data_files.h"

using namespace lorikeet;
using namespace lorikeet::data;

class TestTableReader : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void tablesBecomeRows_data();
    void tablesBecomeRows();
    void theSeparatorIsTheHeaders_data();
    void theSeparatorIsTheHeaders();
    void brokenRowsAreNamedAndTheRestIsRead_data();
    void brokenRowsAreNamedAndTheRestIsRead();
    void badHeadersAreRefused_data();
    void badHeadersAreRefused();
    void listsOfMessagesInCellsAreRead_data();
    void listsOfMessagesInCellsAreRead();
    void cellsCutAnywhereByBlocksAreWhole();
    void aRowOverTheLimitIsSkippedWhole();
    void cellsBeyondTheHeaderAreOnlyCounted();
    void emptyCellsAreWhatTheyAreInJson();
    void pythonsListsAreNamed();
    void linesAreCountedThroughQuotesAndBlanks();
};

namespace {

QStringList rowsOf(const std::filesystem::path& path)
{
    RowReader reader(path);
    QStringList rows;
    while (const auto row = reader.next())
        rows << QString::number(row->number) + QString::fromStdString(row->problem.empty() ? ":" + row->value.dump() : "!" + row->problem);
    return rows;
}

}  // namespace

void TestTableReader::tablesBecomeRows_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QStringList>("rows");
    const QStringList two{R"(1:{"b":"1","a":"2"})", R"(2:{"b":"3","a":"4"})"};
    QTest::newRow("comma") << "x.csv" << QByteArray("b,a\n1,2\n3,4\n") << two;
    QTest::newRow("no last line break") << "x.csv" << QByteArray("b,a\n1,2\n3,4") << two;
    QTest::newRow("CRLF") << "x.csv" << QByteArray("b,a\r\n1,2\r\n3,4\r\n") << two;
    QTest::newRow("CR") << "x.csv" << QByteArray("b,a\r1,2\r3,4\r") << two;
    QTest::newRow("byte order mark") << "x.csv" << QByteArray("\xEF\xBB\xBF" "b,a\n1,2\n3,4\n") << two;
    QTest::newRow("mark before a quote") << "x.csv" << QByteArray("\xEF\xBB\xBF\"b\",a\n1,2\n3,4\n") << two;
    QTest::newRow("quoted everywhere") << "x.csv" << QByteArray("\"b\",\"a\"\n\"1\",\"2\"\n\"3\",\"4\"\n") << two;
    QTest::newRow("tabs") << "x.TSV" << QByteArray("b\ta\n1\t2\n3\t4\n") << two;
    QTest::newRow("blank lines") << "x.csv" << QByteArray("\nb,a\n\n1,2\n  \n3,4\n\r\n\n") << two;
    QTest::newRow("break in a cell") << "x.csv" << QByteArray("a,b\n\"x\ny\r\nz\",1\n") << QStringList{R"(1:{"a":"x\ny\r\nz","b":"1"})"};
    QTest::newRow("separator in a cell") << "x.csv" << QByteArray("a,b\n\"x,y\",\"\"\n") << QStringList{R"(1:{"a":"x,y","b":""})"};
    QTest::newRow("doubled quotes") << "x.csv" << QByteArray("a,b\n\"\"\"x\"\"\",\"\"\"\"\n") << QStringList{R"(1:{"a":"\"x\"","b":"\""})"};
    QTest::newRow("quote inside a word") << "x.csv" << QByteArray("a,b\n5\" disk,x\"\"y\n") << QStringList{R"(1:{"a":"5\" disk","b":"x\"\"y"})"};
    QTest::newRow("blanks stay") << "x.csv" << QByteArray("a,b\n x ,\t\n") << QStringList{R"(1:{"a":" x ","b":"\t"})"};
    QTest::newRow("nothing is a number") << "x.csv" << QByteArray("a,b\n007,NA\nnull,true\n") << QStringList{R"(1:{"a":"007","b":"NA"})", R"(2:{"a":"null","b":"true"})"};
    QTest::newRow("empty cells") << "x.csv" << QByteArray("a,b,c\n,,\n") << QStringList{R"(1:{"a":"","b":"","c":""})"};
    QTest::newRow("empty cells of a TSV") << "x.tsv" << QByteArray("a\tb\n\t\n") << QStringList{R"(1:{"a":"","b":""})"};
    QTest::newRow("one column") << "x.csv" << QByteArray("text\nx\n\n\"\"\n ") << QStringList{R"(1:{"text":"x"})", R"(2:{"text":""})", R"(3:{"text":" "})"};
    QTest::newRow("header with quotes and breaks") << "x.csv" << QByteArray("\"a\n1\",\"b,\"\"2\"\"\"\nx,y\n") << QStringList{R"(1:{"a\n1":"x","b,\"2\"":"y"})"};
    QTest::newRow("unicode") << "x.csv" << QByteArray("a,b\nZürich,東京🙂\n") << QStringList{QString::fromUtf8(R"(1:{"a":"Zürich","b":"東京🙂"})")};
    QTest::newRow("only a header") << "x.csv" << QByteArray("a,b\n") << QStringList{};
    QTest::newRow("empty file") << "x.csv" << QByteArray() << QStringList{};
    QTest::newRow("only a mark") << "x.tsv" << QByteArray("\xEF\xBB\xBF") << QStringList{};
}

void TestTableReader::tablesBecomeRows()
{
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QFETCH(QStringList, rows);
    DataFolder folder;
    QCOMPARE(rowsOf(folder.put(qPrintable(name), bytes.toStdString())), rows);
}

void TestTableReader::theSeparatorIsTheHeaders_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("layout");
    QTest::addColumn<QString>("row");
    QTest::newRow("comma") << "x.csv" << QByteArray("a,b\n1;2,3\n") << "table with commas" << R"({"a":"1;2","b":"3"})";
    QTest::newRow("semicolon") << "x.csv" << QByteArray("a;b\n1,5;2,5\n") << "table with semicolons" << R"({"a":"1,5","b":"2,5"})";
    QTest::newRow("tab") << "x.csv" << QByteArray("a\tb\n1,5\t2;5\n") << "table with tabs" << R"({"a":"1,5","b":"2;5"})";
    QTest::newRow("quoted separators do not count") << "x.csv" << QByteArray("\"a,1,2,3\";b\n1;2\n") << "table with semicolons" << R"({"a,1,2,3":"1","b":"2"})";
    QTest::newRow("most often") << "x.csv" << QByteArray("a;b;c,d\n1;2;3\n") << "table with semicolons" << R"({"a":"1","b":"2","c,d":"3"})";
    QTest::newRow("a comma when in doubt") << "x.csv" << QByteArray("a,b;c\n1,2\n") << "table with commas" << R"({"a":"1","b;c":"2"})";
    QTest::newRow("one column") << "x.csv" << QByteArray("text\na;b\n") << "table with commas" << R"({"text":"a;b"})";
    QTest::newRow("tsv is tabs") << "x.tsv" << QByteArray("a,b\tc\n1,2\t3\n") << "table with tabs" << R"({"a,b":"1,2","c":"3"})";
    QTest::newRow("rows do not vote") << "x.csv" << QByteArray("a,b\n1;;;;,2\n") << "table with commas" << R"({"a":"1;;;;","b":"2"})";
}

void TestTableReader::theSeparatorIsTheHeaders()
{
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QFETCH(QString, layout);
    QFETCH(QString, row);
    DataFolder folder;
    RowReader reader(folder.put(qPrintable(name), bytes.toStdString()));
    QCOMPARE(QString::fromStdString(describe(reader.kind())), layout);
    const auto first = reader.next();
    QVERIFY(first && first->problem.empty());
    QCOMPARE(QString::fromStdString(first->value.dump()), row);
}

void TestTableReader::brokenRowsAreNamedAndTheRestIsRead_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QStringList>("starts");
    QTest::addColumn<QString>("words");
    QTest::newRow("too few") << QByteArray("a,b\n1\n3,4\n") << QStringList{"1!line 2: 1 cell, the header has 2", "2:"} << "";
    QTest::newRow("too many") << QByteArray("a,b\n1,2,3\n3,4\n") << QStringList{"1!line 2: 3 cells, the header has 2", "2:"} << "needs quotes";
    QTest::newRow("behind a broken cell") << QByteArray("a,b\n\"x\ny\",1\n1\n") << QStringList{"1:", "2!line 4: 1 cell"} << "";
    QTest::newRow("unclosed quote") << QByteArray("a,b\n1,2\n3,\n4,\"x\ny,z\n5,6\n") << QStringList{"1:", "2:", "3!line 4: the quote that opens on line 4 is never closed"} << "cut off";
    QTest::newRow("unclosed in a later line") << QByteArray("a,b\n\"x\n\",\"y\n5,6\n") << QStringList{"1!line 2: the quote that opens on line 3 is never closed"} << "";
    QTest::newRow("text behind a quote") << QByteArray("a,b\n\"x\"y,2\n3,4\n") << QStringList{"1!line 2: there is text behind the closing quote of cell 1", "2:"} << "written twice";
    QTest::newRow("invalid UTF-8") << QByteArray("a,b\n1,x\xE9z\n3,4\n") << QStringList{"1!line 2, column \"b\", byte 2: 0xE9", "2:"} << "another encoding";
}

void TestTableReader::brokenRowsAreNamedAndTheRestIsRead()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QStringList, starts);
    QFETCH(QString, words);
    DataFolder folder;
    const QStringList rows = rowsOf(folder.put("x.csv", bytes.toStdString()));
    QVERIFY2(rows.size() == starts.size(), qPrintable(rows.join('\n')));
    for (qsizetype i = 0; i < rows.size(); ++i)
        QVERIFY2(rows[i].startsWith(starts[i]), qPrintable(rows[i]));
    QVERIFY2(rows.join('\n').contains(words), qPrintable(rows.join('\n')));
}

void TestTableReader::badHeadersAreRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("words");
    QTest::newRow("twice") << QByteArray("a,b,a\n1,2,3\n") << "columns 1 and 3 are both named \"a\"";
    QTest::newRow("row numbers of pandas") << QByteArray(",text\n0,x\n") << "column 1 has no name";
    QTest::newRow("empty at the end") << QByteArray("\n\na,\n1,2\n") << "line 3 (the header, table with commas): column 2 has no name";
    QTest::newRow("blank") << QByteArray("a, \n1,2\n") << "column 2 has no name";
    QTest::newRow("invalid UTF-8") << QByteArray("a,na\xEFve\n1,2\n") << "column 2, byte 3: 0xEF";
    QTest::newRow("unclosed") << QByteArray("a,\"b\n1,2\n") << "opens on line 1 is never closed";
    QTest::newRow("too many") << QByteArray("a") + QByteArray(",a").repeated(16384) << "16385 columns, at most 16384";
}

void TestTableReader::badHeadersAreRefused()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QString, words);
    DataFolder folder;
    const auto path = folder.put("x.csv", bytes.toStdString());
    QVERIFY(refuses(ErrorCode::BadInput, {qPrintable(words), "x.csv"}, [&] { RowReader reader(path); }));
}

void TestTableReader::listsOfMessagesInCellsAreRead_data()
{
    QTest::addColumn<QString>("column");
    QTest::addColumn<QString>("cell");
    QTest::addColumn<bool>("isList");
    QTest::newRow("messages") << "messages" << R"([{"role": "user", "content": "a"}])" << true;
    QTest::newRow("conversations") << "conversations" << " \n[{\"from\": \"human\", \"value\": \"a\"}]" << true;
    QTest::newRow("prompt") << "prompt" << R"([{"role": "user", "content": "a"}])" << true;
    QTest::newRow("history") << "history" << R"([["a", "b"]])" << true;
    QTest::newRow("another column") << "text" << R"([{"role": "user", "content": "a"}])" << false;
    QTest::newRow("a prompt that begins so") << "prompt" << "[1, 2]" << false;
    QTest::newRow("broken") << "messages" << R"([{"role": "user")" << false;
    QTest::newRow("text") << "messages" << "hello" << false;
    QTest::newRow("an object") << "messages" << R"({"role": "user"})" << false;
}

void TestTableReader::listsOfMessagesInCellsAreRead()
{
    QFETCH(QString, column);
    QFETCH(QString, cell);
    QFETCH(bool, isList);
    DataFolder folder;
    QString quoted = cell;
    quoted.replace('"', "\"\"");
    RowReader reader(folder.put("x.csv", (column + ",id\n\"" + quoted + "\",1\n").toStdString()));
    const auto row = reader.next();
    QVERIFY(row && row->problem.empty());
    const auto& value = row->value.at(column.toStdString());
    QCOMPARE(value.is_array(), isList);
    QVERIFY(value == (isList ? nlohmann::ordered_json::parse(cell.toStdString()) : nlohmann::ordered_json(cell.toStdString())));
    QVERIFY(row->value.at("id") == "1");
}

void TestTableReader::cellsCutAnywhereByBlocksAreWhole()
{
    // Rows of every length around a block border, with doubled quotes and CRLF that it may cut.
    DataFolder folder;
    std::string text = "t,n\r\n";
    QStringList expected;
    for (int i = 0; i < 6000; ++i) {
        const std::string content(static_cast<std::size_t>(i % 311), 'x');
        text += "\"\"\"" + content + "\r\n\"\"\"," + std::to_string(i) + "\r\n";
        expected << QString::number(i + 1) + ":{\"t\":\"\\\"" + QString::fromStdString(content) + "\\r\\n\\\"\",\"n\":\"" + QString::number(i) + "\"}";
    }
    QVERIFY(text.size() > 3 * ByteStream::kBlockBytes);
    QCOMPARE(rowsOf(folder.put("x.csv", text)), expected);
}

void TestTableReader::aRowOverTheLimitIsSkippedWhole()
{
    DataFolder folder;
    const std::string large(kMaxRowBytes + 100, 'x');
    QCOMPARE(rowsOf(folder.put("x.csv", "a,b\n1,2\n" + large + ",y\n3,4\n")),
             (QStringList{R"(1:{"a":"1","b":"2"})", "2!line 3: the row is longer than 64 MiB", R"(3:{"a":"3","b":"4"})"}));
    // An open quote takes everything behind it: the message says where to look.
    const QStringList rows = rowsOf(folder.put("y.csv", "a,b\n1,2\n\n\"" + large + ",y\n3,4\n\",5\n"));
    QCOMPARE(rows.size(), qsizetype{2});
    QVERIFY2(rows[1].contains("is the quote that opens on line 4 closed?"), qPrintable(rows[1]));
}

void TestTableReader::cellsBeyondTheHeaderAreOnlyCounted()
{
    DataFolder folder;
    QCOMPARE(rowsOf(folder.put("x.csv", "a,b\n" + std::string(5'000'000, ',') + "\n3,4\n")),
             (QStringList{"1!line 2: 5000001 cells, the header has 2 (a cell that holds the separator needs quotes)", R"(2:{"a":"3","b":"4"})"}));
}

void TestTableReader::emptyCellsAreWhatTheyAreInJson()
{
    DataFolder folder;
    RowReader table(folder.put("x.csv", "instruction,input,output,system,history,tools\nSay hi,,Hi,,,\n"));
    RowReader lines(folder.put("x.jsonl", R"({"instruction":"Say hi","input":"","output":"Hi"})" "\n"));
    const auto fromTable = toSample(table.next()->value, RowFormat::Alpaca);
    const auto fromLine = toSample(lines.next()->value, RowFormat::Alpaca);
    QVERIFY2(fromTable.sample && fromLine.sample, fromTable.problem.c_str());
    const auto& messages = std::get<Conversation>(*fromTable.sample).messages;
    QVERIFY(messages == std::get<Conversation>(*fromLine.sample).messages);
    QCOMPARE(messages.size(), std::size_t{2});
    QVERIFY(messages.at(0).at("content") == "Say hi");

    RowReader chat(folder.put("y.csv", "messages,tools\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"a\"\"},{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"b\"\"}]\",\n"));
    const auto sample = toSample(chat.next()->value, RowFormat::Messages);
    QVERIFY2(sample.sample, sample.problem.c_str());
    QVERIFY(std::get<Conversation>(*sample.sample).tools.is_null());
}

void TestTableReader::pythonsListsAreNamed()
{
    DataFolder folder;
    const DataInspection found = inspectDataset(folder.put("x.csv", "messages\n\"[{'role': 'user', 'content': 'a'}]\"\n"));
    QVERIFY(!found.format);
    QVERIFY2(found.formatProblem.find("json.dumps") != std::string::npos, found.formatProblem.c_str());
}

void TestTableReader::linesAreCountedThroughQuotesAndBlanks()
{
    DataFolder folder;
    RowReader reader(folder.put("x.csv", "a,b\n\n\"1\n2\n3\",x\r\n\r\n\"\"\"\n\",y\n9\n"));
    QVERIFY(reader.next()->problem.empty());
    QVERIFY(reader.next()->problem.empty());
    const auto third = reader.next();
    QCOMPARE(third->number, std::int64_t{3});
    QCOMPARE(QString::fromStdString(third->problem), QString("line 9: 1 cell, the header has 2"));
    QVERIFY(!reader.next());
    QCOMPARE(reader.blankLines(), std::int64_t{2});
    QCOMPARE(reader.bytesRead(), reader.bytesTotal());
}

QTEST_GUILESS_MAIN(TestTableReader)
#include "tst_table_reader.moc"
