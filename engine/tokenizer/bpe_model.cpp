// SPDX-License-Identifier: GPL-3.0-or-later
// From a piece to symbols, through the merges, to tokens. Unknown characters are treated as Hugging Face `tokenizers` does.
#include "engine/tokenizer/bpe_model.h"

#include "engine/base/error.h"
#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/scored_merges.h"
#include "engine/tokenizer/unicode.h"

#include <algorithm>

namespace lorikeet::tokenizer {
namespace {

constexpr std::string_view kBlank = "\u2581";
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

[[noreturn]] void refuse(const std::string& source, const std::string& what)
{
    throw Error{ErrorCode::BadInput, source + ": model: " + what, kFetchTokenizer};
}

std::string byteTokenName(unsigned byte)
{
    return std::string("<0x") + kHexDigits[byte >> 4U] + kHexDigits[byte & 15U] + ">";
}

std::vector<std::pair<std::string, TokenId>> tokensOf(const ScoredPieceSpec& spec)
{
    std::vector<std::pair<std::string, TokenId>> tokens;
    tokens.reserve(spec.pieces.size());
    for (std::size_t i = 0; i < spec.pieces.size(); ++i) {
        tokens.emplace_back(spec.pieces[i].text, static_cast<TokenId>(i));
    }
    return tokens;
}

}  // namespace

BpeModel::BpeModel(const BpeSpec& spec, bool onBytes, const std::string& source)
    : m_vocabulary(spec.vocab, source + ": model.vocab"), m_merges(spec.merges.size()), m_onBytes(onBytes),
      m_byteFallback(spec.byteFallback), m_fuseUnk(spec.fuseUnk), m_ignoreMerges(spec.ignoreMerges),
      m_continuingPrefix(spec.continuingPrefix), m_wordSuffix(spec.wordSuffix)
{
    if (!spec.unkToken.empty()) {
        m_unk = m_vocabulary.find(spec.unkToken);
        if (!m_unk) {
            refuse(source, "unk_token \"" + spec.unkToken + "\" is not in the vocabulary");
        }
    }
    readMerges(spec, source);
    prepare();
}

BpeModel::BpeModel(const ScoredPieceSpec& spec, const std::string& source)
    : m_vocabulary(tokensOf(spec), source + ": tokenizer.ggml.tokens"), m_unk(spec.unk), m_byteFallback(true), m_fuseUnk(true)
{
    if (!m_vocabulary.has(spec.unk)) {
        refuse(source, "the unknown token has id " + std::to_string(spec.unk) + ", which is not in the vocabulary");
    }
    ScoredMerges scored = scoredMerges(spec);
    m_merges = std::move(scored.merges);
    m_placeholders = std::move(scored.placeholders);
    m_firstPlaceholder = static_cast<TokenId>(spec.pieces.size());
    m_cutsAtBlanks = scored.cutsAtBlanks;
    prepare();
}

void BpeModel::readMerges(const BpeSpec& spec, const std::string& source)
{
    m_cutsAtBlanks = !m_onBytes && !m_ignoreMerges && m_continuingPrefix.empty() && m_wordSuffix.empty() && m_vocabulary.find(kBlank).has_value();
    std::string joined;
    for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) {
        const auto& [left, right] = spec.merges[rank];
        if (right.size() < m_continuingPrefix.size()) {
            refuse(source, "merge " + std::to_string(rank) + " (\"" + left + "\" \"" + right
                               + "\"): the second part is shorter than continuing_subword_prefix");
        }
        joined.assign(left).append(right, m_continuingPrefix.size());
        const auto leftId = m_vocabulary.find(left);
        const auto rightId = m_vocabulary.find(right);
        const auto result = m_vocabulary.find(joined);
        if (!leftId || !rightId || !result) {
            refuse(source, "merge " + std::to_string(rank) + " (\"" + left + "\" \"" + right + "\") needs \""
                               + (!leftId ? left : !rightId ? right : joined) + "\", which is not in the vocabulary");
        }
        m_merges.insert(*leftId, *rightId, {static_cast<std::uint32_t>(rank), *result});
        m_cutsAtBlanks = m_cutsAtBlanks && !crossesBlank(joined);
    }
}

void BpeModel::prepare()
{
    for (unsigned byte = 0; byte < 256; ++byte) {
        const char character = static_cast<char>(static_cast<unsigned char>(byte));
        m_byteTokens[byte] = m_vocabulary.find(byteTokenName(byte)).value_or(-1);
        const std::string single = m_onBytes ? alphabetCharOf(static_cast<unsigned char>(byte)) : std::string(1, character);
        m_singleBytes[byte] = m_vocabulary.find(single).value_or(-1);
    }
    if (m_onBytes && m_ignoreMerges) {
        std::vector<std::pair<std::string, TokenId>> spelled;
        for (std::size_t id = 0; id < m_vocabulary.idLimit(); ++id) {
            std::string bytes;
            const auto token = static_cast<TokenId>(id);
            if (m_vocabulary.has(token) && appendSpelledBytes(m_vocabulary.textOf(token), bytes)) {
                spelled.emplace_back(std::move(bytes), token);
            }
        }
        m_byteVocabulary = Vocabulary(spelled, "model.vocab");
    }
}

void BpeModel::encode(std::string_view piece, EncodeScratch& scratch, std::vector<Symbol>& out) const
{
    if (m_ignoreMerges) {
        const auto whole = m_onBytes ? m_byteVocabulary.find(piece) : m_vocabulary.find(piece);
        if (whole) {
            out.push_back({*whole, 0, static_cast<std::uint32_t>(piece.size())});
            return;
        }
    }
    if (!m_cutsAtBlanks) {
        encodeChunk(piece, scratch, out, 0);
        return;
    }
    std::size_t begin = 0;
    while (begin < piece.size()) {
        std::size_t end = begin;
        while (piece.substr(end).starts_with(kBlank)) {
            end += kBlank.size();
        }
        end = std::min(piece.find(kBlank, end), piece.size());
        encodeChunk(piece.substr(begin, end - begin), scratch, out, static_cast<std::uint32_t>(begin));
        begin = end;
    }
}

void BpeModel::encodeChunk(std::string_view chunk, EncodeScratch& scratch, std::vector<Symbol>& out, std::uint32_t base) const
{
    const bool cached = chunk.size() <= PieceCache::kLongestPiece;
    const std::size_t hash = cached ? PieceCache::hashOf(chunk) : 0;
    std::span<const Symbol> tokens;
    bool found = false;
    if (cached) {
        tokens = scratch.cache.find(chunk, hash, found);
    }
    if (!found) {
        auto& symbols = scratch.symbols;
        symbols.clear();
        start(chunk, symbols);
        m_merges.mergeAll(symbols, scratch.merge);
        expandPlaceholders(chunk, symbols);
        tokens = symbols;
        if (cached) {
            scratch.cache.insert(chunk, hash, symbols);
        }
    }
    for (const Symbol& token : tokens) {
        out.push_back({token.id, token.begin + base, token.end + base});
    }
}

/// The first symbols of a chunk: one per byte or character, with `<0xHH>` or the unknown token where there is none. A run
/// of unknown characters becomes one token when the model fuses them; it is put down when the next known one comes.
void BpeModel::start(std::string_view chunk, std::vector<Symbol>& symbols) const
{
    std::optional<Symbol> unknown;
    for (std::uint32_t i = 0; i < chunk.size();) {
        const auto lead = static_cast<unsigned char>(chunk[i]);
        const std::uint32_t length = m_onBytes ? 1 : lengthFromLead(lead);
        const std::string_view character = chunk.substr(i, length);
        TokenId id = -1;
        if (!m_continuingPrefix.empty() || !m_wordSuffix.empty()) {
            id = affixed(character, i == 0, i + length == chunk.size());
        } else {
            id = length == 1 ? m_singleBytes[lead] : m_vocabulary.find(character).value_or(-1);
        }
        if (id < 0 && m_placeholders.size() > 0) {
            const auto place = m_placeholders.find(character);
            id = place ? m_firstPlaceholder + *place : -1;
        }
        if (id >= 0) {
            if (unknown) {
                symbols.push_back(*unknown);
                unknown.reset();
            }
            symbols.push_back({id, i, i + length});
        } else if (m_byteFallback && appendBytes(character, i, symbols)) {
            // bytes stand in for the character
        } else if (m_unk) {
            if (unknown && m_fuseUnk) {
                unknown->end = i + length;
            } else {
                if (unknown) {
                    symbols.push_back(*unknown);
                }
                unknown = Symbol{*m_unk, i, i + length};
            }
        }
        i += length;
    }
    if (unknown) {
        symbols.push_back(*unknown);
    }
}

TokenId BpeModel::affixed(std::string_view character, bool first, bool last) const
{
    std::string text = first ? std::string() : m_continuingPrefix;
    text.append(m_onBytes ? std::string_view(alphabetCharOf(static_cast<unsigned char>(character.front()))) : character);
    text.append(last ? m_wordSuffix : std::string());
    return m_vocabulary.find(text).value_or(-1);
}

bool BpeModel::appendBytes(std::string_view character, std::uint32_t begin, std::vector<Symbol>& symbols) const
{
    const std::string_view bytes = m_onBytes ? alphabetCharOf(static_cast<unsigned char>(character.front())) : character;
    const bool complete = std::all_of(bytes.begin(), bytes.end(),
                                      [this](char byte) { return m_byteTokens[static_cast<unsigned char>(byte)] >= 0; });
    if (!complete) {
        return false;
    }
    const auto size = static_cast<std::uint32_t>(character.size());
    for (std::uint32_t i = 0; i < bytes.size(); ++i) {
        const std::uint32_t at = begin + std::min(i, size - 1);
        symbols.push_back({m_byteTokens[static_cast<unsigned char>(bytes[i])], at, at + 1});
    }
    return true;
}

void BpeModel::expandPlaceholders(std::string_view chunk, std::vector<Symbol>& symbols) const
{
    const auto isPlaceholder = [this](const Symbol& symbol) { return symbol.id >= m_firstPlaceholder; };
    if (m_placeholders.size() == 0 || std::none_of(symbols.begin(), symbols.end(), isPlaceholder)) {
        return;
    }
    std::vector<Symbol> expanded;
    for (const Symbol& symbol : symbols) {
        if (!isPlaceholder(symbol)) {
            expanded.push_back(symbol);
        } else if (!appendBytes(chunk.substr(symbol.begin, symbol.end - symbol.begin), symbol.begin, expanded)) {
            expanded.push_back({*m_unk, symbol.begin, symbol.end});
        }
    }
    symbols = std::move(expanded);
}

}  // namespace lorikeet::tokenizer
