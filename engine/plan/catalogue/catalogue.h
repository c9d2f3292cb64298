// SPDX-License-Identifier: GPL-3.0-or-later
// Cards and models that need not be here to plan for them: datasheet numbers of GPUs, configurations of well-known models.
// Both come from resources/catalogue/*.json, which carry a format version and a source for every entry.
#pragma once

#include "engine/spec/device_spec.h"
#include "engine/spec/model_shape.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lorikeet::plan {

/// Datasheet of one GPU. Rates are peaks at boost clock.
struct CatalogueDevice {
    std::string name;          ///< what --device takes: "RTX 4090"
    std::string fullName;      ///< as the driver names it, with the size where cards of two sizes share a name
    std::string architecture;  ///< "Ada"
    int computeCapability = 0; ///< 89 for 8.9
    std::uint64_t memoryBytes = 0;  ///< what a program can address, error correction already taken off
    std::string memoryType;         ///< "GDDR6X"
    double bandwidthGBs = 0;        ///< memory bandwidth, 10^9 bytes per second
    int cudaCores = 0;
    int tensorCores = 0;
    int boostMhz = 0;
    int bf16FlopPerClock = 0;   ///< of one tensor core, dense, fp32 sums; 0 without bf16
    double bf16DenseTflops = 0; ///< dense, fp32 sums; 0 without bf16
    int pcieGeneration = 0;  ///< of the link to the host
    int pcieLanes = 0;
    int powerWatts = 0;
    int year = 0;            ///< of release
    std::string memoryNote;  ///< how much of the memory a job can count on
    std::string source;

    /// A fused multiply-add per CUDA core and clock: cores x 2 x boost.
    [[nodiscard]] double fp32Tflops() const noexcept { return 2e-6 * cudaCores * boostMhz; }
    /// Link to the host, one direction, 10^9 B/s: lanes x transfer rate x 128/130 (PCIe 3 and newer).
    [[nodiscard]] double hostLinkGBps() const noexcept;
    /// bf16 products in hardware (compute capability 8.0 or newer): jobs run; otherwise they can only be planned.
    [[nodiscard]] bool canTrain() const noexcept { return computeCapability >= 80; }
};

/// All cards, in the order of the file.
[[nodiscard]] std::span<const CatalogueDevice> devices();

/// A card by name as a device to plan for: case, blanks, "NVIDIA", "GeForce" and "RTX" do not matter ("rtx4090", "4090"). All of its
/// memory counts as available; the CUDA context is an estimate.
[[nodiscard]] std::optional<DeviceSpec> findDevice(std::string_view name);
/// The card whose name is nearest to a mistyped one ("A100" gives "A100 40GB").
[[nodiscard]] std::optional<std::string> suggestDevice(std::string_view name);

/// A model known by configuration only.
struct Blueprint {
    ModelShape shape;
    std::uint64_t publishedParameters = 0;
    std::string licence;  ///< "apache-2.0"
    std::string source;
};

/// All blueprints, small to large within a family.
[[nodiscard]] std::span<const Blueprint> blueprints();

/// Shape by name, whatever its case; "blueprint:NAME" and "organisation/NAME" work too. nullptr when there is none.
[[nodiscard]] const ModelShape* findBlueprint(std::string_view name);
/// The blueprint whose name is nearest to a mistyped one.
[[nodiscard]] std::optional<std::string> suggestBlueprint(std::string_view name);

}  // namespace lorikeet::plan
