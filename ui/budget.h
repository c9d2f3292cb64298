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

/// "+1.20 GiB activations, +12.0 MiB gradients"; "no change" when nothing moved. Largest change first, at most two.
[[nodiscard]] QString describeDelta(const CategoryBytes& before, const CategoryBytes& after);

class Budget : public QObject {
    Q_OBJECT
public:
    Budget(const EngineVerbs& verbs, JobDocument& document, ModelProbe& model, QObject* parent = nullptr);

    [[nodiscard]] const std::optional<plan::MemoryPlan>& plan() const noexcept { return m_plan; }
    [[nodiscard]] const std::optional<DeviceSpec>& device() const noexcept { return m_device; }
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
    CategoryBytes m_before{};
    QElapsedTimer m_sinceChange;
};

}  // namespace lorikeet::ui
