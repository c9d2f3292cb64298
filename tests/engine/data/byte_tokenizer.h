// SPDX-License-Identifier: GPL-3.0-or-later
// A tokenizer simple enough to predict by hand: one token per byte, and three special tokens behind them.
#pragma once

#include "engine/tokenizer/tokenizer.h"

#include <string>
#include <utility>

/// Ids 0..255 are bytes; 256 "<s>" (BOS), 257 "</s>" (EOS), 258 "<|im_start|>", 259 "<|im_end|>".
class ByteTokenizer final : public lorikeet::tokenizer::Tokenizer {
public:
    using TokenId = lorikeet::tokenizer::TokenId;
    using Encoding = lorikeet::tokenizer::Encoding;
    static constexpr TokenId kBos = 256, kEos = 257, kStart = 258, kEnd = 259;

    explicit ByteTokenizer(bool addsBosToText = false) : m_addsBos(addsBosToText)
    {
        const char* const contents[] = {"<s>", "</s>", "<|im_start|>", "<|im_end|>"};
        for (TokenId i = 0; i < 4; ++i)
            m_added.push_back({256 + i, contents[i], true, false, false, false, false});
    }

    std::vector<TokenId> encode(std::string_view utf8, lorikeet::tokenizer::SpecialTokens special) const override
    {
        return encodeWithSpans(utf8, special).ids;
    }
    Encoding encodeWithSpans(std::string_view utf8, lorikeet::tokenizer::SpecialTokens special) const override
    {
        Encoding encoding;
        for (std::uint32_t i = 0; i < utf8.size();) {
            TokenId id = static_cast<unsigned char>(utf8[i]);
            std::uint32_t length = 1;
            for (const auto& token : m_added) {
                if (special == lorikeet::tokenizer::SpecialTokens::Parse && utf8.substr(i).starts_with(token.content)) {
                    id = token.id;
                    length = static_cast<std::uint32_t>(token.content.size());
                }
            }
            encoding.ids.push_back(id);
            encoding.spans.emplace_back(i, i + length);
            i += length;
        }
        return encoding;
    }
    std::string decode(std::span<const TokenId> ids, bool) const override
    {
        std::string text;
        for (const TokenId id : ids)
            text += pieceText(id);
        return text;
    }
    std::unique_ptr<lorikeet::tokenizer::DecodeStream> startDecoding(bool) const override { return nullptr; }
    std::string pieceText(TokenId id) const override
    {
        return id < 256 ? std::string(1, static_cast<char>(id)) : m_added.at(static_cast<std::size_t>(id - 256)).content;
    }
    std::size_t vocabSize() const override { return 260; }
    std::optional<TokenId> idOf(std::string_view piece) const override
    {
        for (const auto& token : m_added)
            if (token.content == piece)
                return token.id;
        return piece.size() == 1 ? std::optional<TokenId>(static_cast<unsigned char>(piece[0])) : std::nullopt;
    }
    const std::vector<lorikeet::tokenizer::AddedToken>& addedTokens() const override { return m_added; }
    std::optional<TokenId> bos() const override { return kBos; }
    std::optional<TokenId> eos() const override { return kEos; }
    std::optional<TokenId> unk() const override { return std::nullopt; }
    std::optional<TokenId> pad() const override { return std::nullopt; }
    std::vector<TokenId> stopIds() const override { return {kEos, kEnd}; }
    bool addsBos() const override { return m_addsBos; }
    bool addsEos() const override { return false; }

private:
    std::vector<lorikeet::tokenizer::AddedToken> m_added;
    bool m_addsBos;
};

/// Tokens as text with one mark per token: trained bytes stand in [brackets], specials by their names.
inline std::string shown(const std::vector<std::int32_t>& tokens, const std::vector<std::uint8_t>& mask, const ByteTokenizer& tokenizer)
{
    std::string text;
    bool open = false;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool trained = mask[i] != 0;
        if (trained != open)
            text += trained ? '[' : ']';
        open = trained;
        text += tokens[i] >= 256 ? "{" + std::string(1, "SEse"[tokens[i] - 256]) + "}" : tokenizer.pieceText(tokens[i]);
    }
    return open ? text + ']' : text;
}
