// SPDX-License-Identifier: GPL-3.0-or-later
// The studio: lorikeet [job.lorikeet.json] [--run] [--theme light|dark|system] [--screenshot PAGE:FILE ...] [--time-start]
#include "app/engine_verbs.h"
#include "app/screenshots.h"
#include "app/start_watch.h"
#include "engine/base/files.h"
#include "engine/base/openmp_wait.h"
#include "engine/base/system.h"
#include "ui/app_settings.h"
#include "ui/job_place.h"
#include "ui/main_window.h"
#include "ui/text.h"
#include "ui/wheel_guard.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QFileInfo>
#include <QIcon>

#include <clocale>
#include <cstdio>
#include <optional>
#include <stop_token>

namespace {

using namespace lorikeet;

struct Arguments {
    QString path;
    std::optional<ui::ThemeChoice> theme;
    std::vector<app::Screenshot> screenshots;
    bool run = false;
    bool timeStart = false;
    QString problem;
};

Arguments readArguments(const QCoreApplication& application)
{
    QCommandLineParser parser;
    parser.setApplicationDescription(QStringLiteral("Fine-tune language models with LoRA and see where every byte of memory goes."));
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument(QStringLiteral("path"), QStringLiteral("A job file (*.lorikeet.json), a model or a data file to open."));
    parser.addOption({QStringLiteral("theme"), QStringLiteral("light, dark or system."), QStringLiteral("name")});
    parser.addOption({QStringLiteral("screenshot"), QStringLiteral("Draws a page (model, data, recipe, run, export, what-if) into a PNG file and quits."), QStringLiteral("PAGE:FILE")});
    parser.addOption({QStringLiteral("run"), QStringLiteral("Starts the job once model and data have been read.")});
    parser.addOption({QStringLiteral("time-start"), QStringLiteral("Prints a line as soon as the window can be used, and quits.")});
    parser.process(application);

    Arguments arguments;
    arguments.path = parser.positionalArguments().value(0);
    arguments.run = parser.isSet(QStringLiteral("run"));
    arguments.timeStart = parser.isSet(QStringLiteral("time-start"));
    const QString theme = parser.value(QStringLiteral("theme"));
    if (theme == QLatin1String("light"))
        arguments.theme = ui::ThemeChoice::Light;
    else if (theme == QLatin1String("dark"))
        arguments.theme = ui::ThemeChoice::Dark;
    else if (!theme.isEmpty() && theme != QLatin1String("system"))
        arguments.problem = QStringLiteral("--theme is \"%1\", expected light, dark or system").arg(theme);
    for (const QString& text : parser.values(QStringLiteral("screenshot"))) {
        if (const auto screenshot = app::parseScreenshot(text))
            arguments.screenshots.push_back(*screenshot);
        else
            arguments.problem = QStringLiteral("--screenshot is \"%1\", expected PAGE:FILE with page model, data, recipe, run, export or what-if").arg(text);
    }
    return arguments;
}

/// The job of the last time, or the first one.
void openFirst(ui::MainWindow& window, ui::AppSettings& settings, const Arguments& arguments)
{
    const bool isJob = arguments.path.endsWith(QLatin1String(".lorikeet.json"));
    if (isJob) {
        window.openJob(arguments.path);
        return;
    }
    const QString last = settings.recentJobs().value(0);
    const bool opened = !last.isEmpty() && QFileInfo::exists(last) && arguments.path.isEmpty() && window.openJob(last);
    if (!opened) {
        Job first;
        first.data.validationFraction = 0.1;
        window.document().reset(first, ui::newJobFile("job"));
    }
    if (!arguments.path.isEmpty())
        window.takePath(arguments.path);
}

}  // namespace

int main(int argc, char** argv)
{
    keepOpenMpWaitShort();
    const InterruptGuard interrupts;
    QApplication application(argc, argv);
    // Qt has set the user's locale; numbers in files and messages are the same everywhere.
    std::setlocale(LC_NUMERIC, "C");
    QApplication::setApplicationName(QStringLiteral("lorikeet"));
    QApplication::setApplicationDisplayName(QStringLiteral("Lorikeet"));
    QApplication::setApplicationVersion(QStringLiteral(LORIKEET_VERSION));
    QGuiApplication::setDesktopFileName(QStringLiteral("lorikeet"));
    const Arguments arguments = readArguments(application);
    if (!arguments.problem.isEmpty()) {
        std::fprintf(stderr, "lorikeet: %s\n", qPrintable(arguments.problem));
        return 2;
    }
    QApplication::setWindowIcon(QIcon(QStringLiteral(":/icons/lorikeet.svg")));
    ui::WheelGuard wheelGuard;
    application.installEventFilter(&wheelGuard);
    ui::AppSettings settings;
    ui::MainWindow window(app::engineVerbs(), settings, arguments.theme);
    window.setBundledFolder(pathFromUtf8(LORIKEET_RESOURCES));
    openFirst(window, settings, arguments);
    if (arguments.timeStart)
        new app::StartWatch(window);
    window.show();
    // A signal ends the window as its close button would, without the question.
    const std::stop_callback onSignal(interrupts.token(), [&window] { QMetaObject::invokeMethod(&window, &ui::MainWindow::endSoon, Qt::QueuedConnection); });
    std::optional<app::Screenshots> screenshots;
    if (!arguments.screenshots.empty())
        window.resize(1280, 800);
    if (arguments.run || !arguments.screenshots.empty())
        screenshots.emplace(window, arguments.screenshots, arguments.run);
    const int result = QApplication::exec();
    return interrupts.exitCode() != 0 ? interrupts.exitCode() : result;
}
