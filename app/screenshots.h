// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures of the pages for the README: `--screenshot PAGE:FILE`, taken once everything has been read.
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <QTimer>

#include <optional>
#include <vector>

namespace lorikeet::ui {
class MainWindow;
}

namespace lorikeet::app {

/// One picture to take.
struct Screenshot {
    int step = 0;
    QString file;
};
/// "recipe:recipe.png"; nothing when the page's name is unknown or there is no file.
[[nodiscard]] std::optional<Screenshot> parseScreenshot(const QString& text);

/// Waits until the window has settled, starts the job if `startRun` and waits for its end, takes the pictures, if there are any,
/// and then ends the program: 0, or 1 when a file cannot be written.
class Screenshots : public QObject {
    Q_OBJECT
public:
    Screenshots(ui::MainWindow& window, std::vector<Screenshot> pictures, bool startRun, QObject* parent = nullptr);

private:
    void look();

    ui::MainWindow& m_window;
    std::vector<Screenshot> m_pictures;
    QTimer m_timer;
    bool m_startRun;
    std::size_t m_next = 0;
    int m_settledFor = 0;
    int m_waited = 0;
};

}  // namespace lorikeet::app
