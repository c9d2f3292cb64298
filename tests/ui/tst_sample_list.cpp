// SPDX-License-Identifier: GPL-3.0-or-later
// Answers to the sample prompt on the Run page: order, losses, words where there is nothing, long runs.
#include "tests/ui/window_fixture.h"
#include "ui/recipe_page.h"
#include "ui/run_page.h"
#include "ui/sample_list.h"

#include <nlohmann/json.hpp>

#include <QAccessible>
#include <QElapsedTimer>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTest>
#include <QTextBrowser>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;
using Json = nlohmann::ordered_json;

class TestSampleList : public QObject {
    Q_OBJECT

    static void run(WindowFixture& fixture)
    {
        fixture.window->showStep(MainWindow::Run);
        fixture.page<RunPage>()->start();
        QTRY_COMPARE_WITH_TIMEOUT(fixture.window->run().state(), RunState::Ended, 20000);
    }

    static QString nameOf(QWidget* widget)
    {
        return QAccessible::queryAccessibleInterface(widget)->text(QAccessible::Name);
    }

private Q_SLOTS:
    void eachEvaluationPutsItsAnswerOnTop()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->document().setField("run.sample_prompt", Json("What is a tensor?"));
        QVERIFY(fixture.settle());
        const SampleList* list = fixture.page<RunPage>()->samples();
        QVERIFY(list->text().contains(QStringLiteral("“What is a tensor?” comes with the first evaluation")));
        run(fixture);
        QCOMPARE(fixture.window->run().history().samples.size(), std::size_t{4});
        QCOMPARE(list->count(), 4);
        const QStringList lines = list->text().split(QLatin1Char('\n'));
        QCOMPARE(lines.size(), 12);
        const std::vector<EvalDone>& evaluations = fixture.window->run().history().evaluations;
        QCOMPARE(evaluations.size(), std::size_t{4});
        for (int i = 0; i < 4; ++i) {
            const int step = 40 - 10 * i;
            const QString loss = QString::number(evaluations[static_cast<std::size_t>(3 - i)].loss, 'f', 4);
            QVERIFY2(lines[3 * i].startsWith(QStringLiteral("Step %1, validation loss %2 ").arg(step).arg(loss)), qPrintable(lines[3 * i]));
            QCOMPARE(lines[3 * i + 1], QStringLiteral("Answer at %1").arg(step));
            QCOMPARE(lines[3 * i + 2], QStringLiteral("in two lines."));
        }
        auto* answers = list->findChild<QTextBrowser*>();
        QVERIFY(answers->isVisible() && answers->isReadOnly());
        QVERIFY(!nameOf(answers).isEmpty());
        // The prompt of the next run does not change what the last one has answered; the next run begins with nothing.
        fixture.window->document().setField("run.sample_prompt", Json(""));
        QCOMPARE(list->count(), 4);
        run(fixture);
        QCOMPARE(list->count(), 0);
        QVERIFY(!answers->isVisible());
    }

    void withoutValidationRowsTheStepStandsAlone()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.engine.script.validates = false;
        fixture.window->document().setField("run.sample_prompt", Json("What is a tensor?"));
        run(fixture);
        const SampleList* list = fixture.page<RunPage>()->samples();
        QCOMPARE(list->count(), 4);
        QVERIFY(!list->text().contains(QLatin1String("loss")));
        QVERIFY(list->text().startsWith(QLatin1String("Step 40 ")));
    }

    void withoutAPromptTheCardSaysWhatItIsForAndLeadsThere()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Run);
        const SampleList* list = fixture.page<RunPage>()->samples();
        QVERIFY(list->text().contains(QLatin1String("sample prompt in the recipe")));
        QTest::mouseClick(fixture.button(QStringLiteral("Give a prompt")), Qt::LeftButton);
        QCOMPARE(fixture.window->currentStep(), static_cast<int>(MainWindow::Recipe));
        QVERIFY(fixture.page<RecipePage>()->controlOf("run.sample_prompt") != nullptr);
        run(fixture);
        QVERIFY(list->text().contains(QLatin1String("sample prompt in the recipe")));
    }

    void aRunThatEndsBeforeAnEvaluationSaysSo()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->document().setField("run.sample_prompt", Json("What is a tensor?"));
        fixture.engine.script.failure = Error(ErrorCode::RunFailed, "the loss is not finite at step 2", "lower the learning rate");
        fixture.engine.script.failAtStep = 2;
        run(fixture);
        QVERIFY(fixture.page<RunPage>()->samples()->text().contains(QLatin1String("ended before an evaluation")));
    }

    void anAnswerIsTextWhateverItHolds()
    {
        SampleList list;
        list.clear(QStringLiteral("?"));
        list.addSample({0, "?", "<b>bold</b> & <a href=\"x\">link</a>\n# not a heading", 9, 0.1}, std::nullopt);
        QVERIFY(list.text().startsWith(QLatin1String("Before the first step")));
        QVERIFY(list.text().contains(QLatin1String("<b>bold</b> & <a href=\"x\">link</a>\n# not a heading")));
        list.addSample({7, "?", "", 1, 0.1}, 1.5);
        QVERIFY(list.text().split(QLatin1Char('\n'))[1].startsWith(QLatin1String("(no text")));
    }

    void whoReadsAnOldAnswerGoesOnReadingIt()
    {
        SampleList list;
        list.resize(600, 300);
        list.clear(QStringLiteral("?"));
        list.show();
        QVERIFY(QTest::qWaitForWindowExposed(&list));
        auto* bar = list.findChild<QTextBrowser*>()->verticalScrollBar();
        for (int step = 1; step <= 20; ++step)
            list.addSample({step, "?", "An answer\nof three\nlines.", 5, 0.1}, std::nullopt);
        QTRY_VERIFY(bar->maximum() > 200);
        QCOMPARE(bar->value(), 0);
        bar->setValue(150);
        const int fromEnd = bar->maximum() - bar->value();
        list.addSample({21, "?", "An answer\nof three\nlines.", 5, 0.1}, std::nullopt);
        QCOMPARE(bar->maximum() - bar->value(), fromEnd);
    }

    void aThousandAnswersDoNotHoldUpTheWindow()
    {
        SampleList list;
        list.clear(QStringLiteral("?"));
        list.show();
        const std::string text(300, 'x');
        for (int step = 1; step <= 1000; ++step)
            list.addSample({step, "?", text, 64, 0.1}, 1.0);
        QElapsedTimer time;
        time.start();
        list.addSample({1001, "?", text, 64, 0.1}, 1.0);
        QCoreApplication::processEvents();
        qInfo("%lld ms for an answer after a thousand", time.elapsed());
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
        QVERIFY(time.elapsed() < 100);
#endif
    }
};

QTEST_MAIN(TestSampleList)
#include "tst_sample_list.moc"
