// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/generate/session.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/units.h"
#include "engine/kernels/elementwise.h"
#include "engine/model/weight_loader.h"

#include <algorithm>

namespace lorikeet::generate {

namespace {

constexpr std::int64_t kPrefillRows = 256;
constexpr std::int64_t kLogitRows = 64;

}  // namespace

Session::Session(const std::filesystem::path& model, std::vector<plan::AdapterSlot> slots, const DeviceSpec& device,
                 const SessionOptions& options, const std::stop_token& stop, const ProgressFn& progress, const lora::WholeModules& whole)
    : m_source(withTokens(model::openRunnableModel(model), options.added)), m_shape(m_source->shape())
{
    m_shape.tiedHead = m_shape.tiedHead && !whole.apart;
    if (options.wantText) {
        m_text = loadModelText(*m_source);
        takeTemplateOf(options.templateBeside, m_text);
    }
    const ModelShape& shape = m_shape;
    m_device = model::openDevice(device, options.threads);
    m_context = m_device->context();

    plan::InferenceJob job;
    job.context = std::clamp<std::int64_t>(options.context, 0, shape.maxContext);
    job.rows = std::min(kPrefillRows, std::max<std::int64_t>(1, job.context));
    job.evaluateRows = options.evaluateRows;
    job.lossChunk = kLogitRows;
    job.precision = options.precision;
    job.quantization = options.quantization;
    job.doubleQuantization = options.doubleQuantization;
    job.adapters = std::move(slots);
    job.parameters = whole.ids;
    kernels::ProductSizes sizes{std::max(job.rows, job.evaluateRows), std::min(job.lossChunk, std::max<std::int64_t>(1, job.evaluateRows)), 0, job.precision, false};
    for (const plan::AdapterSlot& slot : job.adapters) {
        sizes.largestRank = std::max(sizes.largestRank, slot.rank);
        sizes.magnitudes = sizes.magnitudes || slot.dora;
    }
    const plan::KernelCosts costs = m_device->costs(shape, sizes);
    m_plan = plan::planInference(shape, job, device, costs);
    if (m_plan.verdict == plan::Verdict::DoesNotFit)
        throw Error(ErrorCode::DoesNotFit,
                    shape.name + " needs " + formatBytes(m_plan.totalBytes()) + ", " + device.name + " can give " + formatBytes(m_plan.capacityBytes),
                    "close other programs or choose a smaller model");
    m_memory = std::make_unique<model::PlannedMemory>(m_plan, m_device->makeArena(m_plan.arenaBytes, stop), 0);
    m_memory->enter(0);
    model::loadWeights(*m_source, *m_memory, m_context, stop, progress);
    m_decoder = std::make_unique<model::Decoder>(shape, *m_memory, m_context);
    if (!m_plan.layout.trained.adapters.empty())
        clearAdapter();
}

void Session::refreshWork()
{
    if (m_plan.layout.work != m_plan.layout.master)
        kernels::convert(m_context, {m_memory->mat(m_plan.layout.work), m_memory->mat(m_plan.layout.master), 1.0});
}

void Session::setAdapter(std::span<const float> flat)
{
    LORIKEET_CHECK(static_cast<std::int64_t>(flat.size()) == m_plan.layout.trained.adapterElements, "adapter of another size");
    kernels::upload(m_context, m_memory->mat(m_plan.layout.master).part(0, 1, m_plan.layout.trained.adapterElements), flat.data());
    refreshWork();
    m_decoder->refreshRowNorms();
}

void Session::clearAdapter()
{
    kernels::fillZero(m_context, m_memory->mat(m_plan.layout.master).part(0, 1, m_plan.layout.trained.adapterElements));
    refreshWork();
    m_decoder->startMagnitudes();
}

void Session::setParameters(const formats::ReadParameter& read)
{
    if (m_plan.layout.trained.parameters.empty())
        return;
    m_memory->enter(m_plan.program.at(plan::Phase::Load, plan::PointKind::Load));
    const bool tied = m_source->shape().tiedHead;
    const auto base = [&](ParamId id, std::int64_t first, std::int64_t count, std::span<float> rows) {
        m_source->readRows(tied && id.kind == ParamKind::Head ? formats::embeddingId() : id, first, count, rows);
    };
    model::fillParameters(read ? read : formats::ReadParameter(base), m_shape, *m_memory, m_context);
    refreshWork();
}

std::vector<float> Session::logits(std::span<const std::int32_t> tokens, const std::stop_token& stop)
{
    const std::int64_t vocab = m_source->shape().vocab;
    model::requireKnownTokens(tokens, m_source->shape());
    std::vector<float> all(tokens.size() * static_cast<std::size_t>(vocab));
    m_decoder->logits(tokens, [&](std::int64_t first, std::span<const float> rows) {
        std::copy(rows.begin(), rows.end(), all.begin() + first * vocab);
    }, stop);
    return all;
}

}  // namespace lorikeet::generate
