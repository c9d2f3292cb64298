// SPDX-License-Identifier: GPL-3.0-or-later
// The catalogue's files: valid by their schemas, and bad ones are refused with the entry and the field by name.
#include "engine/base/error.h"
#include "engine/plan/catalogue/catalogue_reader.h"
#include "engine/plan/catalogue/embedded_text.h"
#include "tests/engine/plan/catalogue/json_schema.h"

#include <QFile>
#include <QtTest/QtTest>

using namespace lorikeet;
using namespace lorikeet::plan;
using nlohmann::json;

namespace {

json fileOf(const char* name)
{
    QFile file(QStringLiteral(LORIKEET_SOURCE_DIR "/resources/catalogue/") + QLatin1String(name));
    if (!file.open(QIODevice::ReadOnly))
        throw std::runtime_error(name);
    return json::parse(file.readAll().toStdString());
}

std::string refusalOf(const std::function<void()>& act)
{
    try {
        act();
    } catch (const Error& error) {
        return error.code() == ErrorCode::BadInput && !error.hint().empty() ? error.message() : "another kind of error";
    }
    return "accepted";
}

struct BadValue {
    const char* pointer;
    const char* value;  ///< JSON; empty removes the field
    const char* message;
};

/// One bad value at a time, put into an otherwise good file.
std::string refusalOfChange(json document, const BadValue& bad, const std::function<void(const std::string&)>& read)
{
    const json::json_pointer place(bad.pointer);
    if (*bad.value == '\0')
        document[place.parent_pointer()].erase(place.back());
    else
        document[place] = json::parse(bad.value);
    return refusalOf([&] { read(document.dump()); });
}

void readAsDevices(const std::string& text) { (void)readDeviceCatalogue(text, "devices.json"); }

}  // namespace

Q_DECLARE_METATYPE(BadValue)

class TestCatalogueFiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theTextInTheProgramIsTheFile()
    {
        for (const auto& [name, text] : {std::pair("devices.json", devicesText()), std::pair("blueprints.json", blueprintsText())}) {
            QFile file(QStringLiteral(LORIKEET_SOURCE_DIR "/resources/catalogue/") + QLatin1String(name));
            QVERIFY(file.open(QIODevice::ReadOnly));
            QVERIFY2(file.readAll().toStdString() == text, name);
        }
    }

    void devicesAreValidByTheirSchema()
    {
        JsonSchema schema(fileOf("devices.schema.json"));
        for (const std::string& violation : schema.violations(json::parse(devicesText())))
            QFAIL(violation.c_str());
    }

    void blueprintsAreValidByTheirSchema()
    {
        JsonSchema schema(fileOf("blueprints.schema.json"));
        for (const std::string& violation : schema.violations(json::parse(blueprintsText())))
            QFAIL(violation.c_str());
    }

    void theSchemaRefusesWhatItShould()
    {
        JsonSchema schema(fileOf("devices.schema.json"));
        json document = json::parse(devicesText());
        document["devices"][0]["boost_mhz"] = -1;
        document["devices"][1]["colour"] = "green";
        document["devices"][2].erase("year");
        document["devices"][3]["kind"] = "toaster";
        document["devices"][4]["cores"] = 1.5;
        QCOMPARE(schema.violations(document).size(), std::size_t{5});
    }

    void everySourceIsUsed()
    {
        const json document = json::parse(devicesText());
        std::set<std::string> used;
        for (const json& device : document.at("devices"))
            for (const json& id : device.at("sources"))
                used.insert(id.get<std::string>());
        for (const auto& [name, rate] : document.at("tensor_rates").items())
            used.insert(rate.at("source").get<std::string>());
        for (const auto& [id, source] : document.at("sources").items())
            QVERIFY2(used.contains(id), id.c_str());
    }

    /// kept_mib + kept_percent of the size, as the file says, for every estimate by the rules of cards.
    void estimatesFollowTheirRule()
    {
        const json document = json::parse(devicesText());
        for (const json& device : document.at("devices")) {
            const std::string rule = device.at("usable_rule");
            const json unverified = device.value("unverified", json::array());
            if (device.at("usable_basis") != "estimate" || std::find(unverified.begin(), unverified.end(), "usable_mib") != unverified.end())
                continue;
            const double size = device.at("memory_mib");
            const double kept = document.at("usable_rules").at(rule).at("kept_mib").get<double>()
                + size * document.at("usable_rules").at(rule).at("kept_percent").get<double>() / 100;
            QVERIFY2(std::abs(device.at("usable_mib").get<double>() - (size - kept)) <= 1.0, device.at("name").get<std::string>().c_str());
        }
    }

    void badDeviceFilesAreRefusedByEntryAndField_data()
    {
        QTest::addColumn<BadValue>("bad");
        const auto row = [](const char* name, BadValue bad) { QTest::newRow(name) << bad; };
        row("no version", {"/lorikeet_devices", "", "devices.json: 'lorikeet_devices' is missing"});
        row("another version", {"/lorikeet_devices", "3", "'lorikeet_devices' is 3, expected an integer from 2 to 2"});
        row("no list", {"/devices", "{}", "'devices' is {}, expected a list with entries"});
        row("empty list", {"/devices", "[]", "'devices' is [], expected a list with entries"});
        row("no sources", {"/sources", "", "'sources' is missing"});
        row("entry is a number", {"/devices/0", "7", "devices.json: device 1: 7 is not an object"});
        row("no name", {"/devices/1/name", "", "devices.json: device 2: 'name' is missing"});
        row("empty name", {"/devices/1/name", "\"\"", "'name' is \"\", expected a text"});
        row("negative memory", {"/devices/0/memory_mib", "-4096", "devices.json: GTX 1650: 'memory_mib' is -4096, expected an integer from 256"});
        row("huge memory", {"/devices/0/memory_mib", "18446744073709551615", "GTX 1650: 'memory_mib' is 18446744073709551615"});
        row("memory is a fraction", {"/devices/0/memory_mib", "4096.5", "GTX 1650: 'memory_mib' is 4096.5, expected an integer"});
        row("memory is text", {"/devices/0/memory_mib", "\"4096\"", "GTX 1650: 'memory_mib' is \"4096\", expected an integer"});
        row("memory is null", {"/devices/0/memory_mib", "null", "GTX 1650: 'memory_mib' is null"});
        row("more usable than there is", {"/devices/0/usable_mib", "5000", "GTX 1650: 'usable_mib' is 5000, expected an integer from 128 to 4096"});
        row("unknown rule", {"/devices/0/usable_rule", "\"magic\"", "GTX 1650: 'usable_rule' is \"magic\""});
        row("unknown basis", {"/devices/0/usable_basis", "\"hope\"", "GTX 1650: 'usable_basis' is \"hope\""});
        row("bandwidth 0", {"/devices/0/bandwidth_gb_s", "0", "GTX 1650: 'bandwidth_gb_s' is 0, expected a number from 1"});
        row("bandwidth against the bus", {"/devices/0/bandwidth_gb_s", "256", "GTX 1650: 'bandwidth_gb_s' is 256.000000, but bus and data rate make 128"});
        row("bus without a rate", {"/devices/0/memory_gbps_per_pin", "", "GTX 1650: 'memory_bus_bits' and 'memory_gbps_per_pin' belong together"});
        row("fp32 against the cores", {"/devices/0/dense_tflops/fp32", "9", "GTX 1650: 'dense_tflops: fp32' is 9.000000, but cores and clock make 2.98"});
        row("negative rate", {"/devices/0/dense_tflops/fp32", "-3", "GTX 1650: dense_tflops: 'fp32' is -3"});
        row("unknown precision", {"/devices/0/dense_tflops/fp3", "1", "GTX 1650: dense_tflops: 'fp3' is not a field"});
        row("bf16 on Turing", {"/devices/5/dense_tflops/bf16", "25", "RTX 2060: 'dense_tflops' has a bf16, unlike the tensor rate turing-half"});
        row("fp16 against the tensor cores", {"/devices/5/dense_tflops/fp16", "52", "RTX 2060: 'dense_tflops: fp16' is 52"});
        row("unknown tensor rate", {"/devices/5/tensor_rate", "\"warp\"", "RTX 2060: 'tensor_rate' is \"warp\""});
        row("lanes without a generation", {"/devices/0/pcie_generation", "", "GTX 1650: 'pcie_generation' and 'pcie_lanes' belong together"});
        row("year 1", {"/devices/0/year", "1", "GTX 1650: 'year' is 1, expected"});
        row("unknown kind", {"/devices/0/kind", "\"toaster\"", "GTX 1650: 'kind' is \"toaster\""});
        row("no compute capability", {"/devices/0/compute_capability", "", "GTX 1650: 'compute_capability' belongs to cards of NVIDIA"});
        row("unknown source", {"/devices/0/sources", "[\"my uncle\"]", "GTX 1650: 'sources' has \"my uncle\""});
        row("no source", {"/devices/0/sources", "[]", "GTX 1650: 'sources' is []"});
        row("verified without reading", {"/devices/0/sources", "[\"geforce-page\"]", "GTX 1650: 'verified' is true, but none of its 'sources'"});
        row("verified and not", {"/devices/0/unverified", "[\"year\"]", "GTX 1650: 'verified' and 'unverified' contradict each other"});
        row("misspelt field", {"/devices/0/bost_mhz", "1665", "GTX 1650: 'bost_mhz' is not a field"});
        row("name used twice", {"/devices/1/name", "\"GTX 1650\"", "GTX 1650: 'name' is used twice"});
    }
    void badDeviceFilesAreRefusedByEntryAndField()
    {
        QFETCH(BadValue, bad);
        const std::string message = refusalOfChange(json::parse(devicesText()), bad, readAsDevices);
        QVERIFY2(message.find(bad.message) != std::string::npos, message.c_str());
        QVERIFY2(message.starts_with("devices.json: "), message.c_str());
    }

    void badBlueprintFilesAreRefusedByEntryAndField_data()
    {
        QTest::addColumn<BadValue>("bad");
        const auto row = [](const char* name, BadValue bad) { QTest::newRow(name) << bad; };
        row("another version", {"/lorikeet_blueprints", "1", "blueprints.json: 'lorikeet_blueprints' is 1"});
        row("no name", {"/blueprints/2/name", "", "blueprints.json: blueprint 3: 'name' is missing"});
        row("no layers", {"/blueprints/0/layers", "", "SmolLM-135M: 'layers' is missing"});
        row("negative layers", {"/blueprints/0/layers", "-30", "SmolLM-135M: 'layers' is -30"});
        row("hidden is text", {"/blueprints/0/hidden", "\"wide\"", "SmolLM-135M: 'hidden' is \"wide\""});
        row("huge hidden", {"/blueprints/0/hidden", "1000000000", "SmolLM-135M: the hidden width is 1000000000"});
        row("heads against kv heads", {"/blueprints/0/kv_heads", "2", "SmolLM-135M: 9 heads are not a multiple of 2 kv heads"});
        row("theta 0", {"/blueprints/0/rope_theta", "0", "SmolLM-135M: 'rope_theta' is 0"});
        row("no tied head", {"/blueprints/0/tied_head", "", "SmolLM-135M: 'tied_head' is missing"});
        row("tied head is a number", {"/blueprints/0/tied_head", "1", "SmolLM-135M: 'tied_head' is 1, expected true or false"});
        row("unknown q/k norm", {"/blueprints/0/qk_norm", "\"layer\"", "SmolLM-135M: 'qk_norm' is \"layer\""});
        row("unknown scaling", {"/blueprints/0/rope_scaling", R"({"type":"yarn"})", "SmolLM-135M: rope_scaling: 'type' is \"yarn\""});
        row("half a scaling", {"/blueprints/0/rope_scaling", R"({"type":"llama3","factor":8})", "SmolLM-135M: rope_scaling: 'low_frequency_factor' is missing"});
        row("another count", {"/blueprints/0/published_parameters", "135000000", "'published_parameters' is 135000000, but the shape has 134515008"});
        row("a norm too many", {"/blueprints/0/norms_per_layer", "4", "'published_parameters' is 134515008, but the shape has"});
        row("misspelt field", {"/blueprints/0/head_dim", "64", "SmolLM-135M: 'head_dim' is not a field"});
        row("name used twice", {"/blueprints/1/name", "\"SmolLM-135M\"", "SmolLM-135M: 'name' is used twice"});
    }
    void badBlueprintFilesAreRefusedByEntryAndField()
    {
        QFETCH(BadValue, bad);
        const auto read = [](const std::string& text) { (void)readBlueprints(text, "blueprints.json"); };
        const std::string message = refusalOfChange(json::parse(blueprintsText()), bad, read);
        QVERIFY2(message.find(bad.message) != std::string::npos, message.c_str());
        QVERIFY2(message.starts_with("blueprints.json: "), message.c_str());
    }

    void textThatIsNoCatalogueIsRefused()
    {
        const auto message = [](const std::string& text) { return refusalOf([&] { readAsDevices(text); }); };
        QVERIFY(message("").starts_with("devices.json: not valid JSON"));
        QVERIFY(message("[1]").starts_with("devices.json: the top of the JSON is not an object"));
        QVERIFY(message(std::string(100000, '[')).starts_with("devices.json: JSON nested deeper"));
        const std::string whole(devicesText());
        for (std::size_t length = 0; length + 2 < whole.size(); length += 1 + whole.size() / 97)
            QVERIFY(message(whole.substr(0, length)).starts_with("devices.json: not valid JSON"));
    }
};

QTEST_GUILESS_MAIN(TestCatalogueFiles)
#include "tst_catalogue_files.moc"
