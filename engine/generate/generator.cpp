// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/generate/generator.h"

#include "engine/base/error.h"

#include <algorithm>

namespace lorikeet::generate {

GeneratedText generate(model::Decoder& decoder, const tokenizer::Tokenizer& tokenizer, std::span<const std::int32_t> prompt,
                       std::int64_t context, std::int64_t maxTokens, const SamplingOptions& options,
                       const std::function<void(std::string_view)>& onText, const std::stop_token& stop)
{
    auto position = static_cast<std::int64_t>(prompt.size());
    if (prompt.empty() || position >= context)
        throw Error(ErrorCode::BadInput,
                    "the prompt has " + std::to_string(position) + " tokens, the context holds " + std::to_string(context),
                    prompt.empty() ? "write a prompt" : "shorten the prompt");
    const std::vector<tokenizer::TokenId> stops = tokenizer.stopIds();
    tokenizer::StreamDecoder text(tokenizer, true);
    GeneratedText result;
    const auto show = [&](const std::string& piece) {
        result.text += piece;
        if (onText && !piece.empty())
            onText(piece);
    };
    std::vector<float> logits = decoder.extend(prompt, 0, stop);
    while (static_cast<std::int64_t>(result.tokens.size()) < maxTokens) {
        const std::int32_t token = chooseToken(logits, options, static_cast<std::uint32_t>(result.tokens.size()));
        if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
            result.reachedEnd = true;
            break;
        }
        result.tokens.push_back(token);
        show(text.push(token));
        if (position >= context)
            break;
        logits = decoder.extend(std::span(&token, 1), position++, stop);
    }
    show(text.finish());
    return result;
}

}  // namespace lorikeet::generate
