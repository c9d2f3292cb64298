// SPDX-License-Identifier: GPL-3.0-or-later
// Decompose, order, compose; each character carries how many source characters it replaced.
#include "engine/tokenizer/nfc.h"

#include "engine/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

namespace lorikeet::tokenizer {
namespace {

/// `change`: 0 replaces one source character, 1 is added, -n replaces one and drops n after it.
struct Change {
    char32_t value = 0;
    int change = 0;
    int combiningClass = 0;
};

int combiningClassOf(char32_t value)
{
    return utf8proc_get_property(static_cast<utf8proc_int32_t>(value))->combining_class;
}

/// The primary composite of two characters, or 0.
char32_t composed(char32_t first, char32_t second)
{
    std::array<utf8proc_int32_t, 3> pair{static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second), 0};
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return utf8proc_normalize_utf32(pair.data(), 2, options) == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

std::vector<Change> decomposed(std::string_view text)
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
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint character = codePointAt(text, i);
        i += character.length;
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

bool isSurelyNfc(std::string_view text) noexcept
{
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

void putNfc(TextRewriter& rewriter, std::string_view text, const Piece& piece)
{
    if (isSurelyNfc(text)) {
        rewriter.keep(piece.begin, piece.end);
        return;
    }
    std::uint32_t at = 0;  // source byte that the next character replaces
    const auto size = static_cast<std::uint32_t>(text.size());
    const auto skip = [&at, text, size] { at += at < size ? lengthFromLead(static_cast<unsigned char>(text[at])) : 0; };
    std::string bytes;
    for (const Change& c : recomposed(decomposed(text))) {
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
