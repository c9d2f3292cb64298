// SPDX-License-Identifier: GPL-3.0-or-later
// Counts, histograms and the sentences made of them.
#include "engine/data/report.h"

#include "engine/base/units.h"

#include <algorithm>

namespace lorikeet::data {

namespace {

std::string_view wordsFor(DropReason reason) noexcept
{
    switch (reason) {
    case DropReason::Unreadable: return "cannot be read";
    case DropReason::WrongFormat: return "not in the format of the file";
    case DropReason::Empty: return "empty";
    case DropReason::TemplateRefused: return "refused by the chat template";
    case DropReason::TokenizerRefused: return "cannot be tokenised";
    case DropReason::TooLong: return "longer than the context";
    case DropReason::NothingToLearn: return "nothing to learn";
    case DropReason::NothingLeftAfterCut: return "nothing to learn before the cut at the context";
    }
    return "?";
}

std::string rowsText(std::int64_t count)
{
    return formatInteger(static_cast<std::uint64_t>(count)) + (count == 1 ? " row" : " rows");
}

std::string droppedNotice(DropReason reason, const DroppedRows& dropped)
{
    constexpr std::size_t kNamed = 8;
    std::string text = rowsText(dropped.count) + " dropped, " + std::string(wordsFor(reason)) + " (row" + (dropped.count == 1 ? " " : "s ");
    for (std::size_t i = 0; i < std::min(kNamed, dropped.rows.size()); ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(dropped.rows[i].row);
    text += dropped.count > static_cast<std::int64_t>(kNamed) ? ", ...)" : ")";
    if (!dropped.rows.empty() && !dropped.rows.front().message.empty())
        text += "; row " + std::to_string(dropped.rows.front().row) + ": " + dropped.rows.front().message;
    return text;
}

}  // namespace

LengthHistogram makeHistogram(std::vector<std::int64_t> lengths, std::size_t maxBins)
{
    LengthHistogram histogram;
    if (lengths.empty())
        return histogram;
    std::ranges::sort(lengths);
    histogram.longest = lengths.back();
    histogram.median = lengths[lengths.size() / 2];
    while (static_cast<std::size_t>(histogram.longest / histogram.binWidth) >= maxBins)
        histogram.binWidth *= 2;
    histogram.counts.resize(static_cast<std::size_t>(histogram.longest / histogram.binWidth) + 1);
    for (const std::int64_t length : lengths)
        ++histogram.counts[static_cast<std::size_t>(length / histogram.binWidth)];
    return histogram;
}

std::string describeDrop(DropReason reason, std::int64_t length, std::int64_t context)
{
    const std::string tokens = formatInteger(static_cast<std::uint64_t>(length)) + " tokens, context " + std::to_string(context);
    switch (reason) {
    case DropReason::TooLong: return "the row has " + tokens;
    case DropReason::NothingToLearn: return "no token of the row is trained";
    case DropReason::NothingLeftAfterCut: return "the trained tokens lie behind the cut (" + tokens + ")";
    default: return {};
    }
}

std::int64_t DataReport::droppedRows() const noexcept
{
    std::int64_t sum = 0;
    for (const DroppedRows& entry : dropped)
        sum += entry.count;
    return sum;
}

void DataReport::drop(DropReason reason, RowProblem problem)
{
    DroppedRows& entry = dropped[static_cast<std::size_t>(reason)];
    ++entry.count;
    if (entry.rows.size() < kShownProblems)
        entry.rows.push_back(std::move(problem));
}

std::vector<std::string> noticesOf(const DataReport& report)
{
    std::vector<std::string> notices;
    for (int i = 0; i < kDropReasons; ++i) {
        const auto reason = static_cast<DropReason>(i);
        if (report.droppedFor(reason).count > 0)
            notices.push_back(droppedNotice(reason, report.droppedFor(reason)));
    }
    if (report.cutRows > 0)
        notices.push_back(rowsText(report.cutRows) + " cut at the context length");
    if (report.splitRows > 0)
        notices.push_back(rowsText(report.splitRows) + " split at the context length");
    if (report.duplicateRows > 0)
        notices.push_back(rowsText(report.duplicateRows) + " repeat an earlier row");
    if (report.leakedRows > 0)
        notices.push_back(rowsText(report.leakedRows) + " of the validation part also stand in the training part");
    if (report.specialsAsText > 0)
        notices.push_back(rowsText(report.specialsAsText) + " spell a special token inside a message; it is taken as ordinary text");
    return notices;
}

}  // namespace lorikeet::data
