// SPDX-License-Identifier: GPL-3.0-or-later
// Principal parts against torch.linalg.svd and PEFT's PiSSA, the untouched model at step 0, the plain adapter loaded by PEFT.
#include "engine/base/error.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/kernels/op_table.h"
#include "engine/lora/adapter.h"
#include "engine/lora/peft_folder.h"
#include "engine/lora/pissa.h"
#include "engine/model/compute_device.h"
#include "engine/model/decoder.h"
#include "engine/model/principal_room.h"
#include "engine/model/weight_loader.h"
#include "engine/plan/principal.h"
#include "engine/train/plain_adapter.h"
#include "engine/train/start_file.h"
#include "engine/train/trained_state.h"
#include "tests/engine/oracle_process.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using namespace lorikeet;

namespace {

constexpr int kTokens = 60;
constexpr std::int64_t kVocab = 211;

std::vector<float> tensorIn(const QString& path, const std::string& name)
{
    const formats::SafetensorsFile file(path.toStdString());
    const formats::SafeTensor* tensor = file.find(name);
    if (tensor == nullptr)
        return {};
    std::vector<float> values(tensor->bytes / 4);
    file.read(*tensor, 0, std::as_writable_bytes(std::span(values)));
    return values;
}

/// |a - b| / |b|, Frobenius.
double distance(std::span<const float> a, std::span<const float> b)
{
    if (a.size() != b.size() || a.empty())
        return 1e9;
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
        norm += std::pow(static_cast<double>(b[i]), 2);
    }
    return std::sqrt(difference / norm);
}

double largest(std::span<const float> a, std::span<const float> b)
{
    double most = a.size() == b.size() && !a.empty() ? 0 : 1e9;
    double scale = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
        scale = std::max(scale, std::abs(static_cast<double>(b[i])));
    }
    return most / scale;
}

/// b [out, r] a [r, in].
std::vector<float> product(std::span<const float> b, std::span<const float> a, std::int64_t rank)
{
    const std::size_t r = static_cast<std::size_t>(rank);
    const std::size_t in = a.size() / r;
    std::vector<float> result(b.size() / r * in);
    for (std::size_t i = 0; i < result.size(); ++i) {
        double sum = 0;
        for (std::size_t k = 0; k < r; ++k)
            sum += static_cast<double>(b[i / in * r + k]) * a[k * in + i % in];
        result[i] = static_cast<float>(sum);
    }
    return result;
}

Job pissaJob(const QString& variant)
{
    Job job;
    job.recipe.adapterInit = "pissa";
    job.recipe.rank = 8;
    job.recipe.alpha = 12;
    job.recipe.context = 64;
    job.recipe.microBatch = 1;
    job.recipe.lossChunk = 64;
    job.recipe.precision = "fp32";
    job.data.validationFraction = 0.1;  // for the evaluation pass
    job.recipe.rslora = variant == "rsLoRA";
    if (variant == "patterns") {
        job.recipe.rankPattern = {{"layers.1.mlp.down_proj", 3}, {"v_proj", 5}};
        job.recipe.alphaPattern = {{"q_proj", 20.0}};
    }
    return job;
}

DeviceSpec cpu()
{
    DeviceSpec spec;
    spec.availableBytes = 8ull << 30;
    return spec;
}

/// A model whose weights were split, ready to compute.
struct SplitModel {
    SplitModel(const QString& folder, const Job& job, std::span<const float> known = {})
        : source(formats::openModelSource(folder.toStdString())), device(model::openDevice(cpu(), 2)),
          plan(plan::plan(source->shape(), job, cpu(), device->costs(source->shape(), kernels::productSizes(job)))),
          memory(plan, device->makeArena(plan.arenaBytes, {}), 0), context(device->context())
    {
        memory.enter(0);
        start.assign(known.begin(), known.end());
        start.resize(static_cast<std::size_t>(plan.layout.trained.elements));
        lora::PrincipalRoom room = model::principalRoom(memory);
        lora::Pissa pissa(slots(), job.recipe.seed, room, start, !known.empty());
        model::loadWeights(*source, memory, context, {}, {}, [&](ParamId id, const model::ReadRows& read) { return pissa.residualOf(id, read, {}); });
        decoder = std::make_unique<model::Decoder>(source->shape(), memory, context);
        state = std::make_unique<train::TrainedState>(memory, context);
        state->set(start);
        state->begin();
    }
    [[nodiscard]] const std::vector<plan::AdapterSlot>& slots() const { return plan.layout.trained.adapters; }
    [[nodiscard]] std::vector<float> residual(const plan::AdapterSlot& slot)
    {
        const auto& weights = plan.layout.layers[static_cast<std::size_t>(slot.layer)].linears[static_cast<std::size_t>(slot.linear)];
        const model::Mat mat = memory.mat(weights.weight);
        return {mat.as<float>(), mat.as<float>() + mat.elements()};
    }
    [[nodiscard]] std::vector<float> logits()
    {
        std::vector<std::int32_t> tokens(kTokens);
        for (int i = 0; i < kTokens; ++i)
            tokens[static_cast<std::size_t>(i)] = static_cast<std::int32_t>((i * 7919 + 13) % kVocab);
        std::vector<float> all;
        decoder->logits(tokens, [&](std::int64_t, std::span<const float> rows) { all.insert(all.end(), rows.begin(), rows.end()); }, {});
        return all;
    }

    std::unique_ptr<formats::ModelSource> source;
    std::unique_ptr<model::ComputeDevice> device;
    plan::MemoryPlan plan;
    model::PlannedMemory memory;
    kernels::Context context;
    std::vector<float> start;
    std::unique_ptr<model::Decoder> decoder;
    std::unique_ptr<train::TrainedState> state;
};

}  // namespace

class TestPissa : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QString problem = test::runOracle("model_oracle.py", {"models", m_folder.path()});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        problem = test::runOracle("model_oracle.py", {"principal", m_folder.filePath("principal.safetensors")});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }

    void largeMatricesHaveTheirPrincipalPart_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("cols");
        QTest::newRow("wide") << "wide" << 320 << 700;
        QTest::newRow("tall") << "tall" << 640 << 260;
        QTest::newRow("steep: more directions searched than it has in fp32") << "steep" << 300 << 300;
    }
    void largeMatricesHaveTheirPrincipalPart()
    {
        QFETCH(QString, name);
        QFETCH(int, rows);
        QFETCH(int, cols);
        std::vector<float> weight = tensorIn(m_folder.filePath("principal.safetensors"), name.toStdString() + ".weight");
        const std::vector<float> expected = tensorIn(m_folder.filePath("principal.safetensors"), name.toStdString() + ".product");
        const std::vector<float> before = weight;
        const kernels::Mat matrix{weight.data(), DType::F32, rows, cols};
        Room room(matrix, 16);
        std::vector<float> a(static_cast<std::size_t>(16 * cols));
        std::vector<float> b(static_cast<std::size_t>(16 * rows));
        const kernels::Mat matA{a.data(), DType::F32, 16, cols};
        const kernels::Mat matB{b.data(), DType::F32, rows, 16};
        lora::findPrincipalPart(room.room, matrix, 2.0, {philoxKey(42, RandomStream::PrincipalSearch), 0, 0}, matA, matB, {});
        QVERIFY(weight == before);
        std::vector<float> found = product(b, a, 16);
        for (float& value : found)
            value *= 2.0f;  // the scale
        const double d = distance(found, expected);
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));

        std::vector<float> againA(a.size());
        const kernels::Mat other{againA.data(), DType::F32, 16, cols};
        lora::findPrincipalPart(room.room, matrix, 2.0, {philoxKey(42, RandomStream::PrincipalSearch), 0, 0}, other, matB, {});
        QVERIFY(againA == a);

        lora::subtractPart(room.room, matrix, 2.0, matA, matB);
        for (std::size_t i = 0; i < weight.size(); ++i)
            weight[i] += found[i];
        QVERIFY(distance(weight, before) <= 1e-6);
    }

    void aMatrixOfZerosHasNoPrincipalPart()
    {
        std::vector<float> weight(150 * 140);
        const kernels::Mat matrix{weight.data(), DType::F32, 150, 140};
        Room room(matrix, 4);
        std::vector<float> a(4 * 140, 7.0f);
        std::vector<float> b(4 * 150, 7.0f);
        lora::findPrincipalPart(room.room, matrix, 2.0, {}, {a.data(), DType::F32, 4, 140}, {b.data(), DType::F32, 150, 4}, {});
        QVERIFY(a == std::vector<float>(a.size()));
        QVERIFY(b == std::vector<float>(b.size()));
    }

    void aStopIsObeyed()
    {
        std::stop_source stop;
        stop.request_stop();
        std::vector<float> weight(150 * 140, 1.0f);
        const kernels::Mat matrix{weight.data(), DType::F32, 150, 140};
        Room room(matrix, 4);
        std::vector<float> a(4 * 140);
        std::vector<float> b(4 * 150);
        QVERIFY_THROWS_EXCEPTION(Error, lora::findPrincipalPart(room.room, matrix, 2.0, {}, {a.data(), DType::F32, 4, 140}, {b.data(), DType::F32, 150, 4},
                                                                stop.get_token()));
    }

    void startIsPefts_data() { variants(); }
    void startIsPefts()
    {
        QFETCH(QString, model);
        QFETCH(QString, variant);
        const QString folder = m_folder.filePath(model);
        const Job job = pissaJob(variant);
        SplitModel split(folder, job);
        const QString adapter = written(job, folder, split.slots(), split.start);
        const QString out = m_folder.filePath("pissa.safetensors");
        const QString problem = test::runOracle("model_oracle.py", {"pissa", folder, adapter, out});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        for (const plan::AdapterSlot& slot : split.slots()) {
            const std::string module = lora::modulePathOf(slot);
            const std::vector<float> ours = product(lora::matrixB(split.start, slot), lora::matrixA(split.start, slot), slot.rank);
            const double d = distance(ours, tensorIn(out, module + ".product"));
            QVERIFY2(d <= 1e-4, qPrintable(QString("%1: %2").arg(module.c_str()).arg(d)));
            const double r = distance(split.residual(slot), tensorIn(out, module + ".residual"));
            QVERIFY2(r <= 1e-4, qPrintable(QString("%1: %2").arg(module.c_str()).arg(r)));
        }
    }

    void stepZeroIsTheBase_data() { variants(); }
    void stepZeroIsTheBase()
    {
        QFETCH(QString, model);
        QFETCH(QString, variant);
        const QString folder = m_folder.filePath(model);
        SplitModel split(folder, pissaJob(variant));
        const std::vector<float> base = logitsThere(folder, noAdapter(folder));
        const double d = largest(split.logits(), base);
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
        // The residual alone is another model.
        split.state->set(std::vector<float>(split.start.size()));
        split.state->begin();
        QVERIFY(largest(split.logits(), base) > 1e-2);
    }

    void plainAdapterInPeftIsTheTrainedModel_data() { variants(); }
    void plainAdapterInPeftIsTheTrainedModel()
    {
        QFETCH(QString, model);
        QFETCH(QString, variant);
        const QString folder = m_folder.filePath(model);
        const Job job = pissaJob(variant);
        SplitModel split(folder, job);
        std::vector<float> trained = split.start;
        for (std::size_t i = 0; i < trained.size(); ++i)
            trained[i] *= 1.0f + 0.3f * std::sin(static_cast<float>(i));
        split.state->set(trained);
        split.state->begin();
        const std::vector<float> ours = split.logits();

        std::vector<plan::AdapterSlot> slots = lora::plainSlotsOf(split.slots(), job.recipe.rslora);
        std::int64_t elements = 0;
        for (plan::AdapterSlot& slot : slots) {
            slot.aOffset = elements;
            slot.bOffset = slot.aOffset + slot.rank * slot.in;
            elements = slot.bOffset + slot.rank * slot.out;
        }
        std::vector<float> plain(static_cast<std::size_t>(elements));
        lora::toPlainAdapter(split.slots(), trained, split.start, slots, plain);
        const QString adapter = written(lora::plainJobOf(job), folder, slots, plain);
        QCOMPARE(lora::verifyPeft(adapter.toStdString(), split.source->shape(), slots, plain), 2 * slots.size());
        const double d = largest(ours, logitsThere(folder, adapter));
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
        QVERIFY(largest(ours, logitsThere(folder, noAdapter(folder))) > 1e-2);
    }

    void aKnownStartGivesTheSameModel()
    {
        const QString folder = m_folder.filePath("llama-bf16");
        SplitModel first(folder, pissaJob({}));
        SplitModel again(folder, pissaJob({}), first.start);
        QVERIFY(again.start == first.start);
        for (const plan::AdapterSlot& slot : first.slots())
            QVERIFY(again.residual(slot) == first.residual(slot));
    }

    void aStartFileIsWholeOrRefused()
    {
        const std::filesystem::path folder = m_folder.path().toStdString();
        const std::vector<float> values{1, 2, 3};
        const std::string hash = train::writeStart(folder, values);
        std::vector<float> back(3);
        train::readStart(folder, hash, back);
        QVERIFY(back == values);
        std::vector<float> longer(4);
        QVERIFY_THROWS_EXCEPTION(Error, train::readStart(folder, hash, longer));
        QVERIFY_THROWS_EXCEPTION(Error, train::readStart(folder, "00", back));
        std::filesystem::remove(folder / "start.safetensors");
        QVERIFY_THROWS_EXCEPTION(Error, train::readStart(folder, hash, back));
    }

    void aGpuJobSplitsOnTheHost()
    {
        const auto source = formats::openModelSource(m_folder.filePath("llama-fp32").toStdString());
        DeviceSpec card = cpu();
        card.kind = DeviceSpec::Kind::Cuda;
        Job job = pissaJob({});
        const plan::MemoryPlan split = plan::plan(source->shape(), job, card, {});
        job.recipe.adapterInit = "default";
        const plan::MemoryPlan whole = plan::plan(source->shape(), job, card, {});
        QCOMPARE(split.arenaBytes, whole.arenaBytes);
        QVERIFY(split.hostBytes >= 112 * 64 * 4);
        QCOMPARE(whole.hostBytes, std::uint64_t{0});
    }

    void aRankAboveTheMatrixIsRefused()
    {
        const auto source = formats::openModelSource(m_folder.filePath("llama-fp32").toStdString());
        Job job = pissaJob({});
        job.recipe.rank = 33;  // k_proj is 32 x 64
        QVERIFY_THROWS_EXCEPTION(Error, (void)plan::plan(source->shape(), job, cpu(), {}));
    }

private:
    /// Workspace as the plan would give it.
    struct Room {
        Room(const kernels::Mat& matrix, std::int64_t rank)
        {
            const std::int64_t columns = plan::principalColumns(rank, {matrix.cols, matrix.rows});
            left.resize(static_cast<std::size_t>(columns * matrix.rows));
            right.resize(static_cast<std::size_t>(columns * matrix.cols));
            core.resize(static_cast<std::size_t>(2 * columns * columns));
            room.left = {left.data(), DType::F32, 1, static_cast<std::int64_t>(left.size())};
            room.right = {right.data(), DType::F32, 1, static_cast<std::int64_t>(right.size())};
            room.core = {core.data(), DType::F64, 1, static_cast<std::int64_t>(core.size())};
            room.context.ops = &kernels::cpuOps();
            room.context.matmulScratch = scratch.data();
            room.context.matmulScratchBytes = scratch.size();
        }
        std::vector<float> left;
        std::vector<float> right;
        std::vector<double> core;
        std::vector<std::byte> scratch = std::vector<std::byte>(64u << 20);
        lora::PrincipalRoom room;
    };

    static void variants()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("variant");
        QTest::newRow("llama") << "llama-fp32" << "";
        QTest::newRow("smollm2, rsLoRA") << "smollm2-fp32" << "rsLoRA";
        QTest::newRow("qwen2, biases, patterns") << "qwen2-fp32" << "patterns";
    }

    QString written(const Job& job, const QString& base, const std::vector<plan::AdapterSlot>& slots, std::span<const float> flat)
    {
        const QString folder = m_folder.filePath(QString("adapter-%1").arg(++m_adapters));
        QDir().mkpath(folder);
        lora::writePeft(folder.toStdString(), lora::peftConfigOf(job, base.toStdString()), slots, flat);
        return folder;
    }
    /// An adapter that changes nothing.
    QString noAdapter(const QString& base)
    {
        Job job = pissaJob({});
        job.recipe.adapterInit = "default";
        const auto source = formats::openModelSource(base.toStdString());
        const plan::MemoryPlan plan = plan::plan(source->shape(), job, cpu(), {});
        return written(job, base, plan.layout.trained.adapters, std::vector<float>(static_cast<std::size_t>(plan.layout.trained.elements)));
    }
    std::vector<float> logitsThere(const QString& base, const QString& adapter)
    {
        QJsonArray tokens;
        for (int i = 0; i < kTokens; ++i)
            tokens.append(static_cast<int>((i * 7919 + 13) % kVocab));
        QFile file(m_folder.filePath("tokens.json"));
        if (!file.open(QIODevice::WriteOnly) || file.write(QJsonDocument(tokens).toJson()) < 0)
            return {};
        file.close();
        const QString out = m_folder.filePath("logits.safetensors");
        const QString problem = test::runOracle("model_oracle.py", {"logits", base, adapter, file.fileName(), out});
        if (!problem.isEmpty())
            qWarning("%s", qPrintable(problem));
        return problem.isEmpty() ? tensorIn(out, "logits") : std::vector<float>{};
    }

    QTemporaryDir m_folder;
    int m_adapters = 0;
};

QTEST_GUILESS_MAIN(TestPissa)
#include "tst_pissa.moc"
