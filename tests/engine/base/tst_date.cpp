// SPDX-License-Identifier: GPL-3.0-or-later
// Dates as text beside Qt's.
#include "engine/base/date.h"

#include <QDateTime>
#include <QtTest>

using namespace lorikeet;

class TestDate : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void textIsIsoInUtc_data()
    {
        QTest::addColumn<qint64>("seconds");
        for (const qint64 seconds : {qint64{0}, qint64{86399}, qint64{86400}, qint64{951782399}, qint64{951782400}, qint64{951868799}, qint64{4107542399}, qint64{4107542400},
                                     qint64{1767225599}, qint64{253402300799}})
            QTest::addRow("%lld", static_cast<long long>(seconds)) << seconds;
    }
    void textIsIsoInUtc()
    {
        QFETCH(qint64, seconds);
        const QString expected = QDateTime::fromSecsSinceEpoch(seconds, Qt::UTC).toString(Qt::ISODate);
        QCOMPARE(QString::fromStdString(utcText(std::chrono::sys_seconds(std::chrono::seconds(seconds)))), expected);
    }

    void nowIsNow()
    {
        const QDateTime before = QDateTime::currentDateTimeUtc().addSecs(-1);
        const QDateTime now = QDateTime::fromString(QString::fromStdString(utcNow()), Qt::ISODate);
        QVERIFY(now.isValid());
        QVERIFY(before <= now && now <= QDateTime::currentDateTimeUtc());
    }
};

QTEST_GUILESS_MAIN(TestDate)
#include "tst_date.moc"
