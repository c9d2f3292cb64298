// SPDX-License-Identifier: GPL-3.0-or-later
// Page Run: start, watch, pause, stop. The curves, the figures and the memory measured against the plan.
#pragma once

#include "engine/spec/run_event.h"
#include "ui/card.h"
#include "ui/job_document.h"
#include "ui/run_controller.h"

class QCheckBox;
class QProgressBar;

namespace lorikeet::ui {

class Budget;
class InlineMessage;
class LossPlot;
class MemoryPlot;
class PlotView;
class SampleList;

class RunPage : public Page {
    Q_OBJECT
public:
    RunPage(JobDocument& document, Budget& budget, RunController& run, QWidget* parent = nullptr);

    /// Starts, or says beside the button why not.
    void start();
    [[nodiscard]] LossPlot* plot() const noexcept { return m_plot; }
    [[nodiscard]] MemoryPlot* memoryPlot() const noexcept { return m_memoryPlot; }
    [[nodiscard]] SampleList* samples() const noexcept { return m_samples; }
    [[nodiscard]] InlineMessage* message() const noexcept { return m_message; }

Q_SIGNALS:
    void exportRequested();
    /// The user wants to put a field right; its page should open.
    void fieldRequested(const QString& key);

private:
    void buildButtons();
    void buildProgress();
    void buildFigures();
    void buildPlot();
    void buildSamples();
    void buildMemoryPlot();
    /// A quiet button at the heading of a card that saves a plot.
    void addSaveButton(Card& card, PlotView& plot, const QString& accessibleName, const QString& fileName);
    void buildMemory();
    void showState(RunState state);
    void showSteps(const std::vector<StepDone>& steps);
    void showSamples(const std::vector<SampleDone>& samples);
    void showProgress(const Progress& progress);
    void showEnd(const RunEnded& ended);
    void showMemory();
    void prepare();

    JobDocument& m_document;
    Budget& m_budget;
    RunController& m_run;
    QPushButton* m_start = nullptr;
    QPushButton* m_pause = nullptr;
    QPushButton* m_stop = nullptr;
    QPushButton* m_save = nullptr;
    InlineMessage* m_message = nullptr;
    InlineMessage* m_notice = nullptr;
    QLabel* m_stage = nullptr;
    QLabel* m_eta = nullptr;
    QProgressBar* m_progress = nullptr;
    Tile* m_step = nullptr;
    Tile* m_loss = nullptr;
    Tile* m_validation = nullptr;
    Tile* m_speed = nullptr;
    Tile* m_rate = nullptr;
    Tile* m_norm = nullptr;
    LossPlot* m_plot = nullptr;
    SampleList* m_samples = nullptr;
    MemoryPlot* m_memoryPlot = nullptr;
    QCheckBox* m_logarithmic = nullptr;
    std::vector<QLabel*> m_memoryCells;  ///< planned, measured, error for each category, then the sum
};

}  // namespace lorikeet::ui
