// SPDX-License-Identifier: GPL-3.0-or-later
// The cases of the ops on weights: quantised matrices, optimizers, gradients of tables and biases.
#include "tests/engine/kernels/cuda/kernel_cases.h"

#include <cmath>

namespace lorikeet::test {

namespace {

using kernels::Mat;
using kernels::QuantMat;

/// Ends inside a block of 64, and has more blocks than one scale of scales covers.
constexpr std::int64_t kStates = 5003;

Values positive(std::int64_t count, std::uint32_t seed)
{
    Values values = randomValues(DType::F32, 1, count, seed);
    for (std::int64_t i = 0; i < count; ++i)
        values.mat().as<float>()[i] = std::abs(values.mat().as<float>()[i]);
    return values;
}

/// A matrix of random codes; kind of scales as named.
QuantMat quantised(Bench& b, Quantization kind, const std::string& scales, std::int64_t rows, std::int64_t cols)
{
    const QuantizedSizes sizes = quantizedSizes(kind, scales != "plain", rows, cols);
    QuantMat matrix{.kind = kind, .rows = rows, .cols = cols};
    matrix.codes = b.put(randomBytes(sizes.codes, 51));
    matrix.absmax = b.put(sizes.nested > 0 ? randomBytes(sizes.absmax, 52) : positive(sizes.absmax, 52));
    if (sizes.nested > 0) {
        matrix.nestedAbsmax = b.put(positive(sizes.nested, 53));
        matrix.nestedOffset = b.put(positive(1, 54));
    }
    if (scales == "own map")
        matrix.nestedMap = b.put(randomValues(DType::F32, 1, 256, 55));
    return matrix;
}

/// The whole matrix, and three of its rows from the second on.
std::vector<Values> dequantised(Bench& b, const QuantMat& matrix, DType t)
{
    const Mat y = b.garbage(t, matrix.rows, matrix.cols);
    const Mat slice = b.garbage(t, 3, matrix.cols);
    kernels::dequantise(b.context(), {y, matrix});
    kernels::dequantise(b.context(), {slice, matrix, 1});
    return {b.get(y), b.get(slice)};
}

void addDequantise(std::vector<KernelCase>& list, DType t)
{
    for (const auto& [rows, cols] : {std::pair{5, 7}, {7, 33}, {40, 96}, {130, 200}}) {
        const std::string size = " " + std::to_string(rows) + " x " + std::to_string(cols) + " " + std::string(nameOf(t));
        for (const std::string scales : {"plain", "double", "own map"})
            list.push_back({"nf4 " + scales + size, [=, m = rows, n = cols](Bench& b) { return dequantised(b, quantised(b, Quantization::Nf4, scales, m, n), t); }, 0});
        list.push_back({"int8" + size, [=, m = rows, n = cols](Bench& b) { return dequantised(b, quantised(b, Quantization::Int8, "plain", m, n), t); }, 0});
    }
}

void addSums(std::vector<KernelCase>& list, DType t)
{
    for (const std::int64_t width : {3, 75, 300}) {
        const std::string size = " of " + std::to_string(width) + " " + std::string(nameOf(t));
        list.push_back({"embedBackward" + size, [=](Bench& b) {
            std::vector<std::int32_t> tokens(61);
            for (std::size_t i = 0; i < tokens.size(); ++i)
                tokens[i] = static_cast<std::int32_t>(i * i % 17);
            const Mat dTable = b.put(randomValues(DType::F32, 19, width, 56));
            kernels::embedBackward(b.context(), {dTable, b.put(randomValues(t, 61, width, 57)), b.put(int32Values(tokens))});
            return std::vector{b.get(dTable)};
        }, 0});
        list.push_back({"sumRows" + size, [=](Bench& b) {
            const Mat dBias = b.put(randomValues(DType::F32, 1, width, 58));
            kernels::sumRows(b.context(), {dBias, b.put(randomValues(t, 61, width, 59))});
            return std::vector{b.get(dBias)};
        }, 1e-6});
    }
}

void addMagnitudes(std::vector<KernelCase>& list, DType t)
{
    for (const std::int64_t width : {3, 75, 300}) {
        const std::string size = " of " + std::to_string(width) + " " + std::string(nameOf(t));
        const double limit = t == DType::BF16 ? 1e-2 : 1e-6;
        list.push_back({"rowNorms" + size, [=](Bench& b) {
            const Mat norms = b.garbage(DType::F32, 1, 61);
            kernels::rowNorms(b.context(), {norms, b.put(randomValues(t, 61, width, 81))});
            return std::vector{b.get(norms)};
        }, 1e-6});
        list.push_back({"scaleColumns" + size, [=](Bench& b) {
            const Mat x = b.put(randomValues(t, 61, width, 82));
            const Mat y = b.garbage(t, 61, width);
            const Mat m = b.put(randomValues(DType::F32, 1, width, 83));
            Values lengths = positive(width, 84);
            for (std::int64_t i = 0; i < width; ++i)
                lengths.mat().as<float>()[i] += 0.5f;
            const Mat norms = b.put(lengths);
            kernels::scaleColumns(b.context(), {y, x, m, norms, b.put(randomValues(t, 1, width, 85))});
            kernels::scaleColumns(b.context(), {x, x, m, norms, {}});
            return std::vector{b.get(y), b.get(x)};
        }, limit});
        list.push_back({"magnitudeGradient" + size, [=](Bench& b) {
            const Mat dMagnitude = b.put(randomValues(DType::F32, 1, width, 86));
            Values lengths = positive(width, 87);
            for (std::int64_t i = 0; i < width; ++i)
                lengths.mat().as<float>()[i] += 0.5f;
            kernels::magnitudeGradient(b.context(), {dMagnitude, b.put(randomValues(t, 61, width, 88)), b.put(randomValues(t, 61, width, 89)), b.put(lengths)});
            return std::vector{b.get(dMagnitude)};
        }, 1e-6});
    }
}

/// Parameter and working copy, which the optimizers move; the gradient has a block of zeros.
struct Stepped {
    Stepped(Bench& b, DType t) : parameter(b.put(randomValues(DType::F32, 1, kStates, 61))), work(t == DType::BF16 ? b.garbage(t, 1, kStates) : Mat{})
    {
        Values values = randomValues(DType::F32, 1, kStates, 62);
        for (std::int64_t i = 256; i < 512; ++i)
            values.mat().as<float>()[i] = 0;
        gradient = b.put(values);
    }
    std::vector<Values> results(Bench& b, const std::vector<Mat>& states) const
    {
        std::vector<Values> all{b.get(parameter)};
        for (const Mat& state : states)
            all.push_back(b.get(state));
        if (work)
            all.push_back(b.get(work));
        return all;
    }
    Mat parameter;
    Mat gradient;
    Mat work;
};

std::vector<Values> steppedAdam8bit(Bench& b, DType t)
{
    const Stepped s(b, t);
    const Mat m = b.put(randomBytes(kStates, 63));
    const Mat v = b.put(randomBytes(kStates, 64));
    Values scales = positive(optimizerBlocks(kStates), 65);
    scales.mat().as<float>()[1] = 0;  // with the gradients of zero: a block whose moments stay zero
    const Mat absmax1 = b.put(scales);
    const Mat absmax2 = b.put(scales);
    for (const std::int64_t step : {3, 4})
        kernels::adamW8bit(b.context(), {.parameter = s.parameter, .gradient = s.gradient, .moment1 = m, .moment2 = v, .absmax1 = absmax1, .absmax2 = absmax2,
                                         .work = s.work, .learningRate = 1e-2, .weightDecay = 0.1, .gradientScale = 0.3, .step = step});
    return s.results(b, {m, v, absmax1, absmax2});
}

std::vector<Values> steppedSgd(Bench& b, DType t, double momentum)
{
    const Stepped s(b, t);
    const Mat velocity = momentum > 0 ? b.put(randomValues(DType::F32, 1, kStates, 66)) : Mat{};
    kernels::sgdMomentum(b.context(), {s.parameter, s.gradient, velocity, s.work, 1e-2, momentum, 0.1, 0.3});
    return s.results(b, velocity ? std::vector{velocity} : std::vector<Mat>{});
}

std::vector<Values> steppedLion(Bench& b, DType t)
{
    const Stepped s(b, t);
    const Mat moment = b.put(randomValues(DType::F32, 1, kStates, 67));
    kernels::lion(b.context(), {s.parameter, s.gradient, moment, s.work, 1e-3, 0.9, 0.99, 0.1, 0.3});
    return s.results(b, {moment});
}

}  // namespace

void addWeightCases(std::vector<KernelCase>& list, DType dtype)
{
    addDequantise(list, dtype);
    addSums(list, dtype);
        addMagnitudes(list, dtype);
    const std::string work = dtype == DType::BF16 ? " with work" : "";
    list.push_back({"adamW8bit" + work, [=](Bench& b) { return steppedAdam8bit(b, dtype); }, 0});
    list.push_back({"sgdMomentum" + work, [=](Bench& b) { return steppedSgd(b, dtype, 0.9); }, 0});
    list.push_back({"sgd without momentum" + work, [=](Bench& b) { return steppedSgd(b, dtype, 0); }, 0});
    list.push_back({"lion" + work, [=](Bench& b) { return steppedLion(b, dtype); }, 0});
}

}  // namespace lorikeet::test
