// SPDX-License-Identifier: GPL-3.0-or-later
// SHA-256 against the examples of FIPS 180-4 (NIST CSRC "Examples with Intermediate Values") and against Qt's own hash.
#include "engine/base/error.h"
#include "engine/base/hash.h"

#include <QCryptographicHash>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <stop_token>

using namespace lorikeet;

class TestHash : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void publishedExamples_data();
    void publishedExamples();
    void piecesGiveTheSameAsTheWhole();
    void filesOfEverySizeAgreeWithQt_data();
    void filesOfEverySizeAgreeWithQt();
    void missingFileIsBadInput();
    void hashingStopsOnRequest();
    void finishedHashRefusesMore();
};

void TestHash::publishedExamples_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("digest");
    QTest::newRow("one block") << QByteArray("abc")
                               << QByteArray("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    QTest::newRow("two blocks") << QByteArray("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                                << QByteArray("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    QTest::newRow("empty") << QByteArray("") << QByteArray("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    QTest::newRow("a million a") << QByteArray(1000000, 'a')
                                 << QByteArray("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

void TestHash::publishedExamples()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, digest);
    QCOMPARE(QByteArray::fromStdString(sha256(text.toStdString())), digest);
}

void TestHash::piecesGiveTheSameAsTheWhole()
{
    const std::string text(1000, 'x');
    for (const std::size_t piece : {1U, 7U, 63U, 64U, 65U, 999U}) {
        Sha256 hash;
        for (std::size_t at = 0; at < text.size(); at += piece)
            hash.update(std::string_view(text).substr(at, piece));
        Sha256 moved(std::move(hash));
        QCOMPARE(moved.finish(), sha256(text));
    }
}

void TestHash::filesOfEverySizeAgreeWithQt_data()
{
    QTest::addColumn<int>("size");
    for (const int size : {0, 1, 4095, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 * (1 << 20) + 17})
        QTest::addRow("%d bytes", size) << size;
}

void TestHash::filesOfEverySizeAgreeWithQt()
{
    QFETCH(int, size);
    QByteArray content(size, Qt::Uninitialized);
    for (int i = 0; i < size; ++i)
        content[i] = static_cast<char>((i * 2654435761u) >> 13);
    const QTemporaryDir folder;
    QFile file(folder.filePath("data"));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(content) == size);
    file.close();
    const auto expected = QCryptographicHash::hash(content, QCryptographicHash::Sha256).toHex();
    QCOMPARE(QByteArray::fromStdString(sha256OfFile(file.fileName().toStdString())), expected);
}

void TestHash::missingFileIsBadInput()
{
    try {
        (void)sha256OfFile("/nowhere/at/all");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::BadInput);
        QVERIFY2(QString(error.what()).contains("/nowhere/at/all"), error.what());
        return;
    }
    QFAIL("a missing file was hashed");
}

void TestHash::hashingStopsOnRequest()
{
    const QTemporaryDir folder;
    QFile file(folder.filePath("data"));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(QByteArray(10, 'x')) == 10);
    file.close();
    std::stop_source source;
    source.request_stop();
    try {
        (void)sha256OfFile(file.fileName().toStdString(), source.get_token());
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Cancelled);
        return;
    }
    QFAIL("the stop request was not looked at");
}

void TestHash::finishedHashRefusesMore()
{
    Sha256 hash;
    (void)hash.finish();
    QVERIFY_EXCEPTION_THROWN(hash.update("x"), Error);
    QVERIFY_EXCEPTION_THROWN((void)hash.finish(), Error);
}

QTEST_GUILESS_MAIN(TestHash)
#include "tst_hash.moc"
