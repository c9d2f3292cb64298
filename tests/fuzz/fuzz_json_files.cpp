// SPDX-License-Identifier: GPL-3.0-or-later
// The small JSON files: job, config.json, adapter_config.json, the state of a quantised weight. The first byte chooses which.
#include "engine/formats/bnb_quant_state.h"
#include "engine/formats/hf_config.h"
#include "engine/formats/peft_config.h"
#include "engine/spec/job.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) {
        return 0;
    }
    const std::string text(lorikeet::fuzz::textOf(data + 1, size - 1));
    lorikeet::fuzz::answerOrRefuse([&] {
        switch (data[0] % 4) {
        case 0: {
            const lorikeet::Job job = lorikeet::parseJob(text, "fuzzed job");
            (void)lorikeet::validate(job);
            break;
        }
        case 1: (void)lorikeet::formats::shapeFromHfConfig(text, "fuzzed config", "model"); break;
        case 2: (void)lorikeet::formats::parsePeftConfig(text, "fuzzed adapter"); break;
        default: (void)lorikeet::formats::parseBnbQuantState(text, "fuzzed state"); break;
        }
    });
    return 0;
}
