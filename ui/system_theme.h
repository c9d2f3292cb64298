// SPDX-License-Identifier: GPL-3.0-or-later
// What the desktop wants, light or dark, and its changes. Qt 6.4 does not tell; the portal and the registry do.
#pragma once

#include <QObject>

namespace lorikeet::ui {

class SystemTheme : public QObject {
    Q_OBJECT
public:
    explicit SystemTheme(QObject* parent = nullptr);
    [[nodiscard]] bool isDark() const noexcept { return m_dark; }

Q_SIGNALS:
    void changed(bool dark);

private Q_SLOTS:
    void settingChanged(const QString& group, const QString& key);

private:
    void ask();
    void take(bool dark);
    bool m_dark = false;
};

}  // namespace lorikeet::ui
