// SPDX-License-Identifier: GPL-3.0-or-later
// Controls made from the field table: every one moves the budget or says that it does not, issues stand beside the field, the wheel
// scrolls the page.
#include "engine/spec/job_fields.h"
#include "tests/ui/window_fixture.h"
#include "ui/field_control.h"
#include "ui/memory_panel.h"
#include "ui/number_edit.h"
#include "ui/recipe_page.h"
#include "ui/text.h"
#include "ui/wheel_guard.h"

#include <nlohmann/json.hpp>

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>
#include <QScrollBar>
#include <QSlider>
#include <QTest>
#include <QWheelEvent>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;
using Json = nlohmann::ordered_json;

class TestRecipePage : public QObject {
    Q_OBJECT

    static void type(NumberEdit* edit, const QString& text)
    {
        edit->setFocus();
        edit->selectAll();
        QTest::keyClicks(edit, text);
    }

private Q_SLOTS:
    void initTestCase() { qApp->installEventFilter(new WheelGuard(qApp)); }

    void everyRecipeControlMovesTheBudgetAtOnce_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("text");
        QTest::newRow("rank") << "recipe.rank" << "64";
        QTest::newRow("context") << "recipe.context" << "1024";
        QTest::newRow("micro-batch") << "recipe.micro_batch" << "5";
        QTest::newRow("loss chunk") << "recipe.loss_chunk" << "64";
    }
    void everyRecipeControlMovesTheBudgetAtOnce()
    {
        QFETCH(QString, key);
        QFETCH(QString, text);
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Recipe);
        fixture.page<RecipePage>()->setAdvancedShown(true);
        const std::uint64_t before = fixture.window->budget().plan()->totalBytes();
        auto* edit = fixture.page<RecipePage>()->findChild<NumberEdit*>(key);
        QVERIFY(edit != nullptr);
        type(edit, text);
        // No waiting: the plan is made within the key press.
        QVERIFY(fixture.window->budget().plan()->totalBytes() != before);
        const QString delta = fixture.page<MemoryPanel>()->deltaText();
        QVERIFY2(delta.contains(toQt(findJobField(toStd(key))->label)), qPrintable(delta));
        QVERIFY2(delta.contains(QLatin1String("iB")), qPrintable(delta));
    }

    void choicesAndSwitchesMoveItToo()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Recipe);
        auto* page = fixture.page<RecipePage>();
        page->setAdvancedShown(true);
        const auto total = [&fixture] { return fixture.window->budget().plan()->totalBytes(); };

        std::uint64_t before = total();
        auto* precision = page->findChild<QComboBox*>(QStringLiteral("recipe.precision"));
        precision->setFocus();
        QTest::keyClick(precision, Qt::Key_Up);
        QCOMPARE(fixture.window->document().job().recipe.precision, std::string("fp32"));
        QVERIFY(total() > before);

        before = total();
        auto* recompute = page->findChild<QComboBox*>(QStringLiteral("recipe.recompute"));
        recompute->setFocus();
        QTest::keyClick(recompute, Qt::Key_Down);
        QCOMPARE(fixture.window->document().job().recipe.recompute, std::string("2"));
        QVERIFY(total() < before);

        before = total();
        auto* gate = page->findChild<QPushButton*>(QStringLiteral("recipe.targets.gate"));
        QVERIFY(QTest::qWaitFor([page, gate] {
            page->scrollArea()->ensureWidgetVisible(gate);
            return !gate->visibleRegion().isEmpty();
        }));
        QTest::mouseClick(gate, Qt::LeftButton);
        QCOMPARE(fixture.window->document().job().recipe.targets, (std::vector<std::string>{"q", "k", "v", "o", "up", "down"}));
        QVERIFY(total() < before);

        before = total();
        auto* head = page->findChild<QPushButton*>(QStringLiteral("recipe.also_train.head"));
        QVERIFY(head && !head->isChecked());
        QVERIFY(QTest::qWaitFor([page, head] {
            page->scrollArea()->ensureWidgetVisible(head);
            return !head->visibleRegion().isEmpty();
        }));
        QTest::mouseClick(head, Qt::LeftButton);
        QCOMPARE(fixture.window->document().job().recipe.alsoTrain, std::vector<std::string>{"head"});
        QVERIFY(head->isChecked() && total() > before);
        QTest::mouseClick(head, Qt::LeftButton);
        QVERIFY(fixture.window->document().job().recipe.alsoTrain.empty() && total() == before);
    }

    void addedTokensGrowTheTables()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Recipe);
        auto* page = fixture.page<RecipePage>();
        page->setAdvancedShown(true);
        auto* edit = page->findChild<QLineEdit*>(QStringLiteral("recipe.added_tokens"));
        QVERIFY(edit && edit->accessibleName() == QLatin1String("Added tokens"));
        fixture.window->document().setField("recipe.also_train", nlohmann::ordered_json::array({"embeddings"}));
        const auto total = [&fixture] { return fixture.window->budget().plan() ? fixture.window->budget().plan()->totalBytes() : 0; };
        QVERIFY(fixture.settle());
        const std::uint64_t before = total();
        edit->setFocus();
        QTest::keyClicks(edit, QStringLiteral("<a>,<b>"));
        QCOMPARE(fixture.window->document().job().recipe.addedTokens, (std::vector<std::string>{"<a>", "<b>"}));
        QVERIFY(QTest::qWaitFor([&] { return total() > before; }));
        edit->selectAll();
        QTest::keyClick(edit, Qt::Key_Delete);
        QVERIFY(QTest::qWaitFor([&] { return total() == before; }));
    }

    void whatIsFreeSaysSo()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Recipe);
        type(fixture.page<RecipePage>()->findChild<NumberEdit*>(QStringLiteral("recipe.learning_rate")), QStringLiteral("1e-4"));
        QCOMPARE(fixture.window->document().job().recipe.learningRate, 1e-4);
        QVERIFY(fixture.page<MemoryPanel>()->deltaText().contains(QLatin1String("no change")));
    }

    void everyFieldOfTheRecipeHasAControl()
    {
        WindowFixture fixture;
        for (const JobField& field : jobFields()) {
            const bool elsewhere = field.key == "run.device" || !(field.key.starts_with("recipe.") || field.key.starts_with("run."));
            QVERIFY2(elsewhere || fixture.page<RecipePage>()->controlOf(field.key) != nullptr, field.key.c_str());
        }
    }

    void slidersAreThereForEveryNumberAndSetIt()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        auto* page = fixture.page<RecipePage>();
        int sliders = 0;
        for (const JobField& field : jobFields()) {
            auto* slider = page->findChild<QSlider*>(toQt(field.key) + QStringLiteral(".slider"));
            if (slider == nullptr)
                continue;
            ++sliders;
            slider->setValue(slider->minimum());
            slider->setValue(slider->maximum());
            QCOMPARE(field.get(fixture.window->document().job()).get<double>(), field.sensibleMaximum);
            fixture.window->document().history().undo();
        }
        QVERIFY(sliders >= 15);
    }

    void aValueOutOfRangeIsExplainedBesideTheField()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Recipe);
        auto* page = fixture.page<RecipePage>();
        FieldControl* control = page->controlOf("recipe.rank");
        QVERIFY(control->issueText().isEmpty());
        auto* edit = page->findChild<NumberEdit*>(QStringLiteral("recipe.rank"));
        type(edit, QStringLiteral("0"));
        QVERIFY(!control->issueText().isEmpty());
        QCOMPARE(fixture.window->document().job().recipe.rank, std::int64_t{16});
        type(edit, QStringLiteral("24"));
        QVERIFY(control->issueText().isEmpty());
        QCOMPARE(fixture.window->document().job().recipe.rank, std::int64_t{24});
    }

    void whatValidateFindsStandsBesideItsField()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->document().setField("recipe.warmup_ratio", Json(0.8));
        QVERIFY(fixture.page<RecipePage>()->controlOf("recipe.warmup_ratio")->issueText().contains(QLatin1String("half of the run")));
    }

    void presetsSetFourFieldsInOneStep()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Recipe);
        const int steps = fixture.window->document().history().count();
        QTest::mouseClick(fixture.button(QStringLiteral("Thorough")), Qt::LeftButton);
        QCOMPARE(fixture.window->document().job().recipe.rank, std::int64_t{64});
        QCOMPARE(fixture.window->document().history().count(), steps + 1);
        QVERIFY(fixture.button(QStringLiteral("Thorough"))->isChecked());
        fixture.window->document().history().undo();
        QVERIFY(!fixture.button(QStringLiteral("Thorough"))->isChecked());
        QCOMPARE(fixture.page<RecipePage>()->findChild<NumberEdit*>(QStringLiteral("recipe.rank"))->value(), 16.0);
    }

    void theWheelScrollsThePageAndChangesNoValue()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Recipe);
        auto* page = fixture.page<RecipePage>();
        page->setAdvancedShown(true);
        QTest::qWait(50);
        const std::string before = writeJob(fixture.window->document().job());
        QScrollBar* bar = page->scrollArea()->verticalScrollBar();
        const QList<QWidget*> controls{page->findChild<NumberEdit*>(QStringLiteral("recipe.rank")), page->findChild<QSlider*>(QStringLiteral("recipe.rank.slider")),
                                       page->findChild<QComboBox*>(QStringLiteral("recipe.precision")), page->findChild<QComboBox*>(QStringLiteral("recipe.recompute"))};
        for (QWidget* control : controls) {
            QVERIFY(control != nullptr);
            control->setFocus();
            bar->setValue(0);
            const QPointF at = control->rect().center();
            QWheelEvent wheel(at, control->mapToGlobal(at), QPoint(0, -120), QPoint(0, -120), Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
            QApplication::sendEvent(control, &wheel);
            QVERIFY(bar->value() > 0);
        }
        QCOMPARE(writeJob(fixture.window->document().job()), before);
    }
};

QTEST_MAIN(TestRecipePage)
#include "tst_recipe_page.moc"
