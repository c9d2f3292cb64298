// SPDX-License-Identifier: GPL-3.0-or-later
// Oniguruma with UTF-8 and its default syntax, as the Rust binding that `tokenizers` uses sets it up.
#include "engine/tokenizer/regex.h"

#include "engine/base/error.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/unicode_ranges.h"

#include <oniguruma.h>

#include <algorithm>
#include <mutex>
#include <string>

namespace lorikeet::tokenizer {
namespace {

constexpr std::size_t kLargestPattern = std::size_t{1} << 20U;

void startOniguruma()
{
    static std::once_flag once;
    std::call_once(once, [] {
        OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
        onig_initialize(encodings, 1);
    });
}

std::string messageOf(int code, OnigErrorInfo* info)
{
    OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN] = {};
    const int length = info != nullptr ? onig_error_code_to_str(text, code, info) : onig_error_code_to_str(text, code);
    return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(length > 0 ? length : 0)};
}

const OnigUChar* bytesOf(std::string_view text)
{
    return reinterpret_cast<const OnigUChar*>(text.data());
}

/// The text with characters that an older Oniguruma does not know replaced by ones it knows, byte for byte as long; empty when
/// there are none. Hugging Face bundles a newer Oniguruma than distributions have, and \p{L} must mean the same here.
std::string withKnownCharacters(std::string_view text)
{
    const auto young = youngCharacters();
    std::string copy;
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead < 0xE0) {  // none of them is that short
            ++i;
            continue;
        }
        const CodePoint character = codePointAt(text, i);
        const auto found = std::lower_bound(young.begin(), young.end(), character.value,
                                            [](const StandIn& range, char32_t v) { return range.last < v; });
        if (found != young.end() && found->first <= character.value) {
            std::string standIn;
            appendUtf8(standIn, found->standIn);
            if (copy.empty()) {
                copy = text;
            }
            copy.replace(i, character.length, standIn);
        }
        i += character.length;
    }
    return copy;
}

struct RegionGuard {
    OnigRegion* region = onig_region_new();
    ~RegionGuard() { onig_region_free(region, 1); }
};

}  // namespace

struct Regex::Compiled {
    regex_t* regex = nullptr;
    std::string where;
    Compiled() = default;
    Compiled(const Compiled&) = delete;
    Compiled& operator=(const Compiled&) = delete;
    ~Compiled()
    {
        if (regex != nullptr) {
            onig_free(regex);
        }
    }
};

Regex::Regex(std::string_view pattern, std::string_view where) : m_compiled(std::make_unique<Compiled>())
{
    startOniguruma();
    m_compiled->where = where;
    if (pattern.size() > kLargestPattern || firstInvalidUtf8(pattern) != std::string_view::npos) {
        throw Error{ErrorCode::BadInput, std::string(where) + ": the pattern has " + std::to_string(pattern.size())
                                             + " bytes; expected UTF-8 of at most " + std::to_string(kLargestPattern), kFetchTokenizer};
    }
    OnigErrorInfo info{};
    const OnigUChar* begin = bytesOf(pattern);
    const int code = onig_new(&m_compiled->regex, begin, begin + pattern.size(), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                              ONIG_SYNTAX_DEFAULT, &info);
    if (code != ONIG_NORMAL) {
        m_compiled->regex = nullptr;
        throw Error{ErrorCode::BadInput, std::string(where) + ": not a regular expression: " + messageOf(code, &info), kFetchTokenizer};
    }
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

void Regex::findAll(std::string_view text, std::vector<ByteRange>& matches) const
{
    const RegionGuard guard;
    const std::string known = withKnownCharacters(text);
    const OnigUChar* begin = bytesOf(known.empty() ? text : std::string_view(known));
    const OnigUChar* end = begin + text.size();
    std::size_t from = 0;
    bool matched = false;
    std::size_t lastEnd = 0;
    while (from <= text.size()) {
        const int at = onig_search(m_compiled->regex, begin, end, begin + from, end, guard.region, ONIG_OPTION_NONE);
        if (at == ONIG_MISMATCH) {
            return;
        }
        if (at < 0) {
            throw Error{ErrorCode::BadInput, m_compiled->where + ": the pattern gave up on this text: " + messageOf(at, nullptr),
                        "leave the text out or shorten it: a run of many thousand letters or blanks is too much for the model's splitting pattern"};
        }
        const auto first = static_cast<std::size_t>(guard.region->beg[0]);
        const auto last = static_cast<std::size_t>(guard.region->end[0]);
        if (first == last && matched && lastEnd == last) {
            from += from < text.size() ? lengthFromLead(static_cast<unsigned char>(text[from])) : 1;
            continue;
        }
        from = last;
        matched = true;
        lastEnd = last;
        matches.emplace_back(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last));
    }
}

Pattern::Pattern(std::string_view text, bool isRegex, std::string_view where)
{
    if (isRegex || text.empty()) {
        m_regex = std::make_unique<Regex>(text, where);
    } else {
        m_literal = text;
    }
}

void Pattern::findAll(std::string_view text, std::vector<ByteRange>& matches) const
{
    if (m_regex) {
        m_regex->findAll(text, matches);
        return;
    }
    for (std::size_t at = text.find(m_literal); at != std::string_view::npos; at = text.find(m_literal, at + m_literal.size())) {
        matches.emplace_back(static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + m_literal.size()));
    }
}

}  // namespace lorikeet::tokenizer
