// SPDX-License-Identifier: GPL-3.0-or-later
// Menus of the window and what they do with job files.
#include "ui/main_window.h"

#include "engine/base/files.h"
#include "ui/inline_message.h"
#include "ui/job_place.h"
#include "ui/text.h"

#include <QActionGroup>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenuBar>

#include <array>

namespace lorikeet::ui {

void MainWindow::buildMenus()
{
    QMenu* file = menuBar()->addMenu(tr("&File"));
    file->addAction(tr("&New job"), QKeySequence::New, this, &MainWindow::newJob);
    file->addAction(tr("&Open job…"), QKeySequence::Open, this, &MainWindow::chooseJob);
    m_recent = file->addMenu(tr("Open &recent"));
    fillRecent();
    file->addAction(tr("Save job &as…"), QKeySequence::SaveAs, this, &MainWindow::saveJobAs);
    file->addSeparator();
    file->addAction(tr("&Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q), this, [this] { close(); });
    buildEditMenu();
    buildViewMenu();
}

void MainWindow::buildEditMenu()
{
    QMenu* edit = menuBar()->addMenu(tr("&Edit"));
    QAction* undo = m_document.history().createUndoAction(this, tr("Undo"));
    undo->setShortcut(QKeySequence::Undo);
    QAction* redo = m_document.history().createRedoAction(this, tr("Redo"));
    redo->setShortcut(QKeySequence::Redo);
    edit->addAction(undo);
    edit->addAction(redo);
}

void MainWindow::buildViewMenu()
{
    QMenu* view = menuBar()->addMenu(tr("&View"));
    const std::array<QString, 6> steps{tr("&Model"), tr("&Data"), tr("&Recipe"), tr("R&un"), tr("&Export"), tr("&What if")};
    // The shortcuts Ctrl+1..6 belong to the rail; here they are only told.
    for (int i = 0; i < static_cast<int>(steps.size()); ++i)
        view->addAction(QStringLiteral("%1\tCtrl+%2").arg(steps[static_cast<std::size_t>(i)]).arg(i + 1), this, [this, i] { showStep(i); });
    view->addSeparator();
    m_themes = new QActionGroup(this);
    const std::array<QString, 3> names{tr("&System theme"), tr("&Light theme"), tr("D&ark theme")};
    for (int i = 0; i < static_cast<int>(names.size()); ++i) {
        const auto choice = static_cast<ThemeChoice>(i);
        QAction* action = view->addAction(names[static_cast<std::size_t>(i)], this, [this, choice] { setTheme(choice); });
        action->setCheckable(true);
        action->setChecked(choice == m_theme);
        m_themes->addAction(action);
    }
}

void MainWindow::fillRecent()
{
    m_recent->clear();
    for (const QString& path : m_settings.recentJobs())
        if (QFileInfo::exists(path))
            m_recent->addAction(shortPath(path, 70), this, [this, path] { openJob(path); });
    m_recent->setEnabled(!m_recent->isEmpty());
}

void MainWindow::newJob()
{
    m_document.reset(Job{}, newJobFile("job"));
    showStep(Model);
}

void MainWindow::chooseJob()
{
    auto* dialog = new QFileDialog(this, tr("Open job"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    dialog->setNameFilter(tr("Jobs (*.lorikeet.json);;All files (*)"));
    connect(dialog, &QFileDialog::fileSelected, this, &MainWindow::openJob);
    dialog->open();
}

void MainWindow::saveJobTo(const std::filesystem::path& file)
{
    try {
        if (!mayWriteJob(file, m_bundledFolder))
            throw Error(ErrorCode::Target, utf8(file) + " is only read", "choose another folder or name");
        m_document.saveAs(file);
    } catch (const Error& error) {
        showDismissable(error);
    }
}

void MainWindow::saveJobAs()
{
    auto* dialog = new QFileDialog(this, tr("Save job as"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setDefaultSuffix(QStringLiteral("lorikeet.json"));
    dialog->setNameFilter(tr("Jobs (*.lorikeet.json)"));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        saveJobTo(toPath(path));
    });
    dialog->open();
}

}  // namespace lorikeet::ui
