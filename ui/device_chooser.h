// SPDX-License-Identifier: GPL-3.0-or-later
// The device to plan for and run on: a button that opens into a search line and the devices in their groups.
#pragma once

#include <QString>
#include <QWidget>

#include <vector>

class QLineEdit;
class QListWidget;
class QListWidgetItem;
class QPushButton;

namespace lorikeet::ui {

/// One device in the list.
struct DeviceChoice {
    QString id;      ///< what run.device takes
    QString name;    ///< as it is shown
    QString detail;  ///< "24.0 GiB, 1,008 GB/s"; may be empty
    QString group;   ///< neighbours of one group stand under one heading
};

class DeviceChooser : public QWidget {
    Q_OBJECT
public:
    explicit DeviceChooser(QWidget* parent = nullptr);

    void setChoices(std::vector<DeviceChoice> choices);
    /// An id that is not among the choices is shown as it is.
    void setCurrent(const QString& id);
    [[nodiscard]] QString current() const { return m_current; }
    [[nodiscard]] QString shownText() const;
    void setOpen(bool open);
    [[nodiscard]] bool isOpen() const;
    /// Ids that the words in the search line leave, in their order.
    [[nodiscard]] QStringList visibleIds() const;
    [[nodiscard]] QLineEdit* searchLine() const noexcept { return m_search; }

Q_SIGNALS:
    void chosen(const QString& id);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void filter(const QString& words);
    void take(const QListWidgetItem* item);
    void moveInList(int by);

    std::vector<DeviceChoice> m_choices;
    QString m_current;
    QPushButton* m_button;
    QWidget* m_body;
    QLineEdit* m_search;
    QListWidget* m_list;
};

}  // namespace lorikeet::ui
