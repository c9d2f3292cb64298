// SPDX-License-Identifier: GPL-3.0-or-later
// The cards of the catalogue.
#include "engine/base/check.h"
#include "engine/plan/catalogue/catalogue.h"
#include "engine/plan/catalogue/embedded_text.h"
#include "engine/spec/job_words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace lorikeet::plan {

namespace {

constexpr int kDevicesVersion = 1;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

struct DeviceFile {
    std::uint64_t contextBytes = 0;
    std::vector<CatalogueDevice> devices;
};

CatalogueDevice readDevice(const nlohmann::json& entry)
{
    CatalogueDevice device;
    entry.at("name").get_to(device.name);
    entry.at("full_name").get_to(device.fullName);
    entry.at("architecture").get_to(device.architecture);
    entry.at("compute_capability").get_to(device.computeCapability);
    device.memoryBytes = entry.at("memory_mib").get<std::uint64_t>() * kMiB;
    entry.at("memory_type").get_to(device.memoryType);
    entry.at("bandwidth_gb_s").get_to(device.bandwidthGBs);
    entry.at("cuda_cores").get_to(device.cudaCores);
    entry.at("tensor_cores").get_to(device.tensorCores);
    entry.at("boost_mhz").get_to(device.boostMhz);
    entry.at("bf16_flop_per_clock_and_tensor_core").get_to(device.bf16FlopPerClock);
    entry.at("bf16_dense_tflops").get_to(device.bf16DenseTflops);
    entry.at("pcie_generation").get_to(device.pcieGeneration);
    entry.at("pcie_lanes").get_to(device.pcieLanes);
    entry.at("power_w").get_to(device.powerWatts);
    entry.at("year").get_to(device.year);
    entry.at("memory_note").get_to(device.memoryNote);
    entry.at("source").get_to(device.source);
    return device;
}

const DeviceFile& deviceFile()
{
    static const DeviceFile file = [] {
        const auto document = nlohmann::json::parse(devicesText());
        LORIKEET_CHECK(document.at("lorikeet_devices") == kDevicesVersion, "devices.json has another format version");
        DeviceFile read;
        read.contextBytes = document.at("context_mib_estimate").get<std::uint64_t>() * kMiB;
        for (const auto& entry : document.at("devices"))
            read.devices.push_back(readDevice(entry));
        return read;
    }();
    return file;
}

/// Lower case, letters and digits only, without the words everybody leaves out.
std::string normalised(std::string_view name)
{
    std::string text;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z')
            text += static_cast<char>(c - 'A' + 'a');
        else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            text += c;
    }
    for (const std::string_view word : {"nvidia", "geforce", "rtx", "tesla", "generation"})
        if (const auto at = text.find(word); at != std::string::npos)
            text.erase(at, word.size());
    return text;
}

}  // namespace

double CatalogueDevice::hostLinkGBps() const noexcept
{
    if (pcieGeneration < 3 || pcieLanes <= 0)
        return 0;
    return pcieLanes * std::ldexp(1.0, pcieGeneration - 3) * 128.0 / 130.0;  // generation 3: 8 GT/s = 1 GB/s a lane before the code
}

std::span<const CatalogueDevice> devices()
{
    return deviceFile().devices;
}

std::optional<DeviceSpec> findDevice(std::string_view name)
{
    const std::string wanted = normalised(name);
    const auto found = std::ranges::find_if(devices(), [&wanted](const CatalogueDevice& device) {
        return wanted == normalised(device.name) || wanted == normalised(device.fullName);
    });
    if (wanted.empty() || found == devices().end())
        return std::nullopt;
    DeviceSpec spec;
    spec.kind = DeviceSpec::Kind::Catalogue;
    spec.id = found->name;
    spec.name = found->fullName;
    spec.totalBytes = found->memoryBytes;
    spec.availableBytes = found->memoryBytes;
    spec.contextBytes = deviceFile().contextBytes;
    spec.contextIsEstimate = true;
    spec.bf16Arithmetic = found->canTrain();
    spec.computeCapability = found->computeCapability;
    spec.rates = {.fp32Tflops = found->fp32Tflops(), .bf16Tflops = found->bf16DenseTflops, .memoryGBps = found->bandwidthGBs,
                  .hostLinkGBps = found->hostLinkGBps(), .measured = false};
    return spec;
}

std::optional<std::string> suggestDevice(std::string_view name)
{
    const std::string wanted = normalised(name);
    std::vector<std::string> known;
    for (const CatalogueDevice& device : devices()) {
        known.push_back(normalised(device.name));
        if (wanted.size() >= 2 && known.back().starts_with(wanted))
            return device.name;
    }
    const auto near = nearestWord(wanted, known);
    if (!near)
        return std::nullopt;
    return devices()[static_cast<std::size_t>(std::ranges::find(known, *near) - known.begin())].name;
}

}  // namespace lorikeet::plan
