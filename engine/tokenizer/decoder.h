// SPDX-License-Identifier: GPL-3.0-or-later
// Decoders of tokenizer.json as a chain of small machines: fed token by token, so that decoding at once and decoding a
// stream are the same code.
#pragma once

#include "engine/tokenizer/tokenizer_spec.h"

#include <memory>
#include <string>
#include <vector>

namespace lorikeet::tokenizer {

/// One step: takes token texts, gives token texts, may hold some back until finish().
class DecodeStage {
public:
    virtual ~DecodeStage() = default;
    virtual void push(std::string token, std::vector<std::string>& out) = 0;
    virtual void finish(std::vector<std::string>& out) = 0;
};

/// The steps of one tokenizer, for one text. Not thread-safe; make one for each decode.
class DecodeChain {
public:
    /// An empty list joins tokens with blanks, as `tokenizers` does. @throws Error{BadInput} for a broken pattern.
    DecodeChain(const std::vector<DecoderSpec>& specs, const std::string& source);
    [[nodiscard]] std::string push(std::string token);
    /// The rest of the text; the chain starts anew.
    [[nodiscard]] std::string finish();

private:
    std::string run(std::size_t firstStage, std::vector<std::string> tokens);
    std::vector<std::unique_ptr<DecodeStage>> m_stages;
};

}  // namespace lorikeet::tokenizer
