// SPDX-License-Identifier: GPL-3.0-or-later
// QCustomPlot set up for live curves: own thinning, queued drawing, zoom and pan in x, y fitted to what is seen.
#include "ui/plot_view.h"

#include "ui/custom_plot.h"
#include "ui/theme.h"

#include <QEvent>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace lorikeet::ui {

struct PlotView::State {
    QCustomPlot* plot = nullptr;
    std::vector<CurveStyle> styles;
    std::vector<Series> series;
    std::vector<QCPGraph*> graphs;
    QCPBars* bars = nullptr;
    QCPItemStraightLine* marker = nullptr;
    QCPItemText* markerText = nullptr;
    QCPItemText* emptyText = nullptr;
    QCPItemLine* cursor = nullptr;
    QCPItemText* readOut = nullptr;
    std::function<QString(double)> readOutText;
    double from = 0;
    double to = 1;
    bool zoomed = false;
    bool ownRange = false;  ///< we are setting the range, not the user
    bool logarithmic = false;
};

namespace {

constexpr const char* kCursorLayer = "cursor";

void placeText(QCPItemText& item, QCPItemPosition::PositionType type, double x, double y)
{
    item.position->setType(type);
    item.position->setCoords(x, y);
}

}  // namespace

PlotView::PlotView(QWidget* parent) : QWidget(parent), m_state(std::make_unique<State>())
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    State& s = *m_state;
    s.plot = new QCustomPlot(this);
    layout->addWidget(s.plot);
    setMinimumHeight(unit(24));
    s.plot->setFocusPolicy(Qt::NoFocus);
    s.plot->setPlottingHint(QCP::phFastPolylines);
    s.plot->legend->setVisible(false);
    s.plot->axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignTop | Qt::AlignRight);
    s.plot->addLayer(QLatin1String(kCursorLayer), s.plot->layer(QStringLiteral("overlay")), QCustomPlot::limAbove);
    s.plot->layer(QLatin1String(kCursorLayer))->setMode(QCPLayer::lmBuffered);
    s.emptyText = new QCPItemText(s.plot);
    placeText(*s.emptyText, QCPItemPosition::ptAxisRectRatio, 0.5, 0.45);
    s.emptyText->setVisible(false);
    buildInteraction();
    recolour();
}

PlotView::~PlotView() = default;

void PlotView::buildInteraction()
{
    State& s = *m_state;
    s.plot->setCurrentLayer(QLatin1String(kCursorLayer));
    s.cursor = new QCPItemLine(s.plot);
    s.readOut = new QCPItemText(s.plot);
    s.readOut->setPositionAlignment(Qt::AlignTop | Qt::AlignLeft);
    s.readOut->setTextAlignment(Qt::AlignLeft);
    s.readOut->setPadding(QMargins(6, 4, 6, 4));
    s.cursor->setVisible(false);
    s.readOut->setVisible(false);
    s.plot->setCurrentLayer(QStringLiteral("main"));
    connect(s.plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) { showReadOut(event->position().x(), event->position().y()); });
    connect(s.plot, &QCustomPlot::mouseDoubleClick, this, [this](QMouseEvent*) { resetZoom(); });
    connect(s.plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this](const QCPRange&) {
        if (m_state->ownRange)
            return;
        m_state->zoomed = true;
        refresh();
    });
}

void PlotView::setAxisLabels(const QString& x, const QString& y)
{
    m_state->plot->xAxis->setLabel(x);
    m_state->plot->yAxis->setLabel(y);
}

void PlotView::setLegendShown(bool shown)
{
    m_state->plot->legend->setVisible(shown);
}

void PlotView::setEmptyText(const QString& text)
{
    m_state->emptyText->setText(text);
    refresh();
}

int PlotView::addCurve(CurveStyle style)
{
    State& s = *m_state;
    QCPGraph* graph = s.plot->addGraph();
    graph->setName(style.name);
    graph->setAdaptiveSampling(false);
    if (style.points) {
        graph->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, 7));
    }
    s.styles.push_back(std::move(style));
    s.series.emplace_back();
    s.graphs.push_back(graph);
    // Curves can be zoomed along x by dragging and by the wheel with Ctrl held.
    s.plot->setInteraction(QCP::iRangeDrag, true);
    s.plot->axisRect()->setRangeDrag(Qt::Horizontal);
    recolour();
    return static_cast<int>(s.graphs.size()) - 1;
}

void PlotView::setCurve(int index, const Series& series)
{
    m_state->series[static_cast<std::size_t>(index)] = series;
    refresh();
}

void PlotView::setLogarithmic(bool on)
{
    State& s = *m_state;
    s.logarithmic = on;
    s.plot->yAxis->setScaleType(on ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    if (on)
        s.plot->yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
    else
        s.plot->yAxis->setTicker(QSharedPointer<QCPAxisTicker>::create());
    s.plot->yAxis->setNumberFormat(QStringLiteral("g"));
    s.plot->yAxis->setNumberPrecision(4);
    refresh();
}

void PlotView::setRange(double from, double to)
{
    m_state->from = from;
    m_state->to = to;
    refresh();
}

void PlotView::resetZoom()
{
    m_state->zoomed = false;
    refresh();
}

void PlotView::refresh()
{
    State& s = *m_state;
    if (s.bars != nullptr) {
        s.plot->replot(QCustomPlot::rpQueuedReplot);
        return;
    }
    if (!s.zoomed) {
        s.ownRange = true;
        s.plot->xAxis->setRange(s.from, s.to);
        s.ownRange = false;
    }
    const QCPRange range = s.plot->xAxis->range();
    const auto columns = static_cast<std::size_t>(std::max(s.plot->axisRect()->width(), 64));
    bool any = false;
    for (std::size_t i = 0; i < s.graphs.size(); ++i) {
        const Series seen = thinned(s.series[i], range.lower, range.upper, columns);
        s.graphs[i]->setData(QVector<double>(seen.x.begin(), seen.x.end()), QVector<double>(seen.y.begin(), seen.y.end()), true);
        any = any || seen.size() > 0;
    }
    s.emptyText->setVisible(!any);
    fitY();
    s.plot->replot(QCustomPlot::rpQueuedReplot);
}

void PlotView::fitY()
{
    State& s = *m_state;
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (const Series& series : s.series)
        for (std::size_t i = 0; i < series.size(); ++i) {
            const double y = series.y[i];
            if (!std::isfinite(y) || !s.plot->xAxis->range().contains(series.x[i]) || (s.logarithmic && y <= 0))
                continue;
            low = std::min(low, y);
            high = std::max(high, y);
        }
    if (!(high >= low)) {
        s.plot->yAxis->setRange(s.logarithmic ? 0.1 : 0.0, 1.0);
        return;
    }
    if (s.logarithmic) {
        s.plot->yAxis->setRange(low / 1.1, high * 1.1);
        return;
    }
    const double margin = std::max((high - low) * 0.07, std::max(std::abs(high), 1e-9) * 0.01);
    s.plot->yAxis->setRange(low - margin, high + margin);
}

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
    s.emptyText->setVisible(tallest == 0.0);
    s.plot->replot(QCustomPlot::rpQueuedReplot);
}

void PlotView::setReadOut(std::function<QString(double)> text)
{
    m_state->readOutText = std::move(text);
}

void PlotView::showReadOut(double pixelX, double pixelY)
{
    State& s = *m_state;
    const bool inside = s.plot->axisRect()->rect().contains(QPointF(pixelX, pixelY).toPoint());
    const double x = s.plot->xAxis->pixelToCoord(pixelX);
    const QString text = inside && s.readOutText ? s.readOutText(x) : QString();
    s.cursor->setVisible(!text.isEmpty());
    s.readOut->setVisible(!text.isEmpty());
    if (!text.isEmpty()) {
        s.cursor->start->setCoords(x, s.plot->yAxis->range().lower);
        s.cursor->end->setCoords(x, s.plot->yAxis->range().upper);
        s.readOut->setText(text);
        s.readOut->setPositionAlignment(Qt::AlignTop | (pixelX > s.plot->axisRect()->center().x() ? Qt::AlignRight : Qt::AlignLeft));
        s.readOut->position->setTypeX(QCPItemPosition::ptAbsolute);
        s.readOut->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
        s.readOut->position->setCoords(pixelX, 0.04);
    }
    s.plot->layer(QLatin1String(kCursorLayer))->replot();
}

void PlotView::drawNow()
{
    m_state->plot->replot(QCustomPlot::rpImmediateRefresh);
}

int PlotView::drawnPoints(int index) const
{
    return m_state->graphs[static_cast<std::size_t>(index)]->dataCount();
}

void PlotView::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange)
        recolour();
}

void PlotView::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    refresh();
}

void PlotView::recolour()
{
    State& s = *m_state;
    const Colours& colours = coloursOf(this);
    const QColor text = palette().color(QPalette::Text);
    const QColor base = palette().color(QPalette::Base);
    s.plot->setBackground(QBrush(base));
    for (QCPAxis* axis : {s.plot->xAxis, s.plot->yAxis}) {
        axis->setBasePen(QPen(colours.border));
        axis->setTickPen(QPen(colours.border));
        axis->setSubTickPen(Qt::NoPen);
        axis->setTickLabelColor(colours.muted);
        axis->setLabelColor(colours.muted);
        axis->setTickLabelFont(smallFont());
        axis->setLabelFont(smallFont());
        axis->grid()->setPen(QPen(colours.plotGrid, 1));
        axis->grid()->setZeroLinePen(QPen(colours.plotGrid, 1));
    }
    for (std::size_t i = 0; i < s.graphs.size(); ++i)
        s.graphs[i]->setPen(QPen(s.styles[i].colour(), s.styles[i].width));
    if (s.bars != nullptr) {
        s.bars->setPen(Qt::NoPen);
        s.bars->setBrush(palette().color(QPalette::Highlight));
        s.marker->setPen(QPen(colours.warning, 1, Qt::DashLine));
        s.markerText->setColor(colours.warning);
        s.markerText->setBrush(base);
        s.markerText->setFont(smallFont());
    }
    s.emptyText->setColor(colours.muted);
    s.emptyText->setFont(smallFont());
    s.cursor->setPen(QPen(colours.muted, 1));
    s.readOut->setColor(text);
    s.readOut->setBrush(base);
    s.readOut->setPen(QPen(colours.border));
    s.readOut->setFont(smallFont());
    s.plot->legend->setBrush(base);
    s.plot->legend->setBorderPen(Qt::NoPen);
    s.plot->legend->setTextColor(text);
    s.plot->legend->setFont(smallFont());
    s.plot->replot(QCustomPlot::rpQueuedReplot);
}

}  // namespace lorikeet::ui
