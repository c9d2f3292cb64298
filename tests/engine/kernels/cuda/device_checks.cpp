// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/kernels/cuda/device_checks.h"

#include "engine/base/units.h"
#include "engine/model/weight_loader.h"
#include "tests/engine/kernels/cuda/kernel_cases.h"
#include "tests/engine/model/random_model.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::test {

namespace {

constexpr std::uint64_t kBenchBytes = 64 << 20;
constexpr std::uint64_t kScratchBytes = 32 << 20;

struct Outcome {
    double loss = 0;
    std::vector<double> gradient;
};

/// The step of LoadedModel, on the GPU: same weights, same adapter.
Outcome stepOnGpu(const DeviceSpec& spec, LoadedModel& like, const Job& job, const data::MicroBatch& batch, const model::TrainPass& pass)
{
    const auto device = model::openDevice(spec, 1);
    kernels::Context context = device->context();
    const ModelShape& shape = like.source.shape();
    const plan::MemoryPlan plan
        = plan::plan(shape, job, spec, device->costs(shape, {job.slots(), job.recipe.lossChunk, job.recipe.rank, precisionOf(job), true}));
    model::PlannedMemory memory(plan, device->makeArena(plan.arenaBytes), 0);
    memory.enter(0);
    model::loadWeights(like.source, memory, context, {}, {});
    model::Decoder decoder(shape, memory, context);
    const std::vector<float> flat(like.adapter.begin(), like.adapter.end());
    const tensor::Mat master = memory.mat(plan.layout.master);
    kernels::upload(context, master, flat.data());
    if (plan.layout.work != plan.layout.master)
        kernels::convert(context, {memory.mat(plan.layout.work), master, 1.0});
    const tensor::Mat gradient = memory.mat(plan.layout.gradient);
    kernels::fillZero(context, gradient);
    Outcome outcome;
    outcome.loss = decoder.trainMicroBatch(batch, pass, {});
    std::vector<float> floats(static_cast<std::size_t>(gradient.elements()));
    kernels::download(context, floats.data(), gradient);
    outcome.gradient.assign(floats.begin(), floats.end());
    return outcome;
}

}  // namespace

std::string opDisagreements(const DeviceSpec& spec)
{
    const auto device = model::openDevice(spec, 1);
    const auto arena = device->makeArena(kBenchBytes + kScratchBytes);
    kernels::Context gpu = device->context();
    gpu.matmulScratch = arena->data() + kBenchBytes;
    gpu.matmulScratchBytes = kScratchBytes;
    std::vector<std::byte> memory(kBenchBytes + kScratchBytes);
    kernels::Context cpu;
    cpu.ops = &kernels::cpuOps();
    cpu.matmulScratch = memory.data() + kBenchBytes;
    cpu.matmulScratchBytes = kScratchBytes / 2;
    cpu.widenScratch = memory.data() + kBenchBytes + kScratchBytes / 2;
    cpu.widenScratchBytes = kScratchBytes / 2;
    std::string wrong;
    for (const KernelCase& one : kernelCases()) {
        Bench here(cpu, memory.data(), kBenchBytes);
        Bench there(gpu, arena->data(), kBenchBytes);
        // Libraries round products of bf16 in an order of their own: a few steps of bf16. The device's exp is its own, too.
        const double tolerance = one.tolerance == 0.0 ? 0.0 : std::max(one.tolerance, one.ownKernel ? 2e-6 : 1e-5);
        const std::string differs = disagreement(one.run(there), one.run(here), tolerance, one.ownKernel ? 1 : 4);
        if (!differs.empty())
            wrong += one.name + ": " + differs + "\n";
    }
    return wrong;
}

StepCheck checkStep(const DeviceSpec& gpu, const std::string& shape, const std::string& precision)
{
    Job job = smallJob(64, 2);
    job.recipe.precision = precision;
    job.recipe.dropout = 0.1;
    const data::MicroBatch batch = randomBatch({50, 1, 64, 9}, 101, 4);
    const model::TrainPass pass{1.0 / static_cast<double>(batch.supervised), 0.1, 9, 5};
    LoadedModel loaded(smallShape(shape), job);
    StepCheck check;
    check.allowed = precision == "fp32" ? 1e-4 : 5e-2;
    check.cpuLoss = loaded.decoder->trainMicroBatch(batch, pass, {});
    const std::vector<double> expected = loaded.gradient();
    const Outcome first = stepOnGpu(gpu, loaded, job, batch, pass);
    const Outcome second = stepOnGpu(gpu, loaded, job, batch, pass);
    check.gpuLoss = first.loss;
    check.sameBitsTwice = first.loss == second.loss && first.gradient == second.gradient;
    double largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        largest = std::max(largest, std::abs(expected[i]));
        const double off = std::abs(expected[i] - first.gradient[i]);
        // A gradient that is no number must not pass as close.
        check.gradientOff = std::isfinite(off) ? std::max(check.gradientOff, off) : INFINITY;
    }
    check.gradientOff /= largest;
    return check;
}

bool StepCheck::agrees() const
{
    return std::abs(gpuLoss - cpuLoss) <= allowed * std::abs(cpuLoss) && gradientOff <= allowed && sameBitsTwice;
}

std::string StepCheck::describe() const
{
    return "loss " + formatNumber(cpuLoss, 7) + " on the CPU, " + formatNumber(gpuLoss, 7) + " on the GPU; gradient off by " + formatNumber(gradientOff, 2)
         + (sameBitsTwice ? "; same bits twice" : "; OTHER BITS the second time");
}

}  // namespace lorikeet::test
