// SPDX-License-Identifier: GPL-3.0-or-later
// Token by token through a decoder with a cache, as text that streams.
#pragma once

#include "engine/generate/sampler.h"
#include "engine/model/decoder.h"
#include "engine/tokenizer/tokenizer.h"

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::generate {

struct GeneratedText {
    std::string text;
    std::vector<std::int32_t> tokens;
    bool reachedEnd = false;  ///< ended by a stop token, which is not part of `tokens`
};

/// Continues `prompt` by at most `maxTokens` tokens, at most to the end of the decoder's cache of `context` slots. `onText` gets each
/// new piece of valid UTF-8. @throws Error{BadInput} when the prompt fills the context, Error{Cancelled}.
[[nodiscard]] GeneratedText generate(model::Decoder& decoder, const tokenizer::Tokenizer& tokenizer, std::span<const std::int32_t> prompt,
                                     std::int64_t context, std::int64_t maxTokens, const SamplingOptions& options,
                                     const std::function<void(std::string_view)>& onText, const std::stop_token& stop);

}  // namespace lorikeet::generate
