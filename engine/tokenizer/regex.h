// SPDX-License-Identifier: GPL-3.0-or-later
// Regular expressions of tokenizer files by Oniguruma, the engine that Hugging Face `tokenizers` itself uses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorikeet::tokenizer {

/// Byte range [begin, end) of a match.
using ByteRange = std::pair<std::uint32_t, std::uint32_t>;

/// A compiled pattern; matching is const and thread-safe.
class Regex {
public:
    /// `where` names file and field in the message. Patterns above 1 MiB are refused.
    /// @throws Error{BadInput} when the pattern is not a regular expression.
    Regex(std::string_view pattern, std::string_view where);
    ~Regex();
    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;

    /// Appends all matches from left to right, in the order and with the empty matches of `tokenizers`: an empty match right
    /// behind the last match does not count.
    /// @throws Error{BadInput} when the pattern backtracks without end on this text.
    void findAll(std::string_view text, std::vector<ByteRange>& matches) const;

private:
    struct Compiled;
    std::unique_ptr<Compiled> m_compiled;
};

/// A literal or a regular expression behind one call.
class Pattern {
public:
    Pattern(std::string_view text, bool isRegex, std::string_view where);
    void findAll(std::string_view text, std::vector<ByteRange>& matches) const;

private:
    std::string m_literal;
    std::unique_ptr<Regex> m_regex;
};

}  // namespace lorikeet::tokenizer
