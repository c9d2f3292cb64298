// SPDX-License-Identifier: GPL-3.0-or-later
// Turning the wheel over a closed combo box, a spin box or a slider scrolls the page and never changes a value.
#pragma once

#include <QObject>

namespace lorikeet::ui {

/// Event filter of the application.
class WheelGuard : public QObject {
    Q_OBJECT
public:
    using QObject::QObject;

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
};

}  // namespace lorikeet::ui
