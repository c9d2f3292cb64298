// SPDX-License-Identifier: GPL-3.0-or-later
// The one wrapper of QCustomPlot: curves, bars, a marker line, a cursor read-out, colours from the palette.
#pragma once

#include "ui/series.h"

#include <QColor>
#include <QString>
#include <QStringList>
#include <QWidget>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

class QCustomPlot;

namespace lorikeet::ui {

/// How a curve looks. The colour is asked again when the palette changes.
struct CurveStyle {
    QString name;
    std::function<QColor()> colour;
    double width = 1.0;   ///< 1 is the fast hairline; thicker ones use fast polylines
    bool points = false;  ///< discs at the points
    bool filled = false;  ///< the area below, down to `stackedOn` or to zero
    int stackedOn = -1;   ///< the curve that this one lies on (its y values already include it)
};

/// One part of every stack.
struct BarPart {
    QString name;
    std::function<QColor()> colour;
    std::vector<double> heights;  ///< by stack
};

class PlotView : public QWidget {
    Q_OBJECT
public:
    explicit PlotView(QWidget* parent = nullptr);
    ~PlotView() override;

    void setAxisLabels(const QString& x, const QString& y);
    void setLegendShown(bool shown);
    /// The legend under the plot instead of in it. Once.
    void setLegendBelow();
    /// What stands in the middle while there are no data.
    void setEmptyText(const QString& text);

    int addCurve(CurveStyle style);
    /// The whole series; it is thinned to the pixels at hand. Cheap to call often: drawing is queued.
    void setCurve(int index, const Series& series);
    void setLogarithmic(bool on);
    /// The y axis begins at 0 (linear axes).
    void setFromZero(bool on);
    /// A dashed horizontal line with its label, always in view; NaN: none.
    void setLevel(double y, const QString& label);
    /// x range to show; the user's zoom wins until resetZoom().
    void setRange(double from, double to);
    void resetZoom();

    /// Bars of equal width instead of curves; `marker` is a dashed vertical line with a label (NaN: none).
    void setBars(double from, double to, const std::vector<double>& heights, double marker, const QString& markerLabel);
    /// What lies above is cut off, so that the rest can be told apart; 0: nothing is. Before setStacks() and setCurve().
    void setCeiling(double y);
    /// Stacks side by side instead of curves, at x = 0, 1, 2 ... with a word below each. The parts keep their number and colours.
    void setStacks(const QStringList& labels, const std::vector<BarPart>& parts);
    /// Words at x = 0, 1, 2 ... instead of numbers.
    void setTickWords(const QStringList& labels);
    /// What save() writes as .csv instead of the curves.
    void setCsv(std::function<std::string()> text);
    /// Text of the cursor at x, y in plot coordinates; empty: no read-out.
    void setReadOut(std::function<QString(double x)> text);

    /// Writes the plot by the ending of `file`: .png (twice the pixels on screen), .pdf (vectors) or .csv (all points of all curves,
    /// never thinned). @throws Error{Usage} for another ending, Error{Target}
    void save(const std::filesystem::path& file);
    /// The file dialog for save(); what goes wrong is told by saveFailed().
    void chooseFileAndSave(const QString& proposedName);

    /// Draws now, for tests and pictures.
    void drawNow();
    [[nodiscard]] int drawnPoints(int index) const;
    /// Whether the words of setEmptyText() stand alone, without axes; those words.
    [[nodiscard]] bool isEmpty() const;
    [[nodiscard]] QString emptyText() const;

Q_SIGNALS:
    void saved(const QString& file);
    void saveFailed(const QString& message, const QString& hint);

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    struct State;
    void recolour();
    void refresh();
    void buildInteraction();
    void fitY();
    /// Without data there are no axes either: only the words of setEmptyText().
    void showEmpty(bool empty);
    void showReadOut(double pixelX, double pixelY);
    [[nodiscard]] std::string csv() const;
    [[nodiscard]] QByteArray pdf() const;

    std::unique_ptr<State> m_state;
};

}  // namespace lorikeet::ui
