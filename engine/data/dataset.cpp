// SPDX-License-Identifier: GPL-3.0-or-later
// Rows are read in batches, tokenised on several threads and collected in file order.
#include "engine/data/dataset.h"

#include "engine/base/files.h"
#include "engine/base/system.h"
#include "engine/base/units.h"
#include "engine/data/parallel_rows.h"
#include "engine/data/row_source.h"
#include "engine/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace lorikeet::data {

namespace {

/// A row on its way: what was read, and what came of it.
struct RowWork {
    Row row;
    FittedRow fitted;
    std::optional<DropReason> dropped;
    std::string problem;
    std::int64_t length = 0;
    bool specialsAsText = false;
};

/// 128 bits of a document's content, to find equal ones without keeping them twice.
std::pair<std::uint64_t, std::uint64_t> fingerprint(const Example& example)
{
    std::uint64_t a = 0xcbf29ce484222325ULL;
    std::uint64_t b = 0x9e3779b97f4a7c15ULL;
    for (std::size_t i = 0; i < example.tokens.size(); ++i) {
        const std::uint64_t value = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(example.tokens[i])) << 1) | example.lossMask[i];
        a = (a ^ value) * 0x100000001b3ULL;
        b = (b ^ (value + (b << 6) + (b >> 2))) * 0xff51afd7ed558ccdULL;
    }
    return {a, b};
}

struct PairHash {
    std::size_t operator()(const std::pair<std::uint64_t, std::uint64_t>& value) const noexcept { return value.first ^ value.second; }
};
using Fingerprints = std::unordered_set<std::pair<std::uint64_t, std::uint64_t>, PairHash>;

/// Reads and tokenises one file.
class FileBuilder {
public:
    FileBuilder(const Job& job, const std::string& path, const Tokenization& tokenization, const ProgressFn& progress, const std::stop_token& stop)
        : m_job(job), m_path(pathFromUtf8(path)), m_source(m_path, job.data.format), m_tokenization(tokenization), m_progress(progress), m_stop(stop)
    {
        m_report.path = path;
    }

    std::vector<Example> build(bool hasTemplate);
    DataReport& report() noexcept { return m_report; }

private:
    void processRow(RowWork& work) const;
    void collect(RowWork& work);
    bool readBatch(std::vector<RowWork>& batch);

    const Job& m_job;
    std::filesystem::path m_path;
    RowSource m_source;
    const Tokenization& m_tokenization;
    const ProgressFn& m_progress;
    const std::stop_token& m_stop;
    DataReport m_report;
    std::vector<Example> m_examples;
    std::vector<std::int64_t> m_lengths;
    Fingerprints m_seen;
};

void FileBuilder::processRow(RowWork& work) const
{
    SampleOrProblem sample = toSample(work.row.value, m_report.format);
    work.row.value = nullptr;
    if (!sample.sample) {
        work.dropped = sample.isEmpty ? DropReason::Empty : DropReason::WrongFormat;
        work.problem = std::move(sample.problem);
        return;
    }
    TokenizedRow row = m_tokenization.tokenize(*sample.sample);
    if (row.refused) {
        work.dropped = row.refused;
        work.problem = std::move(row.problem);
        return;
    }
    work.length = static_cast<std::int64_t>(row.tokens.size());
    work.specialsAsText = row.specialsAsText;
    work.fitted = fitIntoContext(std::move(row), m_job.recipe.context, m_job.recipe.overlong);
    work.dropped = work.fitted.dropped;
    if (work.dropped)
        work.problem = describeDrop(*work.dropped, work.length, m_job.recipe.context);
}

/// Takes over the finished row, in file order.
void FileBuilder::collect(RowWork& work)
{
    if (work.length > 0) {
        m_lengths.push_back(work.length);
        m_report.overContext += work.length > m_job.recipe.context;
        m_report.specialsAsText += work.specialsAsText;
    }
    if (work.dropped) {
        m_report.drop(*work.dropped, {work.row.number, std::move(work.problem)});
        return;
    }
    ++m_report.keptRows;
    m_report.cutRows += work.fitted.cut;
    m_report.splitRows += work.fitted.examples.size() > 1;
    m_report.emptyPieces += work.fitted.emptyPieces;
    bool repeats = true;
    for (Example& example : work.fitted.examples) {
        repeats = !m_seen.insert(fingerprint(example)).second && repeats;
        example.sampleId = static_cast<std::int64_t>(m_examples.size());
        example.row = work.row.number;
        m_examples.push_back(std::move(example));
    }
    m_report.duplicateRows += repeats;
}

bool FileBuilder::readBatch(std::vector<RowWork>& batch)
{
    constexpr std::size_t kBatchRows = 512;
    constexpr std::uint64_t kBatchBytes = 16ULL << 20;
    batch.clear();
    const std::uint64_t begin = m_source.reader().textBytesRead();
    while (batch.size() < kBatchRows && m_source.reader().textBytesRead() - begin < kBatchBytes) {
        throwIfStopped(m_stop);
        std::optional<Row> row = m_source.next();
        if (!row)
            break;
        if (!row->problem.empty())
            throw rowError(m_path, {row->number, row->problem});
        batch.emplace_back().row = std::move(*row);
    }
    return !batch.empty();
}

std::vector<Example> FileBuilder::build(bool hasTemplate)
{
    m_report.format = m_source.requireFormat();
    m_report.kind = m_source.reader().kind();
    const bool mayBeChat = m_report.format != RowFormat::Text && m_report.format != RowFormat::PromptCompletion;
    if (mayBeChat && !hasTemplate)
        throw Error{ErrorCode::BadInput,
                    utf8(m_path) + " holds conversations (" + std::string(nameOf(m_report.format)) + "), and the model has no chat template",
                    "choose an instruction model, or data of the formats text or prompt_completion"};
    const int threads = m_job.run.threads > 0 ? static_cast<int>(m_job.run.threads) : processor().threads;
    std::vector<RowWork> batch;
    while (readBatch(batch)) {
        forEachRow(batch.size(), threads, m_stop, [&](std::size_t i) { processRow(batch[i]); });
        for (RowWork& work : batch)
            collect(work);
        m_report.rows += static_cast<std::int64_t>(batch.size());
        if (m_progress)
            m_progress({"reading data", m_source.reader().bytesRead(), m_source.reader().bytesTotal(), "bytes"});
    }
    m_report.blankLines = m_source.reader().blankLines();
    m_report.examples = static_cast<std::int64_t>(m_examples.size());
    m_report.lengths = makeHistogram(std::move(m_lengths));
    return std::move(m_examples);
}

void requireExamples(const std::vector<Example>& examples, const DataReport& report)
{
    if (!examples.empty())
        return;
    std::string why;
    for (const std::string& notice : noticesOf(report))
        why += (why.empty() ? ": " : "; ") + notice;
    const std::string rows = formatInteger(static_cast<std::uint64_t>(report.rows));
    throw Error{ErrorCode::BadInput, report.path + ": none of its " + rows + " rows can be trained on" + why,
                "repair the rows, or raise recipe.context if they are too long"};
}

/// Moves the held-out rows from train to validation, whole rows at a time, both in file order.
void holdOut(Dataset& dataset, const Job& job)
{
    const std::int64_t count = heldOutRows(dataset.report.keptRows, job.data.validationFraction);
    if (count == 0)
        return;
    const auto order = shuffledOrder(static_cast<std::size_t>(dataset.report.keptRows), job.recipe.seed, RandomStream::ValidationSplit, 0);
    std::vector<bool> held(order.size(), false);
    for (std::int64_t i = 0; i < count; ++i)
        held[order[static_cast<std::size_t>(i)]] = true;
    std::vector<Example> train;
    std::int64_t keptRow = -1;
    std::int64_t lastRow = -1;
    for (Example& example : dataset.train) {
        keptRow += example.row != lastRow;
        lastRow = example.row;
        (held[static_cast<std::size_t>(keptRow)] ? dataset.validation : train).push_back(std::move(example));
    }
    dataset.train = std::move(train);
    dataset.report.validationRows = count;
}

void countTokens(Dataset& dataset, const Job& job)
{
    DataReport& report = dataset.report;
    Fingerprints trained;
    for (const Example& example : dataset.train) {
        report.trainTokens += static_cast<std::int64_t>(example.tokens.size());
        report.trainSupervised += example.supervised();
        trained.insert(fingerprint(example));
    }
    for (const Example& example : dataset.validation) {
        report.validationTokens += static_cast<std::int64_t>(example.tokens.size());
        report.leakedRows += trained.contains(fingerprint(example));
    }
    const std::int64_t bins = Sampler(dataset.train, samplerOptions(job)).binsInEpoch(0);
    report.packingEfficiency = static_cast<double>(report.trainTokens) / static_cast<double>(bins * job.slots());
}

}  // namespace

std::int64_t heldOutRows(std::int64_t keptRows, double fraction) noexcept
{
    if (fraction <= 0 || keptRows < 2)
        return 0;
    return std::clamp<std::int64_t>(std::llround(fraction * static_cast<double>(keptRows)), 1, keptRows - 1);
}

Dataset buildDataset(const Job& job, const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate* chatTemplate, const ProgressFn& progress,
                     const std::stop_token& stop, const std::optional<std::tm>& now)
{
    const Tokenization tokenization(tokenizer, chatTemplate, job.data.trainOn, now);
    Dataset dataset;
    FileBuilder file(job, job.data.path, tokenization, progress, stop);
    dataset.train = file.build(chatTemplate != nullptr);
    dataset.report = std::move(file.report());
    requireExamples(dataset.train, dataset.report);
    if (job.data.validationPath.empty()) {
        holdOut(dataset, job);
    } else {
        FileBuilder own(job, job.data.validationPath, tokenization, progress, stop);
        dataset.validation = own.build(chatTemplate != nullptr);
        dataset.validationReport = std::move(own.report());
        requireExamples(dataset.validation, *dataset.validationReport);
        dataset.report.validationRows = dataset.validationReport->keptRows;
    }
    countTokens(dataset, job);
    return dataset;
}

}  // namespace lorikeet::data
