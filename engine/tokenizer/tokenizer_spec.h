// SPDX-License-Identifier: GPL-3.0-or-later
// A tokenizer as plain values: what tokenizer.json and GGUF metadata say, before anything is built from it.
#pragma once

#include "engine/tokenizer/tokenizer.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lorikeet::tokenizer {

/// A literal or a regular expression; tokenizer.json writes {"String": ...} or {"Regex": ...}.
struct PatternSpec {
    std::string text;
    bool isRegex = false;
};

/// One of Unicode's four normalization forms: compatibility parts taken apart or not, composed again or not.
enum class NormalForm { Nfc, Nfd, Nfkc, Nfkd };

struct NormalFormSpec {
    NormalForm form = NormalForm::Nfc;
};
struct LowercaseSpec {};
/// White space is taken off either end.
struct StripSpec {
    bool left = true, right = true;
};
/// Every byte becomes its character of GPT-2's alphabet.
struct SpelledBytesSpec {};
struct ReplaceSpec {
    PatternSpec pattern;
    std::string content;
};
struct PrependSpec {
    std::string prefix;
};
using NormalizerSpec =
    std::variant<NormalFormSpec, ReplaceSpec, PrependSpec, LowercaseSpec, StripSpec, SpelledBytesSpec>;

enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };
enum class PrependScheme { Always, First, Never };

struct SplitSpec {
    PatternSpec pattern;
    SplitBehavior behavior = SplitBehavior::Isolated;
    bool invert = false;
};
struct ByteLevelSpec {
    bool addPrefixSpace = false;
    bool useRegex = true;  ///< GPT-2's pattern
};
struct DigitsSpec {
    bool individual = false;
};
struct MetaspaceSpec {
    std::string replacement = "\u2581";
    PrependScheme scheme = PrependScheme::Always;
    bool split = true;
};
struct PunctuationSpec {
    SplitBehavior behavior = SplitBehavior::Isolated;
};
struct WhitespaceSplitSpec {};
struct FixedLengthSpec {
    std::size_t characters = 5;
};
using PreTokenizerSpec = std::variant<SplitSpec, ByteLevelSpec, DigitsSpec, MetaspaceSpec, PunctuationSpec,
                                      WhitespaceSplitSpec, FixedLengthSpec>;

struct ByteLevelDecoderSpec {};
struct ByteFallbackDecoderSpec {};
struct FuseDecoderSpec {};
struct StripDecoderSpec {
    std::string content = " ";  ///< one character
    std::size_t start = 0, stop = 0;
};
/// The end of a word is marked by a suffix ("</w>"), which becomes a blank.
struct WordEndDecoderSpec {
    std::string suffix = "</w>";
};
using DecoderSpec = std::variant<ByteLevelDecoderSpec, ReplaceSpec, ByteFallbackDecoderSpec, FuseDecoderSpec,
                                 StripDecoderSpec, MetaspaceSpec, WordEndDecoderSpec>;

/// Byte pair encoding by a ranked list of merges.
struct BpeSpec {
    std::vector<std::pair<std::string, TokenId>> vocab;
    std::vector<std::pair<std::string, std::string>> merges;  ///< by rank
    std::string unkToken;                                     ///< empty: none
    std::string continuingPrefix;  ///< in front of every character of a piece but the first ("##")
    std::string wordSuffix;        ///< behind the last character of a piece ("</w>")
    bool byteFallback = false;
    bool fuseUnk = false;
    bool ignoreMerges = false;  ///< a whole piece that is in the vocabulary is one token
};

/// SentencePiece BPE by scores, from GGUF: pieces that may be merged carry a score.
struct ScoredPieceSpec {
    struct Piece {
        std::string text;
        float score = 0;
        bool mergeable = false;
    };
    std::vector<Piece> pieces;  ///< by id
    TokenId unk = 0;
};

/// Special roles by id.
struct TokenRoles {
    std::optional<TokenId> bos, eos, unk, pad;
    std::vector<TokenId> stopIds;
    bool addsBos = false, addsEos = false;
};

/// Sequences are flattened; the order is that of the file.
struct TokenizerSpec {
    std::string source;  ///< file, for messages
    std::vector<AddedToken> addedTokens;
    std::vector<NormalizerSpec> normalizers;
    std::vector<PreTokenizerSpec> preTokenizers;
    std::vector<DecoderSpec> decoders;
    std::variant<BpeSpec, ScoredPieceSpec> model;
    /// What the post processor puts around a single text (TemplateProcessing), by name.
    std::optional<std::string> templateBos, templateEos;
    TokenRoles roles;
};

}  // namespace lorikeet::tokenizer
