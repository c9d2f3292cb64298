// SPDX-License-Identifier: GPL-3.0-or-later
// The catalogue: every entry is whole, its numbers agree with each other, and names are found as people write them.
#include "engine/plan/catalogue/catalogue.h"

#include <QtTest/QtTest>

#include <cmath>
#include <set>

using namespace lorikeet;
using namespace lorikeet::plan;

class TestCatalogue : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyCardIsWhole()
    {
        std::set<std::string> names;
        QVERIFY(devices().size() >= 10);
        for (const CatalogueDevice& device : devices()) {
            const char* name = device.name.c_str();
            QVERIFY2(names.insert(device.name).second && names.insert(device.fullName).second, name);
            QVERIFY2(device.memoryBytes >= std::uint64_t{4} << 30 && device.memoryBytes <= std::uint64_t{256} << 30, name);
            QVERIFY2(device.bandwidthGBs >= 100 && device.bandwidthGBs <= 10000, name);
            QVERIFY2(device.computeCapability >= 75 && device.computeCapability <= 130, name);
            QVERIFY2(device.year >= 2018 && device.year <= 2030 && device.powerWatts >= 50 && device.powerWatts <= 1500, name);
            QVERIFY2(!device.architecture.empty() && !device.memoryType.empty() && !device.memoryNote.empty(), name);
            QVERIFY2(device.source.size() > 20, name);
        }
    }

    void ratesFollowFromCoresAndClock()
    {
        for (const CatalogueDevice& device : devices()) {
            const double computed = 1e-6 * device.tensorCores * device.bf16FlopPerClock * device.boostMhz;
            QVERIFY2(std::abs(device.bf16DenseTflops - computed) <= 0.005 * computed,
                     qPrintable(QString("%1: %2 stated, %3 computed").arg(device.name.c_str()).arg(device.bf16DenseTflops).arg(computed)));
            QVERIFY2(device.canTrain() == (device.bf16DenseTflops > 0), device.name.c_str());
            // An SM has 128 CUDA cores and 4 tensor cores from GA102 on, 64 and 4 in A100, 64 and 8 in Turing.
            const int ratio = device.cudaCores / device.tensorCores;
            const int expected = device.computeCapability == 75 ? 8 : device.computeCapability == 80 ? 16 : 32;
            QVERIFY2(ratio == expected && device.cudaCores % device.tensorCores == 0, device.name.c_str());
        }
    }

    /// Datasheets state fp32 apart from the clock: another way to the same number.
    void fp32RatesAreThoseOfTheDatasheets_data()
    {
        QTest::addColumn<double>("tflops");
        QTest::newRow("RTX 3090") << 35.6;
        QTest::newRow("RTX 4090") << 82.6;
        QTest::newRow("RTX 5090") << 104.8;
        QTest::newRow("RTX 6000 Ada") << 91.1;
        QTest::newRow("T4") << 8.1;
        QTest::newRow("L4") << 30.3;
        QTest::newRow("A100 80GB") << 19.5;
    }
    void fp32RatesAreThoseOfTheDatasheets()
    {
        QFETCH(double, tflops);
        const std::string name = QTest::currentDataTag();
        for (const CatalogueDevice& device : devices())
            if (device.name == name) {
                QVERIFY2(std::abs(device.fp32Tflops() - tflops) < 0.006 * tflops, qPrintable(QString::number(device.fp32Tflops())));
                return;
            }
        QFAIL("the card is not in the catalogue");
    }

    void cardsAreFoundAsPeopleWriteThem_data()
    {
        QTest::addColumn<QString>("written");
        QTest::addColumn<QString>("id");
        const auto row = [](const char* written, const char* id) { QTest::newRow(written) << written << id; };
        row("RTX 4090", "RTX 4090");
        row("rtx4090", "RTX 4090");
        row("4090", "RTX 4090");
        row("NVIDIA GeForce RTX 4090", "RTX 4090");
        row("rtx 4060 ti 16gb", "RTX 4060 Ti 16GB");
        row("RTX 4060", "RTX 4060");
        row("a100-80gb", "A100 80GB");
        row("NVIDIA H100 80GB HBM3", "H100 SXM");
        row("h200", "H200");
        row("RTX 6000 Ada Generation", "RTX 6000 Ada");
        row("Tesla T4", "T4");
    }
    void cardsAreFoundAsPeopleWriteThem()
    {
        QFETCH(QString, written);
        QFETCH(QString, id);
        const auto found = findDevice(written.toStdString());
        QVERIFY(found.has_value());
        QCOMPARE(QString::fromStdString(found->id), id);
    }

    void everyCardIsADeviceToPlanFor()
    {
        for (const CatalogueDevice& device : devices()) {
            const auto spec = findDevice(device.name);
            QVERIFY(spec.has_value());
            QVERIFY(spec->kind == DeviceSpec::Kind::Catalogue);
            QCOMPARE(spec->id, device.name);
            QCOMPARE(spec->totalBytes, device.memoryBytes);
            QCOMPARE(spec->availableBytes, device.memoryBytes);
            QVERIFY(spec->contextIsEstimate && spec->contextBytes > 0 && spec->contextBytes < device.memoryBytes / 4);
            QCOMPARE(spec->bf16Arithmetic, device.computeCapability >= 80);
            QVERIFY(!spec->rates.measured);
            QCOMPARE(spec->rates.bf16Tflops, device.bf16DenseTflops);
            QCOMPARE(spec->rates.fp32Tflops, device.fp32Tflops());
            QCOMPARE(spec->rates.memoryGBps, device.bandwidthGBs);
            QVERIFY(spec->rates.hostLinkGBps >= 7.8 && spec->rates.hostLinkGBps <= 64);
        }
    }

    /// PCI-SIG: 15.75, 31.5 and 63.0 GB/s for 16 lanes of PCIe 3, 4 and 5.
    void hostLinksHaveTheRateOfTheirStandard()
    {
        const auto link = [](const char* name) { return findDevice(name)->rates.hostLinkGBps; };
        QVERIFY(std::abs(link("T4") - 15.75) < 0.01);
        QVERIFY(std::abs(link("RTX 4090") - 31.51) < 0.01);
        QVERIFY(std::abs(link("RTX 5090") - 63.02) < 0.01);
        QVERIFY(std::abs(link("RTX 4060") - 15.75) < 0.01);
    }

    void unknownCardsAreNotFoundButSuggested()
    {
        QVERIFY(!findDevice("RTX 4099"));
        QVERIFY(!findDevice(""));
        QVERIFY(!findDevice("NVIDIA"));
        QVERIFY(!findDevice("A100"));
        QVERIFY(!findDevice("cuda:0"));
        QVERIFY(!findDevice("RTX 4060 Ti"));
        QCOMPARE(suggestDevice("A100"), std::optional<std::string>("A100 40GB"));
        QCOMPARE(suggestDevice("RTX 4060 Ti"), std::optional<std::string>("RTX 4060 Ti 16GB"));
        QCOMPARE(suggestDevice("RTX 4009"), std::optional<std::string>("RTX 4090"));
        QCOMPARE(suggestDevice("Radeon RX 7900 XTX"), std::nullopt);
        QCOMPARE(suggestDevice(""), std::nullopt);
    }

    void theT4IsForPlanningOnly()
    {
        const auto t4 = findDevice("T4");
        QVERIFY(t4 && !t4->bf16Arithmetic);
        QCOMPARE(t4->computeCapability, 75);
    }

    void blueprintsHaveTheirPublishedParameterCounts()
    {
        QVERIFY(blueprints().size() >= 12);
        std::set<std::string> names;
        for (const Blueprint& blueprint : blueprints()) {
            const ModelShape& shape = blueprint.shape;
            QVERIFY2(names.insert(shape.name).second, shape.name.c_str());
            QVERIFY2(shape.parameterCount() == blueprint.publishedParameters,
                     qPrintable(QString("%1: %2, published %3").arg(shape.name.c_str()).arg(shape.parameterCount()).arg(blueprint.publishedParameters)));
            QVERIFY2(!blueprint.licence.empty() && blueprint.source.size() > 20, shape.name.c_str());
        }
    }

    void blueprintsAreFoundByName()
    {
        for (const char* name : {"Qwen3-0.6B", "qwen3-0.6b", "blueprint:Qwen3-0.6B", "Qwen/Qwen3-0.6B"}) {
            const ModelShape* shape = findBlueprint(name);
            QVERIFY2(shape != nullptr, name);
            QCOMPARE(shape->name, std::string("Qwen3-0.6B"));
            QVERIFY(shape->qkNorm && shape->tiedHead && !shape->qkvBias);
            QCOMPARE(shape->queryWidth(), std::int64_t{2048});
        }
        QVERIFY(findBlueprint("") == nullptr);
        QVERIFY(findBlueprint("Qwen3") == nullptr);
        QCOMPARE(suggestBlueprint("blueprint:Qwen3-0.6"), std::optional<std::string>("Qwen3-0.6B"));
        QCOMPARE(suggestBlueprint("something else entirely"), std::nullopt);
    }

    void llama3BlueprintsScaleTheirPositions()
    {
        const ModelShape* shape = findBlueprint("Llama-3.2-1B");
        QVERIFY(shape != nullptr);
        QVERIFY(shape->ropeScaling.type == RopeScaling::Type::Llama3);
        QCOMPARE(shape->ropeScaling.factor, 32.0);
        QCOMPARE(findBlueprint("Llama-3.1-8B")->ropeScaling.factor, 8.0);
        QVERIFY(findBlueprint("SmolLM2-135M")->ropeScaling.type == RopeScaling::Type::None);
    }
};

QTEST_GUILESS_MAIN(TestCatalogue)
#include "tst_catalogue.moc"
