// SPDX-License-Identifier: GPL-3.0-or-later
// The whole way through the window, from an empty job to an exported adapter; drops, errors, closing.
#include "engine/base/files.h"
#include "tests/ui/window_fixture.h"
#include "ui/card.h"
#include "ui/data_page.h"
#include "ui/export_page.h"
#include "ui/inline_message.h"
#include "ui/loss_plot.h"
#include "ui/model_page.h"
#include "ui/recipe_page.h"
#include "ui/run_page.h"
#include "ui/step_rail.h"
#include "ui/text.h"
#include "ui/token_view.h"
#include "ui/try_prompt.h"

#include <nlohmann/json.hpp>

#include <QDropEvent>
#include <QElapsedTimer>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QSignalSpy>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <ctime>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;
using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

class TestWindow : public QObject {
    Q_OBJECT

    static void drop(WindowFixture& fixture, const QString& path)
    {
        QMimeData mime;
        mime.setUrls({QUrl::fromLocalFile(path)});
        QDragEnterEvent enter(QPoint(600, 400), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(fixture.window.get(), &enter);
        QDropEvent event(QPointF(600, 400), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(fixture.window.get(), &event);
    }

private Q_SLOTS:
    void theWholeJobFromModelToExport()
    {
        WindowFixture fixture;
        fixture.window->document().reset(Job{}, toPath(fixture.folder.filePath(QStringLiteral("job.lorikeet.json"))));
        QTest::mouseClick(fixture.button(QStringLiteral("Use the starter model")), Qt::LeftButton);
        QTRY_VERIFY(fixture.window->budget().plan().has_value());
        auto* rail = fixture.page<StepRail>();
        QCOMPARE(rail->step(0)->summary(), QStringLiteral("SmolLM2-135M-Instruct"));

        QTest::mouseClick(fixture.button(QStringLiteral("Continue to Data")), Qt::LeftButton);
        QCOMPARE(fixture.window->currentStep(), static_cast<int>(MainWindow::Data));
        drop(fixture, QStringLiteral("/data/starter.jsonl"));
        QTRY_VERIFY(fixture.window->dataProbe().summary().has_value());
        QTRY_COMPARE(rail->step(1)->summary(), QStringLiteral("195 rows"));
        QVERIFY(fixture.page<TokenView>()->toPlainText().contains(QLatin1String("a grid of numbers")));

        QTest::mouseClick(fixture.button(QStringLiteral("Continue to Recipe")), Qt::LeftButton);
        QTest::mouseClick(fixture.button(QStringLiteral("Balanced")), Qt::LeftButton);
        QCOMPARE(rail->step(2)->summary(), QStringLiteral("r 16, 3 epochs"));
        QTest::mouseClick(fixture.button(QStringLiteral("Continue to Run")), Qt::LeftButton);
        QTest::mouseClick(fixture.button(QStringLiteral("Start")), Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(fixture.window->run().state(), RunState::Ended, 20000);
        const LossPlot* plot = fixture.page<RunPage>()->plot();
        QCOMPARE(plot->raw().size(), std::size_t{40});
        QVERIFY(plot->drawnPoints(0) >= 40);
        QVERIFY(plot->smooth().y.back() < plot->smooth().y.front());
        QVERIFY(fixture.page<RunPage>()->message()->message().contains(QLatin1String("2.700 to 1.100")));
        QVERIFY(QFile::exists(fixture.folder.filePath(QStringLiteral("job.lorikeet.json"))));

        QTest::mouseClick(fixture.button(QStringLiteral("Export or try it")), Qt::LeftButton);
        QCOMPARE(fixture.window->currentStep(), static_cast<int>(MainWindow::Export));
        QTRY_VERIFY(fixture.button(QStringLiteral("Export and verify"))->isEnabled());
        QTest::mouseClick(fixture.button(QStringLiteral("Export and verify")), Qt::LeftButton);
        auto* page = fixture.page<ExportPage>();
        QTRY_VERIFY(page->lastReport().contains(QLatin1String("passed tensors read back equal")));
        QCOMPARE(rail->step(4)->stepState(), StepState::Ready);

        page->tryPrompt()->findChild<QPlainTextEdit*>()->setPlainText(QStringLiteral("What is a tensor?"));
        QTest::mouseClick(fixture.button(QStringLiteral("Ask both")), Qt::LeftButton);
        QTRY_COMPARE(page->tryPrompt()->answer(true), QStringLiteral("In short: the adapter answers."));
        QCOMPARE(page->tryPrompt()->answer(false), QStringLiteral("The base answers at length."));
    }

    void theWindowStandsWithinHalfASecond()
    {
        // Processor time: what runs beside this test is not the window's. tst_studio_start measures the clock of the real program.
        const std::clock_t before = std::clock();
        const WindowFixture fixture;
        QVERIFY(QTest::qWaitForWindowExposed(fixture.window.get()));
        const double ms = 1000.0 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
        qInfo("%.0f ms of processor time to the window", ms);
#ifdef NDEBUG
        QVERIFY(ms < 500);
#endif
    }

    void startingWithoutDataSaysWhatIsMissingAndLeadsThere()
    {
        WindowFixture fixture;
        fixture.window->document().setField("model.path", Json("starter"));
        QVERIFY(fixture.settle());
        fixture.window->showStep(MainWindow::Run);
        QTest::mouseClick(fixture.button(QStringLiteral("Start")), Qt::LeftButton);
        QCOMPARE(fixture.engine.runsMade.load(), 0);
        QVERIFY(fixture.page<RunPage>()->message()->message().contains(QLatin1String("no training data"), Qt::CaseInsensitive));
        QTest::mouseClick(fixture.button(QStringLiteral("Go there")), Qt::LeftButton);
        QCOMPARE(fixture.window->currentStep(), static_cast<int>(MainWindow::Data));
    }

    void aCatalogueCardIsPlannedForAndRefusedToRun()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->document().setField("run.device", Json("RTX 4090"));
        QTRY_COMPARE(fixture.window->budget().device()->id, std::string("RTX 4090"));
        fixture.window->showStep(MainWindow::Run);
        fixture.page<RunPage>()->start();
        QCOMPARE(fixture.engine.runsMade.load(), 0);
        QVERIFY(fixture.page<RunPage>()->message()->message().contains(QLatin1String("RTX 4090")));
    }

    void aFailedRunShowsWhatHappenedAndWhatToDo()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.engine.script.failure = Error(ErrorCode::RunFailed, "the loss is not finite at step 6", "lower the learning rate");
        fixture.engine.script.failAtStep = 6;
        fixture.window->showStep(MainWindow::Run);
        fixture.page<RunPage>()->start();
        QTRY_COMPARE(fixture.window->run().state(), RunState::Ended);
        const InlineMessage* message = fixture.page<RunPage>()->message();
        QVERIFY(message->isVisible());
        QCOMPARE(message->message(), QStringLiteral("The loss is not finite at step 6"));
        QCOMPARE(message->hint(), QStringLiteral("Lower the learning rate"));
        QCOMPARE(fixture.page<StepRail>()->step(3)->stepState(), StepState::Problem);
        QVERIFY(fixture.button(QStringLiteral("Start again")) != nullptr);
    }

    void aLossThatIsNoNumberIsAGapAndDoesNotHurtThePlot()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.engine.script.nanAtStep = 10;
        fixture.window->showStep(MainWindow::Run);
        fixture.page<RunPage>()->start();
        QTRY_COMPARE(fixture.window->run().state(), RunState::Ended);
        LossPlot* plot = fixture.page<RunPage>()->plot();
        QVERIFY(std::isnan(plot->raw().y[9]));
        plot->setLogarithmic(true);
        plot->drawNow();
        QVERIFY(std::isfinite(plot->smooth().y.back()));
    }

    void pauseAndResumeByTheButtons()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.engine.script.steps = 400;
        fixture.window->showStep(MainWindow::Run);
        fixture.page<RunPage>()->start();
        QTRY_VERIFY(fixture.button(QStringLiteral("Pause")) != nullptr && fixture.button(QStringLiteral("Pause"))->isEnabled());
        QTest::mouseClick(fixture.button(QStringLiteral("Pause")), Qt::LeftButton);
        QTRY_VERIFY(fixture.button(QStringLiteral("Resume")) != nullptr);
        QCOMPARE(fixture.page<StepRail>()->step(3)->summary(), QStringLiteral("paused"));
        QTest::mouseClick(fixture.button(QStringLiteral("Resume")), Qt::LeftButton);
        QTRY_VERIFY(fixture.button(QStringLiteral("Pause")) != nullptr);
        QTest::mouseClick(fixture.button(QStringLiteral("Stop and keep")), Qt::LeftButton);
        QTRY_COMPARE(fixture.window->run().state(), RunState::Ended);
        QVERIFY(fixture.page<RunPage>()->message()->message().startsWith(QLatin1String("Stopped")));
    }

    void closingWhileItRunsAsksAndNeverBlocks()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.engine.script.steps = 100000;
        fixture.engine.script.stopTime = 300ms;
        fixture.page<RunPage>()->start();
        QTRY_VERIFY(!fixture.window->run().history().steps.empty());
        QVERIFY(!fixture.window->close());
        QVERIFY(fixture.window->isVisible());
        QTest::mouseClick(fixture.button(QStringLiteral("Cancel")), Qt::LeftButton);
        QVERIFY(fixture.window->run().isActive());
        QVERIFY(!fixture.window->close());
        QElapsedTimer time;
        time.start();
        QTest::mouseClick(fixture.button(QStringLiteral("Stop and keep")), Qt::LeftButton);
        QVERIFY(time.elapsed() < 150);
        QVERIFY(fixture.window->isVisible());
        QTRY_VERIFY_WITH_TIMEOUT(!fixture.window->isVisible(), 5000);
        QCOMPARE(fixture.window->run().history().ended->status, RunEnded::Status::Stopped);
    }

    void keepRunningClosesWhenTheRunHasEnded()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.engine.script.steps = 200;
        fixture.page<RunPage>()->start();
        QTRY_VERIFY(!fixture.window->run().history().steps.empty());
        QVERIFY(!fixture.window->close());
        QTest::mouseClick(fixture.button(QStringLiteral("Keep running")), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(!fixture.window->isVisible(), 10000);
        QCOMPARE(fixture.window->run().history().ended->status, RunEnded::Status::Done);
    }

    void dropsGoToTheStepThatCanTakeThem_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<int>("step");
        QTest::newRow("gguf") << "/models/a.gguf" << static_cast<int>(MainWindow::Model);
        QTest::newRow("shard") << "/models/b/model-00001-of-00002.safetensors" << static_cast<int>(MainWindow::Model);
        QTest::newRow("rows") << "/data/x.jsonl" << static_cast<int>(MainWindow::Data);
    }
    void dropsGoToTheStepThatCanTakeThem()
    {
        QFETCH(QString, path);
        QFETCH(int, step);
        WindowFixture fixture;
        fixture.window->showStep(MainWindow::Export);
        drop(fixture, path);
        QCOMPARE(fixture.window->currentStep(), step);
        const Job& job = fixture.window->document().job();
        QVERIFY(!job.model.path.empty() || !job.data.path.empty());
        if (path.endsWith(QLatin1String(".safetensors")))
            QCOMPARE(job.model.path, std::string("/models/b"));
    }

    void anUnusableModelSaysWhy()
    {
        WindowFixture fixture;
        fixture.window->document().setField("model.path", Json("broken"));
        QTRY_COMPARE(fixture.page<StepRail>()->step(0)->stepState(), StepState::Problem);
        const auto messages = fixture.page<ModelPage>()->findChildren<InlineMessage*>();
        QVERIFY(std::ranges::any_of(messages, [](const InlineMessage* m) { return m->message().contains(QLatin1String("pickle")) && !m->hint().isEmpty(); }));
        QVERIFY(!fixture.window->budget().plan().has_value());
    }

    void theModelChosenLastWins()
    {
        WindowFixture fixture;
        fixture.window->document().setField("model.path", Json("slow"));
        fixture.window->document().setField("model.path", Json("/models/quick"));
        QTRY_COMPARE(fixture.page<StepRail>()->step(0)->summary(), QStringLiteral("quick"));
        QTest::qWait(250);
        QCOMPARE(fixture.page<StepRail>()->step(0)->summary(), QStringLiteral("quick"));
    }

    void badDataNamesTheRow()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->document().setField("data.path", Json("bad.jsonl"));
        QTRY_COMPARE(fixture.page<StepRail>()->step(1)->stepState(), StepState::Problem);
        const auto messages = fixture.page<DataPage>()->findChildren<InlineMessage*>();
        QVERIFY(std::ranges::any_of(messages, [](const InlineMessage* m) { return m->message().contains(QLatin1String("row 7")); }));
    }

    void aDragOfTheContextCountsTheDataOnce()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        const int before = fixture.engine.summaries.load();
        for (int context = 513; context < 600; ++context)
            fixture.window->document().setField("recipe.context", Json(context));
        QTRY_VERIFY(fixture.window->isSettled());
        QCOMPARE(fixture.engine.summaries.load(), before + 1);
    }

    void anExportThatFailsLeavesAMessage()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.page<RunPage>()->start();
        QTRY_COMPARE(fixture.window->run().state(), RunState::Ended);
        fixture.engine.exportFailure = Error(ErrorCode::Target, "/full: no space left on the disk", "free some space");
        fixture.window->showStep(MainWindow::Export);
        QTRY_VERIFY(fixture.button(QStringLiteral("Export and verify"))->isEnabled());
        QTest::mouseClick(fixture.button(QStringLiteral("Export and verify")), Qt::LeftButton);
        auto* page = fixture.page<ExportPage>();
        QTRY_VERIFY(std::ranges::any_of(page->findChildren<InlineMessage*>(), [](const InlineMessage* m) { return m->isVisible() && m->message().contains(QLatin1String("no space")); }));
        QVERIFY(page->lastReport().isEmpty());
    }

    void aJobThatIsOnlyReadIsOpenedAsACopy_data()
    {
        QTest::addColumn<bool>("bundled");
        QTest::newRow("comes with the program") << true;
        QTest::newRow("marked read only") << false;
    }
    void aJobThatIsOnlyReadIsOpenedAsACopy()
    {
        QFETCH(bool, bundled);
        const QTemporaryDir home;
        qputenv("XDG_DATA_HOME", home.path().toUtf8());
        WindowFixture fixture;
        const QString path = fixture.folder.filePath(QStringLiteral("starter.lorikeet.json"));
        const QByteArray text = "{\"lorikeet_job\": 1, \"model\": {\"path\": \"starter\"}, \"data\": {\"path\": \"rows.jsonl\"}}\n";
        writeFileAtomically(toPath(path), text.toStdString());
        if (bundled)
            fixture.window->setBundledFolder(toPath(fixture.folder.path()));
        else
            QVERIFY(QFile::setPermissions(path, QFile::ReadOwner | QFile::ReadUser));
        QVERIFY(fixture.window->openJob(path));
        QVERIFY(fixture.page<InlineMessage>()->message().contains(QLatin1String("copy")));
        QVERIFY(fixture.settings->recentJobs().isEmpty());
        fixture.window->document().setField("recipe.rank", Json(77));
        fixture.window->document().flush();
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(file.readAll(), text);
        const QString own = toQt(fixture.window->document().path());
        QVERIFY2(own.startsWith(home.path()), qPrintable(own));
        QVERIFY(QFile::exists(own));
        QCOMPARE(fixture.settings->recentJobs(), QStringList{own});
        // Nor is it written by name.
        fixture.window->saveJobTo(toPath(path));
        QVERIFY(file.seek(0));
        QCOMPARE(file.readAll(), text);
        QVERIFY(fixture.page<InlineMessage>()->message().contains(QLatin1String("only read")));
        QCOMPARE(toQt(fixture.window->document().path()), own);
    }

    void aJobOfTheUsersOwnIsSavedWhereItLies()
    {
        WindowFixture fixture;
        const QString path = fixture.folder.filePath(QStringLiteral("mine.lorikeet.json"));
        writeFileAtomically(toPath(path), "{\"lorikeet_job\": 1}");
        QVERIFY(fixture.window->openJob(path));
        QCOMPARE(fixture.settings->recentJobs(), QStringList{path});
        fixture.window->document().setField("recipe.rank", Json(77));
        fixture.window->document().flush();
        QCOMPARE(loadJobFile(toPath(path)).recipe.rank, std::int64_t{77});
    }

    void closingTwiceStopsAndKeeps()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.engine.script.steps = 100000;
        fixture.page<RunPage>()->start();
        QTRY_VERIFY(!fixture.window->run().history().steps.empty());
        QVERIFY(!fixture.window->close());
        QVERIFY(fixture.window->run().isActive());
        QVERIFY(!fixture.window->close());
        QTRY_VERIFY(!fixture.window->isVisible());
        QCOMPARE(fixture.window->run().history().ended->status, RunEnded::Status::Stopped);
    }

    void endingSoonNeedsNoAnswer()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.engine.script.steps = 100000;
        fixture.engine.script.stopTime = 100ms;
        fixture.page<RunPage>()->start();
        QTRY_VERIFY(!fixture.window->run().history().steps.empty());
        fixture.window->endSoon();
        QCOMPARE(fixture.page<StepRail>()->step(MainWindow::Run)->summary(), QStringLiteral("stopping"));
        QTRY_VERIFY(!fixture.window->isVisible());
        WindowFixture idle;
        idle.window->endSoon();
        QVERIFY(!idle.window->isVisible());
    }

    void theThemeChangesAtOnceAndIsRemembered()
    {
        WindowFixture fixture;
        fixture.window->setTheme(ThemeChoice::Dark);
        QTRY_VERIFY(fixture.window->palette().color(QPalette::Window).lightness() < 60);
        QCOMPARE(fixture.settings->theme(), ThemeChoice::Dark);
        fixture.window->setTheme(ThemeChoice::Light);
        QTRY_VERIFY(fixture.window->palette().color(QPalette::Window).lightness() > 200);
    }
};

QTEST_MAIN(TestWindow)
#include "tst_window.moc"
