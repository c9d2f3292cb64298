// SPDX-License-Identifier: GPL-3.0-or-later
// Values, benches and their comparison.
#include "engine/base/check.h"
#include "engine/base/philox.h"
#include "tests/engine/kernels/cuda/kernel_cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace lorikeet::test {

namespace {

constexpr std::uint64_t kAlignment = 256;
/// One in so many bf16 results may round the other way: more would be another rule of rounding. Counted are results of at least
/// kSubstantial of the largest: there a step of bf16 (2^-8) is thousands of times the noise of fp32 sums, so that few lie between two
/// numbers; a small result of large terms that cancel carries their noise.
constexpr std::int64_t kMostStepsOff = 50;
constexpr double kSubstantial = 1.0 / 16;

template <typename T>
T element(const Values& values, std::int64_t i)
{
    T value;
    std::memcpy(&value, values.bytes.data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return value;
}

float widened(std::uint16_t bits)
{
    const std::uint32_t word = static_cast<std::uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &word, sizeof value);
    return value;
}

/// bf16 numbers in their order as integers, so that neighbours differ by one.
int placeOf(std::uint16_t bits) { return (bits & 0x8000) != 0 ? -static_cast<int>(bits & 0x7FFF) : static_cast<int>(bits); }

template <typename T>
Values listed(DType dtype, const std::vector<T>& list)
{
    Values values{std::vector<std::byte>(list.size() * sizeof(T)), dtype, 1, static_cast<std::int64_t>(list.size())};
    std::memcpy(values.bytes.data(), list.data(), values.bytes.size());
    return values;
}

}  // namespace

double Values::at(std::int64_t i) const
{
    switch (dtype) {
    case DType::F32: return static_cast<double>(element<float>(*this, i));
    case DType::F64: return element<double>(*this, i);
    case DType::BF16: return static_cast<double>(widened(element<std::uint16_t>(*this, i)));
    case DType::I32: return element<std::int32_t>(*this, i);
    case DType::U8: return element<std::uint8_t>(*this, i);
    default: return static_cast<double>(element<std::int64_t>(*this, i));
    }
}

Values randomValues(DType dtype, std::int64_t rows, std::int64_t cols, std::uint32_t seed, double deviation)
{
    Values values{std::vector<std::byte>(static_cast<std::size_t>(rows * cols) * bytesOf(dtype)), dtype, rows, cols};
    for (std::int64_t i = 0; i < rows * cols; ++i) {
        const auto words = philox4x32({static_cast<std::uint32_t>(i), seed, 7, 0}, {3, 4});
        const double radius = std::sqrt(-2.0 * std::log((words[0] + 1.0) / 4294967297.0));
        const double number = deviation * radius * std::cos(2.0 * std::numbers::pi * (words[1] / 4294967296.0));
        std::byte* to = values.bytes.data() + static_cast<std::size_t>(i) * bytesOf(dtype);
        const auto single = static_cast<float>(number);
        std::uint32_t word;
        std::memcpy(&word, &single, sizeof word);
        const auto half = static_cast<std::uint16_t>(word >> 16);
        if (dtype == DType::F64)
            std::memcpy(to, &number, sizeof number);
        else if (dtype == DType::F32)
            std::memcpy(to, &single, sizeof single);
        else
            std::memcpy(to, &half, sizeof half);
    }
    return values;
}

Values int32Values(const std::vector<std::int32_t>& list) { return listed(DType::I32, list); }
Values int64Values(const std::vector<std::int64_t>& list) { return listed(DType::I64, list); }

Values randomBytes(std::int64_t count, std::uint32_t seed)
{
    std::vector<std::uint8_t> list(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < list.size(); ++i)
        list[i] = static_cast<std::uint8_t>(philox4x32({static_cast<std::uint32_t>(i), seed, 8, 0}, {3, 4})[0]);
    return listed(DType::U8, list);
}

kernels::Mat Bench::garbage(DType dtype, std::int64_t rows, std::int64_t cols)
{
    Values values{std::vector<std::byte>(static_cast<std::size_t>(rows * cols) * bytesOf(dtype), std::byte{0x7E}), dtype, rows, cols};
    return put(values);
}

kernels::Mat Bench::put(const Values& values)
{
    LORIKEET_CHECK(m_used + values.bytes.size() <= m_bytes, "the bench is full");
    const kernels::Mat mat{m_arena + m_used, values.dtype, values.rows, values.cols};
    m_used += (values.bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
    kernels::upload(m_context, mat, values.bytes.data());
    return mat;
}

Values Bench::get(const kernels::Mat& mat)
{
    Values values{std::vector<std::byte>(mat.bytes()), mat.dtype, mat.rows, mat.cols};
    kernels::download(m_context, values.bytes.data(), mat);
    return values;
}

std::string disagreement(const std::vector<Values>& found, const std::vector<Values>& expected, double tolerance, int ulps)
{
    if (found.size() != expected.size())
        return "another number of results";
    for (std::size_t n = 0; n < expected.size(); ++n) {
        const Values& a = found[n];
        const Values& b = expected[n];
        if (a.bytes == b.bytes)
            continue;
        if (tolerance == 0.0 || a.bytes.size() != b.bytes.size())
            return "result " + std::to_string(n) + " has other bits";
        double largest = 0;
        for (std::int64_t i = 0; i < b.rows * b.cols; ++i)
            largest = std::max(largest, std::abs(b.at(i)));
        std::int64_t substantial = 0;
        std::int64_t stepsOff = 0;
        for (std::int64_t i = 0; i < b.rows * b.cols; ++i) {
            if (b.dtype == DType::BF16 && std::abs(b.at(i)) >= kSubstantial * largest) {
                ++substantial;
                stepsOff += element<std::uint16_t>(a, i) != element<std::uint16_t>(b, i) ? 1 : 0;
            }
            const double off = std::abs(a.at(i) - b.at(i));
            const bool near = b.dtype == DType::BF16 ? std::abs(placeOf(element<std::uint16_t>(a, i)) - placeOf(element<std::uint16_t>(b, i))) <= ulps || off <= 1e-5 * largest
                                                     : off <= tolerance * largest;
            if (!near)
                return "result " + std::to_string(n) + ", element " + std::to_string(i) + " of " + std::to_string(b.rows) + " x " + std::to_string(b.cols) + ": "
                     + std::to_string(a.at(i)) + ", expected " + std::to_string(b.at(i)) + ", off by " + std::to_string(off / largest * 1e6) + " millionths of the largest";
        }
        if (ulps == 1 && stepsOff > substantial / kMostStepsOff + 1)
            return "result " + std::to_string(n) + ": " + std::to_string(stepsOff) + " of " + std::to_string(substantial) + " are a step of bf16 off";
    }
    return {};
}

}  // namespace lorikeet::test
