// SPDX-License-Identifier: GPL-3.0-or-later
// The What if page: what it draws is what the planner says, for every axis; files; a window that stays free.
#include "engine/base/files.h"
#include "tests/ui/window_fixture.h"
#include "ui/plot_view.h"
#include "ui/text.h"
#include "ui/what_if_page.h"

#include <nlohmann/json.hpp>

#include <QElapsedTimer>
#include <QFile>
#include <QTableWidget>
#include <QTest>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;
using Json = nlohmann::ordered_json;

class TestWhatIfPage : public QObject {
    Q_OBJECT

    static bool open(WindowFixture& fixture)
    {
        if (!fixture.prepareJob())
            return false;
        fixture.window->showStep(MainWindow::WhatIf);
        return QTest::qWaitFor([&] { return !fixture.page<WhatIfPage>()->isBusy() && fixture.page<WhatIfPage>()->answer().has_value(); }, 30000);
    }

private Q_SLOTS:
    void everyAxisIsPlannedAndToldInNumbers_data()
    {
        QTest::addColumn<int>("axis");
        for (const plan::Axis axis : plan::kAxes)
            QTest::newRow(std::string(plan::nameOf(axis)).c_str()) << static_cast<int>(axis);
    }
    void everyAxisIsPlannedAndToldInNumbers()
    {
        QFETCH(int, axis);
        WindowFixture fixture;
        QVERIFY(open(fixture));
        auto* page = fixture.page<WhatIfPage>();
        page->setAxis(static_cast<plan::Axis>(axis));
        QTRY_VERIFY_WITH_TIMEOUT(!page->isBusy() && page->answer() && page->answer()->parts.axis == static_cast<plan::Axis>(axis), 30000);
        const auto& points = page->answer()->parts.points;
        QVERIFY(points.size() >= 3);
        QCOMPARE(page->table()->rowCount(), static_cast<int>(points.size()));
        int now = 0;
        for (std::size_t i = 0; i < points.size(); ++i) {
            const int row = static_cast<int>(i);
            if (points[i].isNow) {
                ++now;
                QCOMPARE(points[i].totalBytes, fixture.window->budget().plan()->totalBytes());
                QVERIFY(page->table()->item(row, 0)->text().contains(QLatin1String("now")));
            }
            if (points[i].possible)
                QVERIFY(page->table()->item(row, 1)->text().contains(QLatin1String("iB")));
            else
                QVERIFY(!page->table()->item(row, 3)->text().isEmpty());
        }
        QCOMPARE(now, 1);
        QVERIFY(page->shownPlot()->isVisible());
    }

    void methodsStandSideBySide()
    {
        WindowFixture fixture;
        QVERIFY(open(fixture));
        auto* page = fixture.page<WhatIfPage>();
        PlotView* parts = page->shownPlot();
        QTest::mouseClick(fixture.button(QStringLiteral("LoRA, QLoRA, full")), Qt::LeftButton);
        QVERIFY(page->shownPlot() != parts);
        QVERIFY(page->shownPlot()->isVisible() && !parts->isVisible());
        const auto& methods = page->answer()->methods;
        QCOMPARE(methods.size(), std::size_t{3});
        const auto at = [](const plan::WhatIfSeries& series, double x) {
            const auto point = std::ranges::find(series.points, x, &plan::WhatIfPoint::x);
            return point == series.points.end() || !point->possible ? std::uint64_t{0} : point->totalBytes;
        };
        QVERIFY2(page->answer()->problems.empty(), page->answer()->problems.empty() ? "" : page->answer()->problems.front().c_str());
        for (const plan::WhatIfSeries& method : methods)
            QVERIFY2(at(method, 512) > 0, method.points.front().reason.c_str());
        QVERIFY(at(methods[1], 512) < at(methods[0], 512));
        QVERIFY(at(methods[0], 512) < at(methods[2], 512));
        page->shownPlot()->drawNow();
        QVERIFY(page->shownPlot()->drawnPoints(0) >= 3);
    }

    void theFileOfNumbersIsThePlanners()
    {
        WindowFixture fixture;
        QVERIFY(open(fixture));
        auto* page = fixture.page<WhatIfPage>();
        const QString path = fixture.folder.filePath(QStringLiteral("what-if.csv"));
        page->shownPlot()->save(toPath(path));
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(file.readAll().toStdString(), plan::toCsv(page->answer()->parts));
        page->shownPlot()->save(toPath(fixture.folder.filePath(QStringLiteral("what-if.pdf"))));
        page->shownPlot()->save(toPath(fixture.folder.filePath(QStringLiteral("what-if.png"))));
        QVERIFY(QFile::exists(fixture.folder.filePath(QStringLiteral("what-if.png"))));
    }

    void theOtherWayRoundNamesACardAndAContext()
    {
        WindowFixture fixture;
        QVERIFY(open(fixture));
        auto* page = fixture.page<WhatIfPage>();
        QTRY_VERIFY_WITH_TIMEOUT(page->inverseText().contains(QLatin1String("as it is: Small card.")), 30000);
        QVERIFY2(page->inverseText().contains(QLatin1String("Longest context")), qPrintable(page->inverseText()));
    }

    void modelsThatNothingRunsAreNamedBesideTheCard()
    {
        WindowFixture fixture;
        fixture.engine.family = "gemma2";
        QVERIFY(open(fixture));
        QTRY_VERIFY_WITH_TIMEOUT(fixture.page<WhatIfPage>()->inverseText().contains(QLatin1String("Lorikeet cannot run gemma2 models yet, on any device.")), 30000);
    }

    void leversAreNamedByTheirQuality()
    {
        WindowFixture fixture;
        QVERIFY(open(fixture));
        auto* page = fixture.page<WhatIfPage>();
        // A little more than the small card has: less at a time is enough. Moments of a rank this high need rounding.
        fixture.window->document().setField("recipe.micro_batch", Json(16));
        QTRY_VERIFY2_WITH_TIMEOUT(page->inverseText().contains(QLatin1String("With levers that learn the same: Small card")), qPrintable(page->inverseText()), 30000);
        fixture.window->document().setField("recipe.rank", Json(512));
        QTRY_VERIFY2_WITH_TIMEOUT(page->inverseText().contains(QLatin1String("With levers that learn nearly the same: Small card")), qPrintable(page->inverseText()), 30000);
    }

    void aChangeIsFollowedAndNothingIsAskedWhileThePageIsHidden()
    {
        WindowFixture fixture;
        QVERIFY(open(fixture));
        auto* page = fixture.page<WhatIfPage>();
        fixture.window->document().setField("recipe.rank", Json(64));
        QTRY_VERIFY_WITH_TIMEOUT(!page->isBusy() && page->answer() && page->answer()->parts.points.front().job.recipe.rank == 64, 30000);
        fixture.window->showStep(MainWindow::Model);
        fixture.window->document().setField("recipe.rank", Json(32));
        QTest::qWait(400);
        QCOMPARE(page->answer()->parts.points.front().job.recipe.rank, std::int64_t{64});
    }

    void withoutAModelThePageSaysWhatToDo()
    {
        WindowFixture fixture;
        fixture.window->showStep(MainWindow::WhatIf);
        QVERIFY(fixture.settle());
        const auto labels = fixture.page<WhatIfPage>()->findChildren<QLabel*>();
        QVERIFY(std::ranges::any_of(labels, [](const QLabel* label) { return label->isVisible() && label->text().contains(QLatin1String("Choose a model")); }));
        QCOMPARE(fixture.page<WhatIfPage>()->table()->rowCount(), 0);
        QVERIFY(fixture.page<WhatIfPage>()->shownPlot()->isEmpty());
        // The words are drawn whole: they reach far over the picture's middle on both sides.
        fixture.page<WhatIfPage>()->shownPlot()->drawNow();
        const QImage picture = fixture.page<WhatIfPage>()->shownPlot()->grab().toImage();
        int left = picture.width();
        int right = 0;
        for (int y = 0; y < picture.height(); ++y)
            for (int x = 0; x < picture.width(); ++x)
                if (picture.pixel(x, y) != picture.pixel(0, 0)) {
                    left = std::min(left, x);
                    right = std::max(right, x);
                }
        QVERIFY2(left < picture.width() / 2 - 80 && right > picture.width() / 2 + 80, qPrintable(QStringLiteral("%1 to %2 of %3").arg(left).arg(right).arg(picture.width())));
        QCOMPARE(fixture.page<WhatIfPage>()->shownPlot()->emptyText(), QStringLiteral("Choose a model to see its memory at each setting."));
        QVERIFY(fixture.prepareJob());
        QTRY_VERIFY_WITH_TIMEOUT(fixture.page<WhatIfPage>()->answer().has_value(), 30000);
        QVERIFY(!fixture.page<WhatIfPage>()->shownPlot()->isEmpty());
    }
};

QTEST_MAIN(TestWhatIfPage)
#include "tst_what_if_page.moc"
