// SPDX-License-Identifier: GPL-3.0-or-later
// The pipeline, and the loan of working memory that keeps it both const and fast.
#include "engine/tokenizer/pipeline_tokenizer.h"

#include "engine/base/error.h"
#include "engine/tokenizer/decoder.h"
#include "engine/tokenizer/unicode.h"

#include <algorithm>

namespace lorikeet::tokenizer {
namespace {

BpeModel modelOf(const TokenizerSpec& spec, bool onBytes)
{
    if (const auto* bpe = std::get_if<BpeSpec>(&spec.model)) {
        return {*bpe, onBytes, spec.source};
    }
    return {std::get<ScoredPieceSpec>(spec.model), spec.source};
}

}  // namespace

/// Working memory for one call: an idle one or a new one, given back at the end.
class PipelineTokenizer::ScratchLoan {
public:
    explicit ScratchLoan(const PipelineTokenizer& owner) : m_owner(owner)
    {
        const std::lock_guard lock(m_owner.m_scratchMutex);
        if (!m_owner.m_scratch.empty()) {
            m_scratch = std::move(m_owner.m_scratch.back());
            m_owner.m_scratch.pop_back();
        }
    }
    ~ScratchLoan()
    {
        if (m_scratch) {
            const std::lock_guard lock(m_owner.m_scratchMutex);
            m_owner.m_scratch.push_back(std::move(m_scratch));
        }
    }
    ScratchLoan(const ScratchLoan&) = delete;
    ScratchLoan& operator=(const ScratchLoan&) = delete;
    EncodeScratch& get()
    {
        if (!m_scratch) {
            m_scratch = std::make_unique<EncodeScratch>();
        }
        return *m_scratch;
    }

private:
    const PipelineTokenizer& m_owner;
    std::unique_ptr<EncodeScratch> m_scratch;
};

class PipelineTokenizer::Stream : public DecodeStream {
public:
    Stream(const PipelineTokenizer& owner, bool skipSpecial)
        : m_owner(owner), m_chain(owner.m_decoders, owner.m_source), m_skipSpecial(skipSpecial)
    {
    }
    std::string push(TokenId id) override
    {
        std::string piece;
        return m_owner.decodedPiece(id, m_skipSpecial, piece) ? m_chain.push(std::move(piece)) : std::string();
    }
    std::string finish() override { return m_chain.finish(); }

private:
    const PipelineTokenizer& m_owner;
    DecodeChain m_chain;
    bool m_skipSpecial;
};

PipelineTokenizer::PipelineTokenizer(const TokenizerSpec& spec)
    : m_source(spec.source), m_normalizers(spec.normalizers, spec.source), m_preTokenizers(spec.preTokenizers, spec.source),
      m_model(modelOf(spec, m_preTokenizers.endsInBytes())),
      m_added(spec.addedTokens, [this](std::string_view text) { return m_normalizers.normalized(text); }, spec.source),
      m_decoders(spec.decoders), m_roles(spec.roles)
{
    checkAddedIds(spec.source);
    const DecodeChain chain(m_decoders, m_source);  // a broken decoder pattern is found at load, not at the first decode
}

PipelineTokenizer::~PipelineTokenizer() = default;

void PipelineTokenizer::checkAddedIds(const std::string& source) const
{
    const Vocabulary& vocabulary = m_model.vocabulary();
    for (const AddedToken& token : m_added.tokens()) {
        const auto named = vocabulary.find(token.content);
        const bool taken = !named && vocabulary.has(token.id);
        if (token.id < 0 || token.id > kLargestTokenId || (named && *named != token.id) || taken) {
            throw Error{ErrorCode::BadInput,
                        source + ": added_tokens: \"" + token.content + "\" has id " + std::to_string(token.id)
                            + (named ? ", in the vocabulary it has id " + std::to_string(*named)
                                     : taken ? ", which belongs to \"" + std::string(vocabulary.textOf(token.id)) + "\""
                                             : ", expected 0 to " + std::to_string(kLargestTokenId)),
                        "the tokenizer file is damaged; fetch it again"};
        }
    }
}

template <typename Put>
void PipelineTokenizer::run(std::string_view utf8, SpecialTokens special, bool wantsSpans, Put&& put) const
{
    requireUtf8(utf8);
    PieceText text(utf8, wantsSpans || m_preTokenizers.needsOrigins());
    m_added.claimRaw(text, special);
    m_normalizers.apply(text);
    m_added.claimNormalized(text, special);
    m_preTokenizers.apply(text);
    ScratchLoan loan(*this);
    EncodeScratch& scratch = loan.get();
    std::vector<Symbol> tokens;
    for (const Piece& piece : text.pieces()) {
        tokens.clear();
        if (piece.added != kNoToken) {
            tokens.push_back({piece.added, 0, piece.end - piece.begin});
        } else {
            m_model.encode(text.view(piece), scratch, tokens);
        }
        put(text, piece, tokens);
    }
}

std::vector<TokenId> PipelineTokenizer::encode(std::string_view utf8, SpecialTokens special) const
{
    std::vector<TokenId> ids;
    ids.reserve(utf8.size() / 3);
    run(utf8, special, false, [&ids](const PieceText&, const Piece&, const std::vector<Symbol>& tokens) {
        for (const Symbol& token : tokens) {
            ids.push_back(token.id);
        }
    });
    return ids;
}

Encoding PipelineTokenizer::encodeWithSpans(std::string_view utf8, SpecialTokens special) const
{
    Encoding encoding;
    encoding.ids.reserve(utf8.size() / 3);
    encoding.spans.reserve(utf8.size() / 3);
    run(utf8, special, true, [&encoding](const PieceText& text, const Piece& piece, const std::vector<Symbol>& tokens) {
        for (const Symbol& token : tokens) {
            encoding.ids.push_back(token.id);
            encoding.spans.push_back(text.originOf(piece.begin + token.begin, piece.begin + token.end));
        }
    });
    return encoding;
}

bool PipelineTokenizer::decodedPiece(TokenId id, bool skipSpecial, std::string& piece) const
{
    if (const AddedToken* token = m_added.byId(id)) {
        piece = m_added.decodedForm(*token);
        return !skipSpecial || !m_added.isSkipped(*token);
    }
    piece = m_model.vocabulary().textOf(id);
    return m_model.vocabulary().has(id);
}

std::string PipelineTokenizer::decode(std::span<const TokenId> ids, bool skipSpecial) const
{
    Stream stream(*this, skipSpecial);
    std::string text;
    for (const TokenId id : ids) {
        text.append(stream.push(id));
    }
    text.append(stream.finish());
    return text;
}

std::unique_ptr<DecodeStream> PipelineTokenizer::startDecoding(bool skipSpecial) const
{
    return std::make_unique<Stream>(*this, skipSpecial);
}

std::string PipelineTokenizer::pieceText(TokenId id) const
{
    const AddedToken* token = m_added.byId(id);
    return token != nullptr ? token->content : std::string(m_model.vocabulary().textOf(id));
}

std::size_t PipelineTokenizer::vocabSize() const
{
    const std::size_t added = m_added.tokens().empty() ? 0 : static_cast<std::size_t>(m_added.tokens().back().id) + 1;
    return std::max(added, m_model.vocabulary().idLimit());
}

std::optional<TokenId> PipelineTokenizer::idOf(std::string_view piece) const
{
    const AddedToken* token = m_added.byContent(piece);
    return token != nullptr ? std::optional<TokenId>(token->id) : m_model.vocabulary().find(piece);
}

}  // namespace lorikeet::tokenizer
