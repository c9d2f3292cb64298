// SPDX-License-Identifier: GPL-3.0-or-later
// One call of each op on random operands, runnable on any device's table, so that two devices can be held against each other.
#pragma once

#include "engine/kernels/op_table.h"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace lorikeet::test {

/// A matrix on the host that owns its bytes.
struct Values {
    std::vector<std::byte> bytes;
    DType dtype = DType::F32;
    std::int64_t rows = 0;
    std::int64_t cols = 0;

    [[nodiscard]] kernels::Mat mat() { return {bytes.data(), dtype, rows, cols}; }
    [[nodiscard]] double at(std::int64_t i) const;
};

/// Normal numbers, exact in the type.
[[nodiscard]] Values randomValues(DType dtype, std::int64_t rows, std::int64_t cols, std::uint32_t seed, double deviation = 1.0);
[[nodiscard]] Values int32Values(const std::vector<std::int32_t>& list);
[[nodiscard]] Values int64Values(const std::vector<std::int64_t>& list);
/// Bytes of every value.
[[nodiscard]] Values randomBytes(std::int64_t count, std::uint32_t seed);

/// Where ops run: a context, and memory of its device that is handed out from `arena` on.
class Bench {
public:
    Bench(kernels::Context& context, std::byte* arena, std::uint64_t bytes) : m_context(context), m_arena(arena), m_bytes(bytes) {}
    [[nodiscard]] kernels::Context& context() noexcept { return m_context; }
    /// A copy on the device.
    [[nodiscard]] kernels::Mat put(const Values& values);
    /// A device matrix of values that no kernel gives.
    [[nodiscard]] kernels::Mat garbage(DType dtype, std::int64_t rows, std::int64_t cols);
    [[nodiscard]] Values get(const kernels::Mat& mat);
    void clear() noexcept { m_used = 0; }

private:
    kernels::Context& m_context;
    std::byte* m_arena;
    std::uint64_t m_bytes;
    std::uint64_t m_used = 0;
};

struct KernelCase {
    std::string name;
    /// Runs the op and gives all its results.
    std::function<std::vector<Values>(Bench&)> run;
    double tolerance = 1e-6;  ///< of fp32 results, relative to the largest; 0: the same bits, in every type
    bool ownKernel = true;    ///< false: a library's on CUDA
};
[[nodiscard]] std::vector<KernelCase> kernelCases();
/// Those of the ops on weights in one storage type; part of kernelCases().
void addWeightCases(std::vector<KernelCase>& list, DType dtype);

/// "" when `found` agrees with `expected`: equal bits where the tolerance is 0; fp32 and fp64 within it; bf16 within `ulps` steps of
/// bf16, or of 1e-5 of the largest where numbers cancel, and (one step) for one element in 50 of the substantial ones. Otherwise what differs.
[[nodiscard]] std::string disagreement(const std::vector<Values>& found, const std::vector<Values>& expected, double tolerance, int ulps = 1);

}  // namespace lorikeet::test
