// SPDX-License-Identifier: GPL-3.0-or-later
// Linux: org.freedesktop.portal.Settings, asked without waiting. Windows: AppsUseLightTheme.
#include "ui/system_theme.h"

#include <QSettings>
#include <QtGlobal>

#if defined(Q_OS_UNIX) && !defined(Q_OS_MACOS)
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>
#endif

namespace lorikeet::ui {

#if defined(Q_OS_UNIX) && !defined(Q_OS_MACOS)

namespace {
const QString kService = QStringLiteral("org.freedesktop.portal.Desktop");
const QString kPath = QStringLiteral("/org/freedesktop/portal/desktop");
const QString kInterface = QStringLiteral("org.freedesktop.portal.Settings");
const QString kGroup = QStringLiteral("org.freedesktop.appearance");
const QString kKey = QStringLiteral("color-scheme");
}  // namespace

SystemTheme::SystemTheme(QObject* parent) : QObject(parent)
{
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected())
        return;
    bus.connect(kService, kPath, kInterface, QStringLiteral("SettingChanged"), this, SLOT(settingChanged(QString, QString)));
    ask();
}

void SystemTheme::settingChanged(const QString& group, const QString& key)
{
    if (group == kGroup && key == kKey)
        ask();
}

void SystemTheme::ask()
{
    QDBusMessage question = QDBusMessage::createMethodCall(kService, kPath, kInterface, QStringLiteral("Read"));
    question << kGroup << kKey;
    auto* watcher = new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(question, 2000), this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* call) {
        call->deleteLater();
        const QDBusPendingReply<QDBusVariant> reply = *call;
        if (reply.isError())
            return;
        QVariant value = reply.value().variant();
        if (value.canConvert<QDBusVariant>())
            value = value.value<QDBusVariant>().variant();
        take(value.toUInt() == 1);
    });
}

#else

SystemTheme::SystemTheme(QObject* parent) : QObject(parent)
{
    ask();
}

void SystemTheme::settingChanged(const QString&, const QString&)
{
    ask();
}

void SystemTheme::ask()
{
    const QSettings registry(QStringLiteral("HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Themes\\Personalize"), QSettings::NativeFormat);
    take(registry.value(QStringLiteral("AppsUseLightTheme"), 1).toInt() == 0);
}

#endif

void SystemTheme::take(bool dark)
{
    if (m_dark == dark)
        return;
    m_dark = dark;
    Q_EMIT changed(dark);
}

}  // namespace lorikeet::ui
