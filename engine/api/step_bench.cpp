// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/step_bench.h"

#include "engine/api/bench_model.h"
#include "engine/api/fitting.h"
#include "engine/base/error.h"
#include "engine/base/system.h"
#include "engine/kernels/op_profile.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>
#include <tuple>

namespace lorikeet::api {

namespace {

bool isProductOrAttention(std::string_view op) { return op == "matmul" || op.starts_with("attention"); }

double medianOf(std::vector<double> values)
{
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// Rates as seconds: a call is bound by its products or by its bytes, whichever takes longer.
double secondsAtBest(const kernels::OpWork& work, const DeviceRates& rates)
{
    const double tflops = work.dtype == DType::BF16 && rates.bf16Tflops > 0 ? rates.bf16Tflops : rates.fp32Tflops;
    return std::max(work.flops / (1e12 * tflops), work.bytes / (1e9 * rates.memoryGBps));
}

/// Sums the records of all measured steps.
class Collector {
public:
    Collector(const plan::Program& program, const DeviceRates& rates) : m_program(program), m_rates(rates) {}

    void add(const kernels::OpRecord& record)
    {
        const auto& shape = record.work.shape;
        OpTotal& total = m_ops[{record.op, shape[0], shape[1], shape[2], static_cast<int>(record.work.dtype)}];
        if (total.callsPerStep == 0)
            total = {record.op, shape, std::string(nameOf(record.work.dtype)), 0, 0, record.seconds, record.work.flops, record.work.bytes, secondsAtBest(record.work, m_rates)};
        total.callsPerStep += 1;
        total.secondsPerStep += record.seconds;
        total.shortestCall = std::min(total.shortestCall, record.seconds);
        m_parts[record.point] += record.seconds;
    }

    [[nodiscard]] std::string where(std::int32_t point) const { return plan::describe(m_program.points.at(static_cast<std::size_t>(point))); }

    void finish(StepBench& bench, double steps) const
    {
        for (const auto& [key, total] : m_ops) {
            bench.ops.push_back(total);
            bench.ops.back().callsPerStep /= steps;
            bench.ops.back().secondsPerStep /= steps;
        }
        std::stable_sort(bench.ops.begin(), bench.ops.end(), [](const OpTotal& a, const OpTotal& b) { return a.secondsPerStep > b.secondsPerStep; });
        for (const auto& [point, seconds] : m_parts)
            bench.parts.push_back({where(point), seconds / steps});
    }

private:
    const plan::Program& m_program;
    const DeviceRates& m_rates;
    std::map<std::tuple<std::string, std::int64_t, std::int64_t, std::int64_t, int>, OpTotal> m_ops;
    std::map<std::int32_t, double> m_parts;
};

}  // namespace

double StepBench::medianSeconds() const { return medianOf(stepSeconds); }

double StepBench::meanSeconds() const { return std::accumulate(stepSeconds.begin(), stepSeconds.end(), 0.0) / static_cast<double>(stepSeconds.size()); }

double StepBench::mfu() const
{
    const double peak = 1e12 * (bf16 && rates.bf16Tflops > 0 ? rates.bf16Tflops : rates.fp32Tflops);
    return modelFlops / (medianSeconds() * peak);
}

double StepBench::rooflineShare() const
{
    const double best = std::accumulate(ops.begin(), ops.end(), 0.0, [](double sum, const OpTotal& op) { return sum + op.callsPerStep * op.atBest; });
    return best / medianSeconds();
}

double StepBench::shareOutsideProducts() const
{
    double inside = 0;
    for (const OpTotal& op : ops)
        inside += isProductOrAttention(op.op) ? op.secondsPerStep : 0.0;
    return 1.0 - inside / meanSeconds();
}

StepBench benchStep(const Job& job, const StepBenchOptions& options, const std::stop_token& stop)
{
    if (options.steps < 1 || options.warmup < 0)
        throw Error(ErrorCode::Usage, "a benchmark measures at least one step", "give --steps 1 or more and --warmup 0 or more");
    BenchModel model(job);
    const data::MicroBatch batch = packedBatch(randomRows(job, model.shape().vocab));
    StepBench bench;
    bench.rates = measureRates(model.device()).rates;
    bench.bf16 = job.recipe.precision == "bf16";
    bench.tokens = static_cast<double>(batch.tokens.size());
    // Every document is as long as the context and all of it is counted: the default workload.
    bench.modelFlops = plan::stepCost(model.shape(), job, {}).modelFlops / static_cast<double>(job.recipe.accumulation);
    kernels::OpProfile profile(model.context(), [&] { return model.memory().point(); });
    Collector collector(model.plan().program, bench.rates);
    for (std::int64_t number = 1; number <= options.warmup + options.steps; ++number) {
        throwIfStopped(stop);
        profile.clear();
        const double begin = kernels::profileSeconds();
        bench.lossLast = model.step(batch, number);
        const double seconds = kernels::profileSeconds() - begin;
        if (number == 1)
            bench.lossFirst = bench.lossLast;
        if (number <= options.warmup)
            continue;
        bench.stepSeconds.push_back(seconds);
        for (const kernels::OpRecord& record : profile.records())
            collector.add(record);
        if (number == options.warmup + options.steps)
            for (const kernels::OpRecord& record : profile.records())
                bench.spans.push_back({record.op, collector.where(record.point), record.begin - begin, record.seconds});
    }
    collector.finish(bench, static_cast<double>(options.steps));
    return bench;
}

nlohmann::ordered_json toJson(const StepBench& bench)
{
    const Processor cpu = processor();
    nlohmann::ordered_json json{{"processor", cpu.name}, {"threads", cpu.threads}, {"tokens_per_step", bench.tokens},
                                {"step_seconds", bench.stepSeconds}, {"tokens_per_second", bench.tokens / bench.medianSeconds()},
                                {"model_flops_per_step", bench.modelFlops}, {"mfu", bench.mfu()}, {"roofline_share", bench.rooflineShare()},
                                {"outside_products_and_attention", bench.shareOutsideProducts()},
                                {"machine", {{"fp32_gflops", 1e3 * bench.rates.fp32Tflops}, {"bf16_gflops", 1e3 * bench.rates.bf16Tflops}, {"copy_gbps", bench.rates.memoryGBps}}},
                                {"first_loss", bench.lossFirst}, {"last_loss", bench.lossLast}};
    json["ops"] = nlohmann::ordered_json::array();
    for (const OpTotal& op : bench.ops)
        json["ops"].push_back({{"op", op.op}, {"shape", op.shape}, {"dtype", op.dtype}, {"calls_per_step", op.callsPerStep}, {"seconds_per_step", op.secondsPerStep},
                               {"shortest_call_seconds", op.shortestCall}, {"gflops", op.gflops()}, {"gbps", op.gbps()}, {"share_of_roofline", op.atBest / op.shortestCall}});
    json["parts"] = nlohmann::ordered_json::array();
    for (const PartTotal& part : bench.parts)
        json["parts"].push_back({{"where", part.where}, {"seconds_per_step", part.secondsPerStep}});
    return json;
}

nlohmann::ordered_json traceOf(const StepBench& bench)
{
    nlohmann::ordered_json events = nlohmann::ordered_json::array();
    for (const OpSpan& span : bench.spans)
        events.push_back({{"name", span.op}, {"cat", span.where}, {"ph", "X"}, {"ts", 1e6 * span.begin}, {"dur", 1e6 * span.seconds}, {"pid", 1}, {"tid", 1}, {"args", {{"where", span.where}}}});
    return {{"displayTimeUnit", "ms"}, {"traceEvents", events}};
}

}  // namespace lorikeet::api
