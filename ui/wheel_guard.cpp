// SPDX-License-Identifier: GPL-3.0-or-later
// Hands wheel events on to the scroll area around the control.
#include "ui/wheel_guard.h"

#include "ui/plot_view.h"

#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QApplication>
#include <QComboBox>
#include <QScrollArea>
#include <QScrollBar>
#include <QWheelEvent>

namespace lorikeet::ui {

namespace {

bool isGuarded(const QWidget* widget, const QWheelEvent& event)
{
    // Over a plot the wheel with Ctrl zooms.
    if (qobject_cast<const PlotView*>(widget) != nullptr)
        return !(event.modifiers() & Qt::ControlModifier);
    return qobject_cast<const QComboBox*>(widget) != nullptr || qobject_cast<const QAbstractSpinBox*>(widget) != nullptr
        || (qobject_cast<const QAbstractSlider*>(widget) != nullptr && qobject_cast<const QScrollBar*>(widget) == nullptr);
}

}  // namespace

bool WheelGuard::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() != QEvent::Wheel)
        return false;
    auto* widget = qobject_cast<QWidget*>(watched);
    // The line edit inside a spin box or an editable combo box counts as the box itself.
    const auto& wheel = *static_cast<QWheelEvent*>(event);
    while (widget != nullptr && !isGuarded(widget, wheel) && qobject_cast<QScrollArea*>(widget) == nullptr && !widget->isWindow())
        widget = widget->parentWidget();
    if (widget == nullptr || !isGuarded(widget, wheel))
        return false;
    for (QWidget* outer = widget->parentWidget(); outer != nullptr; outer = outer->parentWidget()) {
        if (auto* area = qobject_cast<QScrollArea*>(outer)) {
            QApplication::sendEvent(area->verticalScrollBar(), event);
            break;
        }
    }
    return true;
}

}  // namespace lorikeet::ui
