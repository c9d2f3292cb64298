// SPDX-License-Identifier: GPL-3.0-or-later
// Byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909) of pieces: by ranked merges, or by SentencePiece scores.
#pragma once

#include "engine/tokenizer/merge_table.h"
#include "engine/tokenizer/piece_cache.h"
#include "engine/tokenizer/tokenizer_spec.h"
#include "engine/tokenizer/vocabulary.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::tokenizer {

class BpeModel {
public:
    /// With `onBytes` pieces are raw bytes and the vocabulary is spelled in GPT-2's byte alphabet.
    /// @throws Error{BadInput} when the vocabulary is inconsistent or a merge names a token that does not exist.
    BpeModel(const BpeSpec& spec, bool onBytes, const std::string& source);
    /// Pieces merge when the result is in the vocabulary, best score first (SentencePiece's BPE). @throws Error{BadInput}
    BpeModel(const ScoredPieceSpec& spec, const std::string& source);

    /// Appends the tokens of `piece`; offsets are relative to it. `out` may hold earlier tokens.
    void encode(std::string_view piece, EncodeScratch& scratch, std::vector<Symbol>& out) const;

    [[nodiscard]] const Vocabulary& vocabulary() const noexcept { return m_vocabulary; }
    [[nodiscard]] std::optional<TokenId> unk() const noexcept { return m_unk; }

private:
    void readMerges(const BpeSpec& spec, const std::string& source);
    void prepare();
    void encodeChunk(std::string_view chunk, EncodeScratch& scratch, std::vector<Symbol>& out, std::uint32_t base) const;
    void start(std::string_view chunk, std::vector<Symbol>& symbols) const;
    /// The token of a character with the prefix and suffix that its place in the piece asks for, or -1.
    [[nodiscard]] TokenId affixed(std::string_view character, bool first, bool last) const;
    [[nodiscard]] bool appendBytes(std::string_view character, std::uint32_t begin, std::vector<Symbol>& symbols) const;
    void expandPlaceholders(std::string_view chunk, std::vector<Symbol>& symbols) const;

    Vocabulary m_vocabulary;
    Vocabulary m_byteVocabulary;  ///< byte-level with ignoreMerges: raw bytes of a piece -> id
    Vocabulary m_placeholders;    ///< by scores: characters that only occur inside pieces, ids from m_firstPlaceholder
    TokenId m_firstPlaceholder = 0;
    MergeTable m_merges;
    std::array<TokenId, 256> m_byteTokens{};   ///< "<0xHH>", -1 where missing
    std::array<TokenId, 256> m_singleBytes{};  ///< token of one raw byte (onBytes) or one ASCII character, -1 where missing
    std::optional<TokenId> m_unk;
    bool m_onBytes = false;
    bool m_byteFallback = false;
    bool m_fuseUnk = false;
    bool m_ignoreMerges = false;
    std::string m_continuingPrefix;
    std::string m_wordSuffix;
    bool m_cutsAtBlanks = false;  ///< no merge crosses the front of U+2581, so words can be encoded one by one
};

}  // namespace lorikeet::tokenizer
