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
#include <vector>

namespace lorikeet::plan {

/// What kind of part a catalogue entry is.
enum class DeviceKind : std::uint8_t { GeForce, Laptop, Workstation, DataCentre, Embedded, Gpu, Tpu, SystemOnChip };

/// Dense products in 10^12 operations per second at boost clock, never the sparse figure: fp16, bf16 and fp8 with fp32 sums (half rate on
/// GeForce cards), int8 with int32 sums. 0: not there, or not published.
struct DenseRates {
    double fp32 = 0;  ///< CUDA cores
    double tf32 = 0;
    double fp16 = 0;
    double bf16 = 0;
    double fp8 = 0;
    double int8 = 0;
};

/// Datasheet of one device. 0 stands for "not published" or "not there".
struct CatalogueDevice {
    std::string name;          ///< what --device takes: "RTX 4090"
    std::string fullName;      ///< as the driver names it, with the size where cards of two sizes share a name
    std::string vendor;        ///< "NVIDIA"
    DeviceKind kind = DeviceKind::GeForce;
    std::string architecture;  ///< "Ada"
    int computeCapability = 0; ///< 89 for 8.9; 0 for other vendors
    std::uint64_t nominalBytes = 0;  ///< the size on the box
    std::uint64_t memoryBytes = 0;   ///< what a program can get: the driver's share and error correction taken off
    bool memoryIsEstimate = true;    ///< memoryBytes by a rule; else as CUDA reported it on such a card
    std::string memoryType;          ///< "GDDR6X"
    int memoryBusBits = 0;
    double memoryGbpsPerPin = 0;     ///< data rate of one pin, 10^9 bits per second
    double bandwidthGBs = 0;         ///< memory bandwidth, 10^9 bytes per second
    int cores = 0;                   ///< CUDA cores, stream processors, shaders
    int tensorCores = 0;
    int boostMhz = 0;
    int tensorBoostMhz = 0;          ///< clock of the tensor rates; boostMhz where the vendor states one clock
    int fp32FlopPerCore = 2;         ///< per clock: 2, or 4 where a core issues two fused multiply-adds
    DenseRates dense;
    double bf16DenseTflops = 0;      ///< dense.bf16; 0 without bf16
    int pcieGeneration = 0;          ///< of the link to the host
    int pcieLanes = 0;
    double hostLinkGBps = 0;         ///< host to device, one direction, 10^9 B/s; the memory's own rate where both share it
    double interconnectGBs = 0;      ///< NVLink, Infinity Fabric or ICI, both directions together
    int powerWatts = 0;
    int year = 0;                    ///< of release
    std::string memoryNote;          ///< why memoryBytes is less than nominalBytes
    std::string note;
    std::vector<std::string> sources;     ///< titles
    bool verified = false;                ///< every value was held against a source at hand when the entry was made
    std::vector<std::string> unverified;  ///< fields that were not

    /// Cores x operations x boost.
    [[nodiscard]] double fp32Tflops() const noexcept { return 1e-6 * cores * fp32FlopPerCore * boostMhz; }
    /// The program has kernels for it: a CUDA device with bf16 products in hardware (compute capability 8.0 or newer). Others can only be planned.
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
    std::string repository;  ///< "Qwen/Qwen3-0.6B"
    std::uint64_t publishedParameters = 0;
    std::string licence;  ///< "apache-2.0"
    std::string source;
};

/// All blueprints, small to large within a family.
[[nodiscard]] std::span<const Blueprint> blueprints();

/// Shape by name or by its repository's name, whatever the case; "blueprint:NAME" and "organisation/NAME" work too. nullptr when there is none.
[[nodiscard]] const ModelShape* findBlueprint(std::string_view name);
/// The blueprint whose name is nearest to a mistyped one.
[[nodiscard]] std::optional<std::string> suggestBlueprint(std::string_view name);

}  // namespace lorikeet::plan
