// SPDX-License-Identifier: GPL-3.0-or-later
// Plans on the window's thread: plan() takes a few milliseconds at most, so a slider drag is answered within the frame.
#include "ui/budget.h"

#include "engine/base/units.h"
#include "engine/spec/job_fields.h"
#include "ui/text.h"

#include <QCoreApplication>
#include <QStringList>

#include <algorithm>
#include <array>
#include <utility>

namespace lorikeet::ui {

namespace {
constexpr qint64 kOneGestureMs = 1500;
}

QString describeDelta(const BudgetBytes& before, const BudgetBytes& after)
{
    // A line may end before a part, not inside it.
    const auto part = [](std::int64_t change, const QString& what) {
        QString text = toQt(formatBytesDelta(change)) + QLatin1Char(' ') + what;
        return text.replace(QLatin1Char(' '), QChar(0xa0));
    };
    const auto changeOf = [](std::uint64_t from, std::uint64_t to) { return static_cast<std::int64_t>(to) - static_cast<std::int64_t>(from); };
    static constexpr std::array<const char*, 5> kNames{"weights", "activations", "gradients", "optimizer state", "buffers"};
    std::vector<std::pair<std::int64_t, std::size_t>> changes;
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (const std::int64_t change = changeOf(before.categories[i], after.categories[i]); change != 0) {
            changes.emplace_back(change, i);
            sum += change;
        }
    std::ranges::stable_sort(changes, [](const auto& a, const auto& b) { return std::abs(a.first) > std::abs(b.first); });
    QStringList parts;
    for (const auto& [change, index] : changes)
        parts << part(change, QCoreApplication::translate("Category", kNames[index]));
    QString text = parts.join(QStringLiteral(", "));
    if (parts.size() > 1)
        text = QStringLiteral("%1 (%2)").arg(part(sum, QObject::tr("in all")), text);
    if (const std::int64_t change = changeOf(before.host, after.host); change != 0)
        text += (text.isEmpty() ? QString() : QStringLiteral("; ")) + part(change, QObject::tr("in host memory"));
    return text.isEmpty() ? QObject::tr("no change in memory") : text;
}

Budget::Budget(const EngineVerbs& verbs, JobDocument& document, ModelProbe& model, QObject* parent)
    : QObject(parent), m_verbs(verbs), m_document(document), m_model(model)
{
    connect(&document, &JobDocument::jobChanged, this, [this](const QString& key) {
        if (m_document.job().run.device != m_deviceId)
            lookForDevice();
        replan(key);
    });
    connect(&model, &ModelProbe::modelChanged, this, [this] { replan(QString()); });
    m_listRunner.run<std::vector<DeviceSpec>>([list = verbs.machineDevices](const std::stop_token&, const ProgressFn&) { return list(); },
                                              [this](std::vector<DeviceSpec> devices) {
                                                  m_machineDevices = std::move(devices);
                                                  for (const DeviceSpec& device : m_machineDevices)
                                                      m_knownDevices[device.id] = device;
                                                  Q_EMIT devicesListed();
                                              },
                                              [this](const Error& error) {
                                                  m_problem = toQt(error.message());
                                                  Q_EMIT budgetChanged();
                                              });
    lookForDevice();
}

void Budget::lookForDevice()
{
    m_deviceId = m_document.job().run.device;
    if (const auto known = m_knownDevices.find(m_deviceId); known != m_knownDevices.end()) {
        m_deviceRunner.cancel();
        m_device = known->second;
        return;
    }
    m_deviceRunner.run<DeviceSpec>([find = m_verbs.findDevice, id = m_deviceId](const std::stop_token&, const ProgressFn&) { return find(id); },
                                   [this](DeviceSpec device) { takeDevice(std::move(device)); },
                                   [this](const Error& error) {
                                       m_device.reset();
                                       m_plan.reset();
                                       m_problem = toQt(error.message());
                                       Q_EMIT budgetChanged();
                                   });
}

void Budget::takeDevice(DeviceSpec device)
{
    m_knownDevices[m_deviceId] = device;
    m_device = std::move(device);
    replan(QStringLiteral("run.device"));
}

void Budget::replan(const QString& key)
{
    const bool sameGesture = key == m_deltaKey && !key.isEmpty() && m_sinceChange.isValid() && m_sinceChange.elapsed() < kOneGestureMs;
    const bool hadPlan = m_plan.has_value();
    if (hadPlan && !sameGesture)
        m_before = bytes();
    m_deltaKey = key;
    m_sinceChange.restart();
    if (planNow()) {
        const JobField* field = findJobField(toStd(key));
        const bool device = key == QLatin1String("run.device");
        // Without a key many fields changed at once: a way to fit was applied, undone, or a preset taken.
        m_deltaLabel = field != nullptr ? toQt(field->label) : tr("Together");
        m_delta = hadPlan && !device && (field != nullptr || key.isEmpty()) ? deltaText() : QString();
        askCosts();
    }
    Q_EMIT budgetChanged();
}

std::optional<QString> Budget::planOnlyFamily() const
{
    if (!m_model.info() || runnableFamily(m_model.info()->shape))
        return std::nullopt;
    return toQt(m_model.info()->shape.family);
}

void Budget::askCosts()
{
    const auto work = [costs = m_verbs.kernelCosts, shape = m_model.info()->shape, job = m_document.job(), device = *m_device](
                          const std::stop_token&, const ProgressFn&) { return costs(shape, job, device); };
    m_costRunner.run<plan::KernelCosts>(work,
                                        [this](plan::KernelCosts costs) {
                                            // Whatever the costs are made of, what counts is whether they move the plan.
                                            const auto before = m_plan ? std::optional(m_plan->categoryBytes) : std::nullopt;
                                            m_costs = costs;
                                            if (!planNow() || before == m_plan->categoryBytes)
                                                return;
                                            if (!m_delta.isEmpty())
                                                m_delta = deltaText();
                                            Q_EMIT budgetChanged();
                                        },
                                        [this](const Error& error) {
                                            m_problem = toQt(error.message());
                                            Q_EMIT budgetChanged();
                                        });
}

bool Budget::planNow()
{
    m_problem.clear();
    if (!m_model.info() || !m_device) {
        m_plan.reset();
        m_problem = m_model.problem() ? tr("The model cannot be read, so nothing can be planned.")
                  : m_document.job().model.path.empty() ? tr("Choose a model, and its memory is planned here.")
                                                        : tr("Reading the model…");
        return false;
    }
    try {
        m_plan = plan::plan(m_model.info()->shape, m_document.job(), *m_device, m_costs);
        return true;
    } catch (const Error& error) {
        m_plan.reset();
        m_problem = sentenceCase(toQt(error.message()));
        return false;
    }
}

}  // namespace lorikeet::ui
