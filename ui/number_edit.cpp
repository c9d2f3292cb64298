// SPDX-License-Identifier: GPL-3.0-or-later
// Parsing by from_chars and stepping.
#include "ui/number_edit.h"

#include "engine/spec/job_words.h"
#include "ui/text.h"

#include <QLineEdit>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace lorikeet::ui {

namespace {

std::optional<double> parse(const QString& text)
{
    const std::string plain = toStd(text.trimmed());
    double value = 0;
    const char* end = plain.data() + plain.size();
    const auto [stop, error] = std::from_chars(plain.data(), end, value);
    if (plain.empty() || error != std::errc() || stop != end || !std::isfinite(value))
        return std::nullopt;
    return value;
}

}  // namespace

QString numberToText(double value)
{
    // "2e-4", as people type it.
    return toQt(numberText(value)).replace(QStringLiteral("e-0"), QStringLiteral("e-"));
}

NumberEdit::NumberEdit(double minimum, double maximum, bool whole, QWidget* parent)
    : QAbstractSpinBox(parent), m_minimum(minimum), m_maximum(maximum), m_whole(whole)
{
    setFocusPolicy(Qt::StrongFocus);
    setKeyboardTracking(true);
    connect(lineEdit(), &QLineEdit::textEdited, this, [this](const QString& text) {
        if (const auto value = parse(text)) {
            m_value = *value;
            Q_EMIT edited(*value);
        }
    });
    // What cannot be read goes back to the last number when the field is left.
    connect(this, &QAbstractSpinBox::editingFinished, this, [this] {
        if (!parse(lineEdit()->text()))
            lineEdit()->setText(numberToText(m_value));
    });
    setValue(minimum);
}

void NumberEdit::setValue(double value)
{
    m_value = value;
    // Text under the user's hands that already says this is left alone ("2e-4" stays "2e-4").
    const auto shown = parse(lineEdit()->text());
    if (!shown || *shown != value)
        lineEdit()->setText(numberToText(value));
}

void NumberEdit::stepBy(int steps)
{
    const double next = std::clamp(stepped(m_value, steps), m_minimum, m_maximum);
    if (next == m_value)
        return;
    setValue(next);
    Q_EMIT edited(next);
}

double NumberEdit::stepped(double value, int steps) const
{
    if (m_whole)
        return value + steps;
    for (; steps > 0; --steps) {
        const double power = value > 0 ? std::pow(10.0, std::floor(std::log10(value) + 1e-9)) : 0.01;
        const double digit = value / power;
        value = value <= 0 ? power : digit < 1.999 ? 2 * power : digit < 4.999 ? 5 * power : 10 * power;
    }
    for (; steps < 0 && value > 0; ++steps) {
        const double power = std::pow(10.0, std::floor(std::log10(value) + 1e-9));
        const double digit = value / power;
        value = digit > 5.001 ? 5 * power : digit > 2.001 ? 2 * power : digit > 1.001 ? power : 0.5 * power;
    }
    // Powers of ten are not exact in binary; the shortest text is what was meant.
    return parse(QString::number(value, 'g', 12)).value_or(value);
}

QValidator::State NumberEdit::validate(QString& input, int& position) const
{
    Q_UNUSED(position)
    static const QString allowed = QStringLiteral("0123456789.eE+-");
    const bool sound = std::ranges::all_of(input, [](QChar c) { return allowed.contains(c); });
    if (!sound)
        return QValidator::Invalid;
    return parse(input) ? QValidator::Acceptable : QValidator::Intermediate;
}

QSize NumberEdit::sizeHint() const
{
    QSize size = QAbstractSpinBox::sizeHint();
    size.setWidth(fontMetrics().horizontalAdvance(QLatin1Char('0')) * 9 + 34);
    return size;
}

QAbstractSpinBox::StepEnabled NumberEdit::stepEnabled() const
{
    StepEnabled enabled;
    enabled.setFlag(StepUpEnabled, m_value < m_maximum);
    enabled.setFlag(StepDownEnabled, m_value > m_minimum);
    return enabled;
}

}  // namespace lorikeet::ui
