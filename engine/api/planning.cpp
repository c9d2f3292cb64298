// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/planning.h"

#include "engine/api/guarded.h"
#include "engine/base/error.h"
#include "engine/hardware/devices.h"
#include "engine/kernels/costs.h"
#include "engine/model/cuda_device.h"
#include "engine/plan/catalogue/catalogue.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

namespace lorikeet::api {

namespace {

using nlohmann::ordered_json;

plan::KernelCosts cachedCpuCosts(const ModelShape& shape, const kernels::ProductSizes& sizes)
{
    using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, DType, bool, bool, bool, bool>;
    static std::mutex mutex;
    static std::map<Key, plan::KernelCosts> cache;
    const Key key{shape.hidden, shape.queryWidth(), shape.kvWidth(), shape.mlp, shape.vocab, sizes.rows, sizes.lossChunk, sizes.largestRank, sizes.compute,
                  sizes.headIsTrained(shape.tiedHead), sizes.wholeModel, sizes.principal, sizes.magnitudes};
    const std::lock_guard lock(mutex);
    if (const auto it = cache.find(key); it != cache.end())
        return it->second;
    return cache[key] = kernels::cpuCosts(shape, sizes);
}

ordered_json bufferJson(const plan::MemoryPlan& plan, const plan::Buffer& buffer)
{
    return {{"name", buffer.name},
            {"category", std::string(plan::nameOf(buffer.category))},
            {"term", std::string(buffer.term)},
            {"layer", buffer.layer},
            {"dtype", std::string(nameOf(buffer.dtype))},
            {"shape", std::vector<std::int64_t>(buffer.shape.begin(), buffer.shape.end())},
            {"bytes", buffer.bytes},
            {"first", plan::describe(plan.program.points[static_cast<std::size_t>(buffer.first)])},
            {"last", plan::describe(plan.program.points[static_cast<std::size_t>(buffer.last)])},
            {"space", buffer.space == plan::Space::Device ? "device" : "host"},
            {"offset", buffer.offset}};
}

std::string reasonWithoutCuda()
{
    const std::string reason = model::cudaDevices().reason;
    return reason.empty() ? "" : ": " + reason;
}

}  // namespace

std::vector<DeviceSpec> machineDevices()
{
    std::vector<DeviceSpec> devices{hardware::probeCpu()};
    const model::CudaDevices cuda = model::cudaDevices();
    devices.insert(devices.end(), cuda.usable.begin(), cuda.usable.end());
    return devices;
}

std::vector<std::string> catalogueDevices()
{
    std::vector<std::string> names;
    for (const plan::CatalogueDevice& device : plan::devices())
        names.push_back(device.name);
    return names;
}

DeviceSpec findDevice(const std::string& id)
{
    const std::vector<DeviceSpec> here = machineDevices();
    if (id.empty() || id == "auto")
        return here.size() > 1 ? here[1] : here.front();
    for (const DeviceSpec& device : here)
        if (device.id == id)
            return device;
    if (id.starts_with("cuda"))
        throw Error(ErrorCode::Device, "there is no device " + id + " here" + reasonWithoutCuda(), "use cpu, or run 'lorikeet-cli doctor' to see what this machine has");
    if (const auto card = plan::findDevice(id))
        return *card;
    const auto nearest = plan::suggestDevice(id);
    throw Error(ErrorCode::Usage, "\"" + id + "\" is neither a device of this machine nor a card of the catalogue",
                nearest ? "did you mean \"" + *nearest + "\"?" : "use cpu, cuda:0 or a card like \"RTX 4090\"");
}

plan::KernelCosts kernelCosts(const ModelShape& shape, const Job& job, const DeviceSpec& device)
{
    const kernels::ProductSizes sizes = kernels::productSizes(job);
    if (device.kind == DeviceSpec::Kind::Cpu)
        return cachedCpuCosts(shape, sizes);
    plan::KernelCosts costs = kernels::cudaCosts(shape, sizes);
    // What is not a CUDA device has no CUDA attention library.
    if (device.computeCapability == 0)
        costs.attentionPoolBytes = 0;
    return costs;
}

plan::MemoryPlan planJob(const ModelShape& shape, const Job& job, const DeviceSpec& device)
{
    return guarded([&] {
        return plan::plan(shape, job, device, kernelCosts(shape, job, device));
    });
}

ordered_json toJson(const plan::MemoryPlan& plan, bool buffers)
{
    ordered_json categories = ordered_json::object();
    for (const plan::Category category : plan::kCategories)
        categories[std::string(plan::nameOf(category))] = plan.categoryBytes[static_cast<std::size_t>(category)];
    const auto termsJson = [](const std::vector<plan::Term>& list) {
        ordered_json terms = ordered_json::array();
        for (const plan::Term& term : list)
            terms.push_back({{"category", std::string(plan::nameOf(term.category))},
                             {"name", term.name},
                             {"bytes", term.bytes},
                             {"formula", term.formula},
                             {"sentence", term.sentence},
                             {"estimate", term.estimate},
                             {"low_bytes", term.lowBytes},
                             {"high_bytes", term.highBytes}});
        return terms;
    };
    ordered_json json{{"v", 1},
                      {"total_bytes", plan.totalBytes()},
                      {"categories", categories},
                      {"host_bytes", plan.hostBytes},
                      {"verdict", std::string(plan::nameOf(plan.verdict))},
                      {"capacity_bytes", plan.capacityBytes},
                      {"device", plan.deviceId},
                      {"arena_bytes", plan.arenaBytes},
                      {"lower_bound_bytes", plan.lowerBoundBytes},
                      {"peak_point", plan::describe(plan.program.points[static_cast<std::size_t>(plan.peakPoint)])},
                      {"terms", termsJson(plan.terms)},
                      {"host_terms", termsJson(plan.hostTerms)},
                      {"deductions", termsJson(plan.deductions)}};
    if (buffers) {
        json["buffers"] = ordered_json::array();
        for (const plan::Buffer& buffer : plan.buffers)
            json["buffers"].push_back(bufferJson(plan, buffer));
    }
    return json;
}

}  // namespace lorikeet::api
