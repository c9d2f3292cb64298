// SPDX-License-Identifier: GPL-3.0-or-later
// One category of the budget: a line with its colour and bytes that opens into its terms, each with a sentence and a formula.
#pragma once

#include "engine/plan/memory_plan.h"

#include <QAbstractButton>
#include <QWidget>

#include <cstdint>
#include <optional>
#include <vector>

class QLabel;
class QVBoxLayout;

namespace lorikeet::ui {

/// The clickable line.
class CategoryButton : public QAbstractButton {
    Q_OBJECT
public:
    CategoryButton(std::size_t category, QWidget* parent = nullptr);
    void setFigures(const QString& planned, const QString& measured);
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    std::size_t m_category;
    QString m_planned;
    QString m_measured;
};

class BudgetCategory : public QWidget {
    Q_OBJECT
public:
    explicit BudgetCategory(std::size_t category, QWidget* parent = nullptr);

    void setPlan(std::uint64_t bytes, const std::vector<plan::Term>& terms);
    /// Measured bytes stand beside the plan, with the error in per cent of what the run had planned; nothing: no run.
    void setMeasured(std::optional<std::uint64_t> bytes, std::uint64_t planned = 0);
    void setOpen(bool open);
    [[nodiscard]] bool isOpen() const;
    [[nodiscard]] QString measuredText() const noexcept { return m_measuredText; }
    [[nodiscard]] std::uint64_t plannedBytes() const noexcept { return m_bytes; }
    [[nodiscard]] CategoryButton* button() const noexcept { return m_button; }

private:
    struct TermRow {
        QWidget* box = nullptr;
        QLabel* name = nullptr;
        QLabel* bytes = nullptr;
        QLabel* sentence = nullptr;
        QLabel* formula = nullptr;
    };
    TermRow makeRow();
    void showTerms();
    void showFigures();

    std::size_t m_category;
    CategoryButton* m_button;
    QWidget* m_body;
    QVBoxLayout* m_rows;
    std::vector<TermRow> m_termRows;
    std::vector<plan::Term> m_terms;
    std::uint64_t m_bytes = 0;
    std::optional<std::uint64_t> m_measured;
    std::uint64_t m_plannedOfRun = 0;
    QString m_measuredText;
};

/// "+0.4 %" of measured against planned; "exact" when equal.
[[nodiscard]] QString errorText(std::uint64_t planned, std::uint64_t measured);

}  // namespace lorikeet::ui
