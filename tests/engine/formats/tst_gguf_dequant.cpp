// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/gguf_dequant.h"
#include "engine/base/error.h"
#include "tests/engine/formats/gguf_bytes.h"

#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

constexpr std::uint16_t kHalfTwo = 0x4000;    // 2.0
constexpr std::uint16_t kHalfMinus = 0xBC00;  // -1.0

std::vector<float> widen(std::uint32_t type, const std::string& block)
{
    const GgufTypeInfo& info = *ggufTypeInfo(type);
    std::vector<float> values(block.size() / info.blockBytes * info.blockElements);
    dequantize(info, std::as_bytes(std::span(block.data(), block.size())), values);
    return values;
}

/// 16 bytes whose low nibble is i and whose high nibble is 15 - i.
std::string nibbles()
{
    std::string bytes;
    for (int i = 0; i < 16; ++i)
        bytes += static_cast<char>(i | ((15 - i) << 4));
    return bytes;
}

}  // namespace

class TestGgufDequant : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void q4_0IsScaleTimesNibbleMinusEight()
    {
        const auto values = widen(2, le(kHalfTwo) + nibbles());
        for (int i = 0; i < 16; ++i) {
            QCOMPARE(values[static_cast<std::size_t>(i)], 2.0F * static_cast<float>(i - 8));
            QCOMPARE(values[static_cast<std::size_t>(i + 16)], 2.0F * static_cast<float>(7 - i));
        }
    }

    void q4_1AddsTheMinimum()
    {
        const auto values = widen(3, le(kHalfTwo) + le(kHalfMinus) + nibbles());
        for (int i = 0; i < 16; ++i) {
            QCOMPARE(values[static_cast<std::size_t>(i)], 2.0F * static_cast<float>(i) - 1.0F);
            QCOMPARE(values[static_cast<std::size_t>(i + 16)], 2.0F * static_cast<float>(15 - i) - 1.0F);
        }
    }

    void q5TakesTheFifthBitFromTheMask()
    {
        const std::uint32_t high = 0x80000001U;  // elements 0 and 31
        const auto zero = widen(6, le(kHalfTwo) + le(high) + nibbles());
        const auto one = widen(7, le(kHalfTwo) + le(kHalfMinus) + le(high) + nibbles());
        QCOMPARE(zero[0], 2.0F * (16 + 0 - 16));
        QCOMPARE(zero[1], 2.0F * (1 - 16));
        QCOMPARE(zero[31], 2.0F * (16 + 0 - 16));
        QCOMPARE(zero[30], 2.0F * (1 - 16));
        QCOMPARE(one[0], 2.0F * 16 - 1);
        QCOMPARE(one[15], 2.0F * 15 - 1);
        QCOMPARE(one[31], 2.0F * 16 - 1);
    }

    void q8_0IsScaleTimesSignedByte()
    {
        std::string block = le(kHalfTwo);
        for (int i = 0; i < 32; ++i)
            block += static_cast<char>(i == 31 ? -128 : i - 16);
        const auto values = widen(8, block + block);
        QCOMPARE(values.size(), std::size_t{64});
        QCOMPARE(values[0], -32.0F);
        QCOMPARE(values[31], -256.0F);
        QCOMPARE(values[63], -256.0F);
    }

    /// The gguf package has no dequantisation of Q8_K: the layout by hand.
    void q8_KIsAnFp32ScaleTimesSignedBytes()
    {
        std::string block = le(-0.75F);
        for (int i = 0; i < 256; ++i)
            block += static_cast<char>(i - 128);
        block += std::string(32, '\x7F');  // sums of 16
        const auto values = widen(15, block + block);
        QCOMPARE(values.size(), std::size_t{512});
        for (int i = 0; i < 512; ++i)
            QCOMPARE(values[static_cast<std::size_t>(i)], -0.75F * static_cast<float>(i % 256 - 128));
    }

    void typesThatAreNotReadAreKnownByName()
    {
        QVERIFY(!canDequantize(*ggufTypeInfo(16)));
        QCOMPARE(std::string(ggufTypeInfo(16)->name), std::string("IQ2_XXS"));
        QVERIFY(ggufTypeInfo(4) == nullptr);
        QVERIFY_THROWS_EXCEPTION(Error, widen(16, std::string(66, '\0')));
    }

    void aPartOfABlockIsOurFault()
    {
        std::vector<float> values(33);
        const std::string block(36, '\0');
        QVERIFY_THROWS_EXCEPTION(Error, dequantize(*ggufTypeInfo(2), std::as_bytes(std::span(block.data(), block.size())), values));
    }
};

QTEST_GUILESS_MAIN(TestGgufDequant)
#include "tst_gguf_dequant.moc"
