// SPDX-License-Identifier: GPL-3.0-or-later
// How many layers recompute their whole block, as a slider with its price: bytes saved against time.
#pragma once

#include "ui/advisor.h"

#include <QWidget>

class QLabel;
class QSlider;

namespace lorikeet::ui {

class RecomputeSlider : public QWidget {
    Q_OBJECT
public:
    RecomputeSlider(Advisor& advisor, JobDocument& document, const ModelProbe& model, QWidget* parent = nullptr);

    [[nodiscard]] QSlider* slider() const noexcept { return m_slider; }
    [[nodiscard]] QString priceText() const;

protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void refresh();
    void moved(int position);
    /// Point of the prices that the job stands at, or the nearest one.
    [[nodiscard]] int positionOfJob() const;

    Advisor& m_advisor;
    JobDocument& m_document;
    const ModelProbe& m_model;
    QSlider* m_slider;
    QLabel* m_price;
};

}  // namespace lorikeet::ui
