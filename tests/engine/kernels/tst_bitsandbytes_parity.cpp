// SPDX-License-Identifier: GPL-3.0-or-later
// Quantised weights and optimizers against bitsandbytes and torch.optim: the same bytes, the same scales, the same numbers.
#include "engine/formats/bnb_quant_state.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/kernels/op_table.h"
#include "engine/quant/cascade_sum.h"
#include "engine/quant/double_quant.h"
#include "engine/quant/int8.h"
#include "engine/quant/nf4.h"
#include "tests/engine/oracle_process.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cstring>
#include <optional>

using namespace lorikeet;
using kernels::Mat;

namespace {

/// The oracle's tensors.
class Tensors {
public:
    explicit Tensors(const QString& path) : m_file(path.toStdString()) {}
    [[nodiscard]] bool has(const std::string& name) const { return m_file.find(name) != nullptr; }
    [[nodiscard]] std::vector<std::uint64_t> shape(const std::string& name) const { return m_file.find(name)->shape; }
    template <typename T>
    [[nodiscard]] std::vector<T> get(const std::string& name) const
    {
        const formats::SafeTensor* tensor = m_file.find(name);
        if (tensor == nullptr)
            throw std::runtime_error("the oracle wrote no " + name);
        std::vector<T> values(tensor->bytes / sizeof(T));
        m_file.read(*tensor, 0, std::as_writable_bytes(std::span(values)));
        return values;
    }

private:
    formats::SafetensorsFile m_file;
};

template <typename T>
Mat row(std::vector<T>& values)
{
    const DType dtype = std::is_same_v<T, float> ? DType::F32 : std::is_same_v<T, std::uint16_t> ? DType::BF16 : DType::U8;
    return {values.data(), dtype, 1, static_cast<std::int64_t>(values.size())};
}

/// Elements with other bits.
template <typename T>
std::int64_t differences(const std::vector<T>& ours, const std::vector<T>& theirs)
{
    if (ours.size() != theirs.size())
        return -1;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < ours.size(); ++i)
        count += std::memcmp(&ours[i], &theirs[i], sizeof(T)) != 0 ? 1 : 0;
    return count;
}

#define SAME(ours, theirs)                                                                                                        \
    do {                                                                                                                          \
        const std::int64_t unequal = differences(ours, theirs);                                                                    \
        QVERIFY2(unequal == 0, qPrintable(QString("%1: %2 of %3 elements differ").arg(#ours).arg(unequal).arg((ours).size()))); \
    } while (false)

}  // namespace

class TestBitsandbytesParity : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    std::optional<Tensors> m_weights;
    std::optional<Tensors> m_steps;
    kernels::Context m_context;
    int m_left = 0;  ///< comparisons that the oracle has nothing for

    /// y of a quantised matrix in S, whole and by slices of rows.
    template <typename S>
    void compareDequantised(const kernels::QuantMat& matrix, const std::string& name)
    {
        if (!m_weights->has(name)) {
            ++m_left;
            return;
        }
        const std::vector<S> theirs = m_weights->get<S>(name);
        std::vector<S> ours(theirs.size());
        const Mat y{ours.data(), row(ours).dtype, matrix.rows, matrix.cols};
        kernels::dequantise(m_context, {y, matrix});
        SAME(ours, theirs);
        std::fill(ours.begin(), ours.end(), S(0));
        for (std::int64_t first = 0; first < matrix.rows; first += 3) {
            const std::int64_t count = std::min<std::int64_t>(3, matrix.rows - first);
            kernels::dequantise(m_context, {y.slice(first, count), matrix, first});
        }
        SAME(ours, theirs);
    }
    void compareNf4(const std::string& name);
    void compareInt8(const std::string& name);

    /// Runs the oracle's steps: step(t, parameter, gradient).
    template <typename Step>
    std::vector<float> trained(std::vector<std::uint16_t>& work, const Step& step) const
    {
        std::vector<float> parameter = m_steps->get<float>("start");
        std::vector<float> gradients = m_steps->get<float>("gradients");
        const auto size = static_cast<std::int64_t>(parameter.size());
        work.assign(parameter.size(), 0);
        for (std::int64_t t = 0; t * size < static_cast<std::int64_t>(gradients.size()); ++t)
            step(t + 1, row(parameter), row(gradients).reshaped(-1, size).slice(t, 1));
        return parameter;
    }
    /// To the last bits: LibTorch's square root is not correctly rounded.
    static void verifyClose(const std::vector<float>& ours, const std::vector<float>& theirs, float allowed)
    {
        QCOMPARE(ours.size(), theirs.size());
        for (std::size_t i = 0; i < ours.size(); ++i)
            QVERIFY2(std::abs(ours[i] - theirs[i]) <= allowed * std::max(1.0f, std::abs(theirs[i])),
                     qPrintable(QString("element %1: %2, expected %3").arg(i).arg(ours[i]).arg(theirs[i])));
    }
    static void verifyWork(const std::vector<std::uint16_t>& work, const std::vector<float>& parameter)
    {
        for (std::size_t i = 0; i < work.size(); ++i) {
            std::uint32_t bits = 0;
            std::memcpy(&bits, &parameter[i], sizeof bits);
            QCOMPARE(work[i], static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16));
        }
    }

private Q_SLOTS:
    void initTestCase()
    {
        m_context.ops = &kernels::cpuOps();
        const QString problem = test::runOracle("bitsandbytes_oracle.py", {m_folder.path()});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        m_weights.emplace(m_folder.filePath("weights.safetensors"));
        m_steps.emplace(m_folder.filePath("optimizers.safetensors"));
    }

    void theMapsAreTheirs()
    {
        SAME(std::vector<float>(kSignedMap.begin(), kSignedMap.end()), m_weights->get<float>("map.signed"));
        SAME(std::vector<float>(kUnsignedMap.begin(), kUnsignedMap.end()), m_weights->get<float>("map.unsigned"));
        SAME(std::vector<float>(kNf4Code.begin(), kNf4Code.end()), m_weights->get<float>("map.nf4"));
    }
    void sumsHaveLibTorchsOrder()
    {
        for (const int count : {1, 7, 8, 31, 33, 1000, 40000, 300001}) {
            const std::string name = "sum." + std::to_string(count);
            SAME(std::vector{quant::cascadeSum(m_weights->get<float>(name))}, m_weights->get<float>(name + ".sum"));
        }
    }
    void blocksBecomeTheirCodes()
    {
        const std::vector<float> x = m_weights->get<float>("line.x");
        std::vector<std::uint8_t> codes(x.size());
        std::vector<float> largest(x.size() / 256);
        quant::quantiseBlocks(x, codes, largest);
        SAME(codes, m_weights->get<std::uint8_t>("line.codes"));
        SAME(largest, m_weights->get<float>("line.absmax"));
    }
    void matricesBecomeTheirBytesAndBack()
    {
        int cases = 0;
        for (; m_weights->has(std::to_string(cases) + ".x"); ++cases) {
            const std::string name = std::to_string(cases) + ".";
            compareNf4(name);
            compareInt8(name);
            if (QTest::currentTestFailed()) {
                qInfo("matrix %d", cases);
                return;
            }
        }
        QVERIFY(cases >= 12);
        QCOMPARE(m_left, 3);  // the three bf16 forms of the matrix of denormals
    }
    void aCheckpointOfTheirsIsRead();

    void adamW8bitMakesTheirSteps()
    {
        const std::size_t size = m_steps->get<float>("start").size();
        std::vector<std::uint8_t> m(size, 0);
        std::vector<std::uint8_t> v(size, 0);
        std::vector<float> absmax1(size / 256, 0.0f);
        std::vector<float> absmax2(size / 256, 0.0f);
        std::vector<std::uint16_t> work;
        const std::vector<float> p = trained(work, [&](std::int64_t t, const Mat& parameter, const Mat& gradient) {
            kernels::adamW8bit(m_context, {.parameter = parameter, .gradient = gradient, .moment1 = row(m), .moment2 = row(v), .absmax1 = row(absmax1),
                                           .absmax2 = row(absmax2), .work = row(work), .learningRate = 1e-2, .beta2 = 0.99, .weightDecay = 0.1,
                                           .gradientScale = 0.5, .step = t});
        });
        verifyClose(p, m_steps->get<float>("adamw8.p"), 5e-7f);
        SAME(m, m_steps->get<std::uint8_t>("adamw8.m"));
        SAME(v, m_steps->get<std::uint8_t>("adamw8.v"));
        SAME(absmax1, m_steps->get<float>("adamw8.absmax1"));
        SAME(absmax2, m_steps->get<float>("adamw8.absmax2"));
        verifyWork(work, p);
    }
    void adamWStaysWithTorch()
    {
        const std::vector<float> theirs = m_steps->get<float>("adamw.p");
        std::vector<float> m(theirs.size(), 0.0f);
        std::vector<float> v(theirs.size(), 0.0f);
        std::vector<std::uint16_t> work;
        const std::vector<float> ours = trained(work, [&](std::int64_t t, const Mat& parameter, const Mat& gradient) {
            kernels::adamW(m_context, {parameter, gradient, row(m), row(v), row(work), 1e-2, 0.9, 0.99, 1e-8, 0.1, 0.5, t});
        });
        verifyClose(ours, theirs, 2e-6f);
        verifyWork(work, ours);
    }
    void sgdMakesTorchsSteps()
    {
        std::vector<float> velocity(m_steps->get<float>("start").size(), 0.0f);
        std::vector<std::uint16_t> work;
        const std::vector<float> heavy = trained(work, [&](std::int64_t, const Mat& parameter, const Mat& gradient) {
            kernels::sgdMomentum(m_context, {parameter, gradient, row(velocity), row(work), 1e-2, 0.9, 0.1, 0.5});
        });
        SAME(heavy, m_steps->get<float>("sgd.p"));
        SAME(velocity, m_steps->get<float>("sgd.v"));
        verifyWork(work, heavy);
        const std::vector<float> plain = trained(work, [&](std::int64_t, const Mat& parameter, const Mat& gradient) {
            kernels::sgdMomentum(m_context, {.parameter = parameter, .gradient = gradient, .learningRate = 1e-2, .momentum = 0, .gradientScale = 0.5});
        });
        SAME(plain, m_steps->get<float>("plain_sgd.p"));
    }
    void lionMakesTheirSteps()
    {
        std::vector<float> moment(m_steps->get<float>("start").size(), 0.0f);
        std::vector<std::uint16_t> work;
        const std::vector<float> p = trained(work, [&](std::int64_t, const Mat& parameter, const Mat& gradient) {
            kernels::lion(m_context, {parameter, gradient, row(moment), row(work), 1e-3, 0.9, 0.99, 0.1, 0.5});
        });
        SAME(p, m_steps->get<float>("lion.p"));
        SAME(moment, m_steps->get<float>("lion.m"));
        verifyWork(work, p);
    }
};

void TestBitsandbytesParity::compareNf4(const std::string& name)
{
    const std::vector<float> x = m_weights->get<float>(name + "x");
    const auto shape = m_weights->shape(name + "x");
    kernels::QuantMat matrix{.kind = Quantization::Nf4, .rows = static_cast<std::int64_t>(shape[0]), .cols = static_cast<std::int64_t>(shape[1])};
    const QuantizedSizes sizes = quantizedSizes(Quantization::Nf4, true, matrix.rows, matrix.cols);
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(sizes.codes));
    std::vector<float> absmax(static_cast<std::size_t>(sizes.absmax));
    quant::Nf4Quantiser quantiser(matrix.rows * matrix.cols, codes, absmax);
    // Pieces that end inside blocks.
    for (std::size_t begin = 0, piece = 1; begin < x.size(); begin += piece, piece = piece * 3 % 5003 + 1)
        quantiser.add(std::span(x).subspan(begin, std::min(piece, x.size() - begin)));
    quantiser.finish();
    SAME(codes, m_weights->get<std::uint8_t>(name + "codes"));
    SAME(absmax, m_weights->get<float>(name + "absmax"));
    matrix.codes = row(codes);
    matrix.absmax = row(absmax);
    compareDequantised<float>(matrix, name + "plain.fp32");
    compareDequantised<std::uint16_t>(matrix, name + "plain.bf16");

    std::vector<std::uint8_t> absmax8(absmax.size());
    std::vector<float> nested(static_cast<std::size_t>(sizes.nested));
    std::vector<float> offset{quant::doubleQuantise(absmax, absmax8, nested)};
    SAME(offset, m_weights->get<float>(name + "offset"));
    SAME(nested, m_weights->get<float>(name + "nested"));
    SAME(absmax8, m_weights->get<std::uint8_t>(name + "absmax8"));
    matrix.absmax = row(absmax8);
    matrix.nestedAbsmax = row(nested);
    matrix.nestedOffset = row(offset);
    compareDequantised<float>(matrix, name + "double.fp32");
    compareDequantised<std::uint16_t>(matrix, name + "double.bf16");
}

void TestBitsandbytesParity::compareInt8(const std::string& name)
{
    const std::vector<float> x = m_weights->get<float>(name + "x");
    const auto shape = m_weights->shape(name + "x");
    kernels::QuantMat matrix{.kind = Quantization::Int8, .rows = static_cast<std::int64_t>(shape[0]), .cols = static_cast<std::int64_t>(shape[1])};
    std::vector<std::uint8_t> codes(x.size());
    std::vector<float> scales(shape[0]);
    quant::quantiseRows(x, matrix.cols, codes, scales);
    SAME(codes, m_weights->get<std::uint8_t>(name + "int8"));
    SAME(scales, m_weights->get<float>(name + "scales"));
    matrix.codes = row(codes);
    matrix.absmax = row(scales);
    compareDequantised<float>(matrix, name + "int8.fp32");
    compareDequantised<std::uint16_t>(matrix, name + "int8.bf16");
}

void TestBitsandbytesParity::aCheckpointOfTheirsIsRead()
{
    const Tensors file(m_folder.filePath("checkpoint.safetensors"));
    const std::string weight = "q_proj.weight";
    const auto json = file.get<char>(weight + std::string(formats::kBnbNf4State));
    const formats::BnbQuantState state = formats::parseBnbQuantState({json.data(), json.size()}, "checkpoint.safetensors, " + weight);
    QVERIFY(state.nested);
    QCOMPARE(state.rows, std::int64_t{40});
    QCOMPARE(state.cols, std::int64_t{192});
    QVERIFY(state.dtype == DType::BF16);
    auto codes = file.get<std::uint8_t>(weight);
    auto absmax = file.get<std::uint8_t>(weight + std::string(formats::kBnbAbsmax));
    auto nested = file.get<float>(weight + std::string(formats::kBnbNestedAbsmax));
    auto map = file.get<float>(weight + std::string(formats::kBnbNestedMap));
    std::vector<float> offset{state.nestedOffset};
    SAME(map, std::vector<float>(kSignedMap.begin(), kSignedMap.end()));
    SAME(file.get<float>(weight + std::string(formats::kBnbMap)), std::vector<float>(kNf4Code.begin(), kNf4Code.end()));
    std::vector<std::uint16_t> ours(40 * 192);
    kernels::dequantise(m_context, {{ours.data(), DType::BF16, 40, 192},
                                    {Quantization::Nf4, 40, 192, row(codes), row(absmax), row(nested), row(offset), row(map)}});
    SAME(ours, file.get<std::uint16_t>("values"));
}

QTEST_GUILESS_MAIN(TestBitsandbytesParity)
#include "tst_bitsandbytes_parity.moc"
