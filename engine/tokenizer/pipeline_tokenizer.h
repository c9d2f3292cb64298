// SPDX-License-Identifier: GPL-3.0-or-later
// The tokenizer of a TokenizerSpec: added tokens, normalizers, pre-tokenizers, model, decoders, in the order of tokenizer.json.
#pragma once

#include "engine/tokenizer/added_tokens.h"
#include "engine/tokenizer/bpe_model.h"
#include "engine/tokenizer/normalizer.h"
#include "engine/tokenizer/piece_cache.h"
#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/tokenizer_spec.h"

#include <memory>
#include <mutex>
#include <vector>

namespace lorikeet::tokenizer {

class PipelineTokenizer : public Tokenizer {
public:
    /// @throws Error{BadInput} when the parts contradict each other; the message names `spec.source` and the field.
    explicit PipelineTokenizer(const TokenizerSpec& spec);
    ~PipelineTokenizer() override;

    std::vector<TokenId> encode(std::string_view utf8, SpecialTokens special) const override;
    Encoding encodeWithSpans(std::string_view utf8, SpecialTokens special) const override;
    std::string decode(std::span<const TokenId> ids, bool skipSpecial) const override;
    std::unique_ptr<DecodeStream> startDecoding(bool skipSpecial) const override;
    std::string pieceText(TokenId id) const override;
    std::size_t vocabSize() const override;
    std::optional<TokenId> idOf(std::string_view piece) const override;
    const std::vector<AddedToken>& addedTokens() const override { return m_added.tokens(); }
    std::optional<TokenId> bos() const override { return m_roles.bos; }
    std::optional<TokenId> eos() const override { return m_roles.eos; }
    std::optional<TokenId> unk() const override { return m_roles.unk ? m_roles.unk : m_model.unk(); }
    std::optional<TokenId> pad() const override { return m_roles.pad; }
    std::vector<TokenId> stopIds() const override { return m_roles.stopIds; }
    bool addsBos() const override { return m_roles.addsBos; }
    bool addsEos() const override { return m_roles.addsEos; }

private:
    class Stream;
    class ScratchLoan;
    void checkAddedIds(const std::string& source) const;
    /// All pieces of the text, those of added tokens and the others, with the model's tokens given to `put`.
    template <typename Put>
    void run(std::string_view utf8, SpecialTokens special, bool wantsSpans, Put&& put) const;
    /// The text that the decoders get for an id; false when it gives nothing.
    bool decodedPiece(TokenId id, bool skipSpecial, std::string& piece) const;

    std::string m_source;
    NormalizerChain m_normalizers;
    PreTokenizerChain m_preTokenizers;
    BpeModel m_model;
    AddedTokens m_added;
    std::vector<DecoderSpec> m_decoders;
    TokenRoles m_roles;
    mutable std::mutex m_scratchMutex;
    mutable std::vector<std::unique_ptr<EncodeScratch>> m_scratch;  ///< idle ones
};

}  // namespace lorikeet::tokenizer
