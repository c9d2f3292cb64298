// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes everything that reads a job or an event from text. Whatever the bytes: an Error{Usage} or Error{BadInput}, or a value that is
// written, read back the same, and understood by validate(). The first byte chooses the reader.
#include "engine/spec/job.h"
#include "engine/spec/job_fields.h"
#include "engine/spec/module_pattern.h"
#include "engine/spec/run_event.h"
#include "tests/fuzz/fuzz_input.h"

#include <nlohmann/json.hpp>

using namespace lorikeet;

namespace {

constexpr std::int64_t kLayers = 4;

void require(bool condition)
{
    if (!condition)
        std::abort();
}

/// A job that was accepted has no errors but missing choices, and survives its file.
void useJob(const Job& job)
{
    const std::string written = writeJob(job);
    require(writeJob(parseJob(written, "written")) == written);
    for (const Issue& issue : validate(job))
        require(!issue.message.empty() && !issue.fix.empty());
    for (std::int64_t layer = 0; layer < kLayers; ++layer)
        for (const Linear linear : targetsOf(job)) {
            const AdapterSize size = adapterSizeOf(job, layer, linear);
            require(size.rank >= 1 && size.scale > 0);
        }
    static_cast<void>(precisionOf(job));
    try {
        require(recomputeLevels(job, kLayers).size() == static_cast<std::size_t>(kLayers));
    } catch (const Error& error) {
        require(error.code() == ErrorCode::Usage);  // levels for another number of layers
    }
}

void setFields(const std::string& text)
{
    Job job;
    const auto line = text.find('\n');
    setJobField(job, std::string_view(text).substr(0, line), line == std::string::npos ? "" : std::string_view(text).substr(line + 1));
    useJob(job);
}

void matchPattern(const std::string& text)
{
    const auto line = text.find('\n');
    const ModulePattern pattern(std::string_view(text).substr(0, line));
    static_cast<void>(pattern.matchesEndOf(line == std::string::npos ? "model.layers.3.self_attn.q_proj" : text.substr(line + 1)));
}

void readEvent(const std::string& text)
{
    const auto line = nlohmann::ordered_json::parse(text, nullptr, false);
    if (line.is_discarded())
        return;
    const std::string written = toJson(runEventFromJson(line)).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::strict);
    require(toJson(runEventFromJson(nlohmann::ordered_json::parse(written))).dump() == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const std::string text(fuzz::textOf(data + 1, size - 1));
    fuzz::answerOrRefuse([&] {
        switch (data[0] % 4) {
        case 0: useJob(parseJob(text, "fuzz")); break;
        case 1: setFields(text); break;
        case 2: matchPattern(text); break;
        default: readEvent(text); break;
        }
    });
    return 0;
}
