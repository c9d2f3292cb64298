// SPDX-License-Identifier: GPL-3.0-or-later
// Checkpoints that transformers and bitsandbytes quantised: the numbers, the bytes in our buffers, the logits, with and without an
// adapter, against bitsandbytes itself.
#include "engine/formats/parameters.h"
#include "engine/formats/safetensors_index.h"
#include "engine/generate/session.h"
#include "engine/hardware/devices.h"
#include "engine/lora/peft_folder.h"
#include "engine/model/quantised_weights.h"
#include "engine/model/weight_loader.h"
#include "tests/engine/logits.h"
#include "tests/engine/oracle_process.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QTemporaryDir>
#include <QtTest>

#include <bit>
#include <cmath>
#include <cstring>

using namespace lorikeet;
using test::difference;

namespace {

std::filesystem::path pathOf(const QString& text) { return text.toStdString(); }

std::vector<std::int32_t> tokensIn(const QString& folder)
{
    QFile file(folder + "/tokens.json");
    if (!file.open(QIODevice::ReadOnly))
        qFatal("no tokens.json in %s", qPrintable(folder));
    std::vector<std::int32_t> tokens;
    for (const QJsonValue& value : QJsonDocument::fromJson(file.readAll()).array())
        tokens.push_back(value.toInt());
    return tokens;
}

template <typename T>
std::vector<T> tensorIn(const formats::SafetensorsLocation& from)
{
    std::vector<T> values(from.tensor->bytes / sizeof(T));
    from.file->read(*from.tensor, 0, std::as_writable_bytes(std::span(values)));
    return values;
}

std::vector<float> floatsIn(const QString& path, const std::string& name)
{
    const formats::SafetensorsFile file(pathOf(path));
    return tensorIn<float>({&file, &file.tensors().at(name)});
}

std::vector<float> ourLogits(const QString& model, const QString& adapter, const std::vector<std::int32_t>& tokens, Quantization quantization,
                             bool doubled)
{
    generate::SessionOptions options;
    options.context = 0;
    options.evaluateRows = static_cast<std::int64_t>(tokens.size());
    options.quantization = quantization;
    options.doubleQuantization = doubled;
    options.wantText = false;
    const auto shape = formats::openModelSource(pathOf(model))->shape();
    const auto slots_ = adapter.isEmpty() ? std::vector<plan::AdapterSlot>{} : lora::readSlots(pathOf(adapter), shape);
    generate::Session session(pathOf(model), slots_, hardware::probeCpu(), options, {}, {});
    if (!adapter.isEmpty()) {
        std::vector<float> flat(static_cast<std::size_t>(session.plan().layout.trained.elements));
        lora::readWeights(pathOf(adapter), session.slots(), flat);
        session.setAdapter(flat);
    }
    return session.logits(tokens, {});
}

/// The weights of a folder in planned memory.
struct Loaded {
    Loaded(const QString& folder, bool doubled, Quantization quantization) : source(formats::openModelSource(pathOf(folder)))
    {
        const DeviceSpec device = hardware::probeCpu();
        compute = model::openDevice(device, 2);
        plan::InferenceJob job;
        job.quantization = quantization;
        job.doubleQuantization = doubled;
        plan = plan::planInference(source->shape(), job, device, compute->costs(source->shape(), {256, 64, 0, DType::F32, false}));
        memory = std::make_unique<model::PlannedMemory>(plan, compute->makeArena(plan.arenaBytes, {}), 0);
        memory->enter(0);
        kernels::Context context = compute->context();
        model::loadWeights(*source, *memory, context, {}, {});
    }
    [[nodiscard]] kernels::QuantMat matrix(int layer, Linear linear)
    {
        const auto& ids = plan.layout.layers[static_cast<std::size_t>(layer)].linears[static_cast<std::size_t>(linear)];
        return model::quantisedMat(*memory, ids, linear, source->shape());
    }

    std::unique_ptr<formats::ModelSource> source;
    std::unique_ptr<model::ComputeDevice> compute;
    plan::MemoryPlan plan;
    std::unique_ptr<model::PlannedMemory> memory;
};

bool sameBytes(const tensor::Mat& ours, const formats::SafetensorsLocation& theirs)
{
    const std::vector<std::byte> bytes = tensorIn<std::byte>(theirs);
    return ours.bytes() == bytes.size() && std::memcmp(ours.as<std::byte>(), bytes.data(), bytes.size()) == 0;
}

float roundedToBrain(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return std::bit_cast<float>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U);
}

}  // namespace

class TestBitsandbytesCheckpoint : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY(m_folder.isValid());
        const QString problem = test::runOracle("bnb_checkpoint_oracle.py", {"models", m_folder.path()});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }

    void rowsAreTheNumbersOfBitsandbytes_data()
    {
        QTest::addColumn<bool>("brain");
        for (const char* kind : {"nf4", "nf4-double", "nf4-storage", "nf4-head", "int8", "nf4-bf16"})
            QTest::newRow(kind) << (QString(kind) == "nf4-bf16");
    }
    void rowsAreTheNumbersOfBitsandbytes()
    {
        QFETCH(bool, brain);
        const QString folder = m_folder.filePath(QTest::currentDataTag());
        const auto source = formats::openModelSource(pathOf(folder));
        const formats::SafetensorsFile values(pathOf(folder + "/values.safetensors"));
        QVERIFY(source->shape().storage == (brain ? DType::BF16 : DType::F32));
        std::size_t compared = 0;
        for (const ParamId id : formats::parametersOf(source->shape())) {
            const formats::SafeTensor* tensor = values.find(formats::hfNameOf(id));
            QCOMPARE(source->storedQuantization(id).kind != Quantization::None, tensor != nullptr);
            if (tensor == nullptr)
                continue;
            ++compared;
            const auto [rows, cols] = formats::shapeOf(id, source->shape());
            std::vector<float> ours(static_cast<std::size_t>(rows * cols));
            // In blocks of seven rows, so that pieces begin inside a byte's, a block's and a nested block's reach.
            for (std::int64_t row = 0; row < rows; row += 7)
                source->readRows(id, row, std::min<std::int64_t>(7, rows - row),
                                 std::span(ours).subspan(static_cast<std::size_t>(row * cols), static_cast<std::size_t>(std::min<std::int64_t>(7, rows - row) * cols)));
            std::vector<float> theirs;
            if (brain)
                for (const std::uint16_t half : tensorIn<std::uint16_t>({&values, tensor}))
                    theirs.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U));
            else
                theirs = tensorIn<float>({&values, tensor});
            QCOMPARE(ours.size(), theirs.size());
            for (std::size_t i = 0; i < ours.size(); ++i)
                QVERIFY2((brain ? roundedToBrain(ours[i]) : ours[i]) == theirs[i], formats::hfNameOf(id).c_str());
        }
        QCOMPARE(compared, values.tensors().size());
    }

    void bytesAreCopiedAsTheyAre_data()
    {
        QTest::addColumn<bool>("doubled");
        QTest::newRow("nf4") << false;
        QTest::newRow("nf4-double") << true;
        QTest::newRow("nf4-storage") << true;
        QTest::newRow("map-last-bit") << true;
        QTest::newRow("int8") << false;
    }
    void bytesAreCopiedAsTheyAre()
    {
        QFETCH(bool, doubled);
        const QString folder = m_folder.filePath(QTest::currentDataTag());
        const formats::SafetensorsFolder file(pathOf(folder));
        const bool isInt8 = QString(QTest::currentDataTag()) == "int8";
        Loaded loaded(folder, doubled, isInt8 ? Quantization::Int8 : Quantization::Nf4);
        for (int layer = 0; layer < loaded.source->shape().layers; ++layer)
            for (const Linear linear : kLinears) {
                const std::string name = formats::hfNameOf(formats::weightId(layer, linear));
                const kernels::QuantMat matrix = loaded.matrix(layer, linear);
                QVERIFY(sameBytes(matrix.codes, file.find(name)));
                QVERIFY(sameBytes(matrix.absmax, file.find(isInt8 ? name.substr(0, name.size() - 6) + "SCB" : name + ".absmax")));
                if (doubled)
                    QVERIFY(sameBytes(matrix.nestedAbsmax, file.find(name + ".nested_absmax")));
            }
    }

    // Asked for with scales of another kind, or with a map of its own: quantised anew. NF4 gives itself its codes back.
    void codesSurviveOtherScales_data()
    {
        QTest::addColumn<bool>("doubled");
        QTest::newRow("nf4") << true;
        QTest::newRow("nf4-double") << false;
        QTest::newRow("map-half") << true;
    }
    void codesSurviveOtherScales()
    {
        QFETCH(bool, doubled);
        const QString folder = m_folder.filePath(QTest::currentDataTag());
        const formats::SafetensorsFolder file(pathOf(folder));
        Loaded loaded(folder, doubled, Quantization::Nf4);
        for (const Linear linear : kLinears)
            QVERIFY(sameBytes(loaded.matrix(1, linear).codes, file.find(formats::hfNameOf(formats::weightId(1, linear)))));
        QVERIFY(difference(ourLogits(folder, {}, tokensIn(folder), Quantization::Nf4, doubled), floatsIn(folder + "/expected.safetensors", "logits")) < 0.05);
    }

    void logitsAreThoseOfTransformers_data()
    {
        QTest::addColumn<QString>("held");
        for (const char* kind : {"nf4", "nf4-double", "nf4-storage", "int8"}) {
            QTest::addRow("%s as it is", kind) << QString(kind).left(4).remove('-');
            QTest::addRow("%s as numbers", kind) << "none";
        }
        QTest::newRow("nf4-head as numbers") << "none";
        QTest::newRow("map-half as numbers") << "none";
        QTest::newRow("map-last-bit as it is") << "nf4";
    }
    void logitsAreThoseOfTransformers()
    {
        QFETCH(QString, held);
        const QString kind = QString(QTest::currentDataTag()).section(' ', 0, 0);
        const QString folder = m_folder.filePath(kind);
        const double d = difference(ourLogits(folder, {}, tokensIn(folder), *quantizationNamed(held.toStdString()), kind != "nf4"),
                                    floatsIn(folder + "/expected.safetensors", "logits"));
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
    }

    void quantisationChangesTheAnswer()
    {
        const QString folder = m_folder.filePath("nf4-double");
        QVERIFY(difference(ourLogits(m_folder.filePath("plain"), {}, tokensIn(folder), Quantization::None, false),
                           floatsIn(folder + "/expected.safetensors", "logits")) > 1e-2);
    }

    void anAdapterOverAQuantisedBase()
    {
        const QString model = m_folder.filePath("nf4-double");
        const QString adapter = m_folder.filePath("adapter");
        const QString problem = test::runOracle("bnb_checkpoint_oracle.py", {"adapter", model, adapter});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const std::vector<float> theirs = floatsIn(adapter + "/expected.safetensors", "logits");
        const double stored = difference(ourLogits(model, adapter, tokensIn(adapter), Quantization::Nf4, true), theirs);
        QVERIFY2(stored <= 1e-4, qPrintable(QString::number(stored)));
        // The plain model, quantised here while it is loaded, is the same base.
        const double own = difference(ourLogits(m_folder.filePath("plain"), adapter, tokensIn(adapter), Quantization::Nf4, true), theirs);
        QVERIFY2(own <= 1e-4, qPrintable(QString::number(own)));
        QVERIFY(difference(ourLogits(model, {}, tokensIn(adapter), Quantization::Nf4, true), theirs) > 1e-2);
    }

    void fp4IsRefused()
    {
        try {
            (void)formats::openModelSource(pathOf(m_folder.filePath("fp4")));
            QFAIL("it was opened");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::BadInput);
            QVERIFY2(error.message().find("fp4") != std::string::npos, error.what());
        }
    }

private:
    QTemporaryDir m_folder;
};

QTEST_GUILESS_MAIN(TestBitsandbytesCheckpoint)
#include "tst_bitsandbytes_checkpoint.moc"
