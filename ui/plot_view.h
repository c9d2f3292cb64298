// SPDX-License-Identifier: GPL-3.0-or-later
// The one wrapper of QCustomPlot: curves, bars, a marker line, a cursor read-out, colours from the palette.
#pragma once

#include "ui/series.h"

#include <QColor>
#include <QString>
#include <QWidget>

#include <functional>
#include <memory>
#include <vector>

class QCustomPlot;

namespace lorikeet::ui {

/// How a curve looks. The colour is asked again when the palette changes.
struct CurveStyle {
    QString name;
    std::function<QColor()> colour;
    double width = 1.0;   ///< 1 is the fast hairline; thicker ones use fast polylines
    bool points = false;  ///< discs at the points
};

class PlotView : public QWidget {
    Q_OBJECT
public:
    explicit PlotView(QWidget* parent = nullptr);
    ~PlotView() override;

    void setAxisLabels(const QString& x, const QString& y);
    void setLegendShown(bool shown);
    /// What stands in the middle while there are no data.
    void setEmptyText(const QString& text);

    int addCurve(CurveStyle style);
    /// The whole series; it is thinned to the pixels at hand. Cheap to call often: drawing is queued.
    void setCurve(int index, const Series& series);
    void setLogarithmic(bool on);
    /// x range to show; the user's zoom wins until resetZoom().
    void setRange(double from, double to);
    void resetZoom();

    /// Bars of equal width instead of curves; `marker` is a dashed vertical line with a label (NaN: none).
    void setBars(double from, double to, const std::vector<double>& heights, double marker, const QString& markerLabel);
    /// Text of the cursor at x, y in plot coordinates; empty: no read-out.
    void setReadOut(std::function<QString(double x)> text);

    /// Draws now, for tests and pictures.
    void drawNow();
    [[nodiscard]] int drawnPoints(int index) const;

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    struct State;
    void recolour();
    void refresh();
    void buildInteraction();
    void fitY();
    void showReadOut(double pixelX, double pixelY);

    std::unique_ptr<State> m_state;
};

}  // namespace lorikeet::ui
