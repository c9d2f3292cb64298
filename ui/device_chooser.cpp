// SPDX-License-Identifier: GPL-3.0-or-later
// List, search and keys of the device chooser.
#include "ui/device_chooser.h"

#include "ui/card.h"
#include "ui/theme.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace lorikeet::ui {

namespace {

constexpr int kShownRows = 9;
constexpr int kIdRole = Qt::UserRole;
constexpr int kWordsRole = Qt::UserRole + 1;

}  // namespace

DeviceChooser::DeviceChooser(QWidget* parent) : QWidget(parent)
{
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(unit(1));
    m_button = makeButton(QString());
    m_button->setCheckable(true);
    m_button->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    column->addWidget(m_button);
    m_body = new QWidget;
    auto* body = new QVBoxLayout(m_body);
    body->setContentsMargins(0, 0, 0, 0);
    body->setSpacing(unit(1));
    m_search = new QLineEdit;
    m_search->setPlaceholderText(tr("Search, for instance 4060 or 80 GiB"));
    m_search->setAccessibleName(tr("Search devices"));
    m_search->setClearButtonEnabled(true);
    m_search->installEventFilter(this);
    m_list = new QListWidget;
    m_list->setAccessibleName(tr("Devices"));
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setTextElideMode(Qt::ElideRight);
    m_list->setUniformItemSizes(true);
    m_list->setFixedHeight(kShownRows * (fontMetrics().height() + unit(1.5)));
    m_list->installEventFilter(this);
    body->addWidget(m_search);
    body->addWidget(m_list);
    m_body->hide();
    column->addWidget(m_body);
    connect(m_button, &QPushButton::toggled, this, [this](bool open) {
        m_body->setVisible(open);
        if (open) {
            m_search->clear();
            m_search->setFocus(Qt::OtherFocusReason);
        }
    });
    connect(m_search, &QLineEdit::textChanged, this, &DeviceChooser::filter);
    connect(m_list, &QListWidget::itemClicked, this, &DeviceChooser::take);
    connect(m_list, &QListWidget::itemActivated, this, &DeviceChooser::take);
}

void DeviceChooser::setChoices(std::vector<DeviceChoice> choices)
{
    m_choices = std::move(choices);
    m_list->clear();
    QString group;
    for (const DeviceChoice& choice : m_choices) {
        if (choice.group != group) {
            group = choice.group;
            auto* heading = new QListWidgetItem(group, m_list);
            heading->setFlags(Qt::ItemIsEnabled);
            heading->setForeground(coloursOf(this).muted);
            heading->setFont(strongFont());
        }
        auto* item = new QListWidgetItem(choice.detail.isEmpty() ? choice.name : choice.name + QStringLiteral("  ·  ") + choice.detail, m_list);
        item->setData(kIdRole, choice.id);
        item->setData(kWordsRole, QString(choice.id + QLatin1Char(' ') + choice.name + QLatin1Char(' ') + choice.detail + QLatin1Char(' ') + choice.group));
        item->setToolTip(item->text());
    }
    for (int row = 0; row < m_list->count(); ++row)
        m_list->item(row)->setSizeHint(QSize(0, fontMetrics().height() + unit(1.5)));
    filter(m_search->text());
    setCurrent(m_current);
}

void DeviceChooser::setCurrent(const QString& id)
{
    m_current = id;
    const auto choice = std::ranges::find(m_choices, id, &DeviceChoice::id);
    const QString name = choice == m_choices.end() ? id : choice->name;
    m_button->setText(name + QStringLiteral("  \u25be"));
    m_button->setToolTip(name);
    m_button->setAccessibleName(tr("Device to plan and run on: %1").arg(name));
}

QString DeviceChooser::shownText() const
{
    return m_button->text();
}

void DeviceChooser::setOpen(bool open)
{
    m_button->setChecked(open);
}

bool DeviceChooser::isOpen() const
{
    return m_button->isChecked();
}

QStringList DeviceChooser::visibleIds() const
{
    QStringList ids;
    for (int row = 0; row < m_list->count(); ++row)
        if (const QListWidgetItem* item = m_list->item(row); !item->isHidden() && item->data(kIdRole).isValid())
            ids << item->data(kIdRole).toString();
    return ids;
}

void DeviceChooser::filter(const QString& words)
{
    const QStringList parts = words.split(QLatin1Char(' '), Qt::SkipEmptyParts);
    QListWidgetItem* heading = nullptr;
    QListWidgetItem* first = nullptr;
    for (int row = 0; row < m_list->count(); ++row) {
        QListWidgetItem* item = m_list->item(row);
        if (!item->data(kIdRole).isValid()) {
            heading = item;
            heading->setHidden(true);
            continue;
        }
        const QString text = item->data(kWordsRole).toString();
        const bool shown = std::ranges::all_of(parts, [&text](const QString& part) { return text.contains(part, Qt::CaseInsensitive); });
        item->setHidden(!shown);
        if (shown && heading != nullptr)
            heading->setHidden(false);
        if (shown && (first == nullptr || item->data(kIdRole).toString() == m_current))
            first = item;
    }
    m_list->setCurrentItem(first);
}

void DeviceChooser::take(const QListWidgetItem* item)
{
    if (item == nullptr || !item->data(kIdRole).isValid())
        return;
    const QString id = item->data(kIdRole).toString();
    setOpen(false);
    m_button->setFocus(Qt::OtherFocusReason);
    setCurrent(id);
    Q_EMIT chosen(id);
}

void DeviceChooser::moveInList(int by)
{
    for (int row = m_list->currentRow() + by; row >= 0 && row < m_list->count(); row += by)
        if (const QListWidgetItem* item = m_list->item(row); !item->isHidden() && item->data(kIdRole).isValid()) {
            m_list->setCurrentRow(row);
            return;
        }
}

bool DeviceChooser::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() != QEvent::KeyPress)
        return QWidget::eventFilter(watched, event);
    switch (static_cast<QKeyEvent*>(event)->key()) {
    case Qt::Key_Escape:
        setOpen(false);
        m_button->setFocus(Qt::OtherFocusReason);
        return true;
    case Qt::Key_Down: moveInList(1); return true;
    case Qt::Key_Up: moveInList(-1); return true;
    case Qt::Key_Return:
    case Qt::Key_Enter: take(m_list->currentItem()); return true;
    default: return QWidget::eventFilter(watched, event);
    }
}

}  // namespace lorikeet::ui
