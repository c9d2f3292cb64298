// SPDX-License-Identifier: GPL-3.0-or-later
// Normalizers of tokenizer.json: the normal forms, Replace, Prepend, Lowercase, Strip, ByteLevel.
#pragma once

#include "engine/tokenizer/piece_text.h"
#include "engine/tokenizer/regex.h"
#include "engine/tokenizer/tokenizer_spec.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lorikeet::tokenizer {

/// The normalizers of one tokenizer, in order.
class NormalizerChain {
public:
    /// @throws Error{BadInput} for a pattern that does not compile; `source` names the file.
    NormalizerChain(const std::vector<NormalizerSpec>& specs, const std::string& source);

    /// Rewrites every free piece.
    void apply(PieceText& text) const;
    /// What `apply` makes of one text.
    [[nodiscard]] std::string normalized(std::string_view text) const;
    [[nodiscard]] bool empty() const noexcept { return m_steps.empty(); }

private:
    struct Replace {
        Pattern pattern;
        std::string content;
    };
    struct Prepend {
        std::string prefix;
    };
    static void run(const NormalFormSpec& step, PieceText& text);
    static void run(const LowercaseSpec&, PieceText& text);
    static void run(const StripSpec& step, PieceText& text);
    static void run(const SpelledBytesSpec&, PieceText& text);
    static void run(const Replace& step, PieceText& text);
    static void run(const Prepend& step, PieceText& text);

    std::vector<std::variant<NormalFormSpec, Replace, Prepend, LowercaseSpec, StripSpec, SpelledBytesSpec>> m_steps;
};

}  // namespace lorikeet::tokenizer
