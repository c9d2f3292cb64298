// SPDX-License-Identifier: GPL-3.0-or-later
// Plots as files: pixels, vectors, numbers.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/units.h"
#include "ui/plot_view_state.h"
#include "ui/text.h"

#include <QBuffer>
#include <QFileDialog>
#include <QPdfWriter>

#include <charconv>
#include <cmath>
#include <map>

namespace lorikeet::ui {

namespace {

/// Shortest text that reads back as the same number, the same in every locale.
std::string exactNumber(double value)
{
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return {text, end};
}

/// A heading that may hold commas and quotes.
std::string csvCell(const QString& text)
{
    QString cell = text;
    return '"' + toStd(cell.replace(QLatin1Char('"'), QStringLiteral("\"\""))) + '"';
}

}  // namespace

std::string PlotView::csv() const
{
    const State& s = *m_state;
    std::string text = csvCell(s.xLabel);
    for (const CurveStyle& style : s.styles)
        text += ',' + csvCell(style.name);
    text += '\n';
    // Curves need not share their x: each x is one line, what a curve does not have there stays empty.
    std::map<double, std::vector<double>> rows;
    for (std::size_t i = 0; i < s.series.size(); ++i)
        for (std::size_t at = 0; at < s.series[i].size(); ++at) {
            auto& row = rows[s.series[i].x[at]];
            row.resize(s.series.size(), std::numeric_limits<double>::quiet_NaN());
            const int below = s.styles[i].stackedOn;
            const Series* ground = below >= 0 ? &s.series[static_cast<std::size_t>(below)] : nullptr;
            // Stacked curves are drawn as sums; the file holds the parts.
            row[i] = s.series[i].y[at] - (ground != nullptr && at < ground->size() ? ground->y[at] : 0.0);
        }
    for (const auto& [x, row] : rows) {
        text += exactNumber(x);
        for (const double y : row)
            text += std::isfinite(y) ? ',' + exactNumber(y) : std::string(",");
        text += '\n';
    }
    return text;
}

QByteArray PlotView::pdf() const
{
    QCustomPlot& plot = *m_state->plot;
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    {
        QPdfWriter writer(&buffer);
        constexpr double kPointsPerPixel = 0.75;
        writer.setPageSize(QPageSize(QSizeF(plot.width(), plot.height()) * kPointsPerPixel, QPageSize::Point));
        writer.setPageMargins(QMarginsF());
        writer.setCreator(QStringLiteral("Lorikeet"));
        QCPPainter painter;
        painter.begin(&writer);
        painter.setMode(QCPPainter::pmVectorized);
        painter.setMode(QCPPainter::pmNoCaching);
        const double scale = static_cast<double>(writer.logicalDpiX()) * kPointsPerPixel / 72.0;
        painter.scale(scale, scale);
        plot.toPainter(&painter, plot.width(), plot.height());
        painter.end();
    }
    return bytes;
}

void PlotView::save(const std::filesystem::path& file)
{
    const std::string ending = utf8(file.extension());
    drawNow();
    if (ending == ".csv") {
        writeFileAtomically(file, m_state->csvText ? m_state->csvText() : csv());
        return;
    }
    QByteArray bytes;
    if (ending == ".pdf") {
        bytes = pdf();
    } else if (ending == ".png") {
        QBuffer buffer(&bytes);
        buffer.open(QIODevice::WriteOnly);
        m_state->plot->toPixmap(m_state->plot->width(), m_state->plot->height(), 2.0).save(&buffer, "PNG");
    } else {
        throw Error(ErrorCode::Usage, utf8(file.filename()) + ": a plot is saved as .png, .pdf or .csv, found \"" + ending + "\"", "give the file one of these endings");
    }
    writeFileAtomically(file, std::string_view(bytes.constData(), static_cast<std::size_t>(bytes.size())));
}

void PlotView::chooseFileAndSave(const QString& proposedName)
{
    auto* dialog = new QFileDialog(this, tr("Save the plot"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setNameFilters({tr("Picture (*.png)"), tr("Vectors (*.pdf)"), tr("Numbers (*.csv)")});
    dialog->setDefaultSuffix(QStringLiteral("png"));
    connect(dialog, &QFileDialog::filterSelected, dialog, [dialog](const QString& filter) { dialog->setDefaultSuffix(filter.section(QLatin1String("*."), 1).chopped(1)); });
    dialog->selectFile(proposedName);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        try {
            save(toPath(path));
            Q_EMIT saved(path);
        } catch (const Error& error) {
            Q_EMIT saveFailed(toQt(error.message()), toQt(error.hint()));
        }
    });
    dialog->open();
}

}  // namespace lorikeet::ui
