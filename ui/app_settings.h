// SPDX-License-Identifier: GPL-3.0-or-later
// What the window remembers: theme, place, last job. The only user of QSettings; jobs are files of their own.
#pragma once

#include "ui/theme.h"

#include <QByteArray>
#include <QSettings>
#include <QString>
#include <QStringList>

namespace lorikeet::ui {

class AppSettings {
public:
    /// Empty file name: the user's own place.
    explicit AppSettings(const QString& file = {});

    [[nodiscard]] ThemeChoice theme() const;
    void setTheme(ThemeChoice theme);
    [[nodiscard]] QByteArray windowGeometry() const;
    void setWindowGeometry(const QByteArray& geometry);
    [[nodiscard]] QStringList recentJobs() const;
    void addRecentJob(const QString& path);

private:
    QSettings m_settings;
};

}  // namespace lorikeet::ui
