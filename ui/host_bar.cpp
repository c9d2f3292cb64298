// SPDX-License-Identifier: GPL-3.0-or-later
// Painting of the host bar.
#include "ui/host_bar.h"

#include "engine/base/units.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>

namespace lorikeet::ui {

HostBar::HostBar(QWidget* parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(tr("Host RAM"));
    hide();
}

void HostBar::setMemory(std::uint64_t plannedBytes, std::uint64_t totalBytes)
{
    m_planned = plannedBytes;
    m_total = totalBytes;
    m_text = totalBytes > 0 ? tr("Host RAM: %1 of %2").arg(toQt(formatBytes(plannedBytes)), toQt(formatBytes(totalBytes)))
                            : tr("Host RAM: %1").arg(toQt(formatBytes(plannedBytes)));
    setAccessibleDescription(m_text);
    setVisible(plannedBytes > 0);
    update();
}

QSize HostBar::sizeHint() const
{
    return {unit(40), QFontMetrics(smallFont()).height() + unit(2.5)};
}

void HostBar::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const Colours& colours = coloursOf(this);
    const QRectF bar(1, unit(0.5), width() - 2, unit(1.2));
    QPainterPath shape;
    shape.addRoundedRect(bar, bar.height() / 2, bar.height() / 2);
    painter.fillPath(shape, colours.freeMemory);
    painter.setClipPath(shape);
    const double full = static_cast<double>(std::max({m_total, m_planned, std::uint64_t{1}}));
    const bool tooMuch = m_total > 0 && m_planned > m_total;
    painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * static_cast<double>(m_planned) / full, bar.height()), tooMuch ? colours.bad : palette().color(QPalette::Highlight));
    painter.setClipping(false);
    painter.setFont(smallFont());
    painter.setPen(tooMuch ? colours.bad : colours.muted);
    painter.drawText(QRectF(0, bar.bottom() + unit(0.4), width(), QFontMetrics(smallFont()).height()), Qt::AlignLeft | Qt::AlignVCenter, m_text);
}

}  // namespace lorikeet::ui
