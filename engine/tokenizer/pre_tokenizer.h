// SPDX-License-Identifier: GPL-3.0-or-later
// Pre-tokenizers of tokenizer.json: Split, ByteLevel, Digits, Metaspace, Punctuation, WhitespaceSplit, FixedLength.
#pragma once

#include "engine/tokenizer/piece_text.h"
#include "engine/tokenizer/regex.h"
#include "engine/tokenizer/tokenizer_spec.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lorikeet::tokenizer {

/// Cuts a text of `size` bytes at sorted matches, as the behavior says; parts may be empty.
void cutAtMatches(std::uint32_t size, const std::vector<ByteRange>& matches, SplitBehavior behavior, bool invert,
                  std::vector<Piece>& parts);

/// The pre-tokenizers of one tokenizer, in order.
class PreTokenizerChain {
public:
    /// @throws Error{BadInput} for a pattern that does not compile; `source` names the file.
    PreTokenizerChain(const std::vector<PreTokenizerSpec>& specs, const std::string& source);

    void apply(PieceText& text) const;
    /// The last step is ByteLevel: apply() leaves its pieces as raw bytes, and the model works on bytes.
    [[nodiscard]] bool endsInBytes() const noexcept { return m_endsInBytes; }
    /// A step asks whether a piece starts the input (Metaspace "first"), so origins have to be tracked.
    [[nodiscard]] bool needsOrigins() const noexcept { return m_needsOrigins; }

private:
    struct Split {
        Pattern pattern;
        SplitBehavior behavior;
        bool invert;
    };
    struct ByteLevel {
        bool addPrefixSpace;
        bool useRegex;
        bool last;
        Regex pattern;
    };
    using CharacterClass = bool (*)(char32_t) noexcept;
    struct ClassSplit {
        CharacterClass matches;
        SplitBehavior behavior;
    };
    static void run(const Split& step, PieceText& text);
    static void run(const ByteLevel& step, PieceText& text);
    static void run(const ClassSplit& step, PieceText& text);
    static void run(const MetaspaceSpec& step, PieceText& text);
    static void run(const FixedLengthSpec& step, PieceText& text);

    std::vector<std::variant<Split, ByteLevel, ClassSplit, MetaspaceSpec, FixedLengthSpec>> m_steps;
    bool m_endsInBytes = false;
    bool m_needsOrigins = false;
};

}  // namespace lorikeet::tokenizer
