// SPDX-License-Identifier: GPL-3.0-or-later
// The planner as a pure function: no two live buffers overlap, categories and terms add up, bytes follow from shapes, and it is fast.
#include "engine/base/error.h"
#include "engine/plan/catalogue/catalogue.h"
#include "engine/plan/planner.h"

#include <QtTest>

#include <ctime>
#include <numeric>
#include <random>

using namespace lorikeet;

namespace {

DeviceSpec deviceOf(std::uint64_t bytes)
{
    DeviceSpec device;
    device.id = "test";
    device.totalBytes = device.availableBytes = bytes;
    device.contextBytes = 300 << 20;
    return device;
}

Job jobOf(std::int64_t context, std::int64_t microBatch, const char* precision, const char* recompute)
{
    Job job;
    job.recipe.context = context;
    job.recipe.microBatch = microBatch;
    job.recipe.precision = precision;
    job.recipe.recompute = recompute;
    return job;
}

std::uint64_t sum(const CategoryBytes& bytes) { return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0}); }

/// Pairs of buffers that share bytes and a program point: none may exist.
QString overlap(const plan::MemoryPlan& plan)
{
    std::vector<const plan::Buffer*> sorted;
    for (const plan::Buffer& buffer : plan.buffers)
        sorted.push_back(&buffer);
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        if (sorted[i]->offset % 256 != 0 || sorted[i]->offset + sorted[i]->bytes > plan.arenaBytes)
            return QString::fromStdString(sorted[i]->name) + " is misplaced";
        for (std::size_t j = i + 1; j < sorted.size() && sorted[j]->offset < sorted[i]->offset + sorted[i]->bytes; ++j)
            if (sorted[i]->first <= sorted[j]->last && sorted[j]->first <= sorted[i]->last)
                return QString::fromStdString(sorted[i]->name + " and " + sorted[j]->name);
    }
    return {};
}

void check(const plan::MemoryPlan& plan)
{
    const QString found = overlap(plan);
    QVERIFY2(found.isEmpty(), qPrintable(found));
    QCOMPARE(sum(plan.categoryBytes), plan.totalBytes());
    std::uint64_t terms = 0;
    for (const plan::Term& term : plan.terms) {
        terms += term.bytes;
        QVERIFY(!term.sentence.empty() && !term.formula.empty());
    }
    QCOMPARE(terms, plan.totalBytes());
    std::uint64_t most = 0;
    for (plan::PointIndex point = 0; point <= plan.program.last(); ++point)
        most = std::max(most, sum(plan.liveAt(point)));
    QCOMPARE(most, plan.lowerBoundBytes);
    QVERIFY(plan.arenaBytes >= plan.lowerBoundBytes);
}

}  // namespace

class TestPlanner : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void blueprintsAtAllLevels_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("precision");
        QTest::addColumn<QString>("recompute");
        for (const plan::Blueprint& blueprint : plan::blueprints())
            for (const char* precision : {"fp32", "bf16"})
                for (const char* recompute : {"0", "1", "2", "3"})
                    QTest::addRow("%s %s %s", blueprint.shape.name.c_str(), precision, recompute)
                        << QString::fromStdString(blueprint.shape.name) << QString(precision) << QString(recompute);
    }
    void blueprintsAtAllLevels()
    {
        QFETCH(QString, name);
        QFETCH(QString, precision);
        QFETCH(QString, recompute);
        const ModelShape* shape = plan::findBlueprint(name.toStdString());
        QVERIFY(shape);
        const plan::MemoryPlan plan = plan::plan(*shape, jobOf(1024, 2, precision.toUtf8(), recompute.toUtf8()), deviceOf(1ull << 40), {});
        check(plan);
        // Weights: every parameter once, in its storage type, and the adapter in fp32 (with a working copy in bf16).
        const std::uint64_t element = precision == "fp32" ? 4 : 2;
        const auto adapter = static_cast<std::uint64_t>(plan.layout.trained.elements);
        QCOMPARE(plan.categoryBytes[0], shape->parameterCount() * element + adapter * (precision == "fp32" ? 4u : 6u));
        QCOMPARE(plan.categoryBytes[2], adapter * 4);
        QCOMPARE(plan.categoryBytes[3], adapter * 8);
        const double waste = static_cast<double>(plan.arenaBytes) / static_cast<double>(plan.lowerBoundBytes);
        QVERIFY2(waste <= 1.01, qPrintable(QString::number(waste)));
    }

    void keptBytesPerTokenFollowTheTableOfTheDesign_data()
    {
        QTest::addColumn<QString>("recompute");
        QTest::newRow("0") << "0";
        QTest::newRow("1") << "1";
        QTest::newRow("2") << "2";
        QTest::newRow("3") << "3";
    }
    void keptBytesPerTokenFollowTheTableOfTheDesign()
    {
        QFETCH(QString, recompute);
        const ModelShape& s = *plan::findBlueprint("Llama-3.2-1B");
        const plan::MemoryPlan plan = plan::plan(s, jobOf(512, 2, "bf16", recompute.toUtf8()), deviceOf(1ull << 40), {});
        const std::int64_t h = s.hidden;
        const std::int64_t q = s.queryWidth();
        const std::int64_t k = s.kvWidth();
        const std::int64_t f = s.mlp;
        const std::int64_t ranks = 7 * 16;
        const std::int64_t lse = 2 * s.heads;  // fp32 counted in bf16 elements
        // architecture.md, "What a layer keeps", without the block input, which the residual stream holds.
        const std::int64_t level = recompute.toInt();
        const std::int64_t elements = level == 3 ? 0
                                    : level == 2 ? q + lse + h
                                    : level == 1 ? q + k + k + q + lse + h + f + f + ranks
                                                 : q + k + k + q + lse + h + f + f + ranks + 2 * h + f;
        const std::uint64_t stream = static_cast<std::uint64_t>((s.layers + 1) * 1024 * h * 2);
        QCOMPARE(plan.categoryBytes[1], stream + static_cast<std::uint64_t>(s.layers * 1024 * elements * 2) - (plan.peakPoint == plan.program.at(plan::Phase::Train, plan::PointKind::Head) ? 0 : static_cast<std::uint64_t>(1024 * h * 2)));
    }

    void theVerdictCountsHostMemoryToo()
    {
        const ModelShape& s = *plan::findBlueprint("Llama-3.2-1B");
        Job job = jobOf(512, 1, "bf16", "1");
        job.recipe.offloadActivations = true;
        job.recipe.offloadLayers = 8;
        DeviceSpec card = deviceOf(24ull << 30);
        card.kind = DeviceSpec::Kind::Cuda;
        const plan::MemoryPlan unknown = plan::plan(s, job, card, {});
        QVERIFY(unknown.hostBytes > 0 && unknown.verdict == plan::Verdict::Fits);
        card.hostAvailableBytes = unknown.hostBytes;
        QVERIFY(plan::plan(s, job, card, {}).verdict == plan::Verdict::Tight);
        card.hostAvailableBytes = unknown.hostBytes - 1;
        QVERIFY(plan::plan(s, job, card, {}).verdict == plan::Verdict::DoesNotFit);
        // Of a CPU both are one memory.
        DeviceSpec cpu = deviceOf(unknown.totalBytes() + unknown.hostBytes - 1);
        cpu.kind = DeviceSpec::Kind::Cpu;
        QVERIFY(plan::plan(s, job, cpu, {}).verdict == plan::Verdict::DoesNotFit);
        // A tied head needs its table on the device.
        job.recipe.offloadEmbedding = true;
        QVERIFY_EXCEPTION_THROWN(plan::plan(s, job, card, {}), Error);
    }

    void theVerdictSaysWhichMemoryIsShort()
    {
        constexpr std::uint64_t kGiB = 1ull << 30;
        QCOMPARE(plan::roomText(3 * kGiB, 0, {8 * kGiB, 0, false}), std::string("5.00 GiB stay free"));
        QCOMPARE(plan::roomText(9 * kGiB, 0, {8 * kGiB, 0, false}), std::string("1.00 GiB too much"));
        QCOMPARE(plan::roomText(3 * kGiB, 9 * kGiB, {8 * kGiB, 4 * kGiB, false}), std::string("5.00 GiB of host memory too much"));
        QCOMPARE(plan::roomText(3 * kGiB, 4 * kGiB, {8 * kGiB, 0, true}), std::string("1.00 GiB stay free"));
        QCOMPARE(plan::roomText(3 * kGiB, 9 * kGiB, {8 * kGiB, 0, true}), std::string("4.00 GiB too much with the 9.00 GiB that wait in the same memory"));
        // On a CPU the device is the host.
        Job job = jobOf(512, 2, "bf16", "1");
        job.recipe.offloadLayers = 32;
        DeviceSpec cpu = deviceOf(10 * kGiB);
        cpu.kind = DeviceSpec::Kind::Cpu;
        const plan::MemoryPlan plan = plan::plan(*plan::findBlueprint("Llama-3.1-8B"), job, cpu, {});
        QVERIFY(plan.totalBytes() < plan.capacityBytes && plan.verdict == plan::Verdict::DoesNotFit);
        QVERIFY2(plan.roomText().find("too much with the") != std::string::npos, plan.roomText().c_str());
    }

    void whatIsTooLargeToAddUpIsRefusedByField()
    {
        ModelShape s = *plan::findBlueprint("Llama-3.1-405B");
        s.maxContext = 1 << 20;
        Job job = jobOf(1 << 20, 1 << 20, "fp32", "0");
        try {
            (void)plan::plan(s, job, deviceOf(1ull << 40), {});
            QFAIL("planned");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Usage);
            QVERIFY2(error.hint().find("recipe.micro_batch") != std::string::npos, error.what());
        }
    }

    void randomJobsHoldTogether()
    {
        std::mt19937 random(3);
        const auto pick = [&](int low, int high) { return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)); };
        for (int i = 0; i < 150; ++i) {
            ModelShape s;
            s.family = "llama";
            s.layers = pick(1, 12);
            s.kvHeads = pick(1, 4);
            s.heads = s.kvHeads * pick(1, 4);
            s.headSize = 2 * pick(4, 40);
            s.hidden = pick(16, 700);
            s.mlp = pick(16, 2000);
            s.vocab = pick(100, 60000);
            s.maxContext = 8192;
            s.tiedHead = pick(0, 1) == 1;
            s.qkNorm = pick(0, 1) == 1;
            s.qkvBias = pick(0, 1) == 1;
            Job job = jobOf(pick(1, 900), pick(1, 4), pick(0, 1) ? "fp32" : "bf16", "1");
            job.recipe.recompute = "0-0:" + std::to_string(pick(0, 3));
            if (s.layers > 1)
                job.recipe.recompute += ",1-" + std::to_string(s.layers - 1) + ":" + std::to_string(pick(0, 3));
            job.recipe.rank = pick(1, 64);
            job.recipe.dropout = pick(0, 1) * 0.1;
            job.recipe.lossChunk = pick(1, 600);
            job.recipe.targets = pick(0, 1) ? std::vector<std::string>{"all"} : std::vector<std::string>{"q", "down"};
            const plan::PlanOptions options{.guardBytes = static_cast<std::uint64_t>(pick(0, 1) * 64)};
            check(plan::plan(s, job, deviceOf(1ull << 40), {.matmulScratchBytes = 12345, .widenBytes = 777, .attentionWorkspace = true}, {}, options));
        }
    }

    void higherLevelsNeverNeedMore()
    {
        for (const plan::Blueprint& blueprint : plan::blueprints()) {
            std::uint64_t before = ~0ull;
            for (const char* level : {"0", "1", "2", "3"}) {
                const auto bytes = plan::plan(blueprint.shape, jobOf(2048, 1, "bf16", level), deviceOf(1ull << 40), {}).arenaBytes;
                QVERIFY2(bytes <= before, blueprint.shape.name.c_str());
                before = bytes;
            }
        }
    }

    void theVerdictComparesWithTheCapacity()
    {
        const ModelShape& shape = *plan::findBlueprint("SmolLM2-135M");
        const Job job = jobOf(512, 2, "fp32", "1");
        const std::uint64_t total = plan::plan(shape, job, deviceOf(1ull << 40), {}).totalBytes();
        QCOMPARE(plan::plan(shape, job, deviceOf(total * 2), {}).verdict, plan::Verdict::Fits);
        QCOMPARE(plan::plan(shape, job, deviceOf(total), {}).verdict, plan::Verdict::Tight);
        QCOMPARE(plan::plan(shape, job, deviceOf(total - 1), {}).verdict, plan::Verdict::DoesNotFit);
    }

    void whatCannotBePlannedIsRefused()
    {
        const ModelShape& shape = *plan::findBlueprint("SmolLM2-135M");
        const auto refuses = [&](const Job& job, Rank rank, const char* word) {
            try {
                (void)plan::plan(shape, job, deviceOf(1ull << 40), {}, rank);
                return false;
            } catch (const Error& error) {
                return error.code() == ErrorCode::Usage && QString(error.what()).contains(word);
            }
        };
        QVERIFY(refuses(jobOf(512, 2, "fp32", "1"), {1, 4}, "4 processes"));
        QVERIFY(refuses(jobOf(shape.maxContext + 1, 1, "fp32", "1"), {}, "recipe.context"));
        QVERIFY(refuses(jobOf(512, 1, "fp32", "0-3:1"), {}, "recompute"));
        Job job = jobOf(512, 1, "fp32", "1");
        job.recipe.dora = true;
        job.recipe.dropout = 0.1;
        QVERIFY(refuses(job, {}, "recipe.dora is on beside recipe.dropout"));
        job.recipe.dropout = 0;
        job.recipe.adapterInit = "pissa";
        QVERIFY(refuses(job, {}, "recipe.dora is on beside recipe.adapter_init pissa"));
        job.recipe.adapterInit = "default";
        job.recipe.method = "full";
        QVERIFY(refuses(job, {}, "recipe.dora is on, but recipe.method full"));
        job.recipe.method = "lora";
        job.recipe.dora = false;
        job.recipe.rankPattern = {{"layers.29.mlp.up_proj", 8}, {"zzz", 4}};
        QVERIFY(refuses(job, {}, "recipe.rank_pattern has \"zzz\", which matches no module of this model's 30 layers"));
        job.recipe.rankPattern = {{"layers.30.mlp.up_proj", 8}};  // layers count from 0
        QVERIFY(refuses(job, {}, "recipe.rank_pattern has \"layers.30.mlp.up_proj\""));
        job.recipe.rankPattern = {{"layers.29.mlp.up_proj", 8}, {"q_proj", 4}};
        QVERIFY(plan::plan(shape, job, deviceOf(1ull << 40), {}).totalBytes() > 0);
        job.recipe.alphaPattern = {{"v_porj", 8}};
        QVERIFY(refuses(job, {}, "recipe.alpha_pattern has \"v_porj\""));
    }

    /// DoRA: one magnitude for each output, its gradient and state; norms; scratch of the backward pass and of the norms.
    void magnitudesCostWhatTheyAre()
    {
        const ModelShape& shape = *plan::findBlueprint("SmolLM2-135M");
        Job job = jobOf(512, 2, "fp32", "1");
        const plan::MemoryPlan plain = plan::plan(shape, job, deviceOf(1ull << 40), {});
        job.recipe.dora = true;
        const plan::MemoryPlan dora = plan::plan(shape, job, deviceOf(1ull << 40), {});
        check(dora);
        std::int64_t outs = 0;
        for (const Linear linear : kLinears)
            outs += shape.layers * shapeOf(linear, shape).out;
        QCOMPARE(dora.layout.trained.parameterCount, plain.layout.trained.parameterCount + outs);
        const auto bytesOfTerm = [](const plan::MemoryPlan& plan, const std::string& name) {
            std::uint64_t sum = 0;
            for (const plan::Buffer& buffer : plan.buffers)
                sum += buffer.term == name ? buffer.bytes : 0;
            return sum;
        };
        QCOMPARE(bytesOfTerm(dora, "row norms"), static_cast<std::uint64_t>(4 * outs));
        QCOMPARE(bytesOfTerm(dora, "rows for their norms"), static_cast<std::uint64_t>(4 * plan::kNormRows * shape.mlp));
        QCOMPARE(bytesOfTerm(dora, "adapter"), bytesOfTerm(plain, "adapter") + static_cast<std::uint64_t>(4 * outs));
        QCOMPARE(bytesOfTerm(dora, "Adam moments"), bytesOfTerm(plain, "Adam moments") + static_cast<std::uint64_t>(8 * outs));
        QCOMPARE(bytesOfTerm(dora, "scratch of one backward layer"), bytesOfTerm(plain, "scratch of one backward layer") + static_cast<std::uint64_t>(4 * job.slots() * shape.mlp));
        // PEFT's LoRA+ has one-dimensional parameters learn as B does, and transformers lets them decay.
        const plan::AdapterSlot& slot = dora.layout.trained.adapters.front();
        for (const plan::OptimizerRange& range : dora.layout.trained.ranges)
            if (slot.mOffset >= range.offset && slot.mOffset < range.offset + range.count)
                QVERIFY(range.isB && range.decays);
    }

    /// The window plans again on every slider movement: 5 ms for 80 layers, median of 20.
    /// What lies in memory while a model is quantised: its codes and scales, and one tensor of the file as fp32.
    void loadingTakesTheQuantisedModelAndOneTensor_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("quantization");
        for (const char* model : {"SmolLM2-135M", "Qwen3-0.6B", "Llama-3.1-8B", "Llama-3.1-70B"})
            for (const char* quantization : {"nf4", "int8"})
                QTest::addRow("%s %s", model, quantization) << model << quantization;
    }
    void loadingTakesTheQuantisedModelAndOneTensor()
    {
        QFETCH(QString, model);
        QFETCH(QString, quantization);
        const ModelShape* shape = plan::findBlueprint(model.toStdString());
        QVERIFY(shape);
        Job job = jobOf(2048, 1, "bf16", "1");
        job.recipe.quantization = quantization.toStdString();
        const plan::MemoryPlan plan = plan::plan(*shape, job, deviceOf(80ull << 30), {});
        const plan::PointIndex load = plan.program.at(plan::Phase::Load, plan::PointKind::Load);
        std::uint64_t onlyLoading = 0;
        std::uint64_t weights = 0;
        for (const plan::Buffer& buffer : plan.buffers) {
            onlyLoading += buffer.first <= load && buffer.last == load ? buffer.bytes : 0;
            weights += buffer.category == plan::Category::Weights && !buffer.term.starts_with("adapter") ? buffer.bytes : 0;
        }
        const std::int64_t widest = std::max(shape->vocab, shape->mlp) * shape->hidden;
        QVERIFY(onlyLoading > 0);
        QVERIFY(onlyLoading <= static_cast<std::uint64_t>(widest) * sizeof(float));
        // bitsandbytes: 4 bits a weight, and a byte and a 256th of a float for each 64 of them; a byte a weight and a float a row.
        const std::int64_t linear = shape->layers * (shape->hidden * shape->headSize * (2 * shape->heads + 2 * shape->kvHeads) + 3 * shape->hidden * shape->mlp);
        const std::int64_t tables = (shape->tiedHead ? 1 : 2) * shape->vocab * shape->hidden * 2;
        const double bits = quantization == "nf4" ? 4 + 8.0 / 64 + 32.0 / (64 * 256) : 8 + 32.0 / static_cast<double>(std::min(shape->hidden, shape->mlp));
        QVERIFY(static_cast<double>(weights) <= (static_cast<double>(linear) * bits / 8 + static_cast<double>(tables)) * 1.01 + (4 << 20));
    }

    void eightyLayersPlanInFiveMilliseconds()
    {
        ModelShape shape = *plan::findBlueprint("Llama-3.1-8B");
        shape.layers = 80;
        shape.hidden = 8192;
        shape.mlp = 28672;
        shape.heads = 64;
        std::vector<double> times;
        for (int i = 0; i < 20; ++i) {
            // Processor time: what else the machine does is no business of the planner.
            const std::clock_t begin = std::clock();
            const plan::MemoryPlan plan = plan::plan(shape, jobOf(4096, 1, "bf16", i % 2 ? "1" : "0-39:0,40-79:3"), deviceOf(1ull << 40), {});
            times.push_back(static_cast<double>(std::clock() - begin) * 1e3 / CLOCKS_PER_SEC);
            QVERIFY(plan.buffers.size() > 1000);
        }
        std::sort(times.begin(), times.end());
        qInfo("plan of 80 layers: median %.2f ms", times[10]);
        QVERIFY(times[10] < 5.0);
    }
};

QTEST_GUILESS_MAIN(TestPlanner)
#include "tst_planner.moc"
