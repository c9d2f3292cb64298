// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/cuda_device.h"

#include "engine/base/error.h"
#include "engine/base/system.h"
#include "engine/base/files.h"
#include "engine/hardware/cuda_loader.h"
#include "engine/kernels/cuda_plugin.h"

#include <algorithm>

namespace lorikeet::model {

namespace {

using kernels::CudaPlugin;

const CudaPlugin* pluginOf(const hardware::CudaModule& module)
{
    const auto entry = reinterpret_cast<const CudaPlugin* (*)()>(module.symbol);
    return entry != nullptr ? entry() : nullptr;
}

class CudaArena final : public DeviceArena {
public:
    CudaArena(const CudaPlugin& plugin, int index, std::uint64_t bytes)
        : m_plugin(plugin), m_index(index), m_bytes(bytes), m_data(static_cast<std::byte*>(plugin.allocate(index, bytes)))
    {
    }
    ~CudaArena() override { m_plugin.release(m_index, m_data); }
    CudaArena(const CudaArena&) = delete;
    CudaArena& operator=(const CudaArena&) = delete;
    [[nodiscard]] std::byte* data() const override { return m_data; }
    [[nodiscard]] std::uint64_t bytes() const override { return m_bytes; }
    [[nodiscard]] bool isHost() const override { return false; }

private:
    const CudaPlugin& m_plugin;
    int m_index;
    std::uint64_t m_bytes;
    std::byte* m_data;
};

class CudaDevice final : public ComputeDevice {
public:
    CudaDevice(const CudaPlugin& plugin, DeviceSpec spec) : m_plugin(plugin), m_spec(std::move(spec)) {}
    ~CudaDevice() override
    {
        for (kernels::Context& context : m_contexts)
            m_plugin.destroyContext(context);
    }
    CudaDevice(const CudaDevice&) = delete;
    CudaDevice& operator=(const CudaDevice&) = delete;
    [[nodiscard]] const DeviceSpec& spec() const noexcept override { return m_spec; }
    [[nodiscard]] kernels::Context context() override
    {
        m_contexts.push_back(m_plugin.makeContext(m_spec.index));
        return m_contexts.back();
    }
    [[nodiscard]] std::unique_ptr<DeviceArena> makeArena(std::uint64_t bytes, const std::stop_token&) override
    {
        return std::make_unique<CudaArena>(m_plugin, m_spec.index, bytes);
    }
    [[nodiscard]] plan::KernelCosts costs(const ModelShape& shape, const kernels::ProductSizes& sizes) override
    {
        return kernels::cudaCosts(shape, sizes);
    }

private:
    const CudaPlugin& m_plugin;
    DeviceSpec m_spec;
    std::vector<kernels::Context> m_contexts;  ///< the streams and handles behind the contexts that were handed out
};

}  // namespace

CudaDevices devicesOf(const CudaPlugin* plugin)
{
    CudaDevices found;
    if (plugin == nullptr || plugin->abi != kernels::kCudaPluginAbi || plugin->tableBytes != sizeof(kernels::OpTable)) {
        found.reason = "the CUDA module belongs to another version of this program";
        return found;
    }
    const int count = plugin->deviceCount(found.reason);
    for (int index = 0; index < count; ++index) {
        DeviceSpec spec;
        spec.hostAvailableBytes = hostMemory().availableBytes;
        if (plugin->probe(index, spec, found.reason))
            found.usable.push_back(spec);
    }
    return found;
}

CudaDevices cudaDevices()
{
    const hardware::CudaModule& module = hardware::cudaModule(kernels::kCudaPluginSymbol);
    if (!module.status.available)
        return {{}, module.status.reason, {}};
    CudaDevices found = devicesOf(pluginOf(module));
    found.module = utf8(module.status.module);
    return found;
}

std::unique_ptr<ComputeDevice> openCudaDevice(const DeviceSpec& spec)
{
    const CudaDevices here = cudaDevices();
    const auto known = std::find_if(here.usable.begin(), here.usable.end(), [&](const DeviceSpec& device) { return device.index == spec.index; });
    if (known == here.usable.end())
        throw Error(ErrorCode::Device, spec.id + " cannot be used here: " + (here.reason.empty() ? "there is no such device" : here.reason),
                    "choose run.device cpu, or run 'lorikeet-cli doctor' to see what this machine has");
    return std::make_unique<CudaDevice>(*pluginOf(hardware::cudaModule(kernels::kCudaPluginSymbol)), *known);
}

}  // namespace lorikeet::model
