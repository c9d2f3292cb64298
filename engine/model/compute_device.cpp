// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/compute_device.h"

#include "engine/base/error.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/threads.h"
#include "engine/model/cuda_device.h"

namespace lorikeet::model {

namespace {

class CpuDevice final : public ComputeDevice {
public:
    explicit CpuDevice(DeviceSpec spec) : m_spec(std::move(spec)) {}
    [[nodiscard]] const DeviceSpec& spec() const noexcept override { return m_spec; }
    [[nodiscard]] kernels::Context context() override
    {
        kernels::Context context;
        context.ops = &kernels::cpuOps();
        return context;
    }
    [[nodiscard]] std::unique_ptr<DeviceArena> makeArena(std::uint64_t bytes, const std::stop_token& stop) override
    {
        return makeHostArena(bytes, stop);
    }
    [[nodiscard]] plan::KernelCosts costs(const ModelShape& shape, const kernels::ProductSizes& sizes) override
    {
        return kernels::cpuCosts(shape, sizes);
    }

private:
    DeviceSpec m_spec;
};

}  // namespace

std::unique_ptr<ComputeDevice> openDevice(const DeviceSpec& spec, int threads)
{
    if (spec.kind == DeviceSpec::Kind::Catalogue)
        throw Error(ErrorCode::Device, spec.id + " is a card of the catalogue: it can be planned for, but it is not in this machine",
                    "choose run.device auto or cpu to train here");
    if (spec.kind == DeviceSpec::Kind::Cpu) {
        kernels::setCpuThreads(threads > 0 ? threads : spec.threads);
        return std::make_unique<CpuDevice>(spec);
    }
    return openCudaDevice(spec);
}

}  // namespace lorikeet::model
