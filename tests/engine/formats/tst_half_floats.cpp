// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/half_floats.h"

#include <QtTest>

#include <cmath>

using namespace lorikeet::formats;

class TestHalfFloats : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyBinary16HasItsValue()
    {
        for (std::uint32_t bits = 0; bits < 65536; ++bits) {
            const int exponent = static_cast<int>(bits >> 10U) & 31;
            const int mantissa = static_cast<int>(bits & 1023U);
            const float found = fromHalf(static_cast<std::uint16_t>(bits));
            if (exponent == 31 && mantissa != 0) {
                QVERIFY(std::isnan(found));
                continue;
            }
            // IEEE 754-2019, 3.4: subnormal m * 2^-24, normal (1024 + m) * 2^(e - 25)
            double expected = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
            if (exponent == 31)
                expected = INFINITY;
            if ((bits & 0x8000U) != 0)
                expected = -expected;
            QVERIFY2(std::bit_cast<std::uint32_t>(found) == std::bit_cast<std::uint32_t>(static_cast<float>(expected)),
                     qPrintable(QString::number(bits, 16)));
        }
    }

    void everyBfloat16IsTheUpperHalf()
    {
        for (std::uint32_t bits = 0; bits < 65536; ++bits)
            QCOMPARE(std::bit_cast<std::uint32_t>(fromBrain(static_cast<std::uint16_t>(bits))), bits << 16U);
    }

    void unalignedBytesAreWidened()
    {
        const std::array<std::byte, 5> bytes{std::byte{0xFF}, std::byte{0x00}, std::byte{0x3C}, std::byte{0x80}, std::byte{0xBF}};
        std::array<float, 2> target{};
        widenHalf(std::span(bytes).subspan(1, 2), std::span(target).first(1));
        widenBrain(std::span(bytes).subspan(3, 2), std::span(target).last(1));
        QCOMPARE(target[0], 1.0F);
        QCOMPARE(target[1], -1.0F);
    }
};

QTEST_GUILESS_MAIN(TestHalfFloats)
#include "tst_half_floats.moc"
