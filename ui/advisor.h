// SPDX-License-Identifier: GPL-3.0-or-later
// What goes with the budget besides bytes: how fast the job will be, the ways to make it fit (or what spare memory could buy), and the
// price of recompute. Everything is asked in the background, a moment after the last change.
#pragma once

#include "engine/plan/fit.h"
#include "engine/plan/what_if.h"
#include "ui/budget.h"
#include "ui/data_probe.h"
#include "ui/run_controller.h"

#include <QObject>
#include <QTimer>

#include <map>
#include <optional>
#include <string>

namespace lorikeet::ui {

class Advisor : public QObject {
    Q_OBJECT
public:
    Advisor(const EngineVerbs& verbs, JobDocument& document, const ModelProbe& model, const DataProbe& data, const Budget& budget, const RunController& run,
            QObject* parent = nullptr);

    /// What the data make of a step; the most a step can cost while they have not been counted.
    [[nodiscard]] plan::Workload workload() const;
    /// Speed of the job as it is; nothing without a plan or where no rates are known.
    [[nodiscard]] const std::optional<plan::StepForecast>& forecast() const noexcept { return m_forecast; }
    /// Tokens of the whole run, or nothing while the data have not been counted.
    [[nodiscard]] std::optional<double> tokensOfRun() const;

    /// Asks for ways while somebody looks at them; they are asked again after every change.
    void setWaysWanted(bool wanted);
    /// The answer for the job as it is now, or nothing (yet).
    [[nodiscard]] const std::optional<plan::FitAnswer>& ways() const noexcept { return m_ways; }
    /// Whether the ways lead under the capacity (true) or use spare room.
    [[nodiscard]] bool waysMakeFit() const noexcept { return m_waysMakeFit; }
    [[nodiscard]] const QString& waysProblem() const noexcept { return m_waysProblem; }

    /// The same for the price of recompute: whole blocks recomputed in 0 .. L layers.
    void setPricesWanted(bool wanted);
    [[nodiscard]] const std::optional<plan::WhatIfSeries>& recomputePrices() const noexcept { return m_prices; }

    /// The device of the budget with the best rates that are known of it.
    [[nodiscard]] DeviceSpec ratedDevice() const;
    [[nodiscard]] bool isBusy() const noexcept { return m_delay.isActive() || m_rateRunner.isBusy() || m_wayRunner.isBusy() || m_priceRunner.isBusy(); }

Q_SIGNALS:
    void forecastChanged();
    void waysChanged();
    void pricesChanged();

private:
    void budgetChanged();
    void ask();
    void askRates();
    void askWays();
    void askPrices();
    void forecastNow();

    const EngineVerbs& m_verbs;
    JobDocument& m_document;
    const ModelProbe& m_model;
    const DataProbe& m_data;
    const Budget& m_budget;
    const RunController& m_run;
    JobRunner m_rateRunner;
    JobRunner m_wayRunner;
    JobRunner m_priceRunner;
    QTimer m_delay;
    std::map<std::string, DeviceRates> m_rates;  ///< measured, by device id
    std::optional<plan::StepForecast> m_forecast;
    std::optional<plan::FitAnswer> m_ways;
    std::optional<plan::WhatIfSeries> m_prices;
    QString m_waysProblem;
    bool m_waysWanted = false;
    bool m_pricesWanted = false;
    bool m_waysMakeFit = false;
};

/// The job with one level of recompute for all layers: the least that any layer of `job` has, whole blocks (3) not counted.
[[nodiscard]] Job withPlainRecompute(Job job, std::int64_t layers);

}  // namespace lorikeet::ui
