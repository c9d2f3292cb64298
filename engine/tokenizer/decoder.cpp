// SPDX-License-Identifier: GPL-3.0-or-later
// The decoding steps. After ByteLevel or Fuse all tokens count as one: steps behind them work on one long text, in parts
// where that gives the same, else they wait for the end.
#include "engine/tokenizer/decoder.h"

#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/regex.h"
#include "engine/tokenizer/unicode.h"

#include <algorithm>

namespace lorikeet::tokenizer {
namespace {

constexpr const char* kReplacementCharacter = "\xEF\xBF\xBD";

class ByteLevelStage : public DecodeStage {
public:
    void push(std::string token, std::vector<std::string>& out) override
    {
        if (!appendSpelledBytes(token, m_bytes)) {
            m_bytes.append(token);
        }
        const std::size_t whole = m_bytes.size() - incompleteTail(m_bytes);
        if (whole > 0) {
            out.push_back(replaceBrokenUtf8(std::string_view(m_bytes).substr(0, whole)));
            m_bytes.erase(0, whole);
        }
    }
    void finish(std::vector<std::string>& out) override
    {
        out.push_back(replaceBrokenUtf8(m_bytes));
        m_bytes.clear();
    }

private:
    std::string m_bytes;
};

class ReplaceStage : public DecodeStage {
public:
    ReplaceStage(const ReplaceSpec& spec, const std::string& source)
        : m_pattern(spec.pattern.text, spec.pattern.isRegex, source + ": decoder Replace: pattern"), m_content(spec.content)
    {
    }
    void push(std::string token, std::vector<std::string>& out) override
    {
        m_matches.clear();
        m_pattern.findAll(token, m_matches);
        if (!m_matches.empty()) {
            std::string text;
            std::size_t done = 0;
            for (const auto& [begin, end] : m_matches) {
                text.append(token, done, begin - done).append(m_content);
                done = end;
            }
            text.append(token, done);
            token = std::move(text);
        }
        out.push_back(std::move(token));
    }
    void finish(std::vector<std::string>&) override {}

private:
    Pattern m_pattern;
    std::string m_content;
    std::vector<ByteRange> m_matches;
};

/// A run of "<0xHH>" tokens is text when all of its bytes together are UTF-8, else one U+FFFD for each.
class ByteFallbackStage : public DecodeStage {
public:
    void push(std::string token, std::vector<std::string>& out) override
    {
        const int byte = byteOf(token);
        if (byte >= 0) {
            m_run.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
            return;
        }
        finish(out);
        out.push_back(std::move(token));
    }
    void finish(std::vector<std::string>& out) override
    {
        if (m_run.empty()) {
            return;
        }
        if (firstInvalidUtf8(m_run) == std::string_view::npos) {
            out.push_back(m_run);
        } else {
            out.insert(out.end(), m_run.size(), kReplacementCharacter);
        }
        m_run.clear();
    }

private:
    static int digitOf(char c)
    {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    }
    static int byteOf(const std::string& token)
    {
        if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') {
            return -1;
        }
        const int low = digitOf(token[4]);
        // Rust's from_str_radix also takes a sign before one digit.
        const int high = token[3] == '+' ? 0 : digitOf(token[3]);
        return high < 0 || low < 0 ? -1 : high * 16 + low;
    }
    std::string m_run;
};

/// Strips up to `start` characters in front and `stop` at the end: of each token, or of the whole text once fused.
class StripStage : public DecodeStage {
public:
    StripStage(StripDecoderSpec spec, bool fused) : m_spec(std::move(spec)), m_fused(fused) {}
    void push(std::string token, std::vector<std::string>& out) override
    {
        if (!m_fused) {
            out.push_back(stripEnd(token.substr(leading(token, m_spec.start))));
            return;
        }
        std::size_t cut = 0;
        if (!m_started) {
            cut = leading(token, m_spec.start - m_removed);
            m_removed += cut / m_spec.content.size();
            m_started = cut < token.size() || m_removed == m_spec.start;
        }
        m_held.append(token, cut);
        // What may be stripped at the end stays here until something else follows.
        std::size_t kept = m_held.size();
        for (std::size_t n = 0; n < m_spec.stop && std::string_view(m_held).substr(0, kept).ends_with(m_spec.content); ++n) {
            kept -= m_spec.content.size();
        }
        out.push_back(m_held.substr(0, kept));
        m_held.erase(0, kept);
    }
    void finish(std::vector<std::string>&) override
    {
        m_held.clear();
        m_removed = 0;
        m_started = false;
    }

private:
    [[nodiscard]] std::size_t leading(std::string_view text, std::size_t atMost) const
    {
        std::size_t cut = 0;
        for (std::size_t n = 0; n < atMost && text.substr(cut).starts_with(m_spec.content); ++n) {
            cut += m_spec.content.size();
        }
        return cut;
    }
    [[nodiscard]] std::string stripEnd(std::string text) const
    {
        for (std::size_t n = 0; n < m_spec.stop && text.ends_with(m_spec.content); ++n) {
            text.resize(text.size() - m_spec.content.size());
        }
        return text;
    }
    StripDecoderSpec m_spec;
    bool m_fused;
    bool m_started = false;
    std::size_t m_removed = 0;
    std::string m_held;
};

/// The replacement character becomes a blank; in the first token it goes, unless nothing is ever prepended.
class MetaspaceStage : public DecodeStage {
public:
    MetaspaceStage(MetaspaceSpec spec, bool fused) : m_spec(std::move(spec)), m_fused(fused) {}
    void push(std::string token, std::vector<std::string>& out) override
    {
        const bool drops = m_first && m_spec.scheme != PrependScheme::Never;
        m_first = m_first && m_fused;
        std::size_t at = 0;
        while ((at = token.find(m_spec.replacement, at)) != std::string::npos) {
            token.replace(at, m_spec.replacement.size(), drops ? "" : " ");
            at += drops ? 0 : 1;
        }
        out.push_back(std::move(token));
    }
    void finish(std::vector<std::string>&) override { m_first = true; }

private:
    MetaspaceSpec m_spec;
    bool m_fused;
    bool m_first = true;
};

/// The suffix of a token becomes a blank, of the last token nothing: one token is held back.
class WordEndStage : public DecodeStage {
public:
    explicit WordEndStage(std::string suffix) : m_suffix(std::move(suffix)) {}
    void push(std::string token, std::vector<std::string>& out) override
    {
        if (m_holds) {
            out.push_back(replaced(" "));
        }
        m_held = std::move(token);
        m_holds = true;
    }
    void finish(std::vector<std::string>& out) override
    {
        if (m_holds) {
            out.push_back(replaced(""));
        }
        m_holds = false;
    }

private:
    [[nodiscard]] std::string replaced(std::string_view by)
    {
        for (std::size_t at = 0; !m_suffix.empty() && (at = m_held.find(m_suffix, at)) != std::string::npos; at += by.size()) {
            m_held.replace(at, m_suffix.size(), by);
        }
        return std::move(m_held);
    }
    std::string m_suffix;
    std::string m_held;
    bool m_holds = false;
};

class JoinStage : public DecodeStage {
public:
    void push(std::string token, std::vector<std::string>& out) override
    {
        out.push_back(m_first ? std::move(token) : " " + token);
        m_first = false;
    }
    void finish(std::vector<std::string>&) override { m_first = true; }

private:
    bool m_first = true;
};

/// Collects a fused text for a step that needs to see all of it.
class WholeTextStage : public DecodeStage {
public:
    explicit WholeTextStage(std::unique_ptr<DecodeStage> inner) : m_inner(std::move(inner)) {}
    void push(std::string token, std::vector<std::string>&) override { m_text.append(token); }
    void finish(std::vector<std::string>& out) override
    {
        m_inner->push(std::move(m_text), out);
        m_inner->finish(out);
        m_text.clear();
    }

private:
    std::unique_ptr<DecodeStage> m_inner;
    std::string m_text;
};

std::unique_ptr<DecodeStage> whole(std::unique_ptr<DecodeStage> stage, bool fused)
{
    return fused ? std::make_unique<WholeTextStage>(std::move(stage)) : std::move(stage);
}

}  // namespace

DecodeChain::DecodeChain(const std::vector<DecoderSpec>& specs, const std::string& source)
{
    bool fused = false;
    for (const DecoderSpec& spec : specs) {
        if (std::holds_alternative<ByteLevelDecoderSpec>(spec)) {
            m_stages.push_back(whole(std::make_unique<ByteLevelStage>(), fused));
            fused = true;
        } else if (std::holds_alternative<FuseDecoderSpec>(spec)) {
            fused = true;
        } else if (const auto* replace = std::get_if<ReplaceSpec>(&spec)) {
            m_stages.push_back(whole(std::make_unique<ReplaceStage>(*replace, source), fused));
        } else if (std::holds_alternative<ByteFallbackDecoderSpec>(spec)) {
            m_stages.push_back(whole(std::make_unique<ByteFallbackStage>(), fused));
        } else if (const auto* strip = std::get_if<StripDecoderSpec>(&spec)) {
            m_stages.push_back(std::make_unique<StripStage>(*strip, fused));
        } else if (const auto* wordEnd = std::get_if<WordEndDecoderSpec>(&spec)) {
            m_stages.push_back(whole(std::make_unique<WordEndStage>(wordEnd->suffix), fused));
        } else {
            m_stages.push_back(std::make_unique<MetaspaceStage>(std::get<MetaspaceSpec>(spec), fused));
        }
    }
    if (specs.empty()) {
        m_stages.push_back(std::make_unique<JoinStage>());
    }
}

std::string DecodeChain::run(std::size_t firstStage, std::vector<std::string> tokens)
{
    for (std::size_t i = firstStage; i < m_stages.size(); ++i) {
        std::vector<std::string> next;
        for (std::string& token : tokens) {
            m_stages[i]->push(std::move(token), next);
        }
        tokens = std::move(next);
    }
    std::string text;
    for (const std::string& token : tokens) {
        text.append(token);
    }
    return text;
}

std::string DecodeChain::push(std::string token)
{
    std::vector<std::string> tokens;
    tokens.push_back(std::move(token));
    return run(0, std::move(tokens));
}

std::string DecodeChain::finish()
{
    std::string text;
    for (std::size_t i = 0; i < m_stages.size(); ++i) {
        std::vector<std::string> rest;
        m_stages[i]->finish(rest);
        text.append(run(i + 1, std::move(rest)));
    }
    return text;
}

}  // namespace lorikeet::tokenizer
