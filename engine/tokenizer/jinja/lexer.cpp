// SPDX-License-Identifier: GPL-3.0-or-later
// A hand-written twin of Jinja2's regular expressions: text, comments, raw blocks and the tokens inside tags.
#include "engine/tokenizer/jinja/lexer.h"

#include <algorithm>
#include <optional>

#include "engine/tokenizer/jinja/string_escapes.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]",
                                         "(",  ")",  "{",  "}",  ">",  "<",  "=", ".", ":", "|", ",", ";"};

bool isAsciiDigit(char c) { return c >= '0' && c <= '9'; }
bool isHexDigit(char c) { return isAsciiDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// "\r\n" and "\r" become "\n"; one newline at the very end is dropped.
std::string normalized(std::string_view source)
{
    std::string text;
    text.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] == '\r') {
            text.push_back('\n');
            if (i + 1 < source.size() && source[i + 1] == '\n')
                ++i;
        } else {
            text.push_back(source[i]);
        }
    }
    if (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

class Lexer {
public:
    explicit Lexer(std::string_view source) : m_owned(normalized(source)), m_source(m_owned) {}

    std::vector<Token> run()
    {
        while (m_at < m_source.size())
            lexText();
        push(TokenKind::End, {}, m_at);
        return std::move(m_tokens);
    }

private:
    [[noreturn]] void fail(const std::string& message, std::size_t offset)
    {
        throw LexerFailure(message, positionOf(offset));
    }

    // Offsets are asked for in rising order, so the line count goes on from the last one.
    Position positionOf(std::size_t offset)
    {
        if (offset < m_seen) {
            m_seen = 0;
            m_position = {};
        }
        for (; m_seen < offset; ++m_seen) {
            if (m_source[m_seen] == '\n')
                m_position = {m_position.line + 1, 1};
            else if ((static_cast<unsigned char>(m_source[m_seen]) & 0xc0) != 0x80)
                ++m_position.column;
        }
        return m_position;
    }

    void push(TokenKind kind, std::string text, std::size_t offset)
    {
        m_tokens.push_back({kind, std::move(text), positionOf(offset)});
    }

    [[nodiscard]] bool startsWith(std::string_view text) const { return m_source.substr(m_at).starts_with(text); }

    void skipSpace()
    {
        while (m_at < m_source.size()) {
            std::size_t after = m_at;
            if (!isSpace(nextCodePoint(m_source, after)))
                break;
            m_at = after;
        }
    }

    // Text up to the next tag, then the tag.
    void lexText()
    {
        const std::size_t begin = m_at;
        std::size_t tag = begin;
        while (true) {
            tag = m_source.find('{', tag);
            if (tag == std::string_view::npos || tag + 1 >= m_source.size()) {
                push(TokenKind::Data, std::string(m_source.substr(begin)), begin);
                m_at = m_source.size();
                return;
            }
            if (m_source[tag + 1] == '{' || m_source[tag + 1] == '%' || m_source[tag + 1] == '#')
                break;
            ++tag;
        }
        const char type = m_source[tag + 1];
        m_at = tag + 2;
        char sign = 0;
        if (m_at < m_source.size() && (m_source[m_at] == '-' || m_source[m_at] == '+'))
            sign = m_source[m_at++];
        pushText(m_source.substr(begin, tag - begin), begin, sign, type == '{');
        if (type == '#')
            skipComment(tag);
        else if (type == '{')
            lexTag(TokenKind::VariableBegin, tag);
        else if (!lexRaw(tag))
            lexTag(TokenKind::BlockBegin, tag);
    }

    void pushText(std::string_view text, std::size_t offset, char sign, bool isVariable)
    {
        if (sign == '-') {
            while (!text.empty()) {
                std::size_t before = text.size();
                if (!isSpace(previousCodePoint(text, before)))
                    break;
                text = text.substr(0, before);
            }
        } else if (sign != '+' && !isVariable) {
            const std::size_t newline = text.rfind('\n');
            const std::size_t lineStart = newline == std::string_view::npos ? 0 : newline + 1;
            if ((lineStart > 0 || m_lineStarting) && isBlank(text.substr(lineStart)))
                text = text.substr(0, lineStart);
        }
        if (!text.empty())
            push(TokenKind::Data, std::string(text), offset);
        m_lineStarting = false;
    }

    static bool isBlank(std::string_view text)
    {
        for (std::size_t at = 0; at < text.size();)
            if (!isSpace(nextCodePoint(text, at)))
                return false;
        return true;
    }

    // Consumes what may follow an end mark: all white space after "-", one newline otherwise where `trim` says so.
    void afterEnd(char sign, bool trim)
    {
        if (sign == '-')
            skipSpace();
        else if (sign == 0 && trim && m_at < m_source.size() && m_source[m_at] == '\n')
            ++m_at;
        m_lineStarting = m_at > 0 && m_source[m_at - 1] == '\n';
    }

    void skipComment(std::size_t tag)
    {
        const std::size_t end = m_source.find("#}", m_at);
        if (end == std::string_view::npos)
            fail("the comment that begins here is not closed", tag);
        const char before = end > m_at ? m_source[end - 1] : '\0';
        m_at = end + 2;
        afterEnd(before == '-' || before == '+' ? before : '\0', true);
    }

    // {% raw %} ... {% endraw %}; leaves everything as it was when the tag is another one.
    bool lexRaw(std::size_t tag)
    {
        const std::size_t start = m_at;
        skipSpace();
        if (!startsWith("raw")) {
            m_at = start;
            return false;
        }
        m_at += 3;
        skipSpace();
        const bool strip = startsWith("-%}");
        if (!strip && !startsWith("%}")) {
            m_at = start;
            return false;
        }
        m_at += strip ? 3 : 2;
        if (strip)
            skipSpace();
        m_lineStarting = m_source[m_at - 1] == '\n';
        const std::size_t begin = m_at;
        for (std::size_t open = m_source.find("{%", begin); open != std::string_view::npos; open = m_source.find("{%", open + 1)) {
            m_at = open + 2;
            const char sign = m_at < m_source.size() && (m_source[m_at] == '-' || m_source[m_at] == '+') ? m_source[m_at++] : '\0';
            skipSpace();
            if (!startsWith("endraw"))
                continue;
            m_at += 6;
            skipSpace();
            const char endSign = startsWith("-%}") ? '-' : startsWith("+%}") ? '+' : '\0';
            if (endSign == 0 && !startsWith("%}"))
                continue;
            m_at += endSign ? 3 : 2;
            const std::size_t after = m_at;
            pushText(m_source.substr(begin, open - begin), begin, sign, false);
            m_at = after;
            afterEnd(endSign, true);
            return true;
        }
        fail("the raw block that begins here is not closed", tag);
    }

    void lexTag(TokenKind begin, std::size_t tag)
    {
        push(begin, {}, tag);
        const bool isBlock = begin == TokenKind::BlockBegin;
        const std::string_view end = isBlock ? "%}" : "}}";
        std::string brackets;
        while (true) {
            skipSpace();
            if (m_at >= m_source.size())
                fail(isBlock ? "the tag that begins here is not closed with '%}'" : "the expression that begins here is not closed with '}}'", tag);
            if (brackets.empty() && lexEnd(isBlock, end))
                return;
            lexToken(brackets);
        }
    }

    bool lexEnd(bool isBlock, std::string_view end)
    {
        const std::size_t offset = m_at;
        const bool hasSign = m_source[m_at] == '-' || (isBlock && m_source[m_at] == '+');
        if (m_source.substr(m_at + (hasSign ? 1 : 0), 2) != end)
            return false;
        const char sign = hasSign ? m_source[m_at] : '\0';
        m_at += hasSign ? 3 : 2;
        push(isBlock ? TokenKind::BlockEnd : TokenKind::VariableEnd, {}, offset);
        afterEnd(sign, isBlock);
        return true;
    }

    void lexToken(std::string& brackets)
    {
        const std::size_t offset = m_at;
        const char c = m_source[m_at];
        if (isAsciiDigit(c)) {
            lexNumber();
        } else if (c == '\'' || c == '"') {
            lexString(c);
        } else if (std::size_t end = nameEnd(); end > m_at) {
            push(TokenKind::Name, std::string(m_source.substr(m_at, end - m_at)), offset);
            m_at = end;
        } else {
            lexSymbol(brackets);
        }
    }

    [[nodiscard]] std::size_t nameEnd() const
    {
        std::size_t end = m_at;
        while (end < m_source.size()) {
            std::size_t after = end;
            const char32_t code = nextCodePoint(m_source, after);
            if (code != '_' && !isAlphabetic(code) && !(end > m_at && isDecimal(code)))
                break;
            end = after;
        }
        return end;
    }

    // Digits, perhaps with single underscores between them, from `at`; returns the offset behind them.
    template <typename IsDigit>
    std::size_t digitsEnd(std::size_t at, IsDigit&& accept) const
    {
        while (at < m_source.size()) {
            if (accept(m_source[at]))
                ++at;
            else if (m_source[at] == '_' && at + 1 < m_source.size() && accept(m_source[at + 1]))
                at += 2;
            else
                break;
        }
        return at;
    }

    void lexNumber()
    {
        const std::size_t begin = m_at;
        const std::size_t whole = digitsEnd(begin, isAsciiDigit);
        std::size_t end = whole;
        const bool afterDot = begin > 0 && m_source[begin - 1] == '.';
        if (!afterDot) {
            if (end + 1 < m_source.size() && m_source[end] == '.' && isAsciiDigit(m_source[end + 1]))
                end = digitsEnd(end + 1, isAsciiDigit);
            if (end < m_source.size() && (m_source[end] | 0x20) == 'e') {
                std::size_t exponent = end + 1;
                if (exponent < m_source.size() && (m_source[exponent] == '+' || m_source[exponent] == '-'))
                    ++exponent;
                if (exponent < m_source.size() && isAsciiDigit(m_source[exponent]))
                    end = digitsEnd(exponent, isAsciiDigit);
            }
        }
        TokenKind kind = TokenKind::Float;
        if (end == whole) {
            kind = TokenKind::Integer;
            end = integerEnd(begin, whole);
        }
        std::string text(m_source.substr(begin, end - begin));
        std::erase(text, '_');
        push(kind, std::move(text), begin);
        m_at = end;
    }

    // A leading zero stands alone unless a base prefix or more zeros follow.
    [[nodiscard]] std::size_t integerEnd(std::size_t begin, std::size_t decimalEnd) const
    {
        if (m_source[begin] != '0')
            return decimalEnd;
        const char prefix = begin + 1 < m_source.size() ? static_cast<char>(m_source[begin + 1] | 0x20) : '\0';
        std::size_t end = begin + 2;
        if (prefix == 'x')
            end = digitsEnd(end, isHexDigit);
        else if (prefix == 'o')
            end = digitsEnd(end, [](char c) { return c >= '0' && c <= '7'; });
        else if (prefix == 'b')
            end = digitsEnd(end, [](char c) { return c == '0' || c == '1'; });
        if (end > begin + 2)
            return end;
        return digitsEnd(begin + 1, [](char c) { return c == '0'; });
    }

    void lexSymbol(std::string& brackets)
    {
        const std::size_t offset = m_at;
        const auto symbol = std::find_if(std::begin(kSymbols), std::end(kSymbols), [&](std::string_view s) { return startsWith(s); });
        if (symbol == std::end(kSymbols)) {
            std::size_t after = m_at;
            const char32_t code = nextCodePoint(m_source, after);
            fail("unexpected character '" + utf8Of(code) + "'", offset);
        }
        const char c = (*symbol)[0];
        if (c == '(' || c == '[' || c == '{') {
            brackets.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
        } else if (c == ')' || c == ']' || c == '}') {
            if (brackets.empty() || brackets.back() != c)
                fail(std::string("unexpected '") + c + "'" + (brackets.empty() ? "" : std::string(", expected '") + brackets.back() + "'"), offset);
            brackets.pop_back();
        }
        push(TokenKind::Symbol, std::string(*symbol), offset);
        m_at += symbol->size();
    }

    void lexString(char quote)
    {
        const std::size_t begin = m_at;
        std::size_t end = begin + 1;
        while (end < m_source.size() && m_source[end] != quote)
            end += m_source[end] == '\\' ? 2 : 1;
        if (end >= m_source.size())
            fail("the string that begins here is not closed", begin);
        try {
            push(TokenKind::String, unescapedString(m_source.substr(begin + 1, end - begin - 1)), begin);
        } catch (const Failure& failure) {
            fail(failure.message(), begin);
        }
        m_at = end + 1;
    }

    std::string m_owned;
    std::string_view m_source;
    std::size_t m_at = 0;
    bool m_lineStarting = true;
    std::vector<Token> m_tokens;
    std::size_t m_seen = 0;
    Position m_position;  // of m_seen
};

}  // namespace

std::vector<Token> tokenize(std::string_view source)
{
    return Lexer(source).run();
}

}  // namespace lorikeet::jinja
