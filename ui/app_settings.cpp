// SPDX-License-Identifier: GPL-3.0-or-later
// Keys and their defaults.
#include "ui/app_settings.h"

#include "engine/base/files.h"
#include "ui/text.h"

namespace lorikeet::ui {

namespace {
constexpr int kVersion = 1;
constexpr int kMostRecent = 8;

QString defaultFile()
{
    return toQt(dataFolder() / "window.ini");
}
}  // namespace

AppSettings::AppSettings(const QString& file) : m_settings(file.isEmpty() ? defaultFile() : file, QSettings::IniFormat)
{
    if (m_settings.value(QStringLiteral("version"), kVersion).toInt() != kVersion)
        m_settings.clear();
    m_settings.setValue(QStringLiteral("version"), kVersion);
}

ThemeChoice AppSettings::theme() const
{
    const QString word = m_settings.value(QStringLiteral("theme")).toString();
    return word == QLatin1String("light") ? ThemeChoice::Light : word == QLatin1String("dark") ? ThemeChoice::Dark : ThemeChoice::System;
}

void AppSettings::setTheme(ThemeChoice theme)
{
    const char* word = theme == ThemeChoice::Light ? "light" : theme == ThemeChoice::Dark ? "dark" : "system";
    m_settings.setValue(QStringLiteral("theme"), QLatin1String(word));
}

QByteArray AppSettings::windowGeometry() const
{
    return m_settings.value(QStringLiteral("geometry")).toByteArray();
}

void AppSettings::setWindowGeometry(const QByteArray& geometry)
{
    m_settings.setValue(QStringLiteral("geometry"), geometry);
}

QStringList AppSettings::recentJobs() const
{
    return m_settings.value(QStringLiteral("recent")).toStringList();
}

void AppSettings::addRecentJob(const QString& path)
{
    QStringList list = recentJobs();
    list.removeAll(path);
    list.prepend(path);
    while (list.size() > kMostRecent)
        list.removeLast();
    m_settings.setValue(QStringLiteral("recent"), list);
}

}  // namespace lorikeet::ui
