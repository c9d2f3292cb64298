// SPDX-License-Identifier: GPL-3.0-or-later
// QCustomPlot set up for live curves: own thinning, queued drawing, zoom and pan in x, y fitted to what is seen.
#include "ui/plot_view.h"

#include "ui/plot_view_state.h"
#include "ui/theme.h"

#include <QEvent>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace lorikeet::ui {

namespace {

constexpr const char* kCursorLayer = "cursor";
constexpr int kAnyWidth = 100000;

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
    m_state->xLabel = x;
    m_state->yLabel = y;
    m_state->plot->xAxis->setLabel(x);
    m_state->plot->yAxis->setLabel(y);
}

void PlotView::setLegendShown(bool shown)
{
    m_state->legendShown = shown;
    m_state->plot->legend->setVisible(shown && !m_state->emptyText->visible());
}

void PlotView::setLegendBelow()
{
    State& s = *m_state;
    setLegendShown(true);
    auto* row = new QCPLayoutGrid;
    s.plot->plotLayout()->addElement(1, 0, row);
    row->addElement(0, 0, s.plot->legend);
    row->setMargins(QMargins(unit(2), 0, unit(2), 0));
    // A legend without entries allows no width at all, and the plot above it would be as narrow.
    row->setMaximumSize(kAnyWidth, QWIDGETSIZE_MAX);
    // Two lines for five entries: one line would keep the window from being narrow. The order arranges what is there already.
    s.plot->legend->setWrap(3);
    s.plot->legend->setFillOrder(QCPLayoutGrid::foColumnsFirst);
    s.plot->plotLayout()->setRowStretchFactor(1, 0.001);
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
    if (style.stackedOn >= 0)
        graph->setChannelFillGraph(s.graphs[static_cast<std::size_t>(style.stackedOn)]);
    s.styles.push_back(std::move(style));
    s.series.emplace_back();
    s.graphs.push_back(graph);
    // Curves can be zoomed along x by dragging and by the wheel with Ctrl held.
    s.plot->setInteraction(QCP::iRangeDrag, true);
    s.plot->axisRect()->setRangeDrag(Qt::Horizontal);
    s.plot->setInteraction(QCP::iRangeZoom, true);
    s.plot->axisRect()->setRangeZoom(Qt::Horizontal);
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

void PlotView::setFromZero(bool on)
{
    m_state->fromZero = on;
    refresh();
}

void PlotView::setLevel(double y, const QString& label)
{
    State& s = *m_state;
    s.level = y;
    if (s.levelLine == nullptr) {
        s.levelLine = new QCPItemStraightLine(s.plot);
        s.levelText = new QCPItemText(s.plot);
        s.levelText->setPadding(QMargins(5, 2, 5, 2));
        s.levelText->setPositionAlignment(Qt::AlignBottom | Qt::AlignLeft);
        s.levelText->position->setTypeX(QCPItemPosition::ptAxisRectRatio);
        s.levelText->position->setTypeY(QCPItemPosition::ptPlotCoords);
        recolour();
    }
    const bool shown = std::isfinite(y);
    s.levelLine->setVisible(shown);
    s.levelText->setVisible(shown);
    if (shown) {
        s.levelLine->point1->setCoords(0, y);
        s.levelLine->point2->setCoords(1, y);
        s.levelText->setText(label);
        s.levelText->position->setCoords(0.01, y);
    }
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
    if (s.bars != nullptr || !s.stack.empty()) {
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
        // Few points are drawn as they are.
        const Series seen = s.series[i].size() <= columns ? s.series[i] : thinned(s.series[i], range.lower, range.upper, columns);
        s.graphs[i]->setData(QVector<double>(seen.x.begin(), seen.x.end()), QVector<double>(seen.y.begin(), seen.y.end()), true);
        any = any || seen.size() > 0;
    }
    showEmpty(!any);
    fitY();
    s.plot->replot(QCustomPlot::rpQueuedReplot);
}

void PlotView::showEmpty(bool empty)
{
    State& s = *m_state;
    s.emptyText->setVisible(empty);
    s.plot->legend->setVisible(s.legendShown && !empty);
    s.plot->xAxis->setVisible(!empty);
    s.plot->yAxis->setVisible(!empty);
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
    if (std::isfinite(s.level) && high >= low) {
        low = std::min(low, s.level);
        high = std::max(high, s.level);
    }
    if (!(high >= low)) {
        s.plot->yAxis->setRange(s.logarithmic ? 0.1 : 0.0, 1.0);
        return;
    }
    if (s.logarithmic) {
        s.plot->yAxis->setRange(low / 1.1, high * 1.1);
        return;
    }
    if (s.ceiling > 0)
        high = std::min(high, s.ceiling);
    if (s.fromZero) {
        // Room for the words on the level.
        s.plot->yAxis->setRange(0, high * (std::isfinite(s.level) ? 1.22 : 1.08));
        return;
    }
    const double margin = std::max((high - low) * 0.07, std::max(std::abs(high), 1e-9) * 0.01);
    s.plot->yAxis->setRange(low - margin, high + margin);
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

bool PlotView::isEmpty() const
{
    const State& s = *m_state;
    return s.emptyText->visible() && !s.plot->xAxis->visible() && !s.plot->yAxis->visible();
}

QString PlotView::emptyText() const
{
    return m_state->emptyText->text();
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
    for (std::size_t i = 0; i < s.graphs.size(); ++i) {
        s.graphs[i]->setPen(QPen(s.styles[i].colour(), s.styles[i].width));
        s.graphs[i]->setBrush(s.styles[i].filled ? QBrush(s.styles[i].colour()) : QBrush(Qt::NoBrush));
    }
    if (s.levelLine != nullptr) {
        s.levelLine->setPen(QPen(text, 1.5, Qt::DashLine));
        s.levelText->setColor(text);
        QColor ground = base;
        ground.setAlpha(210);
        s.levelText->setBrush(ground);
        s.levelText->setFont(smallFont());
    }
    for (std::size_t i = 0; i < s.stack.size(); ++i) {
        s.stack[i]->setPen(Qt::NoPen);
        s.stack[i]->setBrush(s.stackColours[i]());
    }
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
