// SPDX-License-Identifier: GPL-3.0-or-later
// Rates of this machine's CPU by a micro-benchmark: products as a job's, and copies larger than any cache.
#include "engine/api/fitting.h"

#include "engine/kernels/matmul.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/threads.h"
#include "engine/plan/catalogue/catalogue.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace lorikeet::api {

namespace {

using Clock = std::chrono::steady_clock;

// A product of 512 rows with a square map: about 1 ms on the slowest machine there is a plan for times ten.
constexpr std::int64_t kRows = 512;
constexpr std::int64_t kWidth = 1024;
constexpr std::size_t kCopyBytes = std::size_t{48} << 20;
constexpr double kBudgetSeconds = 0.08;  ///< of each of the three measurements

/// Shortest time of `work`, repeated within the budget: other programs only ever make it longer.
template <typename WorkFn>
double shortestSeconds(WorkFn&& work)
{
    double shortest = 1e9;
    const auto start = Clock::now();
    do {
        const auto begin = Clock::now();
        work();
        shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - begin).count());
    } while (std::chrono::duration<double>(Clock::now() - start).count() < kBudgetSeconds);
    return shortest;
}

double productTflops(DType dtype)
{
    const kernels::MatmulShape shape{kRows, kWidth, kWidth, false, true, dtype, dtype};
    std::vector<std::byte> scratch(kernels::cpuMatmulScratchBytes(shape) + 64);
    const auto room = [dtype](std::int64_t rows) { return std::vector<std::byte>(static_cast<std::size_t>(rows * kWidth) * bytesOf(dtype)); };
    std::vector<std::byte> a = room(kRows);
    std::vector<std::byte> b = room(kWidth);
    std::vector<std::byte> c = room(kRows);
    kernels::Context context;
    context.ops = &kernels::cpuOps();
    context.matmulScratch = scratch.data();
    context.matmulScratchBytes = scratch.size();
    const kernels::Matmul product{.c = {c.data(), dtype, kRows, kWidth}, .a = {a.data(), dtype, kRows, kWidth}, .b = {b.data(), dtype, kWidth, kWidth}, .transposeB = true};
    kernels::matmul(context, product);  // the library compiles its kernel on the first call
    return 1e-12 * 2 * static_cast<double>(kRows * kWidth * kWidth) / shortestSeconds([&] { kernels::matmul(context, product); });
}

/// Bytes read and written per second, all threads copying at once.
double copyGBps(int threads)
{
    std::vector<std::byte> from(kCopyBytes, std::byte{1});
    std::vector<std::byte> to(kCopyBytes, std::byte{2});
    const std::size_t share = kCopyBytes / static_cast<std::size_t>(threads);
    const double seconds = shortestSeconds([&] {
        std::vector<std::jthread> workers;
        for (int i = 0; i < threads; ++i)
            workers.emplace_back([&, i] { std::memcpy(to.data() + static_cast<std::size_t>(i) * share, from.data() + static_cast<std::size_t>(i) * share, share); });
    });
    return 1e-9 * 2 * static_cast<double>(share) * threads / seconds;
}

DeviceRates measureCpu(bool bf16, int threads)
{
    DeviceRates rates;
    rates.fp32Tflops = productTflops(DType::F32);
    rates.bf16Tflops = bf16 && kernels::cpuMultipliesBf16() ? productTflops(DType::BF16) : 0;
    rates.memoryGBps = copyGBps(std::max(1, threads));
    rates.hostLinkGBps = rates.memoryGBps;  // the host is the device
    rates.measured = true;
    return rates;
}

}  // namespace

DeviceSpec measureRates(DeviceSpec device)
{
    if (device.kind != DeviceSpec::Kind::Cpu) {
        // A card of this machine that nothing was measured on: its datasheet, where the catalogue knows it.
        if (const auto card = plan::findDevice(device.name); device.rates.memoryGBps == 0 && card)
            device.rates = card->rates;
        return device;
    }
    static std::mutex mutex;
    static std::map<int, DeviceRates> known;
    const int threads = kernels::cpuThreads();
    const std::lock_guard lock(mutex);
    const auto [it, isNew] = known.try_emplace(threads);
    if (isNew)
        it->second = measureCpu(device.bf16Arithmetic, threads);
    device.rates = it->second;
    return device;
}

}  // namespace lorikeet::api
