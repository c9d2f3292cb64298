// SPDX-License-Identifier: GPL-3.0-or-later
// The second budget: host RAM beside the device's memory, as a thin bar with its figure. Shown only when a plan uses it.
#pragma once

#include <QWidget>

#include <cstdint>

namespace lorikeet::ui {

class HostBar : public QWidget {
    Q_OBJECT
public:
    explicit HostBar(QWidget* parent = nullptr);

    /// `totalBytes` 0: how much this machine has is not known.
    void setMemory(std::uint64_t plannedBytes, std::uint64_t totalBytes);
    [[nodiscard]] QString text() const noexcept { return m_text; }
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    std::uint64_t m_planned = 0;
    std::uint64_t m_total = 0;
    QString m_text;
};

}  // namespace lorikeet::ui
