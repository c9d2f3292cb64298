// SPDX-License-Identifier: GPL-3.0-or-later
// Takes the pictures one per tick, so that each page is laid out before it is drawn.
#include "app/screenshots.h"

#include "ui/main_window.h"

#include <QCoreApplication>
#include <QPixmap>

#include <array>
#include <utility>

namespace lorikeet::app {

namespace {
constexpr int kTickMs = 100;
constexpr int kSettledTicks = 5;
constexpr int kMostTicks = 600;
}  // namespace

std::optional<Screenshot> parseScreenshot(const QString& text)
{
    static const std::array<const char*, 6> kPages{"model", "data", "recipe", "run", "export", "what-if"};
    for (int i = 0; i < static_cast<int>(kPages.size()); ++i) {
        const QString start = QLatin1String(kPages[static_cast<std::size_t>(i)]) + QLatin1Char(':');
        if (text.startsWith(start) && text.size() > start.size())
            return Screenshot{i, text.mid(start.size())};
    }
    return std::nullopt;
}

Screenshots::Screenshots(ui::MainWindow& window, std::vector<Screenshot> pictures, bool startRun, QObject* parent)
    : QObject(parent), m_window(window), m_pictures(std::move(pictures)), m_startRun(startRun)
{
    m_timer.setInterval(kTickMs);
    connect(&m_timer, &QTimer::timeout, this, &Screenshots::look);
    m_timer.start();
}

void Screenshots::look()
{
    m_settledFor = m_window.isSettled() ? m_settledFor + 1 : 0;
    m_waited = m_window.run().isActive() ? 0 : m_waited + 1;
    if (m_waited < kMostTicks && m_settledFor < kSettledTicks)
        return;
    if (m_startRun) {
        m_startRun = false;
        m_settledFor = 0;
        m_window.startRun();
        if (m_pictures.empty())
            m_timer.stop();
        return;
    }
    if (m_next > 0) {
        const Screenshot& picture = m_pictures[m_next - 1];
        if (!m_window.grab().save(picture.file)) {
            qWarning("cannot write %s", qPrintable(picture.file));
            QCoreApplication::exit(1);
            return;
        }
    }
    if (m_next == m_pictures.size()) {
        QCoreApplication::exit(0);
        return;
    }
    m_window.showStep(m_pictures[m_next++].step);
}

}  // namespace lorikeet::app
