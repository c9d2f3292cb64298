// SPDX-License-Identifier: GPL-3.0-or-later
// Philox4x32-10 against the known answers of Random123 (file kat_vectors of its distribution), and the separation of streams.
#include "engine/base/philox.h"

#include <QtTest>

#include <limits>
#include <set>

using namespace lorikeet;

class TestPhilox : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void knownAnswers_data();
    void knownAnswers();
    void isAConstantExpression();
    void streamsOfOneSeedHaveDifferentKeys();
    void allBitsOfTheSeedCount();
    void unitFloatsStayBelowOne();
};

namespace {

using Words = std::array<std::uint32_t, 4>;

constexpr Words kZeroAnswer{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) == kZeroAnswer);

}  // namespace

Q_DECLARE_METATYPE(Words)
Q_DECLARE_METATYPE(PhiloxKey)

void TestPhilox::knownAnswers_data()
{
    QTest::addColumn<Words>("counter");
    QTest::addColumn<PhiloxKey>("key");
    QTest::addColumn<Words>("answer");
    QTest::newRow("zeros") << Words{0, 0, 0, 0} << PhiloxKey{0, 0} << kZeroAnswer;
    QTest::newRow("ones") << Words{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff} << PhiloxKey{0xffffffff, 0xffffffff}
                          << Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    QTest::newRow("digits of pi") << Words{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344} << PhiloxKey{0xa4093822, 0x299f31d0}
                                  << Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
}

void TestPhilox::knownAnswers()
{
    QFETCH(Words, counter);
    QFETCH(PhiloxKey, key);
    QFETCH(Words, answer);
    QVERIFY(philox4x32(counter, key) == answer);
}

void TestPhilox::isAConstantExpression()
{
    constexpr Words result = philox4x32({1, 2, 3, 4}, philoxKey(7, RandomStream::Shuffle));
    QVERIFY(result == philox4x32({1, 2, 3, 4}, philoxKey(7, RandomStream::Shuffle)));
}

void TestPhilox::streamsOfOneSeedHaveDifferentKeys()
{
    std::set<PhiloxKey> keys;
    for (const RandomStream stream : {RandomStream::Dropout, RandomStream::Shuffle, RandomStream::ValidationSplit, RandomStream::AdapterInit,
                                      RandomStream::Generation})
        keys.insert(philoxKey(42, stream));
    QCOMPARE(keys.size(), std::size_t{5});
}

void TestPhilox::allBitsOfTheSeedCount()
{
    std::set<PhiloxKey> keys;
    for (int bit = 0; bit < 63; ++bit)
        keys.insert(philoxKey(std::int64_t{1} << bit, RandomStream::Shuffle));
    keys.insert(philoxKey(-1, RandomStream::Shuffle));
    QCOMPARE(keys.size(), std::size_t{64});
}

void TestPhilox::unitFloatsStayBelowOne()
{
    QCOMPARE(unitFloat(0), 0.0F);
    QVERIFY(unitFloat(std::numeric_limits<std::uint32_t>::max()) < 1.0F);
    QCOMPARE(unitFloat(1U << 31), 0.5F);
}

QTEST_GUILESS_MAIN(TestPhilox)
#include "tst_philox.moc"
