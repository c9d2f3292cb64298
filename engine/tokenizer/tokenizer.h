// SPDX-License-Identifier: GPL-3.0-or-later
// The public face of the room: text to token ids and back, the same ids as Hugging Face `tokenizers` and SentencePiece give.
#pragma once

#include "engine/spec/new_token.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorikeet::tokenizer {

using TokenId = std::int32_t;

/// What to do about a tokenizer file whose content cannot be right.
inline constexpr const char* kFetchTokenizer = "the tokenizer file is damaged or was edited: fetch it again from where the model came from";

/// A token that is cut out of the text before the model sees it ("<|im_start|>"), with the flags of tokenizer.json.
struct AddedToken {
    TokenId id = 0;
    std::string content;
    bool special = false;     ///< left out by decode(..., skipSpecial = true), and not recognised in SpecialTokens::AsText
    bool lstrip = false;      ///< swallows the white space to its left
    bool rstrip = false;      ///< swallows the white space to its right
    bool singleWord = false;  ///< matches only between characters that are not part of a word
    bool normalized = false;  ///< looked for in the normalised text instead of the raw one
};

/// What a special token written in the text means. AsText is for text that users typed: "<|im_end|>" becomes ordinary
/// tokens there; added tokens that are not special still match.
enum class SpecialTokens { Parse, AsText };

/// Token ids and, for each, the bytes of the input it stands for as [begin, end). Several tokens of one character (bytes of
/// an emoji) all carry the whole character; nothing is trimmed, so " the" includes its blank.
struct Encoding {
    std::vector<TokenId> ids;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> spans;
};

/// One running decode of a token stream; see StreamDecoder.
class DecodeStream {
public:
    virtual ~DecodeStream() = default;
    virtual std::string push(TokenId id) = 0;
    virtual std::string finish() = 0;
};

/// Immutable after load; every method may be called from several threads at once.
class Tokenizer {
public:
    virtual ~Tokenizer() = default;
    Tokenizer() = default;
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;

    /// Ids of `utf8`, at most 4 GiB. Never adds BOS or EOS.
    /// @throws Error{BadInput} when the text is not valid UTF-8 (with the byte where it breaks).
    [[nodiscard]] virtual std::vector<TokenId> encode(std::string_view utf8, SpecialTokens special) const = 0;
    /// encode() with the span of each token; the ids are the same.
    [[nodiscard]] virtual Encoding encodeWithSpans(std::string_view utf8, SpecialTokens special) const = 0;
    /// Text of `ids`. Ids outside the vocabulary (padded embedding rows) give nothing; bytes that are not UTF-8 give U+FFFD.
    [[nodiscard]] virtual std::string decode(std::span<const TokenId> ids, bool skipSpecial) const = 0;
    /// A decode that is fed one token at a time. The stream must not outlive the tokenizer.
    [[nodiscard]] virtual std::unique_ptr<DecodeStream> startDecoding(bool skipSpecial) const = 0;
    /// The token's own form in the vocabulary ("Ġthe", "▁the", "<|im_end|>"), empty for an unknown id.
    [[nodiscard]] virtual std::string pieceText(TokenId id) const = 0;

    /// Largest id + 1 (a model's embedding may have more rows).
    [[nodiscard]] virtual std::size_t vocabSize() const = 0;
    [[nodiscard]] virtual std::optional<TokenId> idOf(std::string_view piece) const = 0;
    /// Ordered by id.
    [[nodiscard]] virtual const std::vector<AddedToken>& addedTokens() const = 0;

    [[nodiscard]] virtual std::optional<TokenId> bos() const = 0;
    [[nodiscard]] virtual std::optional<TokenId> eos() const = 0;
    [[nodiscard]] virtual std::optional<TokenId> unk() const = 0;
    [[nodiscard]] virtual std::optional<TokenId> pad() const = 0;
    /// Every id that ends a generation: generation_config.json's list, the tokenizer's EOS, GGUF's EOT and EOM.
    [[nodiscard]] virtual std::vector<TokenId> stopIds() const = 0;
    /// Whether the model's own convention puts BOS in front of (EOS behind) plain text. encode() itself never does.
    [[nodiscard]] virtual bool addsBos() const = 0;
    [[nodiscard]] virtual bool addsEos() const = 0;
};

/// Text of tokens as they come. Holds back what is not a whole character yet; U+FFFD only for bytes that are really broken.
/// All pushes and finish() joined are exactly decode() of all ids. Keeps a reference to the tokenizer.
class StreamDecoder {
public:
    StreamDecoder(const Tokenizer& tokenizer, bool skipSpecial) : m_stream(tokenizer.startDecoding(skipSpecial)) {}
    /// What can be shown now; often empty.
    [[nodiscard]] std::string push(TokenId id) { return m_stream->push(id); }
    /// What was held back. The decoder starts anew after it.
    [[nodiscard]] std::string finish() { return m_stream->finish(); }

private:
    std::unique_ptr<DecodeStream> m_stream;
};

/// The tokenizer of a Hugging Face model folder: tokenizer.json where it exists, else tokenizer.model (SentencePiece), else vocab.json with merges.txt; names of
/// BOS, EOS, ... from tokenizer_config.json, stop ids from generation_config.json; `added` comes behind all of them.
/// @throws Error{BadInput} naming file and field when something is missing, corrupt or of a kind that is not supported.
[[nodiscard]] std::unique_ptr<Tokenizer> loadTokenizer(const std::filesystem::path& modelFolder, std::span<const NewToken> added = {});

}  // namespace lorikeet::tokenizer
