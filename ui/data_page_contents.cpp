// SPDX-License-Identifier: GPL-3.0-or-later
// What the Data page shows of a summary.
#include "ui/data_page.h"

#include "engine/base/units.h"
#include "ui/inline_message.h"
#include "ui/plot_view.h"
#include "ui/text.h"
#include "ui/theme.h"
#include "ui/token_view.h"

#include <QFileInfo>
#include <QProgressBar>
#include <QStringList>
#include <QTableWidget>

#include <algorithm>
#include <cmath>
#include <limits>

namespace lorikeet::ui {

namespace {

constexpr std::size_t kBins = 32;

QString whole(std::int64_t value)
{
    return toQt(formatInteger(static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0))));
}

QString percent(double share)
{
    return QString::number(100.0 * share, 'f', share < 0.0995 ? 1 : 0) + QStringLiteral(" %");
}

QString listOf(const std::vector<std::int64_t>& rows, std::int64_t count)
{
    QStringList numbers;
    for (std::size_t i = 0; i < rows.size() && i < 8; ++i)
        numbers << QString::number(rows[i]);
    QString text = numbers.join(QStringLiteral(", "));
    if (count > numbers.size())
        text += QStringLiteral(" …");
    return text;
}

}  // namespace

void DataPage::refresh()
{
    const std::string& path = m_document.job().data.path;
    m_file->setText(path.empty() ? tr("No data chosen") : QFileInfo(toQt(path)).fileName());
    m_file->setToolTip(toQt(path));
    m_working->setVisible(m_probe.isBusy());
    const auto& summary = m_probe.summary();
    for (Card* card : {m_counts, m_lengthsCard, m_rowsCard})
        card->setVisible(summary.has_value());
    m_droppedCard->setVisible(summary && !summary->dropped.empty());
    m_problem->setVisible(false);
    if (m_probe.problem())
        m_problem->showError(*m_probe.problem());
    if (path.empty()) {
        m_state->setText(tr("Open or drop a .jsonl, .json, .csv or .tsv file with messages, ShareGPT, Alpaca or prompt/completion rows, or a .txt file; each may be compressed (.gz, .zst)."));
    } else if (summary) {
        m_state->setText(tr("Recognised as %1 · %2 · %3").arg(toQt(summary->format), toQt(summary->layout), shortPath(toQt(path), 70)));
        showSummary(*summary);
    } else if (m_probe.info()) {
        m_state->setText(tr("Recognised as %1, %2 rows (%3). Choose a model with weights to see tokens and lengths.")
                             .arg(toQt(m_probe.info()->format), whole(m_probe.info()->rows), toQt(m_probe.info()->layout)));
    } else {
        m_state->setText(m_probe.isBusy() ? tr("Reading…") : shortPath(toQt(path), 80));
    }
}

void DataPage::showSummary(const api::DataSummary& summary)
{
    std::int64_t dropped = 0;
    for (const api::DroppedRows& group : summary.dropped)
        dropped += group.count;
    m_rows->setFigure(whole(summary.rows), dropped > 0 ? tr("%1 left out").arg(whole(dropped)) : tr("all used"));
    m_split->setFigure(QStringLiteral("%1 / %2").arg(whole(summary.trainRows), whole(summary.validationRows)),
                       summary.validationRows == 0 ? tr("no validation: set a share below") : QString());
    m_tokens->setFigure(toQt(formatCount(static_cast<std::uint64_t>(summary.tokens))), tr("%1 in all").arg(whole(summary.tokens)));
    const double share = summary.tokens > 0 ? static_cast<double>(summary.supervisedTokens) / static_cast<double>(summary.tokens) : 0.0;
    m_supervised->setFigure(toQt(formatCount(static_cast<std::uint64_t>(summary.supervisedTokens))), tr("%1 of all tokens").arg(percent(share)));
    const QString cut = summary.cutRows == 0 ? tr("none longer than the context") : tr("%1 longer than the context").arg(whole(summary.cutRows));
    m_longest->setFigure(tr("%1 tokens").arg(whole(summary.longest)), cut);
    m_packing->setFigure(percent(summary.packingEfficiency), tr("of the token slots used"));
    showLengths(summary);
    showDropped(summary.dropped);
    showRow(std::clamp(m_row, 0, std::max(0, static_cast<int>(summary.preview.size()) - 1)));
}

void DataPage::showLengths(const api::DataSummary& summary)
{
    const auto context = static_cast<double>(m_document.job().recipe.context);
    const auto longest = static_cast<double>(std::max<std::int64_t>(summary.longest, 1));
    // The limit is drawn in when it is near enough to be compared with.
    const double upper = context <= 2.0 * longest ? std::max(longest, context) * 1.04 : longest * 1.04;
    const bool marked = context <= upper;
    const QString label = tr("context %1").arg(m_document.job().recipe.context);
    m_lengths->setBars(0, upper, histogram(summary.lengths, upper, kBins), marked ? context : std::numeric_limits<double>::quiet_NaN(), label);
    m_lengths->setAccessibleDescription(tr("%1 rows, longest %2 tokens, %3 longer than the context of %4")
                                            .arg(whole(static_cast<std::int64_t>(summary.lengths.size())), whole(summary.longest), whole(summary.cutRows))
                                            .arg(m_document.job().recipe.context));
}

void DataPage::showDropped(const std::vector<api::DroppedRows>& dropped)
{
    m_dropped->setRowCount(static_cast<int>(dropped.size()));
    for (int i = 0; i < static_cast<int>(dropped.size()); ++i) {
        const api::DroppedRows& group = dropped[static_cast<std::size_t>(i)];
        m_dropped->setItem(i, 0, new QTableWidgetItem(sentenceCase(toQt(group.reason))));
        m_dropped->setItem(i, 1, new QTableWidgetItem(whole(group.count)));
        m_dropped->setItem(i, 2, new QTableWidgetItem(listOf(group.rows, group.count)));
    }
    const int rows = std::min(static_cast<int>(dropped.size()), 6);
    m_dropped->setFixedHeight((rows + 1) * (fontMetrics().height() + unit(3)) + unit(1));
}

void DataPage::showRow(int index)
{
    const auto& summary = m_probe.summary();
    const int count = summary ? static_cast<int>(summary->preview.size()) : 0;
    m_previous->setEnabled(index > 0);
    m_next->setEnabled(index + 1 < count);
    if (index < 0 || index >= count) {
        m_rowTitle->setText(tr("No rows to show"));
        m_view->clearRow();
        return;
    }
    m_row = index;
    const api::PreviewRow& row = summary->preview[static_cast<std::size_t>(index)];
    const auto trained = std::ranges::count_if(row.tokens, &api::PreviewToken::trained);
    QString title = tr("line %1 · %2 tokens, %3 trained").arg(row.row).arg(row.tokens.size()).arg(trained);
    if (!row.problem.empty())
        title = tr("line %1 · left out: %2").arg(row.row).arg(toQt(row.problem));
    m_rowTitle->setText(title);
    m_view->showRow(row);
}

}  // namespace lorikeet::ui
