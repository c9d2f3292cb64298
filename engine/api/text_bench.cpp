// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/text_bench.h"

#include "engine/api/guarded.h"
#include "engine/api/models.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/system.h"
#include "engine/data/conversation.h"
#include "engine/data/dataset.h"
#include "engine/data/parallel_rows.h"
#include "engine/data/row_source.h"
#include "engine/generate/added_tokens.h"
#include "engine/generate/model_text.h"

#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <utility>

namespace lorikeet::api {

namespace {

template <typename Work>
double secondsOf(const Work& work)
{
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<data::Sample> readSamples(const Job& job, const std::stop_token& stop)
{
    data::RowSource source(pathFromUtf8(job.data.path), job.data.format);
    const data::RowFormat format = source.requireFormat();
    std::vector<data::Sample> samples;
    while (const std::optional<data::Row> row = source.next()) {
        throwIfStopped(stop);
        data::SampleOrProblem sample = data::toSample(row->value, format);
        if (!row->problem.empty() || !sample.sample)
            throw Error(ErrorCode::BadInput, job.data.path + ", row " + std::to_string(row->number) + ": " + (row->problem.empty() ? sample.problem : row->problem),
                        "repair the row: a benchmark leaves none out");
        samples.push_back(std::move(*sample.sample));
    }
    return samples;
}

std::string textOf(const data::Sample& sample, const generate::ModelText& words, const tokenizer::RenderOptions& options)
{
    if (const auto* plain = std::get_if<data::PlainText>(&sample))
        return plain->text;
    if (const auto* pair = std::get_if<data::PromptCompletion>(&sample))
        return pair->prompt + pair->completion;
    if (!words.chatTemplate)
        throw Error(ErrorCode::BadInput, "the data holds conversations, and the model has no chat template", "choose an instruction model");
    return words.chatTemplate->render(std::get<data::Conversation>(sample).messages, options).text;
}

}  // namespace

TextBench benchText(const Job& job, const std::stop_token& stop, const ProgressFn& progress)
{
    return guarded([&] {
        TextBench bench;
        bench.threads = job.run.threads > 0 ? static_cast<int>(job.run.threads) : processor().threads;
        std::unique_ptr<formats::ModelSource> source;
        generate::ModelText words;
        bench.openSeconds = secondsOf([&] {
            source = generate::withTokens(formats::openModelSource(locateModel(job.model.path)), generate::addedTokensOf(job));
            words = generate::loadModelText(*source);
        });
        std::vector<data::Sample> samples;
        bench.readSeconds = secondsOf([&] { samples = readSamples(job, stop); });
        bench.rows = static_cast<std::int64_t>(samples.size());
        std::vector<std::string> texts(samples.size());
        const tokenizer::RenderOptions options = words.renderOptions();
        bench.renderSeconds = secondsOf([&] {
            data::forEachRow(samples.size(), bench.threads, stop, [&](std::size_t i) { texts[i] = textOf(samples[i], words, options); });
        });
        std::atomic<std::int64_t> tokens{0};
        bench.encodeSeconds = secondsOf([&] {
            data::forEachRow(texts.size(), bench.threads, stop, [&](std::size_t i) {
                tokens += static_cast<std::int64_t>(words.tokenizer->encode(texts[i], tokenizer::SpecialTokens::Parse).size());
            });
        });
        bench.tokens = tokens;
        for (const std::string& text : texts)
            bench.bytes += static_cast<std::int64_t>(text.size());
        bench.datasetSeconds = secondsOf([&] {
            bench.packingEfficiency = data::buildDataset(job, *words.tokenizer, words.chat(), progress, stop).report.packingEfficiency;
        });
        return bench;
    });
}

nlohmann::ordered_json toJson(const TextBench& bench)
{
    return {{"rows", bench.rows},
            {"bytes", bench.bytes},
            {"tokens", bench.tokens},
            {"threads", bench.threads},
            {"open_s", bench.openSeconds},
            {"read_s", bench.readSeconds},
            {"template_s", bench.renderSeconds},
            {"tokenise_s", bench.encodeSeconds},
            {"data_step_s", bench.datasetSeconds},
            {"packing_efficiency", bench.packingEfficiency}};
}

}  // namespace lorikeet::api
