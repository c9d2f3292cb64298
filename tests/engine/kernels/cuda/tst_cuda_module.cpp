// SPDX-License-Identifier: GPL-3.0-or-later
// The CUDA module: it opens without a GPU, says politely what is missing, and the engine goes on with the CPU.
#include "engine/base/error.h"
#include "engine/hardware/cuda_loader.h"
#include "engine/kernels/cuda_plugin.h"
#include "engine/model/cuda_device.h"

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;

namespace {

const kernels::OpTable g_ops;

int noDevice(std::string& reason)
{
    reason = "no CUDA-capable device is detected";
    return 0;
}
int twoDevices(std::string&) { return 2; }
/// Card 0 is too old, card 1 can be used.
bool probeTwo(int index, DeviceSpec& spec, std::string& reason)
{
    spec.kind = DeviceSpec::Kind::Cuda;
    spec.index = index;
    spec.id = "cuda:" + std::to_string(index);
    if (index == 0)
        reason = "compute capability 7.5";
    return index == 1;
}

}  // namespace

class TestCudaModule : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theBuiltModuleOpensWithoutADevice()
    {
#if defined(LORIKEET_CUDA_MODULE_FILE)
        QElapsedTimer timer;
        timer.start();
        const auto opened = hardware::openCudaModule(LORIKEET_CUDA_MODULE_FILE, kernels::kCudaPluginSymbol);
        qInfo("opened in %lld ms", static_cast<long long>(timer.elapsed()));
        QVERIFY2(opened.status.available, opened.status.reason.c_str());
        const auto* plugin = reinterpret_cast<const kernels::CudaPlugin* (*)()>(opened.symbol)();
        QCOMPARE(plugin->abi, kernels::kCudaPluginAbi);
        QCOMPARE(plugin->tableBytes, static_cast<std::uint32_t>(sizeof(kernels::OpTable)));
        QCOMPARE(std::string(plugin->ops->name), std::string("cuda"));
        // Every entry of the table behind the name is a kernel.
        const auto* entries = reinterpret_cast<void* const*>(plugin->ops);
        for (std::size_t i = 0; i < sizeof(kernels::OpTable) / sizeof(void*); ++i)
            QVERIFY2(entries[i] != nullptr, qPrintable(QString("op %1 is missing").arg(i)));
        std::string reason;
        const int count = plugin->deviceCount(reason);
        if (count > 0)
            QSKIP("this machine has a GPU");
        QVERIFY(!reason.empty());
        qInfo("without a device: %s", reason.c_str());
        const model::CudaDevices devices = model::devicesOf(plugin);
        QVERIFY(devices.usable.empty());
        QCOMPARE(devices.reason, reason);
        // The module's own exception arrives as our type.
        QVERIFY_EXCEPTION_THROWN(static_cast<void>(plugin->makeContext(0)), Error);
        QVERIFY_EXCEPTION_THROWN(static_cast<void>(plugin->allocate(0, 4096)), Error);
#else
        QSKIP("built with LORIKEET_CUDA=OFF: there is no module to open");
#endif
    }
    void whatIsNoModuleIsRefusedWithAReason()
    {
        const auto missing = hardware::openCudaModule("/no/such/module.so", kernels::kCudaPluginSymbol);
        QVERIFY(!missing.status.available && missing.symbol == nullptr);
        QVERIFY(missing.status.reason.find("/no/such/module.so") != std::string::npos);
        const QTemporaryDir folder;
        const QString text = folder.filePath("text.so");
        QFile file(text);
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write("not a library") > 0);
        file.close();
        const auto wrong = hardware::openCudaModule(text.toStdString(), kernels::kCudaPluginSymbol);
        QVERIFY(!wrong.status.available && !wrong.status.reason.empty());
    }
    void aModuleOfAnotherVersionIsRefused()
    {
        kernels::CudaPlugin plugin{.ops = &g_ops, .deviceCount = twoDevices, .probe = probeTwo};
        plugin.abi += 1;
        QVERIFY(model::devicesOf(&plugin).usable.empty());
        QVERIFY(model::devicesOf(&plugin).reason.find("another version") != std::string::npos);
        plugin = {.tableBytes = 8, .ops = &g_ops, .deviceCount = twoDevices, .probe = probeTwo};
        QVERIFY(model::devicesOf(&plugin).usable.empty());
        QVERIFY(model::devicesOf(nullptr).usable.empty());
    }
    void devicesAreListedWithWhatIsWrongWithTheOthers()
    {
        const kernels::CudaPlugin none{.ops = &g_ops, .deviceCount = noDevice, .probe = probeTwo};
        QVERIFY(model::devicesOf(&none).usable.empty());
        QCOMPARE(model::devicesOf(&none).reason, std::string("no CUDA-capable device is detected"));
        const kernels::CudaPlugin two{.ops = &g_ops, .deviceCount = twoDevices, .probe = probeTwo};
        const model::CudaDevices found = model::devicesOf(&two);
        QCOMPARE(found.usable.size(), std::size_t{1});
        QCOMPARE(found.usable[0].id, std::string("cuda:1"));
        QCOMPARE(found.reason, std::string("compute capability 7.5"));
    }
    void openingADeviceThatIsNotHereSaysWhy()
    {
        if (!model::cudaDevices().usable.empty())
            QSKIP("this machine has a GPU");
        DeviceSpec spec;
        spec.kind = DeviceSpec::Kind::Cuda;
        spec.id = "cuda:0";
        try {
            static_cast<void>(model::openDevice(spec, 1));
            QFAIL("a device without a driver was opened");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Device);
            QVERIFY2(error.message().find(model::cudaDevices().reason) != std::string::npos, error.what());
            QVERIFY(error.hint().find("cpu") != std::string::npos);
            qInfo("%s", error.what());
        }
        DeviceSpec cpu;
        QCOMPARE(std::string(model::openDevice(cpu, 1)->context().ops->name).substr(0, 3), std::string("cpu"));
    }
    void theCostsOfACudaDeviceAreKnownWithoutOne()
    {
        ModelShape shape;
        shape.heads = 9;
        shape.kvHeads = 3;
        shape.headSize = 64;
        const kernels::ProductSizes fp32{.rows = 1024, .lossChunk = 64, .largestRank = 8, .compute = DType::F32};
        kernels::ProductSizes bf16 = fp32;
        bf16.compute = DType::BF16;
        QCOMPARE(kernels::cudaCosts(shape, fp32).matmulScratchBytes, std::uint64_t{32} << 20);
        QCOMPARE(kernels::cudaCosts(shape, fp32).attentionPoolBytes, std::uint64_t{0});
        // The results of flash attention's backward pass alone: dq, dk, dv and dk, dv of all query heads in bf16.
        QVERIFY(kernels::cudaCosts(shape, bf16).attentionPoolBytes > 2u * 1024u * (576u + 2u * 192u + 2u * 576u));
        bf16.training = false;
        QVERIFY(kernels::cudaCosts(shape, bf16).attentionPoolBytes > 2u * 1024u * 576u);
    }
};

QTEST_GUILESS_MAIN(TestCudaModule)
#include "tst_cuda_module.moc"
