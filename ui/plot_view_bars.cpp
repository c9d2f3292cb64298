// SPDX-License-Identifier: GPL-3.0-or-later
// Bars: a histogram with a marker, and stacks side by side with words below them.
#include "ui/plot_view_state.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::ui {

void PlotView::setBars(double from, double to, const std::vector<double>& heights, double marker, const QString& markerLabel)
{
    State& s = *m_state;
    if (s.bars == nullptr) {
        s.bars = new QCPBars(s.plot->xAxis, s.plot->yAxis);
        // Counts are whole.
        const auto ticker = QSharedPointer<QCPAxisTickerFixed>::create();
        ticker->setTickStep(1.0);
        ticker->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
        s.plot->yAxis->setTicker(ticker);
        s.marker = new QCPItemStraightLine(s.plot);
        s.markerText = new QCPItemText(s.plot);
        s.markerText->setPadding(QMargins(5, 3, 5, 3));
        recolour();
    }
    const double width = heights.empty() ? 1.0 : (to - from) / static_cast<double>(heights.size());
    s.bars->setWidth(width * 0.92);
    QVector<double> keys;
    for (std::size_t i = 0; i < heights.size(); ++i)
        keys.push_back(from + (static_cast<double>(i) + 0.5) * width);
    s.bars->setData(keys, QVector<double>(heights.begin(), heights.end()), true);
    const double tallest = heights.empty() ? 0.0 : *std::ranges::max_element(heights);
    s.plot->xAxis->setRange(from, to);
    s.plot->yAxis->setRange(0, std::max(tallest * 1.12, 1.0));
    const bool marked = std::isfinite(marker);
    s.marker->setVisible(marked);
    s.markerText->setVisible(marked);
    if (marked) {
        s.marker->point1->setCoords(marker, 0);
        s.marker->point2->setCoords(marker, 1);
        s.markerText->setText(markerLabel);
        const bool leftSide = marker > from + (to - from) * 0.6;
        s.markerText->setPositionAlignment(Qt::AlignTop | (leftSide ? Qt::AlignRight : Qt::AlignLeft));
        s.markerText->position->setTypeX(QCPItemPosition::ptPlotCoords);
        s.markerText->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
        s.markerText->position->setCoords(marker, 0.02);
    }
    showEmpty(tallest == 0.0);
    s.plot->replot(QCustomPlot::rpQueuedReplot);
}

void PlotView::setStacks(const QStringList& labels, const std::vector<BarPart>& parts)
{
    State& s = *m_state;
    while (s.stack.size() < parts.size()) {
        auto* bars = new QCPBars(s.plot->xAxis, s.plot->yAxis);
        bars->setWidth(0.72);
        if (!s.stack.empty())
            bars->moveAbove(s.stack.back());
        s.stack.push_back(bars);
        s.stackColours.push_back(parts[s.stack.size() - 1].colour);
    }
    s.plot->xAxis->grid()->setVisible(false);
    setTickWords(labels);
    std::vector<double> sums(static_cast<std::size_t>(labels.size()), 0.0);
    for (std::size_t part = 0; part < s.stack.size(); ++part) {
        s.stack[part]->setName(part < parts.size() ? parts[part].name : QString());
        QVector<double> keys;
        QVector<double> heights;
        for (std::size_t i = 0; i < sums.size() && part < parts.size(); ++i) {
            const double height = i < parts[part].heights.size() ? parts[part].heights[i] : 0.0;
            keys.push_back(static_cast<double>(i));
            heights.push_back(height);
            sums[i] += height;
        }
        s.stack[part]->setData(keys, heights, true);
    }
    double top = sums.empty() ? 0.0 : *std::ranges::max_element(sums);
    showEmpty(top <= 0.0);
    if (s.ceiling > 0)
        top = std::min(top, s.ceiling);
    if (std::isfinite(s.level))
        top = std::max(top, s.level);
    s.ownRange = true;
    s.plot->xAxis->setRange(-0.6, static_cast<double>(std::max<qsizetype>(labels.size(), 1)) - 0.4);
    s.ownRange = false;
    s.plot->yAxis->setRange(0, top > 0 ? top * (std::isfinite(s.level) ? 1.18 : 1.08) : 1.0);
    recolour();
}

void PlotView::setCeiling(double y)
{
    m_state->ceiling = y;
}

void PlotView::setTickWords(const QStringList& labels)
{
    const auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    // Words that would touch each other are left out evenly.
    constexpr qsizetype kMostWords = 14;
    const qsizetype every = std::max<qsizetype>(1, (labels.size() + kMostWords - 1) / kMostWords);
    for (qsizetype i = 0; i < labels.size(); ++i)
        if (i % every == 0 || i + 1 == labels.size())
            ticker->addTick(static_cast<double>(i), labels[i]);
    m_state->plot->xAxis->setTicker(ticker);
}

void PlotView::setCsv(std::function<std::string()> text)
{
    m_state->csvText = std::move(text);
}

}  // namespace lorikeet::ui
