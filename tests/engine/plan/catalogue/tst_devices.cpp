// SPDX-License-Identifier: GPL-3.0-or-later
// The cards: every entry is whole, its figures follow from each other and agree with datasheets, names are found as people write them.
#include "engine/plan/catalogue/catalogue.h"

#include <QtTest/QtTest>

#include <cmath>
#include <map>
#include <set>

using namespace lorikeet;
using namespace lorikeet::plan;

namespace {

const CatalogueDevice& deviceNamed(const std::string& name)
{
    for (const CatalogueDevice& device : devices())
        if (device.name == name)
            return device;
    throw std::runtime_error("not in the catalogue: " + name);
}

bool near(double a, double b, double share) { return std::abs(a - b) <= share * std::abs(b); }

}  // namespace

class TestDevices : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyKindIsThere()
    {
        std::map<DeviceKind, int> kinds;
        std::map<std::string, int> vendors;
        for (const CatalogueDevice& device : devices()) {
            ++kinds[device.kind];
            ++vendors[device.vendor];
        }
        QVERIFY(devices().size() >= 80);
        QVERIFY(kinds[DeviceKind::GeForce] >= 30 && kinds[DeviceKind::Laptop] >= 15 && kinds[DeviceKind::Workstation] >= 15);
        QVERIFY(kinds[DeviceKind::DataCentre] >= 20 && kinds[DeviceKind::Embedded] >= 5);
        QCOMPARE(kinds[DeviceKind::Tpu], 7);
        QVERIFY(vendors["AMD"] >= 4 && vendors["Apple"] >= 4 && vendors["Intel"] >= 3);
    }

    void everyCardIsWhole()
    {
        std::set<std::string> names;
        for (const CatalogueDevice& device : devices()) {
            const char* name = device.name.c_str();
            QVERIFY2(names.insert(device.name).second, name);
            QVERIFY2(device.fullName == device.name || names.insert(device.fullName).second, name);
            QVERIFY2(device.nominalBytes >= std::uint64_t{4} << 30 && device.nominalBytes <= std::uint64_t{512} << 30, name);
            QVERIFY2(device.bandwidthGBs >= 30 && device.bandwidthGBs <= 10000, name);
            QVERIFY2(device.year >= 2017 && device.year <= 2026, name);
            QVERIFY2(!device.architecture.empty() && !device.memoryType.empty() && device.memoryNote.size() > 20 && !device.sources.empty(), name);
            QVERIFY2(device.verified == device.unverified.empty(), name);
        }
    }

    void usableMemoryIsALittleLessThanTheSizeOnTheBox()
    {
        int reported = 0;
        for (const CatalogueDevice& device : devices()) {
            const double share = static_cast<double>(device.memoryBytes) / static_cast<double>(device.nominalBytes);
            const bool shared = device.memoryNote.starts_with("The operating system") || device.memoryNote.starts_with("macOS");
            QVERIFY2(share < 1 && share >= (shared ? 0.6 : 0.9), device.name.c_str());
            reported += device.memoryIsEstimate ? 0 : 1;
        }
        QVERIFY(reported >= 10);
    }

    /// The rule of each estimate, held against cards whose memory CUDA reported: never more than 2 % above it.
    void estimatesOfUsableMemoryAreNotTooHigh()
    {
        const auto gib = [](const char* name) { return static_cast<double>(deviceNamed(name).memoryBytes) / static_cast<double>(1 << 30); };
        QVERIFY(near(gib("RTX 4090 D"), gib("RTX 4090"), 0.02) && gib("RTX 4090 D") <= gib("RTX 4090"));
        QVERIFY(near(gib("RTX 3090 Ti"), gib("RTX 3090"), 0.02) && gib("RTX 3090 Ti") <= gib("RTX 3090"));
        QVERIFY(near(gib("A40"), gib("L40"), 0.02) && gib("A40") <= gib("L40"));
        QVERIFY(near(gib("A100 PCIe 80GB"), gib("A100 80GB"), 0.02) && gib("A100 PCIe 80GB") <= gib("A100 80GB"));
    }

    void bandwidthFollowsFromBusAndDataRate()
    {
        for (const CatalogueDevice& device : devices())
            if (device.memoryBusBits > 0)
                QVERIFY2(near(device.bandwidthGBs, device.memoryBusBits / 8.0 * device.memoryGbpsPerPin, 0.01), device.name.c_str());
            else
                QVERIFY2(device.kind == DeviceKind::Tpu || device.architecture == "Gaudi", device.name.c_str());
    }

    void fp32FollowsFromCoresAndClock()
    {
        for (const CatalogueDevice& device : devices())
            if (device.cores > 0)
                QVERIFY2(near(device.dense.fp32, 1e-6 * device.cores * device.fp32FlopPerCore * device.boostMhz, 0.01), device.name.c_str());
            else
                QVERIFY2(device.kind == DeviceKind::Tpu || device.architecture == "Gaudi", device.name.c_str());
    }

    /// Fused multiply-adds of one tensor core and clock by generation (whitepapers of the architectures): the same arithmetic that the file
    /// states in tensor_rates, written down here a second time from the multiprocessors.
    void tensorRatesFollowFromTheArchitecture()
    {
        for (const CatalogueDevice& device : devices()) {
            if (device.vendor != "NVIDIA" || device.tensorCores == 0 || device.computeCapability == 100 || device.computeCapability == 103
                || device.computeCapability == 110 || device.computeCapability == 121)  // no published clock under tensor load, or no published dense rate
                continue;
            const bool half = device.kind == DeviceKind::GeForce || device.kind == DeviceKind::Laptop || device.name == "A10G" || device.name == "L40";
            const bool halved = half && device.name != "TITAN RTX";
            const std::map<int, double> multiplyAdds{{70, 64}, {75, 64}, {80, 256}, {86, 128}, {87, 256}, {89, 128}, {90, 512}, {120, 128}};
            const double fp16 = 2e-6 * device.tensorCores * multiplyAdds.at(device.computeCapability) * device.tensorBoostMhz * (halved ? 0.5 : 1);
            QVERIFY2(near(device.dense.fp16, fp16, 0.01), device.name.c_str());
            QVERIFY2(device.computeCapability < 80 ? device.dense.bf16 == 0 : near(device.dense.bf16, fp16, 0.01), device.name.c_str());
            QVERIFY2(device.computeCapability < 89 ? device.dense.fp8 == 0 : near(device.dense.fp8, 2 * fp16, 0.01), device.name.c_str());
            QVERIFY2(device.computeCapability == 70 || near(device.dense.int8, (halved && device.name != "L40" ? 4 : 2) * fp16, 0.01), device.name.c_str());
            QVERIFY2(device.computeCapability < 80 ? device.dense.tf32 == 0 : near(device.dense.tf32, 0.5 * fp16, 0.01), device.name.c_str());
        }
    }

    void tensorCoresBelongToMultiprocessors()
    {
        for (const CatalogueDevice& device : devices()) {
            if (device.vendor != "NVIDIA" || device.tensorCores == 0)
                continue;
            const int perCore = device.computeCapability <= 75 ? 8 : device.computeCapability == 80 ? 16 : 32;
            QCOMPARE(device.cores, device.tensorCores * perCore);
        }
    }

    void computeCapabilityFollowsFromTheArchitecture()
    {
        const std::map<std::string, std::set<int>> capabilities{{"Volta", {70}}, {"Turing", {75}}, {"Ampere", {80, 86, 87}}, {"Ada", {89}},
                                                                {"Hopper", {90}}, {"Blackwell", {100, 103, 110, 120, 121}}};
        for (const CatalogueDevice& device : devices()) {
            if (device.vendor != "NVIDIA") {
                QVERIFY2(device.computeCapability == 0 && !device.canTrain() && device.note.find("lan only") != std::string::npos, device.name.c_str());
                continue;
            }
            QVERIFY2(capabilities.at(device.architecture).contains(device.computeCapability), device.name.c_str());
            QVERIFY2(device.canTrain() == (device.dense.bf16 > 0), device.name.c_str());
        }
    }

    /// Rates as datasheets print them, apart from cores and clock: another way to the same numbers. Datasheets that print sparse figures
    /// are halved here.
    void ratesAreThoseOfTheDatasheets_data()
    {
        QTest::addColumn<double>("fp32");
        QTest::addColumn<double>("bf16");
        const auto row = [](const char* name, double fp32, double bf16) { QTest::newRow(name) << fp32 << bf16; };
        row("RTX 3090", 35.6, 71);
        row("RTX 4090", 82.6, 165.2);
        row("RTX 5090", 104.8, 209.5);
        row("RTX A6000", 38.7, 309.7 / 2);
        row("RTX 6000 Ada", 91.1, 728.5 / 2);
        row("T4", 8.1, 0);
        row("A10", 31.2, 125);
        row("A30", 10.3, 165);
        row("A40", 37.4, 149.7);
        row("A100 80GB", 19.5, 312);
        row("L4", 30.3, 242.0 / 2);
        row("L40S", 91.6, 733.0 / 2);
        row("L40", 90.5, 181.05);
        row("H100 SXM", 67, 1979.0 / 2);
        row("H100 PCIe", 51, 1513.0 / 2);
        row("H100 NVL", 60, 1671.0 / 2);
        row("MI300X", 163.4, 1307.4);
    }
    void ratesAreThoseOfTheDatasheets()
    {
        QFETCH(double, fp32);
        QFETCH(double, bf16);
        const CatalogueDevice& device = deviceNamed(QTest::currentDataTag());
        QVERIFY2(near(device.dense.fp32, fp32, 0.01), qPrintable(QString::number(device.dense.fp32)));
        QVERIFY2(near(device.dense.bf16, bf16, 0.01), qPrintable(QString::number(device.dense.bf16)));
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
        row("NVIDIA GeForce RTX 4090 Laptop GPU", "RTX 4090 Laptop");
        row("rtx 4060 ti 16gb", "RTX 4060 Ti 16GB");
        row("RTX 4060", "RTX 4060");
        row("a100-80gb", "A100 80GB");
        row("NVIDIA H100 80GB HBM3", "H100 SXM");
        row("h200", "H200");
        row("RTX 6000 Ada Generation", "RTX 6000 Ada");
        row("Tesla T4", "T4");
        row("tpu v5e", "TPU v5e");
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
            QVERIFY2(spec.has_value() && spec->id == device.name, device.name.c_str());
            QVERIFY(findDevice(device.fullName)->id == device.name);
            QVERIFY(spec->kind == DeviceSpec::Kind::Catalogue);
            QCOMPARE(spec->totalBytes, std::max(device.nominalBytes, device.memoryBytes));
            QCOMPARE(spec->otherBytes, spec->totalBytes - device.memoryBytes);
            QCOMPARE(spec->availableBytes, device.memoryBytes);
            QVERIFY2(spec->contextIsEstimate && spec->contextBytes > 0 && spec->contextBytes < device.memoryBytes / 4, device.name.c_str());
            QCOMPARE(spec->bf16Arithmetic, device.computeCapability >= 80);
            QVERIFY(!spec->rates.measured);
            QCOMPARE(spec->rates.bf16Tflops, device.dense.bf16);
            QCOMPARE(spec->rates.fp32Tflops, device.fp32Tflops());
            QCOMPARE(spec->rates.memoryGBps, device.bandwidthGBs);
            QVERIFY2(device.vendor != "NVIDIA" || (spec->rates.hostLinkGBps > 15 && spec->rates.hostLinkGBps <= 450), device.name.c_str());
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
        QCOMPARE(link("GH200 96GB"), 450.0);
    }

    void unknownCardsAreNotFoundButSuggested()
    {
        for (const char* name : {"RTX 4099", "", "NVIDIA", "A100", "cuda:0", "RTX 4060 Ti"})
            QVERIFY2(!findDevice(name), name);
        QCOMPARE(suggestDevice("A100"), std::optional<std::string>("A100 40GB"));
        QCOMPARE(suggestDevice("RTX 4060 Ti"), std::optional<std::string>("RTX 4060 Ti 8GB"));
        QCOMPARE(suggestDevice("RTX 4009"), std::optional<std::string>("RTX 4090"));
        QCOMPARE(suggestDevice("Voodoo Banshee 16 MB"), std::nullopt);
        QCOMPARE(suggestDevice(""), std::nullopt);
    }

    void cardsWithoutBf16AreForPlanningOnly()
    {
        for (const char* name : {"T4", "RTX 2080 Ti", "V100 SXM2 32GB", "TPU v7", "MI300X", "Apple M4 Max"})
            QVERIFY2(findDevice(name) && !findDevice(name)->bf16Arithmetic && !deviceNamed(name).canTrain(), name);
        QCOMPARE(findDevice("T4")->computeCapability, 75);
    }
};

QTEST_GUILESS_MAIN(TestDevices)
#include "tst_devices.moc"
