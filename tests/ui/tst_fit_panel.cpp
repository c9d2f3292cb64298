// SPDX-License-Identifier: GPL-3.0-or-later
// Make it fit in the window: the ways of the real planner, applied by one click and undone by another; what room could buy; the price of
// recompute; the speed; host RAM.
#include "tests/ui/window_fixture.h"
#include "ui/fit_panel.h"
#include "ui/host_bar.h"
#include "ui/memory_panel.h"
#include "ui/recipe_page.h"
#include "ui/recompute_slider.h"

#include <nlohmann/json.hpp>

#include <QSlider>
#include <QTest>

#include <ctime>
#include <limits>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;
using Json = nlohmann::ordered_json;

namespace {

/// Processor time of the window's thread: neither a busy machine nor the planner's own thread counts.
double threadMs()
{
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

/// A job that is too large for the card.
bool prepareTooLarge(WindowFixture& fixture)
{
    if (!fixture.prepareJob())
        return false;
    JobDocument& document = fixture.window->document();
    document.setField("recipe.context", Json(4096));
    document.setField("recipe.micro_batch", Json(32));
    document.setField("run.device", Json("RTX 4090"));
    return QTest::qWaitFor([&] {
        return fixture.window->isSettled() && fixture.window->budget().plan() && fixture.window->budget().plan()->verdict == plan::Verdict::DoesNotFit;
    }, 5000);
}

}  // namespace

class TestFitPanel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void slowdownsInWords_data()
    {
        QTest::addColumn<double>("slowdown");
        QTest::addColumn<QString>("text");
        QTest::newRow("slower") << 1.18 << "+18\u00a0% time per token";
        QTest::newRow("faster") << 0.88 << "12\u00a0% less time per token";
        QTest::newRow("same") << 1.001 << "no slower";
        QTest::newRow("not known") << std::numeric_limits<double>::quiet_NaN() << "no slower";
    }
    void slowdownsInWords()
    {
        QFETCH(double, slowdown);
        QFETCH(QString, text);
        QCOMPARE(slowdownText(slowdown), text);
    }

    void oneClickMakesItFitAndOneMoreUndoesIt()
    {
        WindowFixture fixture;
        QVERIFY(prepareTooLarge(fixture));
        auto* fit = fixture.page<MemoryPanel>()->fit();
        QCOMPARE(fit->heading(), QStringLiteral("Make it fit"));
        fit->setOpen(true);
        QTRY_VERIFY_WITH_TIMEOUT(!fit->rowText(0).isEmpty(), 20000);
        QVERIFY2(fit->rowText(0).contains(QLatin1String("saves")) && fit->rowText(0).contains(QLatin1String("iB")), qPrintable(fit->rowText(0)));
        const std::string before = writeJob(fixture.window->document().job());
        const std::uint64_t promised = fixture.window->advisor().ways()->ways.front().totalBytes;
        QTest::mouseClick(fixture.button(QStringLiteral("Apply")), Qt::LeftButton);
        // The budget answers within the click, with the bytes that were promised.
        QVERIFY(fixture.window->budget().plan()->verdict != plan::Verdict::DoesNotFit);
        QCOMPARE(fixture.window->budget().plan()->totalBytes(), promised);
        QVERIFY(writeJob(fixture.window->document().job()) != before);
        QTest::mouseClick(fixture.button(QStringLiteral("Undo")), Qt::LeftButton);
        QCOMPARE(writeJob(fixture.window->document().job()), before);
        QCOMPARE(fixture.window->budget().plan()->verdict, plan::Verdict::DoesNotFit);
        QVERIFY(fixture.button(QStringLiteral("Undo")) == nullptr);
    }

    void theUndoIsGoneOnceSomethingElseHasChanged()
    {
        WindowFixture fixture;
        QVERIFY(prepareTooLarge(fixture));
        auto* fit = fixture.page<MemoryPanel>()->fit();
        fit->setOpen(true);
        QTRY_VERIFY_WITH_TIMEOUT(!fit->rowText(0).isEmpty(), 20000);
        fit->apply(0);
        QVERIFY(fixture.button(QStringLiteral("Undo")) != nullptr);
        fixture.window->document().setField("recipe.learning_rate", Json(0.0011));
        QVERIFY(fixture.button(QStringLiteral("Undo")) == nullptr);
    }

    void roomIsOfferedWhereAJobFits()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        auto* fit = fixture.page<MemoryPanel>()->fit();
        QCOMPARE(fit->heading(), QStringLiteral("What the room could buy"));
        fit->setOpen(true);
        QTRY_VERIFY_WITH_TIMEOUT(!fit->rowText(0).isEmpty(), 20000);
        const plan::FitAnswer& answer = *fixture.window->advisor().ways();
        for (const plan::FitWay& way : answer.ways)
            QVERIFY2(way.totalBytes <= answer.capacityBytes, way.summary.c_str());
        fit->apply(0);
        QVERIFY(fixture.window->budget().plan()->verdict != plan::Verdict::DoesNotFit);
    }

    void waysOfAnOlderJobAreNotShown()
    {
        WindowFixture fixture;
        QVERIFY(prepareTooLarge(fixture));
        auto* fit = fixture.page<MemoryPanel>()->fit();
        fit->setOpen(true);
        QTRY_VERIFY_WITH_TIMEOUT(!fit->rowText(0).isEmpty(), 20000);
        fixture.window->document().setField("recipe.micro_batch", Json(48));
        QVERIFY(fit->rowText(0).isEmpty());
        fit->apply(0);
        QCOMPARE(fixture.window->document().job().recipe.microBatch, std::int64_t{48});
        QTRY_VERIFY_WITH_TIMEOUT(!fit->rowText(0).isEmpty(), 20000);
    }

    void anOpenPanelDoesNotHoldUpADrag()
    {
        WindowFixture fixture;
        QVERIFY(prepareTooLarge(fixture));
        fixture.page<MemoryPanel>()->fit()->setOpen(true);
        double longest = 0;
        for (int i = 0; i < 40; ++i) {
            const double before = threadMs();
            fixture.window->document().setField("recipe.rank", Json(20 + i));
            longest = std::max(longest, threadMs() - before);
            QTest::qWait(5);
        }
        qInfo("longest answer %.1f ms of the window's thread", longest);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
        QVERIFY(longest < 16.7);
#endif
        QTRY_VERIFY_WITH_TIMEOUT(fixture.window->isSettled(), 20000);
    }

    void recomputeHasItsPrice()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Recipe);
        auto* page = fixture.page<RecipePage>();
        page->setAdvancedShown(true);
        RecomputeSlider* recompute = page->recomputeSlider();
        QTRY_VERIFY_WITH_TIMEOUT(recompute->slider()->isEnabled(), 20000);
        QCOMPARE(recompute->slider()->value(), 0);
        const std::uint64_t before = fixture.window->budget().plan()->totalBytes();
        recompute->slider()->setFocus();
        QTest::keyClick(recompute->slider(), Qt::Key_End);
        QTRY_VERIFY2_WITH_TIMEOUT(recompute->priceText().contains(QLatin1String("saves")) && recompute->priceText().contains(QLatin1String("30 of 30")), qPrintable(recompute->priceText()), 20000);
        QVERIFY2(recompute->priceText().contains(QStringLiteral("% time per token")), qPrintable(recompute->priceText()));
        QVERIFY(fixture.window->budget().plan()->totalBytes() < before);
        for (const Recompute level : recomputeLevels(fixture.window->document().job(), 30))
            QCOMPARE(static_cast<int>(level), 3);
        fixture.window->document().history().undo();
        QTRY_COMPARE_WITH_TIMEOUT(recompute->slider()->value(), 0, 20000);
        QCOMPARE(fixture.window->budget().plan()->totalBytes(), before);
    }

    void theSpeedStandsInThePanelWithItsSpread()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        auto* panel = fixture.page<MemoryPanel>();
        QTRY_VERIFY_WITH_TIMEOUT(panel->speedText().contains(QLatin1String("tokens/s")) && panel->speedText().contains(QLatin1String("for the run")), 10000);
        const auto& forecast = *fixture.window->advisor().forecast();
        QVERIFY(forecast.tokensPerSecondLow <= forecast.tokensPerSecond && forecast.tokensPerSecond <= forecast.tokensPerSecondHigh);
    }

    void hostRamIsShownOnlyWhereItIsUsed()
    {
        HostBar bar;
        bar.setMemory(0, 16ULL << 30);
        QVERIFY(bar.isHidden());
        bar.setMemory(3ULL << 30, 16ULL << 30);
        QVERIFY(!bar.isHidden());
        QCOMPARE(bar.text(), QStringLiteral("Host RAM: 3.00 GiB of 16.0 GiB"));
        bar.setMemory(3ULL << 30, 0);
        QCOMPARE(bar.text(), QStringLiteral("Host RAM: 3.00 GiB"));

        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->document().setField("run.device", Json("RTX 4090"));
        QVERIFY(fixture.settle());
        const HostBar* host = fixture.page<MemoryPanel>()->hostBar();
        QVERIFY(!host->isVisible());
        fixture.window->document().setField("recipe.offload_activations", Json(true));
        QVERIFY(fixture.window->budget().plan()->hostBytes > 0);
        QVERIFY(host->isVisible());
        QVERIFY2(host->text().endsWith(QLatin1String("of 16.0 GiB")), qPrintable(host->text()));
    }
};

QTEST_MAIN(TestFitPanel)
#include "tst_fit_panel.moc"
