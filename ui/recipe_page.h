// SPDX-License-Identifier: GPL-3.0-or-later
// Page Recipe: presets, the four controls that matter most, and everything else on demand.
#pragma once

#include "ui/card.h"
#include "ui/job_document.h"

#include <vector>

namespace lorikeet::ui {

class Advisor;
class FieldControl;
class ModelProbe;
class RecomputeSlider;

class RecipePage : public Page {
    Q_OBJECT
public:
    RecipePage(JobDocument& document, Advisor& advisor, const ModelProbe& model, QWidget* parent = nullptr);

    void setAdvancedShown(bool shown);
    [[nodiscard]] RecomputeSlider* recomputeSlider() const noexcept { return m_recompute; }
    [[nodiscard]] FieldControl* controlOf(const std::string& key) const;

Q_SIGNALS:
    void runRequested();

private:
    void buildPresets();
    void buildSimple();
    void buildAdvanced(Advisor& advisor, const ModelProbe& model);
    Card* buildGroup(const QString& heading, const std::vector<const char*>& keys);
    void refresh();

    JobDocument& m_document;
    std::vector<FieldControl*> m_controls;
    std::vector<QPushButton*> m_presetButtons;
    QWidget* m_advanced = nullptr;
    QPushButton* m_advancedButton = nullptr;
    RecomputeSlider* m_recompute = nullptr;
    QLabel* m_batch = nullptr;
};

}  // namespace lorikeet::ui
