// SPDX-License-Identifier: GPL-3.0-or-later
// devices.json to values, with every figure held against the others it follows from.
#include "engine/base/error.h"
#include "engine/plan/catalogue/catalogue_fields.h"
#include "engine/plan/catalogue/catalogue_reader.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace lorikeet::plan {

namespace {

using nlohmann::json;

constexpr std::int64_t kVersion = 2;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::int64_t kLargestMiB = std::int64_t{1} << 24;  // 16 TiB
constexpr double kRounding = 0.02;  ///< datasheets print three digits

constexpr std::array<std::pair<std::string_view, DeviceKind>, 8> kKinds{{{"geforce", DeviceKind::GeForce},
                                                                        {"laptop", DeviceKind::Laptop},
                                                                        {"workstation", DeviceKind::Workstation},
                                                                        {"datacenter", DeviceKind::DataCentre},
                                                                        {"embedded", DeviceKind::Embedded},
                                                                        {"gpu", DeviceKind::Gpu},
                                                                        {"tpu", DeviceKind::Tpu},
                                                                        {"soc", DeviceKind::SystemOnChip}}};

DeviceKind kindOf(const CatalogueFields& fields)
{
    const std::string word = fields.text("kind");
    for (const auto& [name, kind] : kKinds)
        if (name == word)
            return kind;
    fields.refuse("'kind' is \"" + word + "\", expected geforce, laptop, workstation, datacenter, embedded, gpu, tpu or soc");
}

/// Refuses two figures of which one follows from the other and that are more than rounding apart.
void requireAgreement(const CatalogueFields& fields, const std::string& key, double stated, double computed, const std::string& from)
{
    if (std::abs(stated - computed) > kRounding * computed)
        fields.refuse("'" + key + "' is " + std::to_string(stated) + ", but " + from + " make " + std::to_string(computed));
}

void readMemory(const CatalogueFields& fields, const json& rules, CatalogueDevice& device)
{
    const std::int64_t nominal = fields.integer("memory_mib", 256, kLargestMiB);
    device.nominalBytes = static_cast<std::uint64_t>(nominal) * kMiB;
    device.memoryBytes = static_cast<std::uint64_t>(fields.integer("usable_mib", 128, nominal)) * kMiB;
    const std::string basis = fields.text("usable_basis");
    if (basis != "reported" && basis != "estimate")
        fields.refuse("'usable_basis' is \"" + basis + "\", expected reported or estimate");
    device.memoryIsEstimate = basis == "estimate";
    const std::string rule = fields.text("usable_rule");
    if (!rules.contains(rule))
        fields.refuse("'usable_rule' is \"" + rule + "\", which usable_rules does not have");
    device.memoryNote = CatalogueFields(rules.at(rule), fields.where() + ": usable_rules: " + rule).text("reason");
    device.memoryType = fields.text("memory_type");
    device.memoryBusBits = static_cast<int>(fields.integerOr("memory_bus_bits", 16, 65536, 0));
    device.memoryGbpsPerPin = fields.numberOr("memory_gbps_per_pin", 0.1, 1000, 0);
    device.bandwidthGBs = fields.number("bandwidth_gb_s", 1, 1e6);
    if ((device.memoryBusBits == 0) != (device.memoryGbpsPerPin == 0))
        fields.refuse("'memory_bus_bits' and 'memory_gbps_per_pin' belong together");
    if (device.memoryBusBits > 0)
        requireAgreement(fields, "bandwidth_gb_s", device.bandwidthGBs, device.memoryBusBits / 8.0 * device.memoryGbpsPerPin, "bus and data rate");
}

void readTensorRates(const CatalogueFields& fields, const json& rates, CatalogueDevice& device)
{
    const std::string name = fields.text("tensor_rate");
    if (!rates.contains(name))
        fields.refuse("'tensor_rate' is \"" + name + "\", which tensor_rates does not have");
    const CatalogueFields rate(rates.at(name), fields.where() + ": tensor_rates: " + name);
    const auto check = [&](const char* key, double stated) {
        const auto flop = static_cast<double>(rate.integerOr(key, 1, 1 << 20, 0));
        if ((flop == 0) != (stated == 0))
            fields.refuse(std::string("'dense_tflops' has ") + (stated == 0 ? "no " : "a ") + key + ", unlike the tensor rate " + name);
        if (flop > 0)
            requireAgreement(fields, std::string("dense_tflops: ") + key, stated, 1e-6 * device.tensorCores * flop * device.tensorBoostMhz,
                             "tensor cores and clock");
    };
    check("tf32", device.dense.tf32);
    check("fp16", device.dense.fp16);
    check("bf16", device.dense.bf16);
    check("fp8", device.dense.fp8);
    check("int8", device.dense.int8);
}

void readArithmetic(const CatalogueFields& fields, const json& rates, CatalogueDevice& device)
{
    device.cores = static_cast<int>(fields.integerOr("cores", 1, 1 << 24, 0));
    device.tensorCores = static_cast<int>(fields.integerOr("tensor_cores", 1, 1 << 20, 0));
    device.boostMhz = static_cast<int>(fields.integerOr("boost_mhz", 1, 100000, 0));
    device.tensorBoostMhz = static_cast<int>(fields.integerOr("tensor_boost_mhz", 1, 100000, device.boostMhz));
    device.fp32FlopPerCore = static_cast<int>(fields.integerOr("fp32_flop_per_core_and_clock", 1, 16, 2));
    const CatalogueFields dense(fields.object("dense_tflops"), fields.where() + ": dense_tflops");
    dense.allow({"fp32", "tf32", "fp16", "bf16", "fp8", "int8"});
    const auto rate = [&](const char* key) { return dense.numberOr(key, 0.001, 1e7, 0); };
    device.dense = {rate("fp32"), rate("tf32"), rate("fp16"), rate("bf16"), rate("fp8"), rate("int8")};
    device.bf16DenseTflops = device.dense.bf16;
    if ((device.cores > 0 && device.boostMhz > 0) != (device.dense.fp32 > 0))
        fields.refuse("'dense_tflops: fp32' belongs to 'cores' and 'boost_mhz'");
    if (device.dense.fp32 > 0)
        requireAgreement(fields, "dense_tflops: fp32", device.dense.fp32, device.fp32Tflops(), "cores and clock");
    if (fields.has("tensor_rate"))
        readTensorRates(fields, rates, device);
}

/// Bytes per second of a PCIe link: lanes x transfer rate x 128/130. Generation 3 transfers 8 GT/s = 1 GB/s a lane before the code.
double pcieRate(int generation, int lanes) { return generation < 3 ? 0 : lanes * std::ldexp(1.0, generation - 3) * 128.0 / 130.0; }

void readLinks(const CatalogueFields& fields, CatalogueDevice& device)
{
    device.pcieGeneration = static_cast<int>(fields.integerOr("pcie_generation", 3, 7, 0));
    device.pcieLanes = static_cast<int>(fields.integerOr("pcie_lanes", 1, 16, 0));
    if ((device.pcieGeneration == 0) != (device.pcieLanes == 0))
        fields.refuse("'pcie_generation' and 'pcie_lanes' belong together");
    device.hostLinkGBps = fields.numberOr("host_link_gb_s", 0.1, 1e5, pcieRate(device.pcieGeneration, device.pcieLanes));
    device.interconnectGBs = fields.numberOr("interconnect_gb_s", 0.1, 1e6, 0);
    device.powerWatts = static_cast<int>(fields.integerOr("power_w", 1, 100000, 0));
    device.year = static_cast<int>(fields.integer("year", 2015, 2035));
}

void readSources(const CatalogueFields& fields, const json& sources, CatalogueDevice& device)
{
    bool consulted = false;
    for (const std::string& id : fields.texts("sources")) {
        if (!sources.contains(id))
            fields.refuse("'sources' has \"" + id + "\", which the table of sources does not have");
        const CatalogueFields source(sources.at(id), fields.where() + ": sources: " + id);
        device.sources.push_back(source.text("publisher") + ": " + source.text("title"));
        consulted = consulted || source.booleanOr("consulted", false);
    }
    if (!fields.has("verified"))
        fields.refuse("'verified' is missing");
    device.verified = fields.booleanOr("verified", false);
    if (fields.has("unverified"))
        device.unverified = fields.texts("unverified");
    if (device.verified != device.unverified.empty())
        fields.refuse("'verified' and 'unverified' contradict each other");
    if (device.verified && !consulted)
        fields.refuse("'verified' is true, but none of its 'sources' was consulted");
}

CatalogueDevice readDevice(const CatalogueFields& fields, const json& document)
{
    fields.allow({"name", "full_name", "vendor", "kind", "architecture", "compute_capability", "memory_mib", "usable_mib", "usable_basis",
                  "usable_rule", "memory_type", "memory_bus_bits", "memory_gbps_per_pin", "bandwidth_gb_s", "cores", "tensor_cores", "boost_mhz",
                  "tensor_boost_mhz", "fp32_flop_per_core_and_clock", "tensor_rate", "dense_tflops", "pcie_generation", "pcie_lanes",
                  "host_link_gb_s", "interconnect_gb_s", "power_w", "year", "sources", "verified", "unverified", "note"});
    CatalogueDevice device;
    device.name = fields.text("name");
    device.fullName = fields.text("full_name");
    device.vendor = fields.text("vendor");
    device.kind = kindOf(fields);
    device.architecture = fields.text("architecture");
    device.computeCapability = static_cast<int>(fields.integerOr("compute_capability", 50, 200, 0));
    if ((device.vendor == "NVIDIA") != (device.computeCapability > 0))
        fields.refuse("'compute_capability' belongs to cards of NVIDIA, and to all of them");
    readMemory(fields, document.at("usable_rules"), device);
    readArithmetic(fields, document.at("tensor_rates"), device);
    readLinks(fields, device);
    readSources(fields, document.at("sources"), device);
    device.note = fields.textOr("note", "");
    return device;
}

}  // namespace

DeviceCatalogue readDeviceCatalogue(std::string_view text, const std::string& where)
{
    const json document = parseCatalogue(text, where, "lorikeet_devices", kVersion);
    const CatalogueFields top(document, where);
    for (const char* table : {"usable_rules", "tensor_rates", "sources"})
        (void)top.object(table);
    DeviceCatalogue catalogue;
    catalogue.contextBytes = static_cast<std::uint64_t>(top.integer("context_mib_estimate", 1, 65536)) * kMiB;
    std::set<std::string> names;
    for (const json& entry : top.list("devices")) {
        const std::string place = where + ": device " + std::to_string(catalogue.devices.size() + 1);
        const std::string name = CatalogueFields(entry, place).text("name");
        const CatalogueFields fields(entry, where + ": " + name);
        catalogue.devices.push_back(readDevice(fields, document));
        if (!names.insert(name).second)
            fields.refuse("'name' is used twice");
    }
    return catalogue;
}

}  // namespace lorikeet::plan
