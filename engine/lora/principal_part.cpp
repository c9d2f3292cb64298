// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/lora/principal_part.h"

#include "engine/base/check.h"
#include "engine/base/progress.h"
#include "engine/kernels/matmul.h"
#include "engine/plan/principal.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace lorikeet::lora {

namespace {

constexpr int kRounds = 16;
/// Rounds end when the share of the matrix in the directions grows by less than this.
constexpr double kSettled = 1e-9;
/// Below this share of its length a row is taken for a sum of the rows before it.
constexpr double kDependent = 1e-6;
constexpr int kMostSweeps = 40;
constexpr double kOrthogonal = 1e-14;
/// Products smaller than this are not worth waking threads.
constexpr std::int64_t kWorthThreads = 1 << 16;
constexpr std::int64_t kChunk = 1024;

template <typename T>
double dot(const T* a, const T* b, std::int64_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < n; ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

float* rowOf(const Mat& mat, std::int64_t row) { return mat.as<float>() + row * mat.cols; }

/// `turn` sets rows apart that are filled more than once.
void fillRandom(const Mat& rows, std::int64_t first, std::int64_t count, const PrincipalSeed& seed, std::uint32_t turn)
{
    for (std::int64_t row = first; row < first + count; ++row) {
        float* values = rowOf(rows, row);
        for (std::int64_t i = 0; i < rows.cols; ++i) {
            const auto element = static_cast<std::uint64_t>(row * rows.cols + i);
            const auto words = philox4x32({static_cast<std::uint32_t>(element / 4), seed.layer, seed.linear, turn}, seed.key);
            values[i] = 2.0f * unitFloat(words[element % 4]) - 1.0f;
        }
    }
}

/// Takes the parts along the rows before it off row `i`; adds their lengths to `coefficients`.
void takeOff(const Mat& rows, std::int64_t i, std::vector<double>& lengths, double* coefficients)
{
    float* mine = rowOf(rows, i);
    const std::int64_t n = rows.cols;
    const bool many = i * n > kWorthThreads;
#pragma omp parallel for schedule(static) if (many)
    for (std::int64_t j = 0; j < i; ++j)
        lengths[static_cast<std::size_t>(j)] = dot(mine, rowOf(rows, j), n);
#pragma omp parallel for schedule(static) if (many)
    for (std::int64_t begin = 0; begin < n; begin += kChunk) {
        const std::int64_t end = std::min(n, begin + kChunk);
        for (std::int64_t j = 0; j < i; ++j) {
            const auto length = static_cast<float>(lengths[static_cast<std::size_t>(j)]);
            const float* other = rowOf(rows, j);
            for (std::int64_t k = begin; k < end; ++k)
                mine[k] -= length * other[k];
        }
    }
    if (coefficients != nullptr)
        for (std::int64_t j = 0; j < i; ++j)
            coefficients[j] += lengths[static_cast<std::size_t>(j)];
}

void scaleRow(const Mat& rows, std::int64_t i, double factor)
{
    float* values = rowOf(rows, i);
    for (std::int64_t k = 0; k < rows.cols; ++k)
        values[k] = static_cast<float>(factor * values[k]);
}

/// Rows made orthonormal by Gram-Schmidt, twice for each ("twice is enough"); rows of rank less than their number are filled up with
/// others. With `lower` [rows, rows] fp64, zero before: the rows were lower * the new ones.
void orthonormalise(const Mat& rows, const PrincipalSeed& seed, double* lower)
{
    std::vector<double> lengths(static_cast<std::size_t>(rows.rows));
    for (std::int64_t i = 0; i < rows.rows; ++i) {
        double* coefficients = lower != nullptr ? lower + i * rows.rows : nullptr;
        const double before = std::sqrt(dot(rowOf(rows, i), rowOf(rows, i), rows.cols));
        takeOff(rows, i, lengths, coefficients);
        takeOff(rows, i, lengths, coefficients);
        double after = std::sqrt(dot(rowOf(rows, i), rowOf(rows, i), rows.cols));
        if (after > kDependent * before) {
            if (coefficients != nullptr)
                coefficients[i] = after;
        } else {
            fillRandom(rows, i, 1, seed, 1);
            takeOff(rows, i, lengths, nullptr);
            takeOff(rows, i, lengths, nullptr);
            after = std::sqrt(dot(rowOf(rows, i), rowOf(rows, i), rows.cols));
        }
        LORIKEET_CHECK(after > 0, "a direction vanished");
        scaleRow(rows, i, 1.0 / after);
    }
}

void rotate(double* p, double* q, std::int64_t n, double cosine, double sine)
{
    for (std::int64_t k = 0; k < n; ++k) {
        const double x = p[k];
        p[k] = cosine * x - sine * q[k];
        q[k] = sine * x + cosine * q[k];
    }
}

/// One-sided Jacobi (Hestenes 1958): rotates the rows of `core` [n, n] until they are orthogonal; `turns` [n, n] takes all rotations.
void makeRowsOrthogonal(double* core, double* turns, std::int64_t n)
{
    std::fill_n(turns, n * n, 0.0);
    for (std::int64_t i = 0; i < n; ++i)
        turns[i * n + i] = 1.0;
    bool turned = true;
    for (int sweep = 0; turned && sweep < kMostSweeps; ++sweep) {
        turned = false;
        for (std::int64_t p = 0; p < n; ++p)
            for (std::int64_t q = p + 1; q < n; ++q) {
                const double alpha = dot(core + p * n, core + p * n, n);
                const double beta = dot(core + q * n, core + q * n, n);
                const double gamma = dot(core + p * n, core + q * n, n);
                if (!(std::abs(gamma) > kOrthogonal * std::sqrt(alpha * beta)))
                    continue;
                const double zeta = (beta - alpha) / (2.0 * gamma);
                const double tangent = std::copysign(1.0 / (std::abs(zeta) + std::sqrt(1.0 + zeta * zeta)), zeta);
                const double cosine = 1.0 / std::sqrt(1.0 + tangent * tangent);
                rotate(core + p * n, core + q * n, n, cosine, cosine * tangent);
                rotate(turns + p * n, turns + q * n, n, cosine, cosine * tangent);
                turned = true;
            }
    }
}

/// Directions `left` [columns, out] that hold the strongest of the matrix, orthonormal, and right = left * weight [columns, in].
void findDirections(PrincipalRoom& room, const Mat& weight, const PrincipalSeed& seed, const Mat& left, const Mat& right, const std::stop_token& stop)
{
    fillRandom(right, 0, right.rows, seed, 0);
    double before = 0;
    const bool exact = left.rows == std::min(weight.rows, weight.cols);
    for (int round = 0;; ++round) {
        throwIfStopped(stop);
        kernels::matmul(room.context, {.c = left, .a = right, .b = weight, .transposeB = true});
        orthonormalise(left, seed, nullptr);
        kernels::matmul(room.context, {.c = right, .a = left, .b = weight});
        const double held = dot(right.as<float>(), right.as<float>(), right.elements());
        if (exact || round == kRounds || held - before <= kSettled * held)
            return;
        before = held;
    }
}

/// target[k] = sqrt(strength / scale) / length * sum_i factors[i] rows[i][k], with a stride between the elements.
void combine(const Mat& rows, const double* factors, double weight, float* target, std::int64_t stride)
{
    for (std::int64_t k = 0; k < rows.cols; ++k) {
        double sum = 0;
        for (std::int64_t i = 0; i < rows.rows; ++i)
            sum += factors[i] * static_cast<double>(rowOf(rows, i)[k]);
        target[k * stride] = static_cast<float>(weight * sum);
    }
}

}  // namespace

void findPrincipalPart(PrincipalRoom& room, const Mat& weight, double scale, const PrincipalSeed& seed, const Mat& a, const Mat& b,
                       const std::stop_token& stop)
{
    const std::int64_t columns = plan::principalColumns(a.rows, {weight.cols, weight.rows});
    LORIKEET_CHECK(a.rows <= columns && scale > 0, "no principal part of rank " + std::to_string(a.rows) + " in " + kernels::describe(weight));
    const Mat left = room.left.part(0, columns, weight.rows);
    const Mat right = room.right.part(0, columns, weight.cols);
    findDirections(room, weight, seed, left, right, stop);

    // weight ~ left^T right, and right = core * orthonormal rows: the small core has the singular values.
    double* core = room.core.as<double>();
    double* turns = core + columns * columns;
    std::fill_n(core, columns * columns, 0.0);
    orthonormalise(right, seed, core);
    makeRowsOrthogonal(core, turns, columns);

    std::vector<double> strength(static_cast<std::size_t>(columns));
    std::vector<std::int64_t> order(strength.size());
    for (std::int64_t i = 0; i < columns; ++i)
        strength[static_cast<std::size_t>(i)] = std::sqrt(dot(core + i * columns, core + i * columns, columns));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t x, std::int64_t y) { return strength[static_cast<std::size_t>(x)] > strength[static_cast<std::size_t>(y)]; });
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < a.rows; ++r) {
        const std::int64_t i = order[static_cast<std::size_t>(r)];
        const double value = strength[static_cast<std::size_t>(i)];
        const double root = std::sqrt(value / scale);
        combine(right, core + i * columns, value > 0 ? root / value : 0.0, a.as<float>() + r * a.cols, 1);
        combine(left, turns + i * columns, root, b.as<float>() + r, b.cols);
    }
}

void subtractPart(PrincipalRoom& room, const Mat& weight, double scale, const Mat& a, const Mat& b)
{
    kernels::matmul(room.context, {.c = weight, .a = b, .b = a, .alpha = -scale, .beta = 1.0});
}

}  // namespace lorikeet::lora
