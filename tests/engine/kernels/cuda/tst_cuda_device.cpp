// SPDX-License-Identifier: GPL-3.0-or-later
// With a GPU: every op, and one training step of small models, against the CPU. Without one, skipped with the reason.
#include "engine/model/cuda_device.h"
#include "engine/model/weight_loader.h"
#include "tests/engine/kernels/cuda/kernel_cases.h"
#include "tests/engine/model/random_model.h"

#include <QtTest>

#include <algorithm>
#include <cmath>

using namespace lorikeet;
using namespace lorikeet::test;

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

class TestCudaDevice : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        const model::CudaDevices here = model::cudaDevices();
        if (here.usable.empty())
            QSKIP(here.reason.c_str());
        m_spec = here.usable.front();
        qInfo("%s, context of %llu MiB", m_spec.name.c_str(), static_cast<unsigned long long>(m_spec.contextBytes >> 20));
    }

    void opsAgreeWithTheCpu()
    {
        const auto device = model::openDevice(m_spec, 1);
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
        QVERIFY2(wrong.empty(), wrong.c_str());
    }

    void oneStepAgreesWithTheCpu_data()
    {
        QTest::addColumn<QString>("shape");
        QTest::addColumn<QString>("precision");
        for (const std::string& name : smallShapeNames())
            for (const char* precision : {"fp32", "bf16"})
                QTest::addRow("%s %s", name.c_str(), precision) << QString::fromStdString(name) << QString(precision);
    }
    void oneStepAgreesWithTheCpu()
    {
        QFETCH(QString, shape);
        QFETCH(QString, precision);
        Job job = smallJob(64, 2);
        job.recipe.precision = precision.toStdString();
        job.recipe.dropout = 0.1;
        const data::MicroBatch batch = randomBatch({50, 1, 64, 9}, 101, 4);
        const model::TrainPass pass{1.0 / static_cast<double>(batch.supervised), 0.1, 9, 5};
        LoadedModel loaded(smallShape(shape.toStdString()), job);
        Outcome cpu;
        cpu.loss = loaded.decoder->trainMicroBatch(batch, pass, {});
        cpu.gradient = loaded.gradient();
        const Outcome gpu = stepOnGpu(m_spec, loaded, job, batch, pass);
        double largest = 0;
        double off = 0;
        for (std::size_t i = 0; i < cpu.gradient.size(); ++i) {
            largest = std::max(largest, std::abs(cpu.gradient[i]));
            off = std::max(off, std::abs(cpu.gradient[i] - gpu.gradient[i]));
        }
        const double allowed = precision == "fp32" ? 1e-4 : 5e-2;
        qInfo("loss %.7g and %.7g, gradient off by %.2g", cpu.loss, gpu.loss, off / largest);
        QVERIFY(std::abs(gpu.loss - cpu.loss) <= allowed * std::abs(cpu.loss));
        QVERIFY(off <= allowed * largest);
        const Outcome again = stepOnGpu(m_spec, loaded, job, batch, pass);
        QVERIFY2(again.loss == gpu.loss && again.gradient == gpu.gradient, "the same step gave other bits");
    }

private:
    DeviceSpec m_spec;
};

QTEST_GUILESS_MAIN(TestCudaDevice)
#include "tst_cuda_device.moc"
