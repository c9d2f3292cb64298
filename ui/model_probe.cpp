// SPDX-License-Identifier: GPL-3.0-or-later
// Asks again when model.path changes, and for the shape when the added tokens do.
#include "ui/model_probe.h"

namespace lorikeet::ui {

ModelProbe::ModelProbe(const EngineVerbs& verbs, JobDocument& document, QObject* parent)
    : QObject(parent), m_verbs(verbs), m_document(document)
{
    connect(&document, &JobDocument::jobChanged, this, [this](const QString& key) {
        if (key.isEmpty() || key == QLatin1String("model.path") || key == QLatin1String("recipe.added_tokens"))
            look();
    });
}

void ModelProbe::look()
{
    const Job& job = m_document.job();
    const std::string path = job.model.path;
    if (path == m_path && job.recipe.addedTokens == m_tokens)
        return;
    // With other tokens the model stays what it is, but for the rows of its tables.
    if (path != m_path)
        m_info.reset();
    m_path = path;
    m_tokens = job.recipe.addedTokens;
    m_problem.reset();
    m_runner.cancel();
    if (!path.empty()) {
        const auto work = [inspect = m_verbs.inspectModel, shapeOf = m_verbs.trainedShape, job](const std::stop_token&, const ProgressFn&) {
            api::ModelInfo info = inspect(job.model.path);
            if (!job.recipe.addedTokens.empty())
                info.shape = shapeOf(job);
            return info;
        };
        m_runner.run<api::ModelInfo>(work,
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
