// SPDX-License-Identifier: GPL-3.0-or-later
// Memory over time, and plots as files.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "tests/ui/window_fixture.h"
#include "ui/memory_plot.h"
#include "ui/run_page.h"
#include "ui/text.h"

#include <QFile>
#include <QImage>
#include <QTest>

#include <numeric>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;

namespace {

constexpr std::uint64_t kGiB = 1ULL << 30;

MemoryMeasured measured(std::int64_t step, const CategoryBytes& bytes)
{
    MemoryMeasured memory;
    memory.step = step;
    memory.phase = "train";
    memory.liveBytes = bytes;
    return memory;
}

QByteArray contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class TestMemoryPlot : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void categoriesLieOnEachOther()
    {
        MemoryPlot plot;
        plot.resize(600, 300);
        plot.addMeasured(measured(1, {kGiB, 2 * kGiB, 0, kGiB / 2, kGiB}));
        plot.addMeasured(measured(2, {kGiB, 3 * kGiB, 0, kGiB / 2, kGiB}));
        QCOMPARE(plot.stacks()[0].y, (std::vector<double>{1.0, 1.0}));
        QCOMPARE(plot.stacks()[1].y, (std::vector<double>{3.0, 4.0}));
        QCOMPARE(plot.stacks()[2].y, (std::vector<double>{3.0, 4.0}));
        QCOMPARE(plot.stacks()[4].y, (std::vector<double>{4.5, 5.5}));
        // Again at the same step: the larger one counts, no second point.
        plot.addMeasured(measured(2, {kGiB, 2 * kGiB, 0, kGiB, kGiB}));
        QCOMPARE(plot.stacks()[4].y, (std::vector<double>{4.5, 5.5}));
        QCOMPARE(plot.stacks()[3].y.back(), 4.5);
        plot.clear();
        QCOMPARE(plot.stacks()[4].size(), std::size_t{0});
    }

    void theFileOfNumbersHoldsThePartsAndNotTheSums()
    {
        const QTemporaryDir folder;
        MemoryPlot plot;
        plot.resize(600, 300);
        plot.addMeasured(measured(1, {kGiB, 2 * kGiB, 0, kGiB / 2, kGiB}));
        plot.addMeasured(measured(7, {kGiB, 3 * kGiB, 0, kGiB / 2, kGiB}));
        plot.save(toPath(folder.filePath(QStringLiteral("m.csv"))));
        QCOMPARE(contentOf(folder.filePath(QStringLiteral("m.csv"))),
                 QByteArray("\"step\",\"Weights\",\"Activations\",\"Gradients\",\"Optimizer state\",\"Buffers\"\n1,1,2,0,0.5,1\n7,1,3,0,0.5,1\n"));
    }

    void pictureAndVectorsAreWhatTheirEndingSays()
    {
        const QTemporaryDir folder;
        MemoryPlot plot;
        plot.resize(600, 300);
        plot.show();
        QVERIFY(QTest::qWaitForWindowExposed(&plot));
        plot.setPlanned(6 * kGiB);
        plot.addMeasured(measured(1, {kGiB, 2 * kGiB, 0, kGiB / 2, kGiB}));
        plot.addMeasured(measured(10, {kGiB, 3 * kGiB, 0, kGiB / 2, kGiB}));
        plot.save(toPath(folder.filePath(QStringLiteral("m.png"))));
        const QImage image(folder.filePath(QStringLiteral("m.png")));
        QCOMPARE(image.width(), 1200);
        QSet<QRgb> colours;
        for (int y = 0; y < image.height(); y += 4)
            for (int x = 0; x < image.width(); x += 4)
                colours << image.pixel(x, y);
        // The blue and the orange of the first two categories fill areas.
        QVERIFY(colours.contains(qRgb(0x00, 0x72, 0xB2)) && colours.contains(qRgb(0xE6, 0x9F, 0x00)));
        plot.save(toPath(folder.filePath(QStringLiteral("m.pdf"))));
        const QByteArray pdf = contentOf(folder.filePath(QStringLiteral("m.pdf")));
        QVERIFY(pdf.startsWith("%PDF") && pdf.trimmed().endsWith("%%EOF"));
        QVERIFY_EXCEPTION_THROWN(plot.save(toPath(folder.filePath(QStringLiteral("m.bmp")))), Error);
        QVERIFY_EXCEPTION_THROWN(plot.save(toPath(folder.filePath(QStringLiteral("no-such-folder/m.csv")))), Error);
    }

    void aRunDrawsWhatItMeasuresUnderItsPlan()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.window->showStep(MainWindow::Run);
        fixture.engine.script.measuredFactor = 0.5;
        fixture.page<RunPage>()->start();
        QTRY_COMPARE_WITH_TIMEOUT(fixture.window->run().state(), RunState::Ended, 20000);
        const MemoryPlot* plot = fixture.page<RunPage>()->memoryPlot();
        QVERIFY(plot->stacks()[4].size() >= 2);
        const auto& planned = fixture.engine.script.plannedBytes;
        const auto total = static_cast<double>(std::accumulate(planned.begin(), planned.end(), std::uint64_t{0})) / static_cast<double>(kGiB);
        QVERIFY(std::abs(plot->stacks()[4].y.back() / total - 0.5) < 1e-6);
        QVERIFY(plot->accessibleDescription().contains(QLatin1String("planned")));
    }
};

QTEST_MAIN(TestMemoryPlot)
#include "tst_memory_plot.moc"
