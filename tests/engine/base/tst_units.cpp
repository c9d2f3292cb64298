// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers for people: the rounding rules of units.h, at their edges, in any locale.
#include "engine/base/units.h"

#include <QtTest>

#include <clocale>
#include <cmath>
#include <limits>

using namespace lorikeet;

class TestUnits : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void bytes_data();
    void bytes();
    void byteDeltas_data();
    void byteDeltas();
    void counts_data();
    void counts();
    void integersAreGroupedByThousands_data();
    void integersAreGroupedByThousands();
    void durations_data();
    void durations();
    void numbers_data();
    void numbers();
    void numbersReadBackWithinTheirDigits();
    void noLocaleChangesADigit();
};

namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;

std::uint64_t times(double factor, std::uint64_t unit)
{
    return static_cast<std::uint64_t>(std::llround(factor * static_cast<double>(unit)));
}

}  // namespace

void TestUnits::bytes_data()
{
    QTest::addColumn<quint64>("value");
    QTest::addColumn<QString>("text");
    const auto row = [](const char* text, std::uint64_t value) { QTest::newRow(text) << quint64(value) << QString(text); };
    row("0 B", 0);
    row("1 B", 1);
    row("512 B", 512);
    row("1023 B", 1023);
    row("1 KiB", kKiB);
    row("1.5 KiB", 1536);
    row("64 KiB", 64 * kKiB);
    row("96.4 MiB", times(96.4, kMiB));
    row("1.00 MiB", kMiB - 1);  // 1023.999 KiB would round to 1024
    row("5.32 GiB", times(5.32, kGiB));
    row("10.0 GiB", 10 * kGiB);
    row("9.99 GiB", times(9.99, kGiB));
    row("1023 MiB", 1023 * kMiB);
    row("1.00 GiB", kGiB);
    row("16.0 EiB", std::numeric_limits<std::uint64_t>::max());
}

void TestUnits::bytes()
{
    QFETCH(quint64, value);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatBytes(value)), text);
}

void TestUnits::byteDeltas_data()
{
    QTest::addColumn<qint64>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("none") << qint64(0) << "0 B";
    QTest::newRow("more") << qint64(times(1.2, kGiB)) << "+1.20 GiB";
    QTest::newRow("less") << -qint64(times(96.4, kMiB)) << "-96.4 MiB";
    QTest::newRow("least") << std::numeric_limits<qint64>::min() << "-8.00 EiB";
}

void TestUnits::byteDeltas()
{
    QFETCH(qint64, value);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatBytesDelta(value)), text);
}

void TestUnits::counts_data()
{
    QTest::addColumn<quint64>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("small") << quint64(135) << "135";
    QTest::newRow("last plain") << quint64(999) << "999";
    QTest::newRow("first k") << quint64(1000) << "1k";
    QTest::newRow("k") << quint64(4880) << "4.88k";
    QTest::newRow("smollm2") << quint64(134515008) << "135M";
    QTest::newRow("llama 1b") << quint64(1235814400) << "1.24B";
    QTest::newRow("llama 405b") << quint64(405000000000) << "405B";
    QTest::newRow("rounds up a prefix") << quint64(999999) << "1M";
}

void TestUnits::counts()
{
    QFETCH(quint64, value);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatCount(value)), text);
}

void TestUnits::integersAreGroupedByThousands_data()
{
    QTest::addColumn<quint64>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("0") << quint64(0) << "0";
    QTest::newRow("999") << quint64(999) << "999";
    QTest::newRow("1204") << quint64(1204) << "1,204";
    QTest::newRow("123456") << quint64(123456) << "123,456";
    QTest::newRow("most") << std::numeric_limits<quint64>::max() << "18,446,744,073,709,551,615";
}

void TestUnits::integersAreGroupedByThousands()
{
    QFETCH(quint64, value);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatInteger(value)), text);
}

void TestUnits::durations_data()
{
    QTest::addColumn<double>("seconds");
    QTest::addColumn<QString>("text");
    QTest::newRow("zero") << 0.0 << "0.0 s";
    QTest::newRow("a fast step") << 0.0123 << "12 ms";
    QTest::newRow("tenths") << 0.8 << "0.8 s";
    QTest::newRow("seconds") << 42.0 << "42 s";
    QTest::newRow("rounds to a minute") << 59.7 << "1 min 00 s";
    QTest::newRow("minutes") << 185.0 << "3 min 05 s";
    QTest::newRow("rounds to an hour") << 3599.6 << "1 h 00 min";
    QTest::newRow("hours") << 8040.0 << "2 h 14 min";
    QTest::newRow("days") << 100.0 * 3600 << "100 h 00 min";
    QTest::newRow("negative") << -1.0 << "unknown";
    QTest::newRow("infinite") << std::numeric_limits<double>::infinity() << "unknown";
    QTest::newRow("nan") << std::nan("") << "unknown";
}

void TestUnits::durations()
{
    QFETCH(double, seconds);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatDuration(seconds)), text);
}

void TestUnits::numbers_data()
{
    QTest::addColumn<double>("value");
    QTest::addColumn<int>("digits");
    QTest::addColumn<QString>("text");
    QTest::newRow("zero") << 0.0 << 4 << "0";
    QTest::newRow("minus zero") << -0.0 << 4 << "0";
    QTest::newRow("one") << 1.0 << 4 << "1";
    QTest::newRow("rate") << 2e-4 << 4 << "2e-4";
    QTest::newRow("rate with fraction") << 0.00025 << 4 << "2.5e-4";
    QTest::newRow("last fixed") << 0.001 << 4 << "0.001";
    QTest::newRow("rounds to the edge") << 0.00099999 << 4 << "0.001";
    QTest::newRow("third") << 1.0 / 3.0 << 4 << "0.3333";
    QTest::newRow("loss") << 2.71828 << 3 << "2.72";
    QTest::newRow("large") << 123456.0 << 4 << "123500";
    QTest::newRow("negative") << -12.345 << 4 << "-12.35";
    QTest::newRow("tiny") << 1e-300 << 4 << "1e-300";
    QTest::newRow("huge") << 1e300 << 4 << "1e300";
    QTest::newRow("nan") << std::nan("") << 4 << "nan";
    QTest::newRow("infinite") << -std::numeric_limits<double>::infinity() << 4 << "-inf";
}

void TestUnits::numbers()
{
    QFETCH(double, value);
    QFETCH(int, digits);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatNumber(value, digits)), text);
}

void TestUnits::numbersReadBackWithinTheirDigits()
{
    // Qt's own parser, in the C locale, is the independent reader here.
    double value = 1.2345678901234567e-12;
    for (int i = 0; i < 200; ++i, value *= 2.7) {
        for (const int digits : {1, 4, 9, 17}) {
            bool ok = false;
            const double back = QString::fromStdString(formatNumber(value, digits)).toDouble(&ok);
            QVERIFY(ok);
            QVERIFY2(std::fabs(back - value) <= 0.5000001 * value * std::pow(10.0, 1 - digits) + value * 3e-16,
                     formatNumber(value, digits).c_str());
        }
    }
}

void TestUnits::noLocaleChangesADigit()
{
    const char* found = nullptr;
    for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8"}) {
        if ((found = std::setlocale(LC_ALL, name)) != nullptr)
            break;
    }
    const QString text = QString::fromStdString(formatBytes(5712306503) + formatNumber(1234.5, 5) + formatInteger(1204));
    std::setlocale(LC_ALL, "C");
    QCOMPARE(text, QString("5.32 GiB") + "1234.5" + "1,204");
    if (found == nullptr)
        qInfo("no locale with a decimal comma is installed here: checked in the C locale only");
}

QTEST_GUILESS_MAIN(TestUnits)
#include "tst_units.moc"
