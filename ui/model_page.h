// SPDX-License-Identifier: GPL-3.0-or-later
// Page Model: the starter, what lies on this machine, a folder or file of the user's, and what the chosen one is.
#pragma once

#include "ui/card.h"
#include "ui/engine_verbs.h"
#include "ui/job_document.h"
#include "ui/job_runner.h"
#include "ui/model_probe.h"

class QComboBox;
class QGridLayout;
class QListWidget;

namespace lorikeet::ui {

class InlineMessage;

class ModelPage : public Page {
    Q_OBJECT
public:
    ModelPage(const EngineVerbs& verbs, JobDocument& document, ModelProbe& probe, QWidget* parent = nullptr);

    /// Looks for models in the background; called once the window stands.
    void findModels();
    void chooseModel(const QString& path);
    [[nodiscard]] bool isBusy() const noexcept { return m_finder.isBusy(); }

Q_SIGNALS:
    void dataRequested();

private:
    void buildChosen();
    void buildStarter();
    void buildOpen();
    void buildFound();
    void browse(bool folder);
    void refresh();
    void showInfo(const api::ModelInfo& info);
    void showFound(const std::vector<api::FoundModel>& models);

    const EngineVerbs& m_verbs;
    JobDocument& m_document;
    ModelProbe& m_probe;
    JobRunner m_finder;
    Card* m_chosen = nullptr;
    QLabel* m_name = nullptr;
    QLabel* m_where = nullptr;
    QGridLayout* m_facts = nullptr;
    QWidget* m_factsBox = nullptr;
    InlineMessage* m_problem = nullptr;
    Card* m_starter = nullptr;
    QPushButton* m_starterButton = nullptr;
    QListWidget* m_found = nullptr;
    QLabel* m_foundState = nullptr;
};

}  // namespace lorikeet::ui
