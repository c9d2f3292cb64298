// SPDX-License-Identifier: GPL-3.0-or-later
// Asks again when model.path changes.
#include "ui/model_probe.h"

namespace lorikeet::ui {

ModelProbe::ModelProbe(const EngineVerbs& verbs, JobDocument& document, QObject* parent)
    : QObject(parent), m_verbs(verbs), m_document(document)
{
    connect(&document, &JobDocument::jobChanged, this, [this](const QString& key) {
        if (key.isEmpty() || key == QLatin1String("model.path"))
            look();
    });
}

void ModelProbe::look()
{
    const std::string path = m_document.job().model.path;
    if (path == m_path)
        return;
    m_path = path;
    m_info.reset();
    m_problem.reset();
    m_runner.cancel();
    if (!path.empty()) {
        m_runner.run<api::ModelInfo>([inspect = m_verbs.inspectModel, path](const std::stop_token&, const ProgressFn&) { return inspect(path); },
                                     [this](api::ModelInfo info) {
                                         m_info = std::move(info);
                                         Q_EMIT modelChanged();
                                     },
                                     [this](const Error& error) {
                                         m_problem = error;
                                         Q_EMIT modelChanged();
                                     });
    }
    Q_EMIT modelChanged();
}

}  // namespace lorikeet::ui
