// SPDX-License-Identifier: GPL-3.0-or-later
// The memory plan of the job as it is edited: planned at once on every change, with the kernels' costs following in the background.
#pragma once

#include "engine/plan/memory_plan.h"
#include "ui/engine_verbs.h"
#include "ui/job_document.h"
#include "ui/job_runner.h"
#include "ui/model_probe.h"

#include <QElapsedTimer>
#include <QObject>
#include <QString>

#include <map>
#include <optional>
#include <vector>

namespace lorikeet::ui {

/// What a plan takes of the device, by category, and of its host.
struct BudgetBytes {
    CategoryBytes categories{};
    std::uint64_t host = 0;
};
/// "+1.21 GiB in all (+1.20 GiB activations, +12.0 MiB gradients); -2.00 GiB in host memory": every category that moved, largest change
/// first; one alone is its own sum. "no change in memory" when nothing moved.
[[nodiscard]] QString describeDelta(const BudgetBytes& before, const BudgetBytes& after);

class Budget : public QObject {
    Q_OBJECT
public:
    Budget(const EngineVerbs& verbs, JobDocument& document, ModelProbe& model, QObject* parent = nullptr);

    [[nodiscard]] const std::optional<plan::MemoryPlan>& plan() const noexcept { return m_plan; }
    [[nodiscard]] const std::optional<DeviceSpec>& device() const noexcept { return m_device; }
    /// Whether nothing can run the model yet, whatever the device, so that it can only be planned for; then its family.
    [[nodiscard]] std::optional<QString> planOnlyFamily() const;
    /// Why there is no plan, in words.
    [[nodiscard]] const QString& problem() const noexcept { return m_problem; }
    /// What the last change did; empty before the first one.
    [[nodiscard]] const QString& delta() const noexcept { return m_delta; }
    [[nodiscard]] const std::vector<DeviceSpec>& machineDevices() const noexcept { return m_machineDevices; }
    [[nodiscard]] bool isBusy() const noexcept { return m_deviceRunner.isBusy() || m_costRunner.isBusy() || m_listRunner.isBusy(); }

Q_SIGNALS:
    void budgetChanged();
    void devicesListed();

private:
    void lookForDevice();
    void takeDevice(DeviceSpec device);
    void replan(const QString& key);
    void askCosts();
    bool planNow();
    [[nodiscard]] BudgetBytes bytes() const { return {m_plan->categoryBytes, m_plan->hostBytes}; }
    [[nodiscard]] QString deltaText() const { return m_deltaLabel + QStringLiteral(": ") + describeDelta(m_before, bytes()); }

    const EngineVerbs& m_verbs;
    JobDocument& m_document;
    ModelProbe& m_model;
    JobRunner m_deviceRunner;
    JobRunner m_costRunner;
    JobRunner m_listRunner;
    std::string m_deviceId;
    std::map<std::string, DeviceSpec> m_knownDevices;
    std::vector<DeviceSpec> m_machineDevices;
    std::optional<DeviceSpec> m_device;
    plan::KernelCosts m_costs;
    std::optional<plan::MemoryPlan> m_plan;
    QString m_problem;
    QString m_delta;
    QString m_deltaKey;  ///< the field the delta is about: one drag is one delta
    QString m_deltaLabel;
    BudgetBytes m_before;
    QElapsedTimer m_sinceChange;
};

}  // namespace lorikeet::ui
