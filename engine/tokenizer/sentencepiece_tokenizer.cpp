// SPDX-License-Identifier: GPL-3.0-or-later
// The library encodes; decoding follows its rules here (SentencePieceProcessor::Decode), so that it can run token by token.
#include "engine/tokenizer/sentencepiece_tokenizer.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/tokenizer/added_tokens.h"
#include "engine/tokenizer/sentencepiece_model_file.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/vocabulary.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <mutex>

namespace lorikeet::tokenizer {
namespace {

using sentencepiece::SentencePieceProcessor;

constexpr std::string_view kBlank = "\u2581";
constexpr const char* kReplacementCharacter = "\xEF\xBF\xBD";

std::unique_ptr<SentencePieceProcessor> loadProcessor(const std::string& bytes, const std::string& source)
{
    auto processor = std::make_unique<SentencePieceProcessor>();
    const auto status = processor->LoadFromSerializedProto(bytes);
    if (!status.ok() || processor->GetPieceSize() <= 0) {
        throw Error{ErrorCode::BadInput, source + ": not a SentencePiece model: " + status.ToString(),
                    "the file is damaged; fetch it again"};
    }
    return processor;
}

class SentencePieceTokenizer : public Tokenizer {
public:
    SentencePieceTokenizer(const std::string& bytes, const TokenizerConfig& config, const std::string& source)
        : m_flags(readSentencePieceFlags(bytes, source)), m_processor(loadProcessor(bytes, source)),
          m_withoutPrefix(config.legacy ? nullptr : loadProcessor(withoutDummyPrefix(bytes), source)),
          m_added(specialsOf(config, source), [](std::string_view text) { return std::string(text); }, source)
    {
        if (m_flags.hasDenormalizer) {
            throw Error{ErrorCode::BadInput, source + ": denormalizer_spec is not supported",
                        "use a model folder with a tokenizer.json"};
        }
        const auto find = [this](std::string_view name) { return idOf(name); };
        TokenizerConfig named = config;
        named.bos = config.bos ? config.bos : controlName(m_processor->bos_id());
        named.eos = config.eos ? config.eos : controlName(m_processor->eos_id());
        named.unk = config.unk ? config.unk : controlName(m_processor->unk_id());
        named.pad = config.pad ? config.pad : controlName(m_processor->pad_id());
        m_roles = rolesOf(named, config.addBos.value_or(true) ? named.bos : std::nullopt, std::nullopt, find);
    }

    std::vector<TokenId> encode(std::string_view utf8, SpecialTokens special) const override
    {
        return encodeWithSpans(utf8, special).ids;
    }
    Encoding encodeWithSpans(std::string_view utf8, SpecialTokens special) const override
    {
        requireUtf8(utf8);
        PieceText text(utf8, true);
        m_added.claimRaw(text, special);
        Encoding encoding;
        for (const Piece& piece : text.pieces()) {
            if (piece.added != kNoToken) {
                encoding.ids.push_back(piece.added);
                encoding.spans.emplace_back(piece.begin, piece.end);
            } else {
                encodePart(piece, text.view(piece), encoding);
            }
        }
        return encoding;
    }
    std::string decode(std::span<const TokenId> ids, bool skipSpecial) const override
    {
        const auto stream = startDecoding(skipSpecial);
        std::string text;
        for (const TokenId id : ids) {
            text.append(stream->push(id));
        }
        return text.append(stream->finish());
    }
    std::unique_ptr<DecodeStream> startDecoding(bool skipSpecial) const override;
    std::string pieceText(TokenId id) const override
    {
        const AddedToken* token = m_added.byId(id);
        return token != nullptr ? token->content : inModel(id) ? m_processor->IdToPiece(id) : std::string();
    }
    std::size_t vocabSize() const override
    {
        const std::size_t added = m_added.tokens().empty() ? 0 : static_cast<std::size_t>(m_added.tokens().back().id) + 1;
        return std::max(added, static_cast<std::size_t>(m_processor->GetPieceSize()));
    }
    std::optional<TokenId> idOf(std::string_view piece) const override
    {
        if (const AddedToken* token = m_added.byContent(piece)) {
            return token->id;
        }
        const int id = m_processor->PieceToId(piece);
        return inModel(id) && m_processor->IdToPiece(id) == piece ? std::optional<TokenId>(id) : std::nullopt;
    }
    const std::vector<AddedToken>& addedTokens() const override { return m_added.tokens(); }
    std::optional<TokenId> bos() const override { return m_roles.bos; }
    std::optional<TokenId> eos() const override { return m_roles.eos; }
    std::optional<TokenId> unk() const override { return m_roles.unk; }
    std::optional<TokenId> pad() const override { return m_roles.pad; }
    std::vector<TokenId> stopIds() const override { return m_roles.stopIds; }
    bool addsBos() const override { return m_roles.addsBos; }
    bool addsEos() const override { return m_roles.addsEos; }

private:
    class Stream;
    [[nodiscard]] bool inModel(TokenId id) const { return id >= 0 && id < m_processor->GetPieceSize(); }
    [[nodiscard]] std::optional<std::string> controlName(int id) const
    {
        return inModel(id) ? std::optional<std::string>(m_processor->IdToPiece(id)) : std::nullopt;
    }
    [[nodiscard]] std::vector<AddedToken> specialsOf(const TokenizerConfig& config, const std::string& source) const;
    void encodePart(const Piece& piece, std::string_view part, Encoding& encoding) const;

    SentencePieceFlags m_flags;
    std::unique_ptr<SentencePieceProcessor> m_processor;
    std::unique_ptr<SentencePieceProcessor> m_withoutPrefix;  ///< for parts behind a special token, not legacy
    AddedTokens m_added;
    TokenRoles m_roles;
};

std::vector<AddedToken> SentencePieceTokenizer::specialsOf(const TokenizerConfig& config, const std::string& source) const
{
    std::vector<AddedToken> tokens;
    for (int id = 0; id < m_processor->GetPieceSize(); ++id) {
        if (m_processor->IsControl(id) || m_processor->IsUnknown(id)) {
            tokens.push_back({id, m_processor->IdToPiece(id), true, false, false, false, false});
        }
    }
    for (const AddedToken& token : config.addedTokens) {
        const bool known = std::any_of(tokens.begin(), tokens.end(), [&](const AddedToken& t) { return t.id == token.id; });
        if (inModel(token.id) && m_processor->IdToPiece(token.id) != token.content) {
            throw Error{ErrorCode::BadInput, source + ": piece " + std::to_string(token.id) + " is \""
                                                 + m_processor->IdToPiece(token.id) + "\", tokenizer_config.json says \""
                                                 + token.content + "\"",
                        "tokenizer.model and tokenizer_config.json do not belong together: fetch both again"};
        }
        if (!known) {
            tokens.push_back(token);
            tokens.back().normalized = false;  // the library normalises, nothing is known about its result here
        }
    }
    const auto inVocabulary = [this](std::string_view text) {
        const int id = m_processor->PieceToId(text);
        return inModel(id) && m_processor->IdToPiece(id) == text ? std::optional<TokenId>(id) : std::nullopt;
    };
    addNewTokens(tokens, config.newTokens, m_processor->GetPieceSize(), inVocabulary);
    return tokens;
}

void SentencePieceTokenizer::encodePart(const Piece& piece, std::string_view part, Encoding& encoding) const
{
    const bool bare = m_withoutPrefix != nullptr && piece.begin > 0;
    const auto pieces = (bare ? *m_withoutPrefix : *m_processor).EncodeAsImmutableProto(part);
    const std::size_t first = encoding.ids.size();
    for (std::size_t i = 0; i < pieces.pieces_size(); ++i) {
        const auto token = pieces.pieces(static_cast<int>(i));
        encoding.ids.push_back(static_cast<TokenId>(token.id()));
        encoding.spans.emplace_back(piece.begin + token.begin(), piece.begin + token.end());
    }
    // The library gives a character's bytes to its last byte piece; here all of them stand for the character.
    for (std::size_t i = encoding.ids.size(); i-- > first + 1;) {
        auto& span = encoding.spans[i - 1];
        if (span.first == span.second && m_processor->IsByte(encoding.ids[i - 1])) {
            span.second = encoding.spans[i].second;
        }
    }
}

class SentencePieceTokenizer::Stream : public DecodeStream {
public:
    Stream(const SentencePieceTokenizer& owner, bool skipSpecial) : m_owner(owner), m_skipSpecial(skipSpecial) {}
    std::string push(TokenId id) override
    {
        std::string text;
        if (const AddedToken* token = m_owner.m_added.byId(id)) {
            text = pushAdded(*token);
        } else if (m_owner.inModel(id) && m_owner.m_processor->IsByte(id)) {
            m_bytes.push_back(byteOf(m_owner.m_processor->IdToPiece(id)));
            text = characters(false);
        } else if (m_owner.inModel(id)) {
            text = characters(true);
            m_empty = m_empty && text.empty();
            text.append(piece(id));
        }
        m_empty = m_empty && text.empty();
        return text;
    }
    std::string finish() override
    {
        std::string text = characters(true);
        m_empty = true;
        m_blankSeen = false;
        m_atStart = true;
        return text;
    }

private:
    std::string pushAdded(const AddedToken& token)
    {
        std::string text = characters(true);
        if (m_skipSpecial && token.special) {
            return text;
        }
        text.append(token.content);
        if (m_owner.m_withoutPrefix == nullptr) {  // the next part was encoded with a prefix of its own
            m_resets = true;
        }
        return text;
    }
    std::string piece(TokenId id)
    {
        if (m_resets) {
            m_empty = true;
            m_blankSeen = false;
            m_atStart = true;
            m_resets = false;
        }
        if (m_blankSeen || !m_empty) {
            m_atStart = false;
        }
        std::string_view text = m_owner.m_processor->IdToPiece(id);
        const SentencePieceFlags& flags = m_owner.m_flags;
        m_blankSeen = false;
        if (m_atStart && (flags.addDummyPrefix || flags.removeExtraWhitespaces) && text.starts_with(kBlank)) {
            text.remove_prefix(kBlank.size());
            m_blankSeen = !flags.removeExtraWhitespaces;
        }
        std::string out;
        for (std::size_t at = text.find(kBlank); at != std::string_view::npos; at = text.find(kBlank)) {
            out.append(text.substr(0, at)).append(" ");
            text.remove_prefix(at + kBlank.size());
        }
        return out.append(text);
    }
    /// Whole characters of the byte run; with `all` what is left over is broken.
    std::string characters(bool all)
    {
        std::string text;
        std::size_t done = 0;
        while (done < m_bytes.size()) {
            const std::string_view rest = std::string_view(m_bytes).substr(done);
            const std::size_t length = lengthFromLead(static_cast<unsigned char>(rest.front()));
            if (rest.size() >= length && firstInvalidUtf8(rest.substr(0, length)) == std::string_view::npos) {
                text.append(rest.substr(0, length));
                done += length;
            } else if (!all && incompleteTail(rest) == rest.size()) {
                break;
            } else {
                text.append(kReplacementCharacter);
                ++done;
            }
        }
        m_bytes.erase(0, done);
        return text;
    }
    static char byteOf(std::string_view piece)  // "<0xHH>"
    {
        const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
        return static_cast<char>(static_cast<unsigned char>(digit(piece[3]) * 16 + digit(piece[4])));
    }
    const SentencePieceTokenizer& m_owner;
    bool m_skipSpecial;
    std::string m_bytes;
    bool m_empty = true;      ///< no text yet
    bool m_atStart = true;    ///< a leading blank is the model's own and goes
    bool m_blankSeen = false;
    bool m_resets = false;
};

std::unique_ptr<DecodeStream> SentencePieceTokenizer::startDecoding(bool skipSpecial) const
{
    return std::make_unique<Stream>(*this, skipSpecial);
}

}  // namespace

std::unique_ptr<Tokenizer> loadSentencePiece(const std::filesystem::path& path, const TokenizerConfig& config)
{
    const std::string bytes = readTextFile(path, kSentencePieceLimit);
    return std::make_unique<SentencePieceTokenizer>(bytes, config, utf8(path));
}

}  // namespace lorikeet::tokenizer
