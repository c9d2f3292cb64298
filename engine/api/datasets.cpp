// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/datasets.h"

#include "engine/api/guarded.h"
#include "engine/api/models.h"
#include "engine/base/files.h"
#include "engine/data/dataset.h"
#include "engine/data/preview.h"
#include "engine/generate/added_tokens.h"
#include "engine/generate/model_text.h"

#include <algorithm>

namespace lorikeet::api {

namespace {

constexpr std::size_t kShownRowNumbers = 50;

std::string wordsOf(data::DropReason reason)
{
    switch (reason) {
    case data::DropReason::Unreadable: return "cannot be read";
    case data::DropReason::WrongFormat: return "not in the file's format";
    case data::DropReason::Empty: return "empty";
    case data::DropReason::TemplateRefused: return "refused by the chat template";
    case data::DropReason::TokenizerRefused: return "cannot be tokenised";
    case data::DropReason::TooLong: return "longer than the context";
    case data::DropReason::NothingToLearn: return "nothing to learn";
    case data::DropReason::NothingLeftAfterCut: return "nothing to learn before the cut";
    }
    return "dropped";
}

void fillCounts(DataSummary& summary, const data::Dataset& dataset)
{
    const data::DataReport& report = dataset.report;
    summary.format = std::string(data::nameOf(report.format));
    summary.layout = data::describe(report.kind);
    summary.rows = report.rows;
    summary.trainRows = static_cast<std::int64_t>(dataset.train.size());
    summary.validationRows = static_cast<std::int64_t>(dataset.validation.size());
    summary.cutRows = report.cutRows;
    summary.tokens = report.trainTokens;
    summary.supervisedTokens = report.trainSupervised;
    summary.longest = report.lengths.longest;
    summary.packingEfficiency = report.packingEfficiency;
    for (int reason = 0; reason < data::kDropReasons; ++reason) {
        const data::DroppedRows& dropped = report.dropped[static_cast<std::size_t>(reason)];
        if (dropped.count == 0)
            continue;
        DroppedRows shown{wordsOf(static_cast<data::DropReason>(reason)), dropped.count, {}};
        for (std::size_t i = 0; i < std::min(dropped.rows.size(), kShownRowNumbers); ++i)
            shown.rows.push_back(dropped.rows[i].row);
        summary.dropped.push_back(std::move(shown));
    }
}

}  // namespace

DataSummary summariseData(const Job& job, std::size_t previewRows, const std::stop_token& stop, const ProgressFn& progress)
{
    return guarded([&] {
        const auto source = generate::withTokens(formats::openModelSource(locateModel(job.model.path)), generate::addedTokensOf(job));
        const generate::ModelText text = generate::loadModelText(*source);
        const data::Dataset dataset = data::buildDataset(job, *text.tokenizer, text.chat(), progress, stop);
        DataSummary summary;
        fillCounts(summary, dataset);
        for (const auto* part : {&dataset.train, &dataset.validation})
            for (const data::Example& example : *part)
                summary.lengths.push_back(static_cast<std::int64_t>(example.tokens.size()));
        for (data::PreviewRow& row : data::previewDataset(job, *text.tokenizer, text.chat(), static_cast<std::int64_t>(previewRows), 0, stop)) {
            PreviewRow shown;
            shown.row = row.row;
            shown.problem = row.problem;
            for (data::PreviewToken& token : row.tokens)
                shown.tokens.push_back({token.id, std::move(token.text), token.trained && !token.cut});
            summary.preview.push_back(std::move(shown));
        }
        return summary;
    });
}

DataInfo inspectData(const std::filesystem::path& path, const std::string& format, const std::stop_token& stop, const ProgressFn& progress)
{
    return guarded([&] {
        const data::DataInspection found = data::inspectDataset(path, format, progress, stop);
        DataInfo info;
        info.format = found.format ? std::string(data::nameOf(*found.format)) : "";
        info.layout = data::describe(found.kind);
        info.rows = found.rows;
        for (const auto& [key, count] : found.keys)
            info.keys.push_back(key);
        if (!found.formatProblem.empty())
            info.problems.push_back(found.formatProblem);
        for (const data::RowProblem& problem : found.problems)
            info.problems.push_back("row " + std::to_string(problem.row) + ": " + problem.message);
        return info;
    });
}

}  // namespace lorikeet::api
