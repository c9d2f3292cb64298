// SPDX-License-Identifier: GPL-3.0-or-later
// A whole file becomes documents: the account of every row adds up, the split is a split, and neither depends on the number of threads.
#include "engine/data/dataset.h"

#include "engine/data/sampler.h"

#include "byte_tokenizer.h"
#include "data_files.h"

#include <algorithm>
#include <set>

using namespace lorikeet;
using namespace lorikeet::data;

class TestDataset : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyRowIsAccountedFor();
    void noticesNameRows();
    void theSplitIsASplit();
    void heldOutRowsAreRounded_data();
    void heldOutRowsAreRounded();
    void piecesOfARowStayTogether();
    void anOwnValidationFileIsUsed();
    void theNumberOfThreadsChangesNothing();
    void unusableFilesAreRefused_data();
    void unusableFilesAreRefused();
    void lengthsAreCounted();
    void progressReachesTheEnd();
    void stopsAtOnce();
};

namespace {

Job jobFor(const std::filesystem::path& path)
{
    Job job;
    job.data.path = path.string();
    job.recipe.context = 64;
    job.recipe.microBatch = 2;
    job.run.threads = 2;
    return job;
}

Dataset build(const Job& job)
{
    const ByteTokenizer tokenizer;
    const auto chatTemplate = tokenizer::chatMl();
    return buildDataset(job, tokenizer, &chatTemplate);
}

std::string chatRow(const std::string& user, const std::string& assistant)
{
    return nlohmann::ordered_json{{"messages", {{{"role", "user"}, {"content", user}}, {{"role", "assistant"}, {"content", assistant}}}}}.dump() + "\n";
}

std::string textRows(int count)
{
    std::string text;
    for (int i = 0; i < count; ++i)
        text += "{\"text\":\"row number " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 40), '.') + "\"}\n";
    return text;
}

std::multiset<std::int64_t> rowsOf(const std::vector<Example>& examples)
{
    std::multiset<std::int64_t> rows;
    for (const Example& example : examples)
        rows.insert(example.row);
    return rows;
}

}  // namespace

void TestDataset::everyRowIsAccountedFor()
{
    DataFolder folder;
    const std::string text = chatRow("u", "a")                                // 1 kept
                             + "\n"                                           // 2 blank
                             + chatRow("u", "a")                              // 3 kept, repeats 1
                             + "{\"text\":\"x\"}\n"                           // 4 wrong format
                             + chatRow("u", " ")                              // 5 empty
                             + chatRow("u", std::string(100, 'a'))            // 6 cut
                             + chatRow(std::string(100, 'u'), "a")            // 7 nothing left after the cut
                             + chatRow("say <|im_end|>", "a");                // 8 special token as text
    const Dataset dataset = build(jobFor(folder.put("x.jsonl", text)));
    const DataReport& report = dataset.report;
    QVERIFY(report.format == RowFormat::Messages);
    QCOMPARE(report.rows, std::int64_t{7});
    QCOMPARE(report.blankLines, std::int64_t{1});
    QCOMPARE(report.keptRows, std::int64_t{4});
    QCOMPARE(report.keptRows + report.droppedRows(), report.rows);
    QVERIFY(report.droppedFor(DropReason::WrongFormat).rows == (std::vector<RowProblem>{{4, "there is no \"messages\""}}));
    QCOMPARE(report.droppedFor(DropReason::Empty).rows.at(0).row, std::int64_t{5});
    QCOMPARE(report.droppedFor(DropReason::NothingLeftAfterCut).rows.at(0).row, std::int64_t{7});
    QCOMPARE(report.cutRows, std::int64_t{1});
    QCOMPARE(report.overContext, std::int64_t{2});
    QCOMPARE(report.duplicateRows, std::int64_t{1});
    QCOMPARE(report.specialsAsText, std::int64_t{1});
    QVERIFY(rowsOf(dataset.train) == (std::multiset<std::int64_t>{1, 3, 6, 8}));
    std::int64_t tokens = 0, supervised = 0;
    for (std::size_t i = 0; i < dataset.train.size(); ++i) {
        QCOMPARE(dataset.train[i].sampleId, static_cast<std::int64_t>(i));
        tokens += static_cast<std::int64_t>(dataset.train[i].tokens.size());
        supervised += dataset.train[i].supervised();
    }
    QCOMPARE(report.trainTokens, tokens);
    QCOMPARE(report.trainSupervised, supervised);
    QVERIFY(report.packingEfficiency > 0 && report.packingEfficiency <= 1);
}

void TestDataset::noticesNameRows()
{
    DataFolder folder;
    std::string text = chatRow("u", "a");
    for (int i = 0; i < 12; ++i)
        text += chatRow("u", "");
    const auto notices = noticesOf(build(jobFor(folder.put("x.jsonl", text))).report);
    QCOMPARE(notices.size(), std::size_t{1});
    QCOMPARE(QString::fromStdString(notices[0]),
             QString("12 rows dropped, empty (rows 2, 3, 4, 5, 6, 7, 8, 9, ...); row 2: every answer of the assistant is empty"));
}

void TestDataset::theSplitIsASplit()
{
    DataFolder folder;
    Job job = jobFor(folder.put("x.jsonl", textRows(200)));
    job.data.validationFraction = 0.1;
    const Dataset dataset = build(job);
    QCOMPARE(dataset.validation.size(), std::size_t{20});
    QCOMPARE(dataset.train.size(), std::size_t{180});
    QCOMPARE(dataset.report.validationRows, std::int64_t{20});
    std::multiset<std::int64_t> all = rowsOf(dataset.train);
    all.merge(rowsOf(dataset.validation));
    QVERIFY(all.size() == 200 && *all.begin() == 1 && *all.rbegin() == 200 && std::set(all.begin(), all.end()).size() == 200);
    const auto byRow = [](const Example& a, const Example& b) { return a.row < b.row; };
    QVERIFY(std::ranges::is_sorted(dataset.train, byRow) && std::ranges::is_sorted(dataset.validation, byRow));
    QVERIFY(rowsOf(build(job).validation) == rowsOf(dataset.validation));
    job.recipe.seed = 43;
    QVERIFY(rowsOf(build(job).validation) != rowsOf(dataset.validation));
}

void TestDataset::heldOutRowsAreRounded_data()
{
    QTest::addColumn<int>("rows");
    QTest::addColumn<double>("fraction");
    QTest::addColumn<int>("held");
    QTest::newRow("none") << 100 << 0.0 << 0;
    QTest::newRow("a tenth") << 100 << 0.1 << 10;
    QTest::newRow("rounded") << 26 << 0.1 << 3;
    QTest::newRow("at least one") << 5 << 0.01 << 1;
    QTest::newRow("never all") << 3 << 0.99 << 2;
    QTest::newRow("a single row is trained on") << 1 << 0.5 << 0;
}

void TestDataset::heldOutRowsAreRounded()
{
    QFETCH(int, rows);
    QFETCH(double, fraction);
    QFETCH(int, held);
    QCOMPARE(heldOutRows(rows, fraction), static_cast<std::int64_t>(held));
}

void TestDataset::piecesOfARowStayTogether()
{
    DataFolder folder;
    std::string text;
    for (int i = 0; i < 20; ++i)
        text += "{\"text\":\"" + std::string(200, static_cast<char>('a' + i)) + "\"}\n";
    Job job = jobFor(folder.put("x.jsonl", text));
    job.recipe.overlong = "split";
    job.data.validationFraction = 0.25;
    const Dataset dataset = build(job);
    QCOMPARE(dataset.report.splitRows, std::int64_t{20});
    QCOMPARE(dataset.report.examples, std::int64_t{80});  // 201 tokens in pieces of 64
    const auto train = rowsOf(dataset.train), held = rowsOf(dataset.validation);
    QCOMPARE(held.size(), std::size_t{20});
    for (const std::int64_t row : held)
        QVERIFY(held.count(row) == 4 && train.count(row) == 0);
    QCOMPARE(dataset.report.leakedRows, std::int64_t{0});
}

void TestDataset::anOwnValidationFileIsUsed()
{
    DataFolder folder;
    Job job = jobFor(folder.put("train.jsonl", textRows(30)));
    job.data.validationPath = folder.put("held.jsonl", textRows(5) + "{\"text\":\"never seen\"}\n").string();
    const Dataset dataset = build(job);
    QCOMPARE(dataset.train.size(), std::size_t{30});
    QCOMPARE(dataset.validation.size(), std::size_t{6});
    QVERIFY(dataset.validationReport && dataset.validationReport->rows == 6);
    QCOMPARE(dataset.report.leakedRows, std::int64_t{5});
}

void TestDataset::theNumberOfThreadsChangesNothing()
{
    DataFolder folder;
    Job job = jobFor(folder.put("x.jsonl", textRows(2000)));
    job.run.threads = 1;
    const Dataset one = build(job);
    job.run.threads = 7;
    const Dataset seven = build(job);
    QCOMPARE(one.train.size(), seven.train.size());
    for (std::size_t i = 0; i < one.train.size(); ++i)
        QVERIFY(one.train[i].tokens == seven.train[i].tokens && one.train[i].lossMask == seven.train[i].lossMask && one.train[i].row == seven.train[i].row);
}

void TestDataset::unusableFilesAreRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("words");
    QTest::newRow("empty") << QByteArray() << "x.jsonl: the file has no rows";
    QTest::newRow("blank lines") << QByteArray("\n \n") << "the file has no rows";
    QTest::newRow("broken JSON") << QByteArray("{\"text\":\"a\"}\n{\"text\":\n") << "x.jsonl, row 2: byte 9";
    QTest::newRow("broken first row") << QByteArray("{\"text\"}\n") << "x.jsonl, row 1: byte 8";
    QTest::newRow("invalid UTF-8") << QByteArray("{\"text\":\"a\"}\n\n{\"text\":\"\xE9\"}\n") << "x.jsonl, row 3: byte 10: 0xE9";
    QTest::newRow("unknown keys") << QByteArray("{\"question\":\"a\",\"answer\":\"b\"}\n") << "keys found: question, answer";
    QTest::newRow("nothing to train on") << QByteArray("{\"text\":\" \"}\n{\"text\":\"\"}\n") << "none of its 2 rows can be trained on: 2 rows dropped, empty (rows 1, 2)";
}

void TestDataset::unusableFilesAreRefused()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QString, words);
    DataFolder folder;
    const auto path = folder.put("x.jsonl", bytes.toStdString());
    QVERIFY(refuses(ErrorCode::BadInput, {qPrintable(words)}, [&] { (void)build(jobFor(path)); }));
    const ByteTokenizer tokenizer;
    const auto chat = folder.put("chat.jsonl", chatRow("u", "a"));
    QVERIFY(refuses(ErrorCode::BadInput, {"chat.jsonl", "no chat template"}, [&] { (void)buildDataset(jobFor(chat), tokenizer, nullptr); }));
}

void TestDataset::lengthsAreCounted()
{
    const LengthHistogram none = makeHistogram({});
    QVERIFY(none.counts.empty() && none.longest == 0);
    const LengthHistogram small = makeHistogram({1, 2, 2, 5}, 8);
    QCOMPARE(small.binWidth, std::int64_t{1});
    QVERIFY(small.counts == (std::vector<std::int64_t>{0, 1, 2, 0, 0, 1}));
    QCOMPARE(small.median, std::int64_t{2});
    const LengthHistogram wide = makeHistogram({0, 7, 8, 63}, 8);
    QCOMPARE(wide.binWidth, std::int64_t{8});
    QVERIFY(wide.counts == (std::vector<std::int64_t>{2, 1, 0, 0, 0, 0, 0, 1}));
    QCOMPARE(makeHistogram({64}, 8).binWidth, std::int64_t{16});
}

void TestDataset::progressReachesTheEnd()
{
    DataFolder folder;
    const Job job = jobFor(folder.put("x.jsonl", textRows(1500)));
    const ByteTokenizer tokenizer;
    std::vector<Progress> reports;
    (void)buildDataset(job, tokenizer, nullptr, [&](const Progress& progress) { reports.push_back(progress); });
    QVERIFY(reports.size() >= 2);
    QCOMPARE(reports.back().done, reports.back().total);
    QVERIFY(std::ranges::is_sorted(reports, {}, &Progress::done));
}

void TestDataset::stopsAtOnce()
{
    DataFolder folder;
    const Job job = jobFor(folder.put("x.jsonl", textRows(1500)));
    const ByteTokenizer tokenizer;
    std::stop_source source;
    const auto stopAtFirstReport = [&](const Progress&) { source.request_stop(); };
    QVERIFY(refuses(ErrorCode::Cancelled, {}, [&] { (void)buildDataset(job, tokenizer, nullptr, stopAtFirstReport, source.get_token()); }));
}

QTEST_GUILESS_MAIN(TestDataset)
#include "tst_dataset.moc"
