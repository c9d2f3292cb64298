// SPDX-License-Identifier: GPL-3.0-or-later
// Drawing of the controls that Fusion gives gradients and bevels.
#include "ui/flat_style.h"

#include <QAbstractScrollArea>
#include <QAbstractSpinBox>
#include <QComboBox>
#include <QPainter>
#include <QPainterPath>
#include <QStyleFactory>
#include <QStyleOption>
#include <QWidget>

namespace lorikeet::ui {

namespace {

constexpr qreal kRadius = 5.0;
constexpr int kTextInset = 5;

QColor mix(const QColor& a, const QColor& b, qreal share)
{
    const auto one = [share](int x, int y) { return static_cast<int>(x + (y - x) * share + 0.5); };
    return {one(a.red(), b.red()), one(a.green(), b.green()), one(a.blue(), b.blue())};
}

void roundedBox(QPainter& painter, const QRect& rect, const QColor& fill, const QColor& line, qreal width = 1.0, qreal radius = kRadius)
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    const qreal inset = width / 2.0;
    painter.setPen(line.isValid() ? QPen(line, width) : QPen(Qt::NoPen));
    painter.setBrush(fill.isValid() ? QBrush(fill) : QBrush(Qt::NoBrush));
    painter.drawRoundedRect(QRectF(rect).adjusted(inset, inset, -inset, -inset), radius, radius);
    painter.restore();
}

bool hasFlag(const QWidget* widget, const char* name)
{
    return widget != nullptr && widget->property(name).toBool();
}

void drawButton(const QStyleOption& option, QPainter& painter, const QWidget* widget)
{
    const QPalette& p = option.palette;
    const bool enabled = option.state.testFlag(QStyle::State_Enabled);
    const bool down = option.state.testFlag(QStyle::State_Sunken) || option.state.testFlag(QStyle::State_On);
    const bool hover = enabled && option.state.testFlag(QStyle::State_MouseOver);
    const bool primary = hasFlag(widget, "primary") && enabled;
    QColor fill = primary ? p.color(QPalette::Highlight) : p.color(QPalette::Button);
    QColor line = primary ? fill : p.color(QPalette::Mid);
    const QColor towards = primary ? p.color(QPalette::Base) : p.color(QPalette::Text);
    if (down)
        fill = mix(fill, towards, primary ? 0.18 : 0.12);
    else if (hover)
        fill = mix(fill, towards, primary ? 0.10 : 0.06);
    if (hasFlag(widget, "quiet")) {
        line = QColor();
        if (!down && !hover)
            fill = QColor();
    }
    if (!enabled && !hasFlag(widget, "quiet"))
        fill = mix(p.color(QPalette::Button), p.color(QPalette::Window), 0.7);
    if (!primary && option.state.testFlag(QStyle::State_On)) {
        line = p.color(QPalette::Highlight);
        fill = mix(p.color(QPalette::Button), p.color(QPalette::Highlight), 0.16);
    }
    roundedBox(painter, option.rect, fill, line);
    if (option.state.testFlag(QStyle::State_HasFocus) && option.state.testFlag(QStyle::State_KeyboardFocusChange))
        roundedBox(painter, option.rect.adjusted(-1, -1, 1, 1), QColor(), primary ? p.color(QPalette::Text) : p.color(QPalette::Highlight), 2.0, kRadius + 1);
}

void drawField(const QStyleOption& option, QPainter& painter)
{
    const QPalette& p = option.palette;
    const bool enabled = option.state.testFlag(QStyle::State_Enabled);
    const bool focus = option.state.testFlag(QStyle::State_HasFocus);
    const QColor fill = enabled ? p.color(QPalette::Base) : p.color(QPalette::Window);
    roundedBox(painter, option.rect, fill, focus ? p.color(QPalette::Highlight) : p.color(QPalette::Mid), focus ? 2.0 : 1.0);
}

void drawChevron(QPainter& painter, const QRectF& box, bool up, const QColor& colour)
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colour, 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    const QPointF c = box.center();
    const qreal w = std::min(box.width(), box.height()) * 0.5;
    const qreal h = up ? -w * 0.5 : w * 0.5;
    painter.drawPolyline(QPolygonF{{c.x() - w, c.y() - h / 1.0}, {c.x(), c.y() + h / 1.0}, {c.x() + w, c.y() - h / 1.0}});
    painter.restore();
}

void drawCheckBox(const QStyleOption& option, QPainter& painter, bool round)
{
    const QPalette& p = option.palette;
    const bool on = option.state.testFlag(QStyle::State_On);
    const bool enabled = option.state.testFlag(QStyle::State_Enabled);
    const QColor accent = enabled ? p.color(QPalette::Highlight) : p.color(QPalette::Mid);
    const qreal radius = round ? option.rect.width() / 2.0 : 3.5;
    const bool focus = option.state.testFlag(QStyle::State_HasFocus);
    // An empty box must be seen on a card: WCAG 2.1, 1.4.11 asks for 3 : 1.
    const QColor line = on || focus ? accent : p.color(enabled ? QPalette::PlaceholderText : QPalette::Mid);
    roundedBox(painter, option.rect, on ? accent : p.color(QPalette::Base), line, focus ? 2.0 : 1.2, radius);
    if (!on)
        return;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    const QRectF r(option.rect);
    if (round) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(p.color(QPalette::HighlightedText));
        painter.drawEllipse(r.center(), r.width() * 0.2, r.width() * 0.2);
    } else {
        painter.setPen(QPen(p.color(QPalette::HighlightedText), 1.8, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        painter.drawPolyline(QPolygonF{{r.left() + r.width() * 0.26, r.top() + r.height() * 0.53},
                                       {r.left() + r.width() * 0.44, r.top() + r.height() * 0.70},
                                       {r.left() + r.width() * 0.76, r.top() + r.height() * 0.32}});
    }
    painter.restore();
}

void drawSlider(const QStyleOptionSlider& option, QPainter& painter, const QStyle& style, const QWidget* widget)
{
    const QPalette& p = option.palette;
    const QRect handle = style.subControlRect(QStyle::CC_Slider, &option, QStyle::SC_SliderHandle, widget);
    const bool enabled = option.state.testFlag(QStyle::State_Enabled);
    const QRect groove(option.rect.left() + 2, option.rect.center().y() - 1, option.rect.width() - 4, 4);
    roundedBox(painter, groove, p.color(QPalette::Mid), QColor(), 0.0, 2.0);
    QRect done = groove;
    done.setRight(handle.center().x());
    const QColor accent = enabled ? p.color(QPalette::Highlight) : p.color(QPalette::Mid).darker(115);
    roundedBox(painter, done, accent, QColor(), 0.0, 2.0);
    const int size = std::min(handle.width(), handle.height());
    QRect knob(0, 0, size, size);
    knob.moveCenter(QPoint(handle.center().x(), groove.center().y() + 1));
    knob.adjust(1, 1, -1, -1);
    const bool focus = option.state.testFlag(QStyle::State_HasFocus);
    if (focus)
        roundedBox(painter, knob.adjusted(-2, -2, 2, 2), QColor(accent.red(), accent.green(), accent.blue(), 70), QColor(), 0.0, size / 2.0 + 2);
    roundedBox(painter, knob, accent, p.color(QPalette::Base), 2.0, size / 2.0);
}

void drawScrollBar(const QStyleOptionSlider& option, QPainter& painter, const QStyle& style, const QWidget* widget)
{
    QRect handle = style.subControlRect(QStyle::CC_ScrollBar, &option, QStyle::SC_ScrollBarSlider, widget);
    const bool vertical = option.orientation == Qt::Vertical;
    handle.adjust(vertical ? 3 : 1, vertical ? 1 : 3, vertical ? -3 : -1, vertical ? -1 : -3);
    if (option.maximum <= option.minimum)
        return;
    const bool hover = option.state.testFlag(QStyle::State_MouseOver) || option.state.testFlag(QStyle::State_Sunken);
    const QPalette& p = option.palette;
    roundedBox(painter, handle, mix(p.color(QPalette::Mid), p.color(QPalette::Text), hover ? 0.35 : 0.12), QColor(), 0.0, 3.0);
}

void drawSpinBox(const QStyleOptionSpinBox& option, QPainter& painter, const QStyle& style, const QWidget* widget)
{
    if (option.frame)
        drawField(option, painter);
    if (option.buttonSymbols == QAbstractSpinBox::NoButtons)
        return;
    const QColor colour = option.palette.color(QPalette::PlaceholderText);
    for (const auto part : {QStyle::SC_SpinBoxUp, QStyle::SC_SpinBoxDown}) {
        const QRectF box = style.subControlRect(QStyle::CC_SpinBox, &option, part, widget);
        const qreal shift = part == QStyle::SC_SpinBoxUp ? 1.0 : -1.0;
        const QPointF centre(box.center().x() - 2, box.center().y() + shift);
        drawChevron(painter, QRectF(centre.x() - 3.5, centre.y() - 3.5, 7, 7), part == QStyle::SC_SpinBoxUp, colour);
    }
}

void drawComboBox(const QStyleOptionComboBox& option, QPainter& painter, const QWidget* widget)
{
    if (option.editable) {
        drawField(option, painter);
    } else {
        QStyleOption button = option;
        button.state.setFlag(QStyle::State_On, false);
        drawButton(button, painter, widget);
        if (option.state.testFlag(QStyle::State_HasFocus))
            roundedBox(painter, option.rect, QColor(), option.palette.color(QPalette::Highlight), 2.0);
    }
    const QRectF box(option.rect.right() - 21, option.rect.center().y() - 4, 9, 9);
    drawChevron(painter, box, false, option.palette.color(QPalette::PlaceholderText));
}

bool isTextBox(const QWidget* widget)
{
    return widget->inherits("QPlainTextEdit") || widget->inherits("QTextEdit");
}

}  // namespace

FlatStyle::FlatStyle() : QProxyStyle(QStyleFactory::create(QStringLiteral("Fusion")))
{
}

void FlatStyle::polish(QWidget* widget)
{
    QProxyStyle::polish(widget);
    if (widget->inherits("QAbstractButton") || widget->inherits("QComboBox") || widget->inherits("QScrollBar"))
        widget->setAttribute(Qt::WA_Hover);
    // The frame paints the ground of a text box: a filled viewport would square off its rounded corners.
    if (isTextBox(widget))
        qobject_cast<QAbstractScrollArea*>(widget)->viewport()->setAutoFillBackground(false);
}

void FlatStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter, const QWidget* widget) const
{
    switch (element) {
    case PE_PanelButtonCommand: drawButton(*option, *painter, widget); return;
    case PE_PanelButtonTool: drawButton(*option, *painter, widget); return;
    case PE_PanelLineEdit:
        // Inside a spin box or combo box the frame belongs to the outer control.
        if (widget == nullptr || !(widget->parentWidget() != nullptr && (widget->parentWidget()->inherits("QAbstractSpinBox") || widget->parentWidget()->inherits("QComboBox"))))
            drawField(*option, *painter);
        return;
    case PE_FrameLineEdit: return;
    case PE_FrameFocusRect: return;
    case PE_IndicatorCheckBox: drawCheckBox(*option, *painter, false); return;
    case PE_IndicatorRadioButton: drawCheckBox(*option, *painter, true); return;
    case PE_Frame:
        if (widget != nullptr && widget->inherits("QAbstractScrollArea")) {
            const QColor ground = isTextBox(widget) ? option->palette.color(QPalette::Base) : QColor();
            roundedBox(*painter, option->rect, ground, option->palette.color(option->state.testFlag(State_HasFocus) ? QPalette::Highlight : QPalette::Mid));
            return;
        }
        break;
    default: break;
    }
    QProxyStyle::drawPrimitive(element, option, painter, widget);
}

void FlatStyle::drawControl(ControlElement element, const QStyleOption* option, QPainter* painter, const QWidget* widget) const
{
    if (element == CE_PushButtonLabel && hasFlag(widget, "primary") && option->state.testFlag(State_Enabled)) {
        QStyleOptionButton copy = *qstyleoption_cast<const QStyleOptionButton*>(option);
        copy.palette.setColor(QPalette::ButtonText, copy.palette.color(QPalette::HighlightedText));
        QProxyStyle::drawControl(element, &copy, painter, widget);
        return;
    }
    if (element == CE_HeaderSection) {
        painter->fillRect(option->rect, option->palette.color(QPalette::Base));
        painter->fillRect(QRect(option->rect.left(), option->rect.bottom(), option->rect.width(), 1), option->palette.color(QPalette::Mid));
        return;
    }
    if (element == CE_ProgressBarGroove) {
        roundedBox(*painter, option->rect, option->palette.color(QPalette::Mid), QColor(), 0.0, option->rect.height() / 2.0);
        return;
    }
    if (element == CE_ProgressBarContents) {
        const auto* bar = qstyleoption_cast<const QStyleOptionProgressBar*>(option);
        const bool busy = bar->maximum <= bar->minimum;
        const double share = busy ? 1.0 : double(bar->progress - bar->minimum) / double(bar->maximum - bar->minimum);
        QRect done = option->rect;
        done.setWidth(static_cast<int>(done.width() * share));
        QColor colour = option->palette.color(QPalette::Highlight);
        colour.setAlpha(busy ? 110 : 255);
        if (done.width() > 1)
            roundedBox(*painter, done, colour, QColor(), 0.0, option->rect.height() / 2.0);
        return;
    }
    QProxyStyle::drawControl(element, option, painter, widget);
}

void FlatStyle::drawComplexControl(ComplexControl control, const QStyleOptionComplex* option, QPainter* painter, const QWidget* widget) const
{
    switch (control) {
    case CC_Slider: drawSlider(*qstyleoption_cast<const QStyleOptionSlider*>(option), *painter, *this, widget); return;
    case CC_ScrollBar: drawScrollBar(*qstyleoption_cast<const QStyleOptionSlider*>(option), *painter, *this, widget); return;
    case CC_SpinBox: drawSpinBox(*qstyleoption_cast<const QStyleOptionSpinBox*>(option), *painter, *this, widget); return;
    case CC_ComboBox: drawComboBox(*qstyleoption_cast<const QStyleOptionComboBox*>(option), *painter, widget); return;
    default: QProxyStyle::drawComplexControl(control, option, painter, widget);
    }
}

QRect FlatStyle::subControlRect(ComplexControl control, const QStyleOptionComplex* option, SubControl part, const QWidget* widget) const
{
    QRect rect = QProxyStyle::subControlRect(control, option, part, widget);
    const bool text = (control == CC_ComboBox && part == SC_ComboBoxEditField) || (control == CC_SpinBox && part == SC_SpinBoxEditField);
    if (text)
        rect.adjust(kTextInset, 0, 0, 0);
    return rect;
}

QRect FlatStyle::subElementRect(SubElement element, const QStyleOption* option, const QWidget* widget) const
{
    QRect rect = QProxyStyle::subElementRect(element, option, widget);
    const bool inner = widget != nullptr && widget->parentWidget() != nullptr
                    && (widget->parentWidget()->inherits("QAbstractSpinBox") || widget->parentWidget()->inherits("QComboBox"));
    if (element == SE_LineEditContents && !inner)
        rect.adjust(kTextInset, 0, -kTextInset, 0);
    return rect;
}

int FlatStyle::pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const
{
    switch (metric) {
    case PM_ScrollBarExtent: return 12;
    case PM_IndicatorWidth:
    case PM_IndicatorHeight:
    case PM_ExclusiveIndicatorWidth:
    case PM_ExclusiveIndicatorHeight: return 16;
    case PM_SliderLength:
    case PM_SliderThickness:
    case PM_SliderControlThickness: return 18;
    case PM_FocusFrameHMargin: return 6;
    case PM_ButtonShiftHorizontal:
    case PM_ButtonShiftVertical: return 0;
    default: return QProxyStyle::pixelMetric(metric, option, widget);
    }
}

int FlatStyle::styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget, QStyleHintReturn* data) const
{
    if (hint == SH_Slider_AbsoluteSetButtons)
        return Qt::LeftButton;
    return QProxyStyle::styleHint(hint, option, widget, data);
}

QSize FlatStyle::sizeFromContents(ContentsType type, const QStyleOption* option, const QSize& size, const QWidget* widget) const
{
    QSize result = QProxyStyle::sizeFromContents(type, option, size, widget);
    const int least = option == nullptr ? 0 : option->fontMetrics.height() + 12;
    if (type == CT_PushButton) {
        result.setWidth(result.width() + 10);
        result.setHeight(std::max(result.height(), least));
    } else if (type == CT_ComboBox || type == CT_LineEdit || type == CT_SpinBox) {
        result.setWidth(result.width() + (type == CT_ComboBox ? 4 : 1) * kTextInset);
        result.setHeight(std::max(result.height(), least));
    }
    return result;
}

}  // namespace lorikeet::ui
