// SPDX-License-Identifier: GPL-3.0-or-later
// Geometry, painting and tool tips of the memory bar.
#include "ui/memory_bar.h"

#include "engine/base/units.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>

#include <algorithm>
#include <numeric>

namespace lorikeet::ui {

QString categoryTitle(std::size_t category)
{
    switch (category) {
    case 0: return QObject::tr("Weights");
    case 1: return QObject::tr("Activations");
    case 2: return QObject::tr("Gradients");
    case 3: return QObject::tr("Optimizer state");
    default: return QObject::tr("Buffers");
    }
}

MemoryBar::MemoryBar(QWidget* parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setMouseTracking(true);
    setAccessibleName(tr("Memory budget"));
}

void MemoryBar::setMemory(const CategoryBytes& planned, std::uint64_t capacity, std::uint64_t total, std::uint64_t other)
{
    m_planned = planned;
    m_capacity = capacity;
    m_total = std::max(total, capacity);
    m_other = other;
    describe();
    update();
}

void MemoryBar::clear()
{
    setMemory({}, 0, 0, 0);
}

void MemoryBar::describe()
{
    QStringList parts;
    for (std::size_t i = 0; i < m_planned.size(); ++i)
        parts << QStringLiteral("%1 %2").arg(categoryTitle(i), toQt(formatBytes(m_planned[i])));
    parts << tr("capacity %1").arg(toQt(formatBytes(m_capacity)));
    setAccessibleDescription(parts.join(QStringLiteral(", ")));
}

QSize MemoryBar::sizeHint() const
{
    return {unit(40), unit(10)};
}

QRectF MemoryBar::barBox() const
{
    return QRectF(rect()).adjusted(1, unit(1), -1, -unit(1));
}

double MemoryBar::fullBytes() const
{
    const auto used = std::accumulate(m_planned.begin(), m_planned.end(), std::uint64_t{0});
    return static_cast<double>(std::max({used + used / 20, m_total, std::uint64_t{1}}));
}

std::vector<MemoryBar::Segment> MemoryBar::segments() const
{
    std::vector<Segment> parts;
    const QRectF bar = barBox();
    double at = bar.left();
    const auto add = [&](Segment::Kind kind, std::size_t category, std::uint64_t bytes) {
        const double width = static_cast<double>(bytes) / fullBytes() * bar.width();
        parts.push_back({kind, category, bytes, QRectF(at, bar.top(), width, bar.height())});
        at += width;
    };
    std::uint64_t used = 0;
    for (std::size_t i = 0; i < m_planned.size(); ++i) {
        add(Segment::Kind::Category, i, m_planned[i]);
        used += m_planned[i];
    }
    if (used < m_capacity)
        add(Segment::Kind::Free, 0, m_capacity - used);
    const std::uint64_t rest = m_total > std::max(used, m_capacity) ? m_total - std::max(used, m_capacity) : 0;
    if (rest > 0)
        add(Segment::Kind::Other, 0, rest);
    return parts;
}

void MemoryBar::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const Colours& colours = coloursOf(this);
    const QRectF bar = barBox();
    QPainterPath shape;
    shape.addRoundedRect(bar, 5, 5);
    painter.fillPath(shape, colours.freeMemory);
    painter.save();
    painter.setClipPath(shape);
    for (const Segment& part : segments()) {
        if (part.kind == Segment::Kind::Category) {
            painter.fillRect(part.box, colours.memory[part.category]);
            // A hairline between neighbours for eyes that do not tell the colours apart.
            if (part.box.width() > 3)
                painter.fillRect(QRectF(part.box.right() - 1, part.box.top(), 1, part.box.height()), palette().color(QPalette::Window));
        } else if (part.kind == Segment::Kind::Other) {
            painter.fillRect(part.box, QBrush(colours.otherPrograms, Qt::BDiagPattern));
        }
    }
    painter.restore();
    if (m_capacity == 0)
        return;
    const double x = bar.left() + static_cast<double>(m_capacity) / fullBytes() * bar.width();
    painter.setPen(QPen(palette().color(QPalette::Text), 2));
    painter.drawLine(QPointF(x, bar.top() - unit(0.8)), QPointF(x, bar.bottom() + unit(0.8)));
}

void MemoryBar::mousePressEvent(QMouseEvent* event)
{
    for (const Segment& part : segments())
        if (part.kind == Segment::Kind::Category && part.box.contains(event->position()))
            Q_EMIT categoryClicked(static_cast<int>(part.category));
}

bool MemoryBar::event(QEvent* event)
{
    if (event->type() != QEvent::ToolTip)
        return QWidget::event(event);
    const auto* help = static_cast<QHelpEvent*>(event);
    for (const Segment& part : segments()) {
        if (!part.box.contains(help->pos()))
            continue;
        const QString title = part.kind == Segment::Kind::Category ? categoryTitle(part.category)
                            : part.kind == Segment::Kind::Free     ? tr("Free for this run")
                                                                   : tr("Held by the system and other programs");
        QToolTip::showText(help->globalPos(), QStringLiteral("%1: %2").arg(title, toQt(formatBytes(part.bytes))), this);
        return true;
    }
    QToolTip::hideText();
    return true;
}

}  // namespace lorikeet::ui
