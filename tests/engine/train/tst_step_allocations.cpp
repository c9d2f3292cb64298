// SPDX-License-Identifier: GPL-3.0-or-later
// In a step no allocation above 64 KiB happens outside the arena: not by the engine, not by oneDNN, not by LibTorch. And the one OpenMP
// pool of the process: its threads are counted.
#include "engine/formats/model_source.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/threads.h"
#include "engine/model/weight_loader.h"
#include "engine/train/trained_state.h"
#include "tests/engine/model/allocation_hook.h"
#include "tests/engine/model/random_model.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>

#include <QDir>
#include <QFile>
#include <QtTest>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <thread>

#include <sys/mman.h>

using namespace lorikeet;
using test::AllocationWatch;

namespace {

constexpr std::size_t kPlanted = 100u << 10;
/// oneDNN 2.6 packs the operands of its AVX2 product into space of its own, per thread; machine code takes less.
constexpr std::size_t kLargestOfLibrary = 2u << 20;

/// Wide enough that every buffer of a step is above 64 KiB.
ModelShape middleShape()
{
    ModelShape shape = test::smallShape("llama");
    shape.layers = 2;
    shape.hidden = 256;
    shape.heads = 4;
    shape.kvHeads = 2;
    shape.headSize = 64;
    shape.mlp = 640;
    shape.vocab = 4099;
    shape.maxContext = 16384;
    return shape;
}

/// Few columns and very many rows: what grows with the number of tokens shows.
ModelShape narrowShape()
{
    ModelShape shape = test::smallShape("llama");
    shape.layers = 1;
    shape.maxContext = 16384;
    return shape;
}

data::MicroBatch fullBatch(const Job& job, std::int64_t vocab)
{
    const auto quarter = static_cast<int>(job.slots() / 4);
    return test::randomBatch({quarter, quarter, quarter / 2, quarter / 2, quarter}, vocab, 3);
}

/// One whole optimizer step and one evaluation.
void step(const Job& job, model::Decoder& decoder, train::TrainedState& adapter, const data::MicroBatch& batch, std::uint32_t number)
{
    adapter.clearGradient();
    const double scale = 1.0 / static_cast<double>(batch.supervised);
    const double sum = decoder.trainMicroBatch(batch, {scale, job.recipe.dropout, 42, number}, {});
    const double norm = adapter.gradientNorm();
    adapter.update(job, 1e-4, norm, number);
    const double evaluated = decoder.evaluateMicroBatch(batch, {});
    if (!std::isfinite(sum) || !std::isfinite(evaluated) || norm <= 0)
        qFatal("the step computed nothing");
}

int threadsNow() { return static_cast<int>(QDir("/proc/self/task").entryList(QDir::Dirs | QDir::NoDotAndDotDot).size()); }

}  // namespace

class TestStepAllocations : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theHookSeesEveryWayToAllocate_data()
    {
        QTest::addColumn<int>("way");
        const char* names[] = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "operator new", "mmap", "LibTorch", "another thread"};
        for (int way = 0; way < 9; ++way)
            QTest::newRow(names[way]) << way;
    }
    void theHookSeesEveryWayToAllocate()
    {
        QFETCH(int, way);
        const AllocationWatch watch;
        allocate(way);
        QVERIFY(watch.strays() >= 1);
        QVERIFY(watch.largest() >= kPlanted);
    }

    void aStepStaysInTheArena_data()
    {
        QTest::addColumn<QString>("precision");
        QTest::addColumn<QString>("recompute");
        QTest::addColumn<double>("dropout");
        QTest::addColumn<bool>("narrow");
        for (const char* precision : {"fp32", "bf16"})
            for (const char* recompute : {"0", "1", "2", "3"})
                QTest::addRow("%s recompute %s", precision, recompute) << QString(precision) << QString(recompute) << 0.0 << false;
        QTest::addRow("dropout") << QString("bf16") << QString("1") << 0.1 << false;
        QTest::addRow("many tokens") << QString("fp32") << QString("1") << 0.0 << true;
    }
    void aStepStaysInTheArena()
    {
        QFETCH(QString, precision);
        QFETCH(QString, recompute);
        QFETCH(double, dropout);
        QFETCH(bool, narrow);
        Job job = test::smallJob(narrow ? 8192 : 512, narrow ? 4 : 2);
        job.recipe.precision = precision.toStdString();
        job.recipe.recompute = recompute.toStdString();
        job.recipe.dropout = dropout;
        job.recipe.rank = 16;
        job.recipe.lossChunk = narrow ? 16384 : 256;
        const ModelShape shape = narrow ? narrowShape() : middleShape();
        test::LoadedModel loaded(shape, job);
        train::TrainedState adapter(*loaded.memory, loaded.context);
        const data::MicroBatch batch = fullBatch(job, shape.vocab);
        step(job, *loaded.decoder, adapter, batch, 1);
        const AllocationWatch watch;
        step(job, *loaded.decoder, adapter, batch, 2);
        QVERIFY(watch.count() > 0);
        requireNone(watch);
    }

    void anotherNumberOfRowsTakesOnlyMachineCode()
    {
        Job job = test::smallJob(512, 2);
        job.recipe.lossChunk = 128;
        const ModelShape shape = middleShape();
        test::LoadedModel loaded(shape, job);
        train::TrainedState adapter(*loaded.memory, loaded.context);
        step(job, *loaded.decoder, adapter, fullBatch(job, shape.vocab), 1);
        const data::MicroBatch shorter = test::randomBatch({300, 130}, shape.vocab, 5);
        {
            // oneDNN compiles the products of a size that it has not met; nothing else may grow.
            const AllocationWatch watch;
            step(job, *loaded.decoder, adapter, shorter, 2);
            QCOMPARE(watch.strays(), std::int64_t{0});
            QVERIFY(watch.libraryLargest() <= kLargestOfLibrary);
        }
        {
            const AllocationWatch watch;
            step(job, *loaded.decoder, adapter, shorter, 3);
            requireNone(watch);
        }
        // Another number of supervised rows in the same 64 is not another size.
        data::MicroBatch fewer = shorter;
        for (std::size_t row = 0, left = 5; left > 0; ++row)
            if (fewer.targets[row] >= 0) {
                fewer.targets[row] = -1;
                --fewer.supervised;
                --left;
            }
        const AllocationWatch watch;
        step(job, *loaded.decoder, adapter, fewer, 4);
        requireNone(watch);
    }

    void aPlantedAllocationInTheStepIsSeen()
    {
        const Job job = test::smallJob(128, 1);
        const ModelShape shape = test::smallShape("llama");
        test::LoadedModel loaded(shape, job);
        train::TrainedState adapter(*loaded.memory, loaded.context);
        const data::MicroBatch batch = fullBatch(job, shape.vocab);
        step(job, *loaded.decoder, adapter, batch, 1);
        const AllocationWatch watch;
        step(job, *loaded.decoder, adapter, batch, 2);
        const std::vector<float> stray(kPlanted / sizeof(float), 1.0f);
        QCOMPARE(watch.strays(), std::int64_t{1});
        QVERIFY(stray.back() == 1.0f);
    }

    void theStarterModelStaysInTheArena_data()
    {
        QTest::addColumn<QString>("precision");
        QTest::newRow("fp32") << "fp32";
        QTest::newRow("bf16") << "bf16";
    }
    void theStarterModelStaysInTheArena()
    {
        QFETCH(QString, precision);
        QVERIFY2(QFile::exists(LORIKEET_STARTER_MODEL), "the starter model is missing: set LORIKEET_STARTER_MODEL");
        const auto source = formats::openModelSource(LORIKEET_STARTER_MODEL);
        Job job = test::smallJob(256, 1);
        job.recipe.precision = precision.toStdString();
        job.recipe.lossChunk = 64;
        DeviceSpec spec;
        spec.availableBytes = 8ull << 30;
        const auto device = model::openDevice(spec, 2);
        const plan::MemoryPlan plan
            = plan::plan(source->shape(), job, spec, device->costs(source->shape(), {job.slots(), 64, job.recipe.rank, precisionOf(job), true}));
        model::PlannedMemory memory(plan, device->makeArena(plan.arenaBytes), 0);
        kernels::Context context = device->context();
        memory.enter(0);
        model::loadWeights(*source, memory, context, {}, {});
        model::Decoder decoder(source->shape(), memory, context);
        train::TrainedState adapter(memory, context);
        std::vector<float> flat(static_cast<std::size_t>(plan.layout.trained.adapterElements), 0.01f);
        adapter.set(flat);
        adapter.begin();
        const data::MicroBatch batch = fullBatch(job, source->shape().vocab);
        step(job, decoder, adapter, batch, 1);
        const AllocationWatch watch;
        step(job, decoder, adapter, batch, 2);
        requireNone(watch);
    }

    void oneOpenMpPoolServesAll()
    {
        // On a thread of its own, as a run has it: the pool belongs to the thread that starts parallel loops.
        int before = 0;
        int after = 0;
        std::thread run([&] {
            before = threadsNow();
            const Job job = test::smallJob(512, 2);
            test::LoadedModel loaded(middleShape(), job, {}, 3);
            train::TrainedState adapter(*loaded.memory, loaded.context);
            const data::MicroBatch batch = fullBatch(job, middleShape().vocab);
            step(job, *loaded.decoder, adapter, batch, 1);
            const at::Tensor a = at::rand({700, 900});
            const at::Tensor b = at::rand({900, 800});
            if (at::mm(a, b).size(0) != 700)
                qFatal("no product");
            step(job, *loaded.decoder, adapter, batch, 2);
            after = threadsNow();
            QCOMPARE(kernels::cpuThreads(), 3);
        });
        run.join();
        QCOMPARE(after, before + 2);
    }

private:
    /// Nothing large of ours, ever; nothing of oneDNN's where it multiplies with AVX-512.
    static void requireNone(const AllocationWatch& watch)
    {
        const auto text = [](std::int64_t count, std::size_t largest) { return QString("%1 allocations, the largest of %2 bytes").arg(count).arg(largest); };
        QVERIFY2(watch.strays() == 0, qPrintable(text(watch.strays(), watch.largest())));
        const bool avx512 = std::string_view(kernels::cpuOps().name) == "cpu avx512";
        const std::size_t allowed = avx512 ? 0 : kLargestOfLibrary;
        QVERIFY2(watch.libraryLargest() <= allowed, qPrintable("oneDNN: " + text(watch.libraryStrays(), watch.libraryLargest())));
    }
    /// Allocates kPlanted bytes and gives them back.
    static void allocate(int way)
    {
        void* memory = nullptr;
        switch (way) {
        case 0: memory = std::malloc(kPlanted); break;
        case 1: memory = std::calloc(kPlanted / 4, 4); break;
        case 2: memory = std::realloc(std::malloc(8), kPlanted); break;
        case 3: memory = std::aligned_alloc(4096, kPlanted); break;
        case 4: QVERIFY(posix_memalign(&memory, 64, kPlanted) == 0); break;
        case 5: return writeTo(std::make_unique<std::byte[]>(kPlanted).get());
        case 6:
            memory = mmap(nullptr, kPlanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            writeTo(memory);
            munmap(memory, kPlanted);
            return;
        case 7: return writeTo(at::empty({static_cast<std::int64_t>(kPlanted / 4)}).data_ptr());
        default: return std::thread([] { allocate(0); }).join();
        }
        writeTo(memory);
        std::free(memory);
    }
    /// Keeps the compiler from leaving an allocation out.
    static void writeTo(void* memory) { *static_cast<volatile char*>(memory) = 1; }
};

QTEST_GUILESS_MAIN(TestStepAllocations)
#include "tst_step_allocations.moc"
