// SPDX-License-Identifier: GPL-3.0-or-later
// The window: builds the pages, the rail and the memory panel, and wires them. It holds no knowledge of its own.
#pragma once

#include "ui/advisor.h"
#include "ui/app_settings.h"
#include "ui/budget.h"
#include "ui/data_probe.h"
#include "ui/engine_verbs.h"
#include "ui/job_document.h"
#include "ui/model_probe.h"
#include "ui/run_controller.h"
#include "ui/system_theme.h"

#include <QMainWindow>

class QActionGroup;
class QMenu;
class QStackedWidget;

namespace lorikeet::ui {

class DataPage;
class ExportPage;
class InlineMessage;
class MemoryPanel;
class ModelPage;
class RecipePage;
class RunPage;
class StepRail;
class WhatIfPage;

class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    enum Step { Model, Data, Recipe, Run, Export, WhatIf };

    /// `settings` must outlive the window. `fixedTheme` wins over the setting.
    MainWindow(EngineVerbs verbs, AppSettings& settings, std::optional<ThemeChoice> fixedTheme = std::nullopt);
    ~MainWindow() override;

    [[nodiscard]] JobDocument& document() noexcept { return m_document; }
    [[nodiscard]] Budget& budget() noexcept { return m_budget; }
    [[nodiscard]] Advisor& advisor() noexcept { return m_advisor; }
    [[nodiscard]] RunController& run() noexcept { return m_run; }
    [[nodiscard]] DataProbe& dataProbe() noexcept { return m_data; }
    void showStep(int step);
    [[nodiscard]] int currentStep() const;
    /// Jobs below this folder come with the program: they are opened as copies and never written.
    void setBundledFolder(const std::filesystem::path& folder) { m_bundledFolder = folder; }
    /// Opens a job file, as a copy in the program's own folder where the file is not to be written; problems are shown in the window.
    bool openJob(const QString& path);
    /// From now on the job lives there, unless that file is only to be read.
    void saveJobTo(const std::filesystem::path& file);
    /// A path that was dropped or given: a job, a model or data, by its name.
    void takePath(const QString& path);
    /// As the button Start on the Run page.
    void startRun();
    /// Ends the window without questions: at once, or as soon as the run that goes on has kept what it learnt.
    void endSoon();
    /// Nothing is being read, counted, planned or trained.
    [[nodiscard]] bool isSettled() const;
    void setTheme(ThemeChoice choice);

protected:
    void resizeEvent(QResizeEvent* event) override;
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

private:
    void buildPages();
    void buildMenus();
    void buildEditMenu();
    void buildViewMenu();
    void wire();
    void fillRecent();
    void refreshRail();
    void refreshTitle();
    void showField(const QString& key);
    void askBeforeClosing();
    void showDismissable(const Error& error);
    void rememberJob();
    void newJob();
    void chooseJob();
    void saveJobAs();
    void applyChosenTheme();

    EngineVerbs m_verbs;
    AppSettings& m_settings;
    SystemTheme m_systemTheme;
    ThemeChoice m_theme;
    JobDocument m_document;
    ModelProbe m_model;
    DataProbe m_data;
    Budget m_budget;
    RunController m_run;
    Advisor m_advisor;
    StepRail* m_rail = nullptr;
    QStackedWidget* m_stack = nullptr;
    MemoryPanel* m_memory = nullptr;
    InlineMessage* m_banner = nullptr;
    ModelPage* m_modelPage = nullptr;
    DataPage* m_dataPage = nullptr;
    RecipePage* m_recipePage = nullptr;
    RunPage* m_runPage = nullptr;
    ExportPage* m_exportPage = nullptr;
    WhatIfPage* m_whatIfPage = nullptr;
    QMenu* m_recent = nullptr;
    QActionGroup* m_themes = nullptr;
    std::filesystem::path m_bundledFolder;
    bool m_askedToClose = false;  ///< the question of closing stands in the banner
    bool m_closeWhenEnded = false;
    bool m_exported = false;
};

}  // namespace lorikeet::ui
