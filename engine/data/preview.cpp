// SPDX-License-Identifier: GPL-3.0-or-later
// Inspection and preview: the same steps as training, but every problem becomes a value.
#include "engine/data/preview.h"

#include "engine/base/files.h"
#include "engine/data/json_row.h"
#include "engine/data/row_source.h"

#include <algorithm>
#include <unordered_map>

namespace lorikeet::data {

namespace {

/// Counts the keys of objects. A hostile file may have millions of different ones: only the first kShownKeys are followed.
class KeyCounter {
public:
    void count(const nlohmann::ordered_json& row, std::vector<std::pair<std::string, std::int64_t>>& keys)
    {
        constexpr std::size_t kShownKeys = 256;
        if (!row.is_object())
            return;
        for (const auto& [key, value] : row.items()) {
            const auto [entry, isNew] = m_index.try_emplace(key, keys.size());
            if (isNew && keys.size() >= kShownKeys)
                m_index.erase(entry);
            else if (isNew)
                keys.emplace_back(key, 1);
            else
                ++keys[entry->second].second;
        }
    }

private:
    std::unordered_map<std::string, std::size_t> m_index;
};

void inspectRow(const Row& row, DataInspection& inspection)
{
    std::string problem = row.problem;
    if (!problem.empty()) {
        ++inspection.unreadableRows;
    } else if (inspection.format) {
        problem = toSample(row.value, *inspection.format).problem;
        inspection.unusableRows += !problem.empty();
    }
    if (!problem.empty() && inspection.problems.size() < kShownProblems)
        inspection.problems.push_back({row.number, std::move(problem)});
}

PreviewToken previewToken(const TokenizedRow& row, std::size_t i, const tokenizer::Tokenizer& tokenizer)
{
    const auto [begin, end] = row.spans[i];
    const auto same = [&](std::size_t j) { return row.spans[j] == row.spans[i]; };
    const bool shared = (i > 0 && same(i - 1)) || (i + 1 < row.spans.size() && same(i + 1));
    PreviewToken token;
    token.id = row.tokens[i];
    token.text = row.text.substr(begin, end - begin);
    if (begin == end || shared || findInvalidUtf8(token.text))
        token.text = tokenizer.pieceText(token.id);
    token.trained = i > 0 && row.lossMask[i] != 0;
    return token;
}

PreviewRow previewRow(Row row, RowFormat format, const Job& job, const tokenizer::Tokenizer& tokenizer, const Tokenization& tokenization)
{
    PreviewRow preview;
    preview.row = row.number;
    const auto dropped = [&](DropReason reason, std::string problem) {
        preview.dropped = reason;
        preview.problem = std::move(problem);
        return preview;
    };
    if (!row.problem.empty())
        return dropped(DropReason::Unreadable, std::move(row.problem));
    SampleOrProblem sample = toSample(row.value, format);
    if (!sample.sample)
        return dropped(sample.isEmpty ? DropReason::Empty : DropReason::WrongFormat, std::move(sample.problem));
    TokenizedRow tokenized = tokenization.tokenize(*sample.sample);
    if (tokenized.refused)
        return dropped(*tokenized.refused, std::move(tokenized.problem));
    const auto context = static_cast<std::size_t>(job.recipe.context);
    for (std::size_t i = 0; i < tokenized.tokens.size(); ++i) {
        PreviewToken token = previewToken(tokenized, i, tokenizer);
        token.cut = i >= context;
        preview.trained += token.trained && !token.cut;
        preview.tokens.push_back(std::move(token));
    }
    FittedRow fitted = fitIntoContext(std::move(tokenized), job.recipe.context, job.recipe.overlong);
    if (fitted.dropped)
        return dropped(*fitted.dropped, describeDrop(*fitted.dropped, static_cast<std::int64_t>(preview.tokens.size()), job.recipe.context));
    return preview;
}

}  // namespace

DataInspection inspectDataset(const std::filesystem::path& path, const std::string& format, const ProgressFn& progress, const std::stop_token& stop)
{
    constexpr std::size_t kFirstRows = 5;
    constexpr std::int64_t kReportEvery = 4096;
    RowSource source(path, format);
    DataInspection inspection;
    inspection.path = utf8(path);
    inspection.kind = source.reader().kind();
    inspection.bytes = source.reader().bytesTotal();
    inspection.format = source.format();
    inspection.formatProblem = source.formatProblem();
    KeyCounter keys;
    while (std::optional<Row> row = source.next()) {
        throwIfStopped(stop);
        inspectRow(*row, inspection);
        keys.count(row->value, inspection.keys);
        if (row->problem.empty() && inspection.firstRows.size() < kFirstRows)
            inspection.firstRows.push_back(std::move(row->value));
        if (++inspection.rows % kReportEvery == 0 && progress)
            progress({"reading data", source.reader().bytesRead(), source.reader().bytesTotal(), "bytes"});
    }
    inspection.blankLines = source.reader().blankLines();
    return inspection;
}

std::vector<PreviewRow> previewDataset(const Job& job, const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate* chatTemplate,
                                       std::int64_t count, std::int64_t skip, const std::stop_token& stop)
{
    const Tokenization tokenization(tokenizer, chatTemplate, job.data.trainOn);
    RowSource source(pathFromUtf8(job.data.path), job.data.format);
    const RowFormat format = source.requireFormat();
    std::vector<PreviewRow> rows;
    while (static_cast<std::int64_t>(rows.size()) < count) {
        throwIfStopped(stop);
        std::optional<Row> row = source.next();
        if (!row)
            break;
        if (skip-- > 0)
            continue;
        rows.push_back(previewRow(std::move(*row), format, job, tokenizer, tokenization));
    }
    return rows;
}

}  // namespace lorikeet::data
