// SPDX-License-Identifier: GPL-3.0-or-later
// Positions and prices of the recompute slider.
#include "ui/recompute_slider.h"

#include "engine/base/units.h"
#include "ui/card.h"
#include "ui/fit_panel.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <nlohmann/json.hpp>

#include <QHBoxLayout>
#include <QSignalBlocker>
#include <QSlider>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace lorikeet::ui {

RecomputeSlider::RecomputeSlider(Advisor& advisor, JobDocument& document, const ModelProbe& model, QWidget* parent)
    : QWidget(parent), m_advisor(advisor), m_document(document), m_model(model)
{
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(unit(2));
    QLabel* label = makeLabel(tr("Whole blocks again"), TextRank::Strong, true);
    label->setFixedWidth(unit(20));
    row->addWidget(label, 0, Qt::AlignTop);
    auto* right = new QVBoxLayout;
    right->setSpacing(unit(0.5));
    m_slider = new QSlider(Qt::Horizontal);
    m_slider->setAccessibleName(tr("Layers that recompute their whole block"));
    m_slider->setObjectName(QStringLiteral("recompute.slider"));
    label->setBuddy(m_slider);
    m_price = makeLabel(QString(), TextRank::Small, true);
    right->addWidget(m_slider);
    right->addWidget(m_price);
    row->addLayout(right, 1);
    connect(m_slider, &QSlider::valueChanged, this, &RecomputeSlider::moved);
    connect(&advisor, &Advisor::pricesChanged, this, &RecomputeSlider::refresh);
    connect(&document, &JobDocument::jobChanged, this, [this](const QString& key) {
        if (key.isEmpty() || key == QLatin1String("recipe.recompute"))
            refresh();
    });
    refresh();
}

void RecomputeSlider::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    m_advisor.setPricesWanted(true);
}

void RecomputeSlider::hideEvent(QHideEvent* event)
{
    QWidget::hideEvent(event);
    m_advisor.setPricesWanted(false);
}

int RecomputeSlider::positionOfJob() const
{
    const auto& points = m_advisor.recomputePrices()->points;
    std::int64_t whole = 0;
    try {
        if (m_model.info())
            for (const Recompute level : recomputeLevels(m_document.job(), m_model.info()->shape.layers))
                whole += static_cast<int>(level) == 3 ? 1 : 0;
    } catch (const Error&) {
        return 0;  // half a text in the field above
    }
    const auto nearest = std::ranges::min_element(points, {}, [whole](const plan::WhatIfPoint& point) { return std::abs(point.x - static_cast<double>(whole)); });
    return static_cast<int>(nearest - points.begin());
}

void RecomputeSlider::refresh()
{
    const auto& prices = m_advisor.recomputePrices();
    const bool there = prices && prices->points.size() > 1;
    m_slider->setEnabled(there);
    if (!there) {
        m_price->setText(tr("What it saves and costs stands here once a model is chosen."));
        return;
    }
    const QSignalBlocker quiet(m_slider);
    m_slider->setRange(0, static_cast<int>(prices->points.size()) - 1);
    m_slider->setPageStep(std::max(1, m_slider->maximum() / 6));
    if (!m_slider->isSliderDown())
        m_slider->setValue(positionOfJob());
    const plan::WhatIfPoint& none = prices->points.front();
    // At zero the price of all is told: somebody looks for what the slider could bring.
    const bool atZero = m_slider->value() == 0;
    const plan::WhatIfPoint& here = atZero ? prices->points.back() : prices->points[static_cast<std::size_t>(m_slider->value())];
    const QString layers = tr("%1 of %2 layers").arg(static_cast<qint64>(here.x)).arg(static_cast<qint64>(prices->points.back().x));
    if (!here.possible || !none.possible) {
        m_price->setText(layers);
        return;
    }
    const auto saved = static_cast<std::int64_t>(none.totalBytes) - static_cast<std::int64_t>(here.totalBytes);
    const QString bytes = toQt(formatBytes(static_cast<std::uint64_t>(std::max<std::int64_t>(saved, 0))));
    QString text = atZero ? tr("None; %1 would save %2").arg(layers, bytes) : tr("%1: saves %2").arg(layers, bytes);
    if (m_model.info()) {
        const auto seconds = [this](const Job& job) { return plan::secondsPerToken(m_model.info()->shape, job, m_advisor.ratedDevice(), m_advisor.workload()); };
        text += QStringLiteral(", ") + slowdownText(seconds(here.job) / seconds(none.job));
    }
    m_price->setText(text);
    m_slider->setAccessibleDescription(text);
}

void RecomputeSlider::moved(int position)
{
    const auto& prices = m_advisor.recomputePrices();
    if (!prices || position < 0 || position >= static_cast<int>(prices->points.size()))
        return;
    m_document.setField("recipe.recompute", nlohmann::ordered_json(prices->points[static_cast<std::size_t>(position)].job.recipe.recompute));
}

QString RecomputeSlider::priceText() const
{
    return m_price->text();
}

}  // namespace lorikeet::ui
