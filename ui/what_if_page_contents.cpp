// SPDX-License-Identifier: GPL-3.0-or-later
// What the What if page shows of the planner's answers.
#include "ui/what_if_page.h"

#include "engine/base/units.h"
#include "engine/spec/job_fields.h"
#include "ui/memory_bar.h"
#include "ui/plot_view.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QHeaderView>
#include <QTableWidget>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace lorikeet::ui {

namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
/// A capacity this many times above everything drawn would press the stacks flat, and so would stacks so far above the capacity.
constexpr double kFarAbove = 4.0;

double gib(std::uint64_t bytes)
{
    return static_cast<double>(bytes) / kGiB;
}

QString axisLabel(plan::Axis axis)
{
    const QString name = toQt(plan::nameOf(axis)).replace(QLatin1Char('_'), QLatin1Char(' '));
    const QString unitText = toQt(plan::unitOf(axis));
    return unitText.isEmpty() ? name : QStringLiteral("%1, %2").arg(name, unitText);
}

QStringList wordsOf(const plan::WhatIfSeries& series)
{
    QStringList words;
    for (const plan::WhatIfPoint& point : series.points)
        words << (point.isNow ? QObject::tr("%1\nnow").arg(toQt(point.label)) : toQt(point.label));
    return words;
}

double topOf(const plan::WhatIfSeries& series)
{
    double top = 0;
    for (const plan::WhatIfPoint& point : series.points)
        top = std::max(top, point.possible ? gib(point.totalBytes) : 0.0);
    return top;
}

/// The line of the capacity, unless it is so far above that nothing else could be seen.
void showCapacity(PlotView& plot, std::uint64_t capacity, double top)
{
    const bool drawn = capacity > 0 && gib(capacity) <= kFarAbove * top;
    plot.setCeiling(capacity > 0 && top > kFarAbove * gib(capacity) ? kFarAbove * gib(capacity) : 0.0);
    plot.setLevel(drawn ? gib(capacity) : std::numeric_limits<double>::quiet_NaN(), QObject::tr("%1 usable").arg(toQt(formatBytes(capacity))));
}

QString verdictWord(const plan::WhatIfPoint& point)
{
    if (!point.possible)
        return toQt(point.reason);
    return sentenceCase(toQt(plan::nameOf(point.verdict)));
}

QString readOutOf(const plan::WhatIfSeries& series, double x)
{
    const auto at = static_cast<std::size_t>(std::clamp(std::lround(x), 0L, static_cast<long>(series.points.size()) - 1));
    const plan::WhatIfPoint& point = series.points[at];
    QStringList lines{toQt(point.label)};
    if (!point.possible)
        return lines.join(QLatin1Char('\n')) + QLatin1Char('\n') + toQt(point.reason);
    for (std::size_t i = 0; i < point.categoryBytes.size(); ++i)
        lines << QStringLiteral("%1 %2").arg(categoryTitle(i).toLower(), toQt(formatBytes(point.categoryBytes[i])));
    lines << QObject::tr("together %1, %2").arg(toQt(formatBytes(point.totalBytes)), toQt(plan::nameOf(point.verdict)));
    if (point.forecast.known)
        lines << QObject::tr("%1 tokens/s").arg(toQt(formatNumber(point.forecast.tokensPerSecond, 3)));
    return lines.join(QLatin1Char('\n'));
}

/// "micro batch 1, recompute 3, loss chunk 64; 30.0 GiB of host memory": what the longest context with levers changes in the job.
QString changesText(const plan::LongestContext& answer)
{
    QStringList changes;
    for (const JobField& field : jobFields()) {
        const auto value = field.get(answer.jobWithLevers);
        if (field.key == "recipe.context" || value == field.get(answer.job))
            continue;
        const QString text = value.is_boolean() ? QString() : QLatin1Char(' ') + toQt(value.is_string() ? value.get<std::string>() : value.dump());
        changes << toQt(field.label).toLower() + text;
    }
    QString text = changes.join(QStringLiteral(", "));
    if (answer.hostBytesWithLevers > 0)
        text += QObject::tr("; %1 of it in host memory").arg(toQt(formatBytes(answer.hostBytesWithLevers)));
    return text;
}

/// Card and way, by what the way's levers do to what is learned.
QString leversText(plan::Quality quality)
{
    switch (quality) {
    case plan::Quality::Neutral: return QObject::tr("With levers that learn the same: %1 (%2).");
    case plan::Quality::Bounded: return QObject::tr("With levers that learn nearly the same: %1 (%2).");
    case plan::Quality::Changed: return QObject::tr("With levers that learn something else: %1 (%2).");
    }
    return {};
}

}  // namespace

void WhatIfPage::showNothing(const QString& why)
{
    m_state->setText(why);
    for (PlotView* plot : {m_partsPlot, m_methodsPlot}) {
        plot->setEmptyText(m_model.info() ? tr("The memory at each setting is drawn here.") : tr("Choose a model to see its memory at each setting."));
        plot->setLevel(std::numeric_limits<double>::quiet_NaN(), QString());
    }
    m_partsPlot->setStacks({}, {});
    for (const int curve : m_methodCurves)
        m_methodsPlot->setCurve(curve, {});
    m_table->setRowCount(0);
    m_smallest->setText(tr("The smallest card that trains this job stands here once a model is chosen."));
    m_longest->clear();
}

void WhatIfPage::show(const WhatIfAnswer& answer)
{
    m_partsPlot->setVisible(shownPlot() == m_partsPlot);
    m_methodsPlot->setVisible(shownPlot() == m_methodsPlot);
    showParts(answer.parts);
    showMethods(answer.methods);
    showTable(answer.parts);
    QString text = tr("On %1, %2 usable.").arg(toQt(answer.parts.device), toQt(formatBytes(answer.parts.capacityBytes)));
    const auto impossible = std::ranges::count(answer.parts.points, false, &plan::WhatIfPoint::possible);
    if (impossible > 0)
        text += QLatin1Char(' ') + tr("%n setting(s) cannot be planned; the table says why.", nullptr, static_cast<int>(impossible));
    if (answer.parts.capacityBytes > 0 && gib(answer.parts.capacityBytes) > kFarAbove * topOf(answer.parts))
        text += QLatin1Char(' ') + tr("The capacity lies far above everything drawn.");
    if (answer.parts.capacityBytes > 0 && topOf(answer.parts) > kFarAbove * gib(answer.parts.capacityBytes))
        text += QLatin1Char(' ') + tr("What is more than %1 times as much is cut off; the table tells it.").arg(kFarAbove);
    for (const std::string& problem : answer.problems)
        text += QLatin1Char(' ') + sentenceCase(toQt(problem)) + QLatin1Char('.');
    m_state->setText(text);
}

void WhatIfPage::showParts(const plan::WhatIfSeries& series)
{
    std::vector<BarPart> parts;
    for (std::size_t i = 0; i < 5; ++i) {
        BarPart part{categoryTitle(i), [this, i] { return coloursOf(this).memory[i]; }, {}};
        for (const plan::WhatIfPoint& point : series.points)
            part.heights.push_back(point.possible ? gib(point.categoryBytes[i]) : 0.0);
        parts.push_back(std::move(part));
    }
    m_partsPlot->setAxisLabels(axisLabel(series.axis), tr("GiB"));
    showCapacity(*m_partsPlot, series.capacityBytes, topOf(series));
    m_partsPlot->setStacks(wordsOf(series), parts);
    m_partsPlot->setReadOut([this](double x) { return m_answer && !m_answer->parts.points.empty() ? readOutOf(m_answer->parts, x) : QString(); });
    QStringList told;
    for (const plan::WhatIfPoint& point : series.points)
        if (point.possible)
            told << QStringLiteral("%1: %2").arg(toQt(point.label), toQt(formatBytes(point.totalBytes)));
    m_partsPlot->setAccessibleDescription(told.join(QStringLiteral(", ")));
}

void WhatIfPage::showMethods(const std::vector<plan::WhatIfSeries>& methods)
{
    double top = 0;
    std::size_t longest = 0;
    for (std::size_t m = 0; m < m_methodCurves.size(); ++m) {
        Series curve;
        if (m < methods.size())
            for (std::size_t i = 0; i < methods[m].points.size(); ++i)
                if (const plan::WhatIfPoint& point = methods[m].points[i]; point.possible)
                    curve.add(static_cast<double>(i), gib(point.totalBytes));
        for (const double y : curve.y)
            top = std::max(top, y);
        if (m < methods.size() && methods[m].points.size() > (longest < methods.size() ? methods[longest].points.size() : 0))
            longest = m;
        m_methodsPlot->setCurve(m_methodCurves[m], curve);
    }
    if (methods.empty())
        return;
    m_methodsPlot->setAxisLabels(axisLabel(methods[longest].axis), tr("GiB"));
    m_methodsPlot->setTickWords(wordsOf(methods[longest]));
    m_methodsPlot->setRange(-0.3, static_cast<double>(methods[longest].points.size()) - 0.7);
    showCapacity(*m_methodsPlot, methods[longest].capacityBytes, top);
}

void WhatIfPage::showTable(const plan::WhatIfSeries& series)
{
    m_table->setRowCount(static_cast<int>(series.points.size()));
    int row = 0;
    for (const plan::WhatIfPoint& point : series.points) {
        const QString none(QChar(0x2013));
        const std::array<QString, 5> cells{
            point.isNow ? tr("%1 (now)").arg(toQt(point.label)) : toQt(point.label),
            point.possible ? toQt(formatBytes(point.totalBytes)) : none,
            point.possible && point.hostBytes > 0 ? toQt(formatBytes(point.hostBytes)) : none,
            verdictWord(point),
            point.possible && point.forecast.known ? toQt(formatNumber(point.forecast.tokensPerSecond, 3)) : none,
        };
        for (int column = 0; column < 5; ++column) {
            auto* item = new QTableWidgetItem(cells[static_cast<std::size_t>(column)]);
            item->setToolTip(item->text());
            if (column == 1 || column == 2 || column == 4)
                item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
            if (point.isNow)
                item->setFont(strongFont());
            m_table->setItem(row, column, item);
        }
        ++row;
    }
    m_table->setFixedHeight(m_table->horizontalHeader()->sizeHint().height() + m_table->verticalHeader()->defaultSectionSize() * row + 4);
}

void WhatIfPage::askInverse()
{
    struct Inverse {
        plan::SmallestCard card;
        plan::LongestContext context;
    };
    plan::FitOptions options;
    options.workload = m_advisor.workload();
    m_inverseRunner.run<Inverse>(
        [smallest = m_verbs.smallestCard, longest = m_verbs.longestContext, shape = m_model.info()->shape, job = m_document.job(), device = m_advisor.ratedDevice(), options](
            const std::stop_token& stop, const ProgressFn&) {
            Inverse answer;
            answer.context = longest(shape, job, device, options);
            throwIfStopped(stop);
            answer.card = smallest(shape, job, options);
            return answer;
        },
        [this](const Inverse& answer) {
            const auto nameOf = [&answer](int index) { return toQt(answer.card.cards[static_cast<std::size_t>(index)].device.id); };
            QString card = answer.card.asItIs >= 0 ? tr("Smallest card of the catalogue that trains this job as it is: %1.").arg(nameOf(answer.card.asItIs))
                                                   : tr("No card of the catalogue trains this job as it is.");
            if (answer.card.withLevers >= 0 && answer.card.withLevers != answer.card.asItIs)
                card += QLatin1Char(' ') + leversText(answer.card.way.quality).arg(nameOf(answer.card.withLevers), toQt(answer.card.way.summary));
            if (const auto family = m_budget.planOnlyFamily())
                card += QLatin1Char(' ') + tr("To plan for only: Lorikeet cannot run %1 models yet, on any device.").arg(*family);
            m_smallest->setText(card);
            const auto whole = [](std::int64_t value) { return toQt(formatInteger(static_cast<std::uint64_t>(value))); };
            QString context = answer.context.context > 0 ? tr("Longest context on this device: %1 tokens").arg(whole(answer.context.context))
                                                         : tr("Not even the shortest context fits on this device");
            if (answer.context.limitedByModel)
                context += tr(", all that the model was made for");
            if (answer.context.contextWithLevers > answer.context.context)
                context += tr("; %1 with %2").arg(whole(answer.context.contextWithLevers), changesText(answer.context));
            m_longest->setText(context + QLatin1Char('.'));
        },
        [this](const Error& error) { m_smallest->setText(sentenceCase(toQt(error.message()))); });
}

QString WhatIfPage::inverseText() const
{
    return m_smallest->text() + QLatin1Char('\n') + m_longest->text();
}

}  // namespace lorikeet::ui
