// SPDX-License-Identifier: GPL-3.0-or-later
// The cards of the catalogue.
#include "engine/plan/catalogue/catalogue_reader.h"
#include "engine/plan/catalogue/embedded_text.h"
#include "engine/spec/job_words.h"

#include <algorithm>
#include <vector>

namespace lorikeet::plan {

namespace {

const DeviceCatalogue& builtIn()
{
    static const DeviceCatalogue catalogue = readDeviceCatalogue(devicesText(), "devices.json");
    return catalogue;
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

std::span<const CatalogueDevice> devices()
{
    return builtIn().devices;
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
    spec.totalBytes = std::max(found->nominalBytes, found->memoryBytes);
    spec.availableBytes = found->memoryBytes;
    spec.otherBytes = spec.totalBytes - spec.availableBytes;
    spec.contextBytes = builtIn().contextBytes;
    spec.contextIsEstimate = true;
    spec.bf16Arithmetic = found->canTrain();
    spec.computeCapability = found->computeCapability;
    spec.rates = {.fp32Tflops = found->fp32Tflops(), .bf16Tflops = found->bf16DenseTflops, .memoryGBps = found->bandwidthGBs,
                  .hostLinkGBps = found->hostLinkGBps, .measured = false};
    // Where both share it, the catalogue gives the memory's own rate as the link's.
    spec.unifiedMemory = found->hostLinkGBps > 0.99 * found->bandwidthGBs;
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
