// SPDX-License-Identifier: GPL-3.0-or-later
// Chat templates: any text as a template, rendered with a short conversation.
#include "engine/tokenizer/chat_template.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const nlohmann::ordered_json messages = nlohmann::ordered_json::parse(
        R"([{"role":"system","content":"S"},{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}])");
    lorikeet::fuzz::answerOrRefuse([&] {
        const auto chat = lorikeet::tokenizer::ChatTemplate::parse(std::string(lorikeet::fuzz::textOf(data, size)), "fuzzed");
        lorikeet::tokenizer::RenderOptions options;
        options.bosToken = "<s>";
        options.eosToken = "</s>";
        const auto rendered = chat.render(messages, options);
        std::size_t end = 0;
        for (const auto& span : rendered.spans) {
            if (span.begin != end || span.end < span.begin) {
                std::abort();  // spans cover the text completely and in order
            }
            end = span.end;
        }
        if (end != rendered.text.size()) {
            std::abort();
        }
    });
    return 0;
}
