// SPDX-License-Identifier: GPL-3.0-or-later
// What is known about the job's model and about its data: asked in the background whenever the job changes.
#pragma once

#include "ui/engine_verbs.h"
#include "ui/job_document.h"
#include "ui/job_runner.h"

#include <QObject>

#include <optional>
#include <string>
#include <vector>

namespace lorikeet::ui {

/// Keeps the ModelInfo of the document's model.path, its shape with the rows of the job's added tokens.
class ModelProbe : public QObject {
    Q_OBJECT
public:
    ModelProbe(const EngineVerbs& verbs, JobDocument& document, QObject* parent = nullptr);

    [[nodiscard]] const std::optional<api::ModelInfo>& info() const noexcept { return m_info; }
    [[nodiscard]] const std::optional<Error>& problem() const noexcept { return m_problem; }
    [[nodiscard]] bool isBusy() const noexcept { return m_runner.isBusy(); }

Q_SIGNALS:
    /// info() or problem() or both are new (both empty: no model chosen, or being read).
    void modelChanged();

private:
    void look();

    const EngineVerbs& m_verbs;
    JobDocument& m_document;
    JobRunner m_runner;
    std::string m_path;
    std::vector<std::string> m_tokens;
    std::optional<api::ModelInfo> m_info;
    std::optional<Error> m_problem;
};

}  // namespace lorikeet::ui
