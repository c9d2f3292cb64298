// SPDX-License-Identifier: GPL-3.0-or-later
// Tells when the window can be used after a start: it has been painted and the event loop has come round to answer.
#pragma once

#include <QObject>

class QWidget;

namespace lorikeet::app {

/// Prints one line on standard output, "usable MILLISECONDS of processor time", once the window's first picture is drawn and everything that
/// was waiting behind it has been answered; then quits. Whoever started the program measures the time that passed.
class StartWatch : public QObject {
public:
    explicit StartWatch(QWidget& window);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void report();

    bool m_painted = false;
};

}  // namespace lorikeet::app
