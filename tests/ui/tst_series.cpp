// SPDX-License-Identifier: GPL-3.0-or-later
// Thinning keeps spikes and gaps, smoothing is the weighted mean.
#include "ui/series.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lorikeet::ui;

class TestSeries : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aSpikeOfOneStepIsStillDrawn()
    {
        Series series;
        for (int i = 0; i < 100000; ++i)
            series.add(i, i == 54321 ? 50.0 : i == 77777 ? -3.0 : 1.0);
        const Series seen = thinned(series, 0, 100000, 800);
        QVERIFY(seen.size() <= 4 * 801 + 2);
        QCOMPARE(*std::ranges::max_element(seen.y), 50.0);
        QCOMPARE(*std::ranges::min_element(seen.y), -3.0);
        QVERIFY(std::ranges::is_sorted(seen.x));
    }

    void fewPointsStayAsTheyAre()
    {
        Series series;
        for (int i = 0; i < 50; ++i)
            series.add(i, i * 0.5);
        const Series seen = thinned(series, 0, 50, 800);
        QCOMPARE(seen.x, series.x);
        QCOMPARE(seen.y, series.y);
    }

    void aGapStaysAGap()
    {
        Series series;
        for (int i = 0; i < 10000; ++i)
            series.add(i, i == 5000 ? std::numeric_limits<double>::quiet_NaN() : i == 5003 ? std::numeric_limits<double>::infinity() : 1.0);
        const Series seen = thinned(series, 0, 10000, 100);
        QVERIFY(std::ranges::any_of(seen.y, [](double y) { return std::isnan(y); }));
        QVERIFY(std::ranges::none_of(seen.y, [](double y) { return std::isinf(y); }));
    }

    void aZoomedRangeKeepsOneNeighbourOnEachSide()
    {
        Series series;
        for (int i = 0; i < 1000; ++i)
            series.add(i, i);
        const Series seen = thinned(series, 400.5, 500.5, 1000);
        QCOMPARE(seen.x.front(), 400.0);
        QCOMPARE(seen.x.back(), 501.0);
    }

    void smoothingIsTheWeightedMeanOfWhatWasSeen()
    {
        Smoother smoother(0.9);
        const std::vector<double> values{3.0, 1.0, 2.0, 5.0};
        double last = 0;
        for (const double value : values)
            last = smoother.next(value);
        // Weights by hand: 0.9^3, 0.9^2, 0.9, 1 over their sum.
        const double expected = (0.729 * 3 + 0.81 * 1 + 0.9 * 2 + 5) / (0.729 + 0.81 + 0.9 + 1);
        QVERIFY(std::abs(last - expected) < 1e-12);
        QVERIFY(std::isnan(smoother.next(std::numeric_limits<double>::infinity())));
        QVERIFY(std::abs(smoother.next(last) - last) < 1e-12);
    }

    void histogramsCountEveryValueOnce()
    {
        const std::vector<std::int64_t> values{0, 1, 9, 10, 19, 20, 500};
        QCOMPARE(histogram(values, 20.0, 2), (std::vector<double>{3.0, 4.0}));
    }
};

QTEST_GUILESS_MAIN(TestSeries)
#include "tst_series.moc"
