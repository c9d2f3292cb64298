// SPDX-License-Identifier: GPL-3.0-or-later
// What a PlotView is made of; for plot_view*.cpp only.
#pragma once

#include "ui/custom_plot.h"
#include "ui/plot_view.h"

#include <limits>

namespace lorikeet::ui {

struct PlotView::State {
    QCustomPlot* plot = nullptr;
    QString xLabel;
    QString yLabel;
    std::vector<CurveStyle> styles;
    std::vector<Series> series;
    std::vector<QCPGraph*> graphs;
    QCPBars* bars = nullptr;
    std::vector<QCPBars*> stack;  ///< lowest first
    std::vector<std::function<QColor()>> stackColours;
    QCPItemStraightLine* marker = nullptr;
    QCPItemText* markerText = nullptr;
    QCPItemText* emptyText = nullptr;
    bool legendShown = false;
    QCPItemLine* cursor = nullptr;
    QCPItemText* readOut = nullptr;
    std::function<QString(double)> readOutText;
    std::function<std::string()> csvText;
    double from = 0;
    double to = 1;
    bool zoomed = false;
    bool ownRange = false;  ///< we are setting the range, not the user
    bool logarithmic = false;
    double ceiling = 0;     ///< 0: none
    bool fromZero = false;  ///< the y axis begins at 0
    double level = std::numeric_limits<double>::quiet_NaN();
    QCPItemStraightLine* levelLine = nullptr;
    QCPItemText* levelText = nullptr;
};

}  // namespace lorikeet::ui
