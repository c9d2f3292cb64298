// SPDX-License-Identifier: GPL-3.0-or-later
// Runs on the Export page: an adapter is tried over the base it was trained over; runs from other places.
#include "tests/ui/window_fixture.h"
#include "ui/export_page.h"
#include "ui/inline_message.h"
#include "ui/try_prompt.h"

#include <QComboBox>
#include <QPlainTextEdit>
#include <QTest>

#include <algorithm>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;

namespace {

api::RunInfo runIn(const char* folder, const api::BaseWeights& base)
{
    api::RunInfo info;
    info.folder = folder;
    info.model = "starter";
    info.created = "2026-01-02T03:04:05Z";
    info.lastStep = info.totalSteps = 40;
    info.finished = info.hasAdapter = true;
    info.base = base;
    return info;
}

}  // namespace

class TestExportPage : public QObject {
    Q_OBJECT

    static void show(WindowFixture& fixture)
    {
        fixture.window->showStep(MainWindow::Export);
        fixture.page<ExportPage>()->refreshRuns();
        QTRY_VERIFY(!fixture.page<ExportPage>()->isBusy());
    }

    static void ask(WindowFixture& fixture)
    {
        TryPrompt* box = fixture.page<ExportPage>()->tryPrompt();
        box->findChild<QPlainTextEdit*>()->setPlainText(QStringLiteral("What is a tensor?"));
        box->ask();
        QTRY_VERIFY(!box->isBusy());
        QCOMPARE(box->answer(true), QStringLiteral("In short: the adapter answers."));
    }

    static QComboBox* runs(WindowFixture& fixture)
    {
        for (QComboBox* box : fixture.page<ExportPage>()->findChildren<QComboBox*>())
            if (box->accessibleName() == QLatin1String("Run to export"))
                return box;
        return nullptr;
    }

    static bool says(WindowFixture& fixture, const char* words)
    {
        return std::ranges::any_of(fixture.page<ExportPage>()->findChildren<InlineMessage*>(),
                                   [words](const InlineMessage* m) { return m->isVisible() && m->message().contains(QLatin1String(words)); });
    }

private Q_SLOTS:
    void anAdapterIsTriedOverTheBaseItWasTrainedOver_data()
    {
        QTest::addColumn<int>("quantization");
        QTest::addColumn<bool>("twice");
        QTest::newRow("plain") << static_cast<int>(Quantization::None) << true;
        QTest::newRow("nf4") << static_cast<int>(Quantization::Nf4) << true;
        QTest::newRow("nf4 with fp32 scales") << static_cast<int>(Quantization::Nf4) << false;
        QTest::newRow("int8") << static_cast<int>(Quantization::Int8) << true;
    }
    void anAdapterIsTriedOverTheBaseItWasTrainedOver()
    {
        QFETCH(int, quantization);
        QFETCH(bool, twice);
        const api::BaseWeights base{static_cast<Quantization>(quantization), twice};
        WindowFixture fixture;
        fixture.engine.setRuns({runIn("/runs/one", base)});
        show(fixture);
        ask(fixture);
        QCOMPARE(fixture.engine.loadedModels.size(), std::size_t{1});
        QVERIFY(fixture.engine.loadedModels[0].weights == base);
        QCOMPARE(fixture.engine.loadedModels[0].adapter, std::filesystem::path("/runs/one/adapter"));
    }

    void anotherRunLoadsItsOwnBaseAndTheSameRunNothing()
    {
        WindowFixture fixture;
        fixture.engine.setRuns({runIn("/runs/one", {Quantization::Nf4, true}), runIn("/runs/two", {})});
        show(fixture);
        ask(fixture);
        ask(fixture);
        QCOMPARE(fixture.engine.loadedModels.size(), std::size_t{1});
        runs(fixture)->setCurrentIndex(1);
        ask(fixture);
        QCOMPARE(fixture.engine.loadedModels.size(), std::size_t{2});
        QVERIFY(fixture.engine.loadedModels[1].weights == api::BaseWeights{});
    }

    void aRunFromElsewhereIsReadBeforeItIsTried()
    {
        WindowFixture fixture;
        fixture.engine.setRuns({runIn("/runs/one", {})});
        fixture.engine.setElsewhere({runIn("/usb/run", {Quantization::Nf4, false})});
        show(fixture);
        auto* page = fixture.page<ExportPage>();
        page->openRun(QStringLiteral("/usb/run"));
        QTRY_COMPARE(runs(fixture)->currentData().toString(), QStringLiteral("/usb/run"));
        ask(fixture);
        QCOMPARE(fixture.engine.loadedModels.back().model, std::string("starter"));
        QVERIFY((fixture.engine.loadedModels.back().weights == api::BaseWeights{Quantization::Nf4, false}));
        page->openRun(QStringLiteral("/usb/run"));
        QTRY_VERIFY(!page->isBusy());
        QCOMPARE(runs(fixture)->count(), 2);
    }

    void aFolderWithoutATrainedRunIsNamed()
    {
        WindowFixture fixture;
        api::RunInfo begun = runIn("/usb/begun", {});
        begun.hasAdapter = false;
        fixture.engine.setElsewhere({begun});
        show(fixture);
        auto* page = fixture.page<ExportPage>();
        page->openRun(QStringLiteral("/usb/none"));
        QTRY_VERIFY(says(fixture, "not a run folder"));
        page->openRun(QStringLiteral("/usb/begun"));
        QTRY_VERIFY(says(fixture, "trained nothing yet"));
        QCOMPARE(runs(fixture)->count(), 0);
    }
};

QTEST_MAIN(TestExportPage)
#include "tst_export_page.moc"
