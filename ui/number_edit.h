// SPDX-License-Identifier: GPL-3.0-or-later
// A spin box for whole numbers and decimals that reads "2e-4" and shows the shortest text, in any locale.
#pragma once

#include <QAbstractSpinBox>

namespace lorikeet::ui {

class NumberEdit : public QAbstractSpinBox {
    Q_OBJECT
public:
    /// Steps by 1 between whole numbers, else through 1, 2, 5 x 10^n.
    NumberEdit(double minimum, double maximum, bool whole, QWidget* parent = nullptr);

    [[nodiscard]] double value() const noexcept { return m_value; }
    void setValue(double value);

    void stepBy(int steps) override;
    QValidator::State validate(QString& input, int& position) const override;
    [[nodiscard]] QSize sizeHint() const override;

Q_SIGNALS:
    /// The user typed or stepped; any text that is a number, in range or not.
    void edited(double value);

protected:
    [[nodiscard]] StepEnabled stepEnabled() const override;

private:
    [[nodiscard]] double stepped(double value, int steps) const;

    double m_minimum;
    double m_maximum;
    bool m_whole;
    double m_value = 0;
};

/// The text of a number as the fields show it: shortest, point as decimal mark.
[[nodiscard]] QString numberToText(double value);

}  // namespace lorikeet::ui
