// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/forecast.h"

#include "engine/base/units.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

/// Share of a rate that the engine reaches: expected, and the two ends of the spread.
struct Share {
    double expected = 1;
    double low = 1;
    double high = 1;
};

/// How much of its rates a device gives. Datasheet peaks: products of transformer size reach 60 to 80 % of the dense peak (an H200 about
/// 790 of 989 TFLOP/s in bf16), attention a third to a half of it (FlashAttention-2), well written element-wise kernels 65 to 90 % of the
/// bandwidth. Measured rates: the best time of the micro-benchmark's square product is better than the mean of a step's, as runs of the
/// starter job on two cores of a server processor showed (README.md).
struct Shares {
    Share products;
    Share thinProducts;  ///< the adapter's: one side is the rank
    Share attention;
    Share bandwidth;
    double launchSeconds = 0;  ///< of one kernel, where nothing else hides it
};
constexpr Shares kDatasheet{{0.62, 0.42, 0.78}, {0.30, 0.15, 0.50}, {0.33, 0.22, 0.50}, {0.75, 0.60, 0.90}, 4e-6};
constexpr Shares kMeasured{{0.92, 0.72, 1.05}, {0.50, 0.32, 0.85}, {0.40, 0.22, 0.65}, {0.75, 0.50, 1.05}, 4e-6};
// In bf16 the parts around the products are no faster than in fp32.
constexpr Shares kMeasuredBf16{{0.78, 0.60, 0.95}, {0.45, 0.30, 0.75}, {0.33, 0.20, 0.60}, {0.70, 0.50, 1.00}, 4e-6};
// On a CPU a kernel starts with a barrier of its threads.
constexpr double kCpuLaunchSeconds = 3e-6;

// Rates of a typical device, for ratios where none are known: a mid-range card, and four cores with AVX2.
constexpr DeviceRates kTypicalGpu{25, 50, 450, 20, false};
constexpr DeviceRates kTypicalCpu{0.4, 0.4, 25, 25, false};

enum class End : std::uint8_t { Expected, Slow, Fast };

double of(const Share& share, End end) { return end == End::Slow ? share.low : end == End::Fast ? share.high : share.expected; }

/// A device and a job's precision reduced to what the roofline needs.
struct Roof {
    Shares shares;
    double flops = 0;      ///< FLOP/s of products
    double peak = 0;       ///< what MFU divides by
    double bandwidth = 0;  ///< B/s
    double link = 0;       ///< B/s
    bool widens = false;   ///< bf16 is storage only: products run in fp32 on widened operands

    Roof(const DeviceSpec& device, const DeviceRates& rates, DType compute)
    {
        widens = compute == DType::BF16 && !device.bf16Arithmetic;
        const bool bf16 = compute == DType::BF16 && !widens;
        shares = !rates.measured ? kDatasheet : bf16 ? kMeasuredBf16 : kMeasured;
        flops = 1e12 * (bf16 ? rates.bf16Tflops : rates.fp32Tflops);
        peak = flops;
        bandwidth = 1e9 * rates.memoryGBps;
        link = 1e9 * rates.hostLinkGBps;
        if (device.kind == DeviceSpec::Kind::Cpu)
            shares.launchSeconds = kCpuLaunchSeconds;
    }
    [[nodiscard]] bool known() const noexcept { return flops > 0 && bandwidth > 0; }
    [[nodiscard]] const Share& shareOf(Work work) const noexcept
    {
        return work == Work::Attention ? shares.attention : work == Work::Adapter ? shares.thinProducts : shares.products;
    }
};

struct Timed {
    double seconds = 0;
    Bound bound = Bound::Compute;
};

Timed timeOf(const Roof& roof, Work work, const WorkAmount& amount, End end)
{
    double bytes = amount.bytes;
    if (roof.widens && (work == Work::Matrices || work == Work::Head || work == Work::Recompute))
        bytes *= 5;  // 2 B read, 4 B written and read again
    const double compute = amount.flops / (roof.flops * of(roof.shareOf(work), end));
    const double traffic = bytes / (roof.bandwidth * of(roof.shares.bandwidth, end));
    const double launches = amount.launches * roof.shares.launchSeconds;
    const double link = amount.linkBytes > 0 && roof.link > 0 ? amount.linkBytes / (roof.link * of(roof.shares.bandwidth, end)) : 0;
    Timed best{compute, Bound::Compute};
    for (const Timed& other : {Timed{traffic, Bound::Bandwidth}, Timed{launches, Bound::Launch}, Timed{link, Bound::Link}})
        if (other.seconds > best.seconds)
            best = other;
    return best;
}

/// Every kind of work in turn; of the copies of an offload, which run beside it one layer ahead, only what sticks out: what the rest of the
/// step does not cover, and never less than one layer's share, which has nothing to run beside.
std::array<Timed, kWorks.size()> timesOf(const Roof& roof, const StepCost& cost, End end)
{
    std::array<Timed, kWorks.size()> times{};
    double others = 0;
    for (const Work work : kWorks) {
        times[static_cast<std::size_t>(work)] = timeOf(roof, work, cost.of(work), end);
        if (work != Work::Offload)
            others += times[static_cast<std::size_t>(work)].seconds;
    }
    double& copies = times[static_cast<std::size_t>(Work::Offload)].seconds;
    copies = std::max(copies - others, copies / std::max(1.0, cost.layers));
    return times;
}

double secondsOf(const Roof& roof, const StepCost& cost, End end)
{
    double seconds = 0;
    for (const Timed& timed : timesOf(roof, cost, end))
        seconds += timed.seconds;
    return seconds;
}

std::string basisOf(const DeviceRates& rates)
{
    return rates.measured ? "rates measured on this machine" : "datasheet rates, of which products reach " + formatNumber(100 * kDatasheet.products.expected, 2) + " %";
}

void fillParts(StepForecast& forecast, const Roof& roof, const StepCost& cost)
{
    std::array<double, 4> byBound{};
    const std::array<Timed, kWorks.size()> times = timesOf(roof, cost, End::Expected);
    for (const Work work : kWorks) {
        const Timed& timed = times[static_cast<std::size_t>(work)];
        forecast.parts[static_cast<std::size_t>(work)] = {work, timed.seconds, timed.bound};
        byBound[static_cast<std::size_t>(timed.bound)] += timed.seconds / forecast.secondsPerStep;
    }
    forecast.computeShare = byBound[static_cast<std::size_t>(Bound::Compute)];
    forecast.bandwidthShare = byBound[static_cast<std::size_t>(Bound::Bandwidth)];
    forecast.linkShare = byBound[static_cast<std::size_t>(Bound::Link)];
    forecast.launchShare = byBound[static_cast<std::size_t>(Bound::Launch)];
}

}  // namespace

std::string_view nameOf(Bound bound) noexcept
{
    switch (bound) {
    case Bound::Compute: return "compute";
    case Bound::Bandwidth: return "memory bandwidth";
    case Bound::Link: return "host link";
    case Bound::Launch: return "kernel launches";
    }
    return "?";
}

bool isPlanOnly(const DeviceSpec& device) noexcept { return device.kind == DeviceSpec::Kind::Catalogue && !device.bf16Arithmetic; }

StepForecast forecastStep(const ModelShape& shape, const Job& job, const DeviceSpec& device, const Workload& workload)
{
    const StepCost cost = stepCost(shape, job, workload);
    const Roof roof(device, device.rates, precisionOf(job));
    StepForecast forecast;
    forecast.tokensPerStep = cost.tokens;
    forecast.modelTflop = 1e-12 * cost.modelFlops;
    forecast.executedTflop = 1e-12 * cost.flops();
    forecast.basis = isPlanOnly(device) ? "Lorikeet plans for this device and does not train on it" : "no rates are known for this device";
    if (!roof.known() || isPlanOnly(device))
        return forecast;
    forecast.known = true;
    forecast.basis = basisOf(device.rates);
    forecast.secondsPerStep = secondsOf(roof, cost, End::Expected);
    forecast.secondsPerStepLow = secondsOf(roof, cost, End::Fast);
    forecast.secondsPerStepHigh = secondsOf(roof, cost, End::Slow);
    forecast.tokensPerSecond = cost.tokens / forecast.secondsPerStep;
    forecast.tokensPerSecondLow = cost.tokens / forecast.secondsPerStepHigh;
    forecast.tokensPerSecondHigh = cost.tokens / forecast.secondsPerStepLow;
    forecast.mfu = cost.modelFlops / (forecast.secondsPerStep * roof.peak);
    fillParts(forecast, roof, cost);
    return forecast;
}

double secondsPerToken(const ModelShape& shape, const Job& job, const DeviceSpec& device, const Workload& workload)
{
    const DeviceRates& known = device.rates;
    const bool all = known.memoryGBps > 0 && known.fp32Tflops > 0 && (known.bf16Tflops > 0 || !device.bf16Arithmetic);
    const Roof roof(device, all ? known : device.kind == DeviceSpec::Kind::Cpu ? kTypicalCpu : kTypicalGpu, precisionOf(job));
    const StepCost cost = stepCost(shape, job, workload);
    return secondsOf(roof, cost, End::Expected) / cost.tokens;
}

}  // namespace lorikeet::plan
