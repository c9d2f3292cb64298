// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/rope_divisors.h"

#include <QtTest>

#include <cmath>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

/// llama.cpp's converter in fp32 (convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors).
std::vector<float> converted(double theta, int headSize, double factor, double low, double high, double original)
{
    std::vector<float> divisors;
    for (int i = 0; i < headSize; i += 2) {
        const float frequency = 1.0F / std::pow(static_cast<float>(theta), static_cast<float>(i) / static_cast<float>(headSize));
        const double wavelength = 2 * 3.14159265358979323846 / static_cast<double>(frequency);
        if (wavelength < original / high)
            divisors.push_back(1);
        else if (wavelength > original / low)
            divisors.push_back(static_cast<float>(factor));
        else {
            const double smooth = (original / wavelength - low) / (high - low);
            divisors.push_back(static_cast<float>(1 / ((1 - smooth) / factor + smooth)));
        }
    }
    return divisors;
}

}  // namespace

class TestRopeDivisors : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void llama3ParametersAreFoundAgain_data()
    {
        QTest::addColumn<double>("theta");
        QTest::addColumn<int>("headSize");
        QTest::addColumn<double>("factor");
        QTest::addColumn<double>("low");
        QTest::addColumn<double>("high");
        QTest::addColumn<double>("original");
        QTest::addRow("Llama 3.1 8B") << 500000. << 128 << 8. << 1. << 4. << 8192.;
        QTest::addRow("Llama 3.2 1B") << 500000. << 64 << 32. << 1. << 4. << 8192.;
        QTest::addRow("small test model") << 10000. << 16 << 8. << 1. << 4. << 64.;
        QTest::addRow("other ratio") << 500000. << 128 << 8. << 1. << 8. << 4096.;
        QTest::addRow("low is not 1") << 500000. << 128 << 8. << 2. << 8. << 8192.;
        QTest::addRow("few frequencies") << 10000. << 8 << 4. << 1. << 4. << 100.;
        QTest::addRow("fractions") << 100000. << 128 << 2.5 << 1.5 << 3.7 << 1000.;
    }
    void llama3ParametersAreFoundAgain()
    {
        QFETCH(double, theta);
        QFETCH(int, headSize);
        QFETCH(double, factor);
        QFETCH(double, low);
        QFETCH(double, high);
        QFETCH(double, original);
        const std::vector<float> divisors = converted(theta, headSize, factor, low, high, original);
        const auto found = recoverRopeScaling(divisors, theta, headSize);
        QVERIFY(found.has_value());
        QVERIFY(found->type == RopeScaling::Type::Llama3);
        QVERIFY(std::abs(found->factor - factor) < 1e-6 * factor);
        const std::vector<double> again = ropeDivisors(*found, theta, headSize);
        for (std::size_t i = 0; i < divisors.size(); ++i)
            QVERIFY(std::abs(again[i] - static_cast<double>(divisors[i])) < 1e-4 * again[i]);
    }

    void publishedModelsGiveTheirOwnNumbers()
    {
        const auto found = recoverRopeScaling(converted(500000, 64, 32, 1, 4, 8192), 500000, 64);
        QVERIFY((found == RopeScaling{RopeScaling::Type::Llama3, 32, 1, 4, 8192}));
    }

    void equalDivisorsAreLinearScalingOrNone()
    {
        QVERIFY((recoverRopeScaling(std::vector<float>(8, 4.0F), 10000, 16) == RopeScaling{RopeScaling::Type::Linear, 4}));
        QVERIFY(recoverRopeScaling(std::vector<float>(8, 1.0F), 10000, 16)->type == RopeScaling::Type::None);
    }

    void anythingElseIsNotRecognised()
    {
        QVERIFY(!recoverRopeScaling(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}, 10000, 16));
        QVERIFY(!recoverRopeScaling(std::vector<float>{8, 8, 8, 8, 1, 1, 1, 1}, 10000, 16));
        QVERIFY(!recoverRopeScaling(std::vector<float>(7, 1.0F), 10000, 16));
        QVERIFY(!recoverRopeScaling(std::vector<float>{1, 1, 1, 1, 1, 1, 1, NAN}, 10000, 16));
        QVERIFY(!recoverRopeScaling(std::vector<float>{1, 1, 1, 1, 1, 1, 0, 8}, 10000, 16));
        std::vector<float> swapped = converted(500000, 128, 8, 1, 4, 8192);
        std::swap(swapped[29], swapped[33]);
        QVERIFY(!recoverRopeScaling(swapped, 500000, 128));
        std::vector<float> planted = converted(500000, 128, 8, 1, 4, 8192);
        planted[3] = 1.01F;
        QVERIFY(!recoverRopeScaling(planted, 500000, 128));
        QVERIFY(!recoverRopeScaling(converted(500000, 128, 8, 1, 4, 8192), 10000, 128));
    }
};

QTEST_GUILESS_MAIN(TestRopeDivisors)
#include "tst_rope_divisors.moc"
