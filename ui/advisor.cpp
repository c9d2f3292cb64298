// SPDX-License-Identifier: GPL-3.0-or-later
// When what is asked, and with which numbers of the data.
#include "ui/advisor.h"

#include "ui/text.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::ui {

namespace {
constexpr int kDelayMs = 250;
}

Job withPlainRecompute(Job job, std::int64_t layers)
{
    int least = 1;
    try {
        int found = 3;
        for (const Recompute level : recomputeLevels(job, layers))
            found = std::min(found, static_cast<int>(level));
        least = found == 3 ? 1 : found;
    } catch (const Error&) {
        least = 1;  // what the field says is being typed
    }
    job.recipe.recompute = std::to_string(least);
    return job;
}

Advisor::Advisor(const EngineVerbs& verbs, JobDocument& document, const ModelProbe& model, const DataProbe& data, const Budget& budget, const RunController& run, QObject* parent)
    : QObject(parent), m_verbs(verbs), m_document(document), m_model(model), m_data(data), m_budget(budget), m_run(run)
{
    m_delay.setSingleShot(true);
    m_delay.setInterval(kDelayMs);
    connect(&m_delay, &QTimer::timeout, this, &Advisor::ask);
    connect(&budget, &Budget::budgetChanged, this, &Advisor::budgetChanged);
    connect(&data, &DataProbe::dataChanged, this, &Advisor::budgetChanged);
}

plan::Workload Advisor::workload() const
{
    plan::Workload load;
    const auto& summary = m_data.summary();
    const std::int64_t rows = summary ? summary->trainRows + summary->validationRows : 0;
    if (!summary || rows <= 0 || summary->tokens <= 0)
        return load;
    const double mean = static_cast<double>(summary->tokens) / static_cast<double>(rows);
    load.documentTokens = std::min(mean, static_cast<double>(m_document.job().recipe.context));
    load.supervisedShare = std::clamp(static_cast<double>(summary->supervisedTokens) / static_cast<double>(summary->tokens), 0.0, 1.0);
    if (summary->packingEfficiency > 0)
        load.fill = std::clamp(summary->packingEfficiency, 0.0, 1.0);
    return load;
}

std::optional<double> Advisor::tokensOfRun() const
{
    const auto& summary = m_data.summary();
    const Job& job = m_document.job();
    const std::int64_t rows = summary ? summary->trainRows + summary->validationRows : 0;
    if (rows <= 0)
        return std::nullopt;
    const double epoch = static_cast<double>(summary->tokens) * static_cast<double>(summary->trainRows) / static_cast<double>(rows);
    double tokens = epoch * job.recipe.epochs;
    if (job.recipe.maxSteps > 0 && m_forecast)
        tokens = std::min(tokens, static_cast<double>(job.recipe.maxSteps) * m_forecast->tokensPerStep);
    return tokens;
}

DeviceSpec Advisor::ratedDevice() const
{
    DeviceSpec device = m_budget.device().value_or(DeviceSpec{});
    if (const auto known = m_rates.find(device.id); known != m_rates.end())
        device.rates = known->second;
    return device;
}

void Advisor::setWaysWanted(bool wanted)
{
    m_waysWanted = wanted;
    m_ways.reset();
    if (wanted)
        askWays();
}

void Advisor::setPricesWanted(bool wanted)
{
    m_pricesWanted = wanted;
    if (wanted && !m_prices)
        askPrices();
}

void Advisor::budgetChanged()
{
    // What was answered is about another job; until the next answer nothing is shown rather than something stale.
    m_ways.reset();
    forecastNow();
    m_delay.start();
    Q_EMIT waysChanged();
}

void Advisor::ask()
{
    askRates();
    if (m_waysWanted)
        askWays();
    if (m_pricesWanted)
        askPrices();
}

void Advisor::askRates()
{
    const auto& device = m_budget.device();
    // Measuring takes the processor for a moment: never beside a run, and once for each device.
    if (!device || device->kind == DeviceSpec::Kind::Catalogue || device->rates.measured || m_rates.contains(device->id) || m_rateRunner.isBusy() || m_run.isActive())
        return;
    m_rateRunner.run<DeviceSpec>([measure = m_verbs.measureRates, device = *device](const std::stop_token&, const ProgressFn&) { return measure(device); },
                                 [this](const DeviceSpec& measured) {
                                     m_rates[measured.id] = measured.rates;
                                     forecastNow();
                                     if (m_pricesWanted)
                                         askPrices();
                                 },
                                 // Without rates there is no forecast; the budget itself does not need them.
                                 [id = device->id, this](const Error&) { m_rates[id] = {}; });
}

void Advisor::forecastNow()
{
    m_forecast.reset();
    if (m_budget.plan() && m_model.info()) {
        try {
            const plan::StepForecast forecast = m_verbs.forecast(m_model.info()->shape, m_document.job(), ratedDevice(), workload());
            if (forecast.known)
                m_forecast = forecast;
        } catch (const Error&) {
            m_forecast.reset();  // the budget says why this job cannot be planned
        }
    }
    Q_EMIT forecastChanged();
}

void Advisor::askWays()
{
    if (!m_budget.plan() || !m_model.info()) {
        m_wayRunner.cancel();
        m_ways.reset();
        m_waysProblem = m_budget.problem();
        Q_EMIT waysChanged();
        return;
    }
    m_waysMakeFit = m_budget.plan()->verdict == plan::Verdict::DoesNotFit;
    m_waysProblem.clear();
    plan::FitOptions options;
    options.workload = workload();
    m_wayRunner.run<plan::FitAnswer>(
        [ask = m_waysMakeFit ? m_verbs.makeItFit : m_verbs.roomFor, shape = m_model.info()->shape, job = m_document.job(), device = ratedDevice(), options](
            const std::stop_token&, const ProgressFn&) { return ask(shape, job, device, options); },
        [this](plan::FitAnswer answer) {
            m_ways = std::move(answer);
            Q_EMIT waysChanged();
        },
        [this](const Error& error) {
            m_waysProblem = sentenceCase(toQt(error.message()));
            Q_EMIT waysChanged();
        });
}

void Advisor::askPrices()
{
    if (!m_budget.plan() || !m_model.info()) {
        m_priceRunner.cancel();
        m_prices.reset();
        Q_EMIT pricesChanged();
        return;
    }
    const ModelShape& shape = m_model.info()->shape;
    m_priceRunner.run<plan::WhatIfSeries>(
        [ask = m_verbs.whatIf, shape, job = withPlainRecompute(m_document.job(), shape.layers), device = ratedDevice(), load = workload()](
            const std::stop_token&, const ProgressFn&) { return ask(plan::Axis::Recompute, shape, job, device, load); },
        [this](plan::WhatIfSeries series) {
            m_prices = std::move(series);
            Q_EMIT pricesChanged();
        },
        [this](const Error&) {
            m_prices.reset();  // the budget says why
            Q_EMIT pricesChanged();
        });
}

}  // namespace lorikeet::ui
