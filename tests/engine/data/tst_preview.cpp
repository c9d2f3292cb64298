// SPDX-License-Identifier: GPL-3.0-or-later
// Looking at a file: the inspection finds every problem and throws for none, the preview shows what training will really use.
#include "engine/data/preview.h"

#include "engine/data/dataset.h"

#include "byte_tokenizer.h"
#include "data_files.h"

using namespace lorikeet;
using namespace lorikeet::data;

class TestPreview : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void inspectionCountsEverything();
    void inspectionOfUnknownFormats();
    void inspectionHonoursAForcedFormat();
    void inspectionStops();
    void tokensCarryTheirText();
    void cutTokensAreMarked();
    void badRowsSayWhy();
    void previewIsWhatTrainingUses();
    void rowsCanBeSkipped();
};

namespace {

Job jobFor(const std::filesystem::path& path, std::int64_t context = 64)
{
    Job job;
    job.data.path = path.string();
    job.recipe.context = context;
    return job;
}

std::vector<PreviewRow> preview(const Job& job, std::int64_t count = 10, std::int64_t skip = 0)
{
    const ByteTokenizer tokenizer;
    const auto chatTemplate = tokenizer::chatMl();
    return previewDataset(job, tokenizer, &chatTemplate, count, skip);
}

const char* const kMixed = "{\"text\":\"one\",\"id\":1}\n"
                           "{\"text\":\"\"}\n"
                           "\n"
                           "{\"text\":\n"
                           "{\"text\":5,\"id\":2}\n"
                           "{\"text\":\"two\"}\n";

}  // namespace

void TestPreview::inspectionCountsEverything()
{
    DataFolder folder;
    const auto path = folder.put("x.jsonl", kMixed);
    const DataInspection found = inspectDataset(path);
    QVERIFY(found.kind.layout == FileLayout::JsonLines && found.format == RowFormat::Text && found.formatProblem.empty());
    QCOMPARE(found.rows, std::int64_t{5});
    QCOMPARE(found.blankLines, std::int64_t{1});
    QCOMPARE(found.unreadableRows, std::int64_t{1});
    QCOMPARE(found.unusableRows, std::int64_t{2});
    QVERIFY(found.keys == (std::vector<std::pair<std::string, std::int64_t>>{{"text", 4}, {"id", 2}}));
    QCOMPARE(found.problems.size(), std::size_t{3});
    QVERIFY(found.problems[0] == (RowProblem{2, "the text is empty"}));
    QCOMPARE(found.problems[1].row, std::int64_t{4});
    QVERIFY(found.problems[2] == (RowProblem{5, "\"text\" is a number, text was expected"}));
    QCOMPARE(found.firstRows.size(), std::size_t{4});
    QCOMPARE(found.bytes, static_cast<std::uint64_t>(strlen(kMixed)));
}

void TestPreview::inspectionOfUnknownFormats()
{
    DataFolder folder;
    const DataInspection unknown = inspectDataset(folder.put("x.json", R"([{"question":"a"},{"question":"b"}])"));
    QVERIFY(!unknown.format && unknown.kind.layout == FileLayout::JsonList);
    QVERIFY2(unknown.formatProblem.find("keys found: question") != std::string::npos, unknown.formatProblem.c_str());
    QCOMPARE(unknown.rows, std::int64_t{2});
    const DataInspection empty = inspectDataset(folder.put("y.txt", ""));
    QCOMPARE(empty.formatProblem, std::string("the file has no rows"));
    const DataInspection broken = inspectDataset(folder.put("z.jsonl", "{\n"));
    QVERIFY(broken.formatProblem.starts_with("row 1: byte"));
    QCOMPARE(broken.unreadableRows, std::int64_t{1});
}

void TestPreview::inspectionHonoursAForcedFormat()
{
    DataFolder folder;
    const auto path = folder.put("x.jsonl", "{\"text\":\"a\",\"prompt\":\"p\",\"completion\":\"c\"}\n");
    QVERIFY(inspectDataset(path).format == RowFormat::PromptCompletion);
    QVERIFY(inspectDataset(path, "text").format == RowFormat::Text);
    const DataInspection wrong = inspectDataset(path, "messages");
    QCOMPARE(wrong.unusableRows, std::int64_t{1});
    QVERIFY(refuses(ErrorCode::Usage, {"data.format"}, [&] { (void)inspectDataset(path, "json"); }));
}

void TestPreview::inspectionStops()
{
    DataFolder folder;
    const auto path = folder.put("x.jsonl", kMixed);
    std::stop_source source;
    source.request_stop();
    QVERIFY(refuses(ErrorCode::Cancelled, {}, [&] { (void)inspectDataset(path, "auto", {}, source.get_token()); }));
}

void TestPreview::tokensCarryTheirText()
{
    DataFolder folder;
    const auto rows = preview(jobFor(folder.put("x.jsonl", "{\"prompt\":\"p\",\"completion\":\"<|im_end|>c\"}\n")));
    QCOMPARE(rows.size(), std::size_t{1});
    QStringList tokens;
    for (const PreviewToken& token : rows[0].tokens)
        tokens << QString::fromStdString(token.text) + (token.trained ? "*" : "");
    QCOMPARE(tokens, (QStringList{"p", "<|im_end|>*", "c*", "</s>*"}));
    QCOMPARE(rows[0].trained, std::int64_t{3});
    QVERIFY(!rows[0].dropped);
}

void TestPreview::cutTokensAreMarked()
{
    DataFolder folder;
    const auto rows = preview(jobFor(folder.put("x.jsonl", "{\"text\":\"abcdef\"}\n"), 4));
    QCOMPARE(rows[0].tokens.size(), std::size_t{7});
    QVERIFY(!rows[0].tokens[3].cut && rows[0].tokens[4].cut);
    QVERIFY(!rows[0].tokens[0].trained && rows[0].tokens[1].trained);
    QCOMPARE(rows[0].trained, std::int64_t{3});
}

void TestPreview::badRowsSayWhy()
{
    DataFolder folder;
    const auto rows = preview(jobFor(folder.put("x.jsonl", kMixed)));
    QCOMPARE(rows.size(), std::size_t{5});
    QVERIFY(!rows[0].dropped && !rows[4].dropped);
    QVERIFY(rows[1].dropped == DropReason::Empty && rows[1].row == 2);
    QVERIFY(rows[2].dropped == DropReason::Unreadable && rows[2].row == 4 && !rows[2].problem.empty());
    QVERIFY(rows[3].dropped == DropReason::WrongFormat);
    Job job = jobFor(folder.put("y.jsonl", "{\"prompt\":\"0123456789\",\"completion\":\"c\"}\n"), 8);
    QVERIFY(preview(job)[0].dropped == DropReason::NothingLeftAfterCut);
    QVERIFY2(preview(job)[0].problem.find("12 tokens, context 8") != std::string::npos, preview(job)[0].problem.c_str());
}

void TestPreview::previewIsWhatTrainingUses()
{
    DataFolder folder;
    std::string text;
    for (int i = 0; i < 20; ++i)
        text += R"({"messages":[{"role":"user","content":"question )" + std::to_string(i) + R"("},{"role":"assistant","content":")" + std::string(static_cast<std::size_t>(i * 3), 'a') + "!\"}]}\n";
    const Job job = jobFor(folder.put("x.jsonl", text), 80);
    const ByteTokenizer tokenizer;
    const auto chatTemplate = tokenizer::chatMl();
    const Dataset dataset = buildDataset(job, tokenizer, &chatTemplate);
    std::size_t kept = 0;
    for (const PreviewRow& row : preview(job, 20)) {
        if (row.dropped)
            continue;
        const Example& example = dataset.train.at(kept++);
        QCOMPARE(row.row, example.row);
        QCOMPARE(row.trained, example.supervised());
        for (std::size_t i = 0; i < row.tokens.size(); ++i) {
            QCOMPARE(row.tokens[i].cut, i >= example.tokens.size());
            if (!row.tokens[i].cut)
                QVERIFY(row.tokens[i].id == example.tokens[i] && row.tokens[i].trained == (i > 0 && example.lossMask[i] != 0));
        }
    }
    QCOMPARE(kept, dataset.train.size());
}

void TestPreview::rowsCanBeSkipped()
{
    DataFolder folder;
    const Job job = jobFor(folder.put("x.jsonl", kMixed));
    const auto rows = preview(job, 2, 3);
    QCOMPARE(rows.size(), std::size_t{2});
    QCOMPARE(rows[0].row, std::int64_t{5});
    QVERIFY(preview(job, 5, 100).empty());
}

QTEST_GUILESS_MAIN(TestPreview)
#include "tst_preview.moc"
