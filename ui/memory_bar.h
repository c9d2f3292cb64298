// SPDX-License-Identifier: GPL-3.0-or-later
// The stacked bar of the memory budget: five colours, free grey, other programs hatched, and the capacity line.
#pragma once

#include "engine/spec/run_event.h"

#include <QWidget>

#include <vector>

namespace lorikeet::ui {

class MemoryBar : public QWidget {
    Q_OBJECT
public:
    explicit MemoryBar(QWidget* parent = nullptr);

    /// `capacity` is what this run may use, `total` what the device has, `other` what other programs hold of it.
    void setMemory(const CategoryBytes& planned, std::uint64_t capacity, std::uint64_t total, std::uint64_t other);
    void clear();

    /// One drawn part, left to right.
    struct Segment {
        enum class Kind { Category, Free, Other };
        Kind kind = Kind::Category;
        std::size_t category = 0;
        std::uint64_t bytes = 0;
        QRectF box;
    };
    /// The parts at the widget's size.
    [[nodiscard]] std::vector<Segment> segments() const;

    [[nodiscard]] QSize sizeHint() const override;

Q_SIGNALS:
    void categoryClicked(int category);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    bool event(QEvent* event) override;

private:
    [[nodiscard]] QRectF barBox() const;
    [[nodiscard]] double fullBytes() const;
    void describe();

    CategoryBytes m_planned{};
    std::uint64_t m_capacity = 0;
    std::uint64_t m_total = 0;
    std::uint64_t m_other = 0;
};

/// "Weights" ... in the order of CategoryBytes, for people.
[[nodiscard]] QString categoryTitle(std::size_t category);

}  // namespace lorikeet::ui
