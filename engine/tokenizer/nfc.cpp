// SPDX-License-Identifier: GPL-3.0-or-later
// Decompose, order, compose; each character carries how many source characters it replaced.
#include "engine/tokenizer/nfc.h"

#include "engine/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

namespace lorikeet::tokenizer {
namespace {

/// `change`: 0 replaces one source character, 1 is added, -n replaces one and drops n after it.
struct Change {
    char32_t value = 0;
    int change = 0;
    int combiningClass = 0;
};

/// Characters with a combining class or a decomposition that came after Unicode 9, first and last of each range.
/// Hugging Face's normalizer stopped at Unicode 9 and leaves them alone; so do we, or ids would differ.
constexpr std::pair<char32_t, char32_t> kAfterUnicode9[] = {
    {0x7FD, 0x7FD},     {0x897, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C},   {0x105C9, 0x105E4}, {0x10D24, 0x10D27}, {0x10D69, 0x10D6D}, {0x10EAB, 0x10EAC},
    {0x10EFC, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B},
    {0x11383, 0x113E2}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11930, 0x11943}, {0x119E0, 0x119E0},
    {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45},
    {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x1611E, 0x1612F}, {0x16D68, 0x16D6A}, {0x16FF0, 0x16FF1},
    {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
    {0x1E5EE, 0x1E5EF},
};

/// The same for compatibility decompositions (NFKC, NFKD).
constexpr std::pair<char32_t, char32_t> kCompatibilityAfterUnicode9[] = {
    {0x32FF, 0x32FF},   {0xA7F1, 0xA7F4},   {0xAB69, 0xAB69},   {0x10781, 0x107BA}, {0x1CCD6, 0x1CCF9},
    {0x1E030, 0x1E06D}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
};

bool isIn(std::span<const std::pair<char32_t, char32_t>> ranges, char32_t value)
{
    const auto range = std::lower_bound(ranges.begin(), ranges.end(), value,
                                        [](const auto& entry, char32_t v) { return entry.second < v; });
    return range != ranges.end() && range->first <= value;
}

bool isAfterUnicode9(char32_t value)
{
    return isIn(kAfterUnicode9, value);
}

bool isCompatibility(NormalForm form)
{
    return form == NormalForm::Nfkc || form == NormalForm::Nfkd;
}

int combiningClassOf(char32_t value)
{
    return isAfterUnicode9(value) ? 0 : utf8proc_get_property(static_cast<utf8proc_int32_t>(value))->combining_class;
}

/// The primary composite of two characters, or 0.
char32_t composed(char32_t first, char32_t second)
{
    if (isAfterUnicode9(second)) {
        return 0;
    }
    std::array<utf8proc_int32_t, 3> pair{static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second), 0};
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return utf8proc_normalize_utf32(pair.data(), 2, options) == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

std::vector<Change> decomposed(std::string_view text, bool compatibility)
{
    std::vector<Change> out;
    out.reserve(text.size());
    std::size_t unordered = 0;  // first character after the last starter
    const auto order = [&out, &unordered] {
        std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(unordered), out.end(),
                         [](const Change& a, const Change& b) { return a.combiningClass < b.combiningClass; });
        unordered = out.size();
    };
    std::array<utf8proc_int32_t, 32> parts{};
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint character = codePointAt(text, i);
        i += character.length;
        if (isAfterUnicode9(character.value) || (compatibility && isIn(kCompatibilityAfterUnicode9, character.value))) {
            order();
            out.push_back({character.value, 0, 0});
            continue;
        }
        int boundClass = 0;
        const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character.value), parts.data(),
                                                               static_cast<utf8proc_ssize_t>(parts.size()), options, &boundClass);
        for (utf8proc_ssize_t k = 0; k < count; ++k) {
            const auto value = static_cast<char32_t>(parts[static_cast<std::size_t>(k)]);
            const int combiningClass = combiningClassOf(value);
            if (combiningClass == 0) {
                order();
            }
            out.push_back({value, k == 0 ? 0 : 1, combiningClass});
        }
    }
    order();
    return out;
}

/// Composition with the bookkeeping of `change`: what merges into a starter adds its own change less one.
std::vector<Change> recomposed(const std::vector<Change>& in)
{
    std::vector<Change> out;
    out.reserve(in.size());
    std::size_t starter = in.size();  // index in `out`; in.size() = none yet
    int lastClass = -1;               // of the last character kept after the starter
    for (const Change& c : in) {
        if (starter == in.size()) {
            if (c.combiningClass == 0) {
                starter = out.size();
            }
            out.push_back(c);
            continue;
        }
        const bool blocked = lastClass >= 0 && lastClass >= c.combiningClass;
        const char32_t value = blocked ? 0 : composed(out[starter].value, c.value);
        if (value != 0) {
            out[starter].value = value;
            out[starter].change += c.change - 1;
            continue;
        }
        if (c.combiningClass == 0) {
            starter = out.size();
            lastClass = -1;
        } else {
            lastClass = c.combiningClass;
        }
        out.push_back(c);
    }
    return out;
}

}  // namespace

bool isSurelyNormal(std::string_view text, NormalForm form) noexcept
{
    if (form != NormalForm::Nfc) {
        return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    }
    for (std::size_t i = 0; i < text.size();) {
        if (static_cast<unsigned char>(text[i]) < 0xCC) {  // below U+0300
            ++i;
            continue;
        }
        const CodePoint c = codePointAt(text, i);
        const char32_t v = c.value;
        const bool inert = (v >= 0x400 && v <= 0x482) || (v >= 0x2010 && v <= 0x2027) || (v >= 0x3001 && v <= 0x3029)
            || (v >= 0x3041 && v <= 0x3096) || (v >= 0x30A0 && v <= 0x30FF) || (v >= 0x3400 && v <= 0x9FEF)
            || (v >= 0xAC00 && v <= 0xD7A3) || (v >= 0xFF00 && v <= 0xFFEF) || (v >= 0x1F300 && v <= 0x1FAFF);
        if (!inert) {
            return false;
        }
        i += c.length;
    }
    return true;
}

void putNormalForm(TextRewriter& rewriter, std::string_view text, const Piece& piece, NormalForm form)
{
    if (isSurelyNormal(text, form)) {
        rewriter.keep(piece.begin, piece.end);
        return;
    }
    std::uint32_t at = 0;  // source byte that the next character replaces
    const auto size = static_cast<std::uint32_t>(text.size());
    const auto skip = [&at, text, size] { at += at < size ? lengthFromLead(static_cast<unsigned char>(text[at])) : 0; };
    std::string bytes;
    std::vector<Change> changes = decomposed(text, isCompatibility(form));
    if (form == NormalForm::Nfc || form == NormalForm::Nfkc) {
        changes = recomposed(changes);
    }
    for (const Change& c : changes) {
        Span origin;
        if (c.change <= 0) {
            origin = rewriter.originAt(piece.begin + std::min(at, size - 1));
        } else if (at > 0) {
            origin = rewriter.originAt(piece.begin + at - 1);
        } else {
            origin = {rewriter.originAt(piece.begin).first, rewriter.originAt(piece.begin).first};
        }
        for (int k = c.change; k <= 0; ++k) {
            skip();
        }
        bytes.clear();
        appendUtf8(bytes, c.value);
        rewriter.put(bytes, origin);
    }
}

}  // namespace lorikeet::tokenizer
