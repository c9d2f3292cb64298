// SPDX-License-Identifier: GPL-3.0-or-later
// Parser of module patterns: text to a tree of nodes.
#include "engine/spec/module_pattern.h"

#include "engine/base/error.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace lorikeet {

namespace {

constexpr int kMostRepeats = 255;
constexpr int kDeepestRepeat = 2;
constexpr int kDeepestGroup = 16;

bool isAlphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::bitset<128> classOfLetter(char letter)
{
    std::bitset<128> set;
    for (int c = 0; c < 128; ++c) {
        const char character = static_cast<char>(c);
        const bool digit = character >= '0' && character <= '9';
        const bool space = character == ' ' || (character >= '\t' && character <= '\r') || (c >= 28 && c <= 31);
        switch (letter) {
        case 'd': set[static_cast<std::size_t>(c)] = digit; break;
        case 'D': set[static_cast<std::size_t>(c)] = !digit; break;
        case 'w': set[static_cast<std::size_t>(c)] = isAlphanumeric(character) || character == '_'; break;
        case 'W': set[static_cast<std::size_t>(c)] = !(isAlphanumeric(character) || character == '_'); break;
        case 's': set[static_cast<std::size_t>(c)] = space; break;
        case 'S': set[static_cast<std::size_t>(c)] = !space; break;
        default: break;
        }
    }
    return set;
}

}  // namespace

/// Recursive descent: either = sequence ('|' sequence)*, sequence = (atom repeat?)*.
class ModulePatternParser {
public:
    ModulePatternParser(std::string_view text, std::vector<ModulePattern::Node>& nodes) : m_text(text), m_nodes(nodes) {}

    int parse()
    {
        const int root = parseEither(0);
        if (m_at < m_text.size())
            refuse("a ')' without its '('");
        return root;
    }

private:
    using Node = ModulePattern::Node;
    using Kind = ModulePattern::Kind;

    [[noreturn]] void refuse(const std::string& what) const
    {
        throw Error(ErrorCode::Usage,
                    "module pattern \"" + std::string(m_text) + "\", column " + std::to_string(m_at + 1) + ": " + what,
                    "a module name such as q_proj or layers.3.mlp.up_proj is the usual key");
    }
    [[nodiscard]] bool atEnd() const noexcept { return m_at >= m_text.size(); }
    [[nodiscard]] bool next(char c) const noexcept { return !atEnd() && m_text[m_at] == c; }
    bool take(char c)
    {
        if (!next(c))
            return false;
        ++m_at;
        return true;
    }
    int add(Node node)
    {
        for (const int child : node.children)
            node.repeatDepth = std::max(node.repeatDepth, m_nodes[static_cast<std::size_t>(child)].repeatDepth);
        m_nodes.push_back(std::move(node));
        return static_cast<int>(m_nodes.size()) - 1;
    }

    int parseEither(int depth)
    {
        if (depth > kDeepestGroup)
            refuse("groups are nested more than " + std::to_string(kDeepestGroup) + " deep");
        Node either{.kind = Kind::Either};
        either.children.push_back(parseSequence(depth));
        while (take('|'))
            either.children.push_back(parseSequence(depth));
        return either.children.size() == 1 ? either.children.front() : add(std::move(either));
    }

    int parseSequence(int depth)
    {
        Node sequence{.kind = Kind::Sequence};
        while (!atEnd() && !next('|') && !next(')')) {
            const int atom = parseAtom(depth);
            sequence.children.push_back(parseRepeat(atom));
        }
        return add(std::move(sequence));
    }

    int parseAtom(int depth)
    {
        const char c = m_text[m_at];
        if (c == '*' || c == '+' || c == '?' || c == '{')
            refuse(std::string("'") + c + "' has nothing to repeat");
        if (take('('))
            return parseGroup(depth);
        if (take('['))
            return parseClass();
        ++m_at;
        if (c == '^')
            return add({.kind = Kind::Start});
        if (c == '$')
            return add({.kind = Kind::End});
        Node node{.kind = Kind::Character};
        if (c == '.')
            node.characters.set().reset('\n');
        else if (c == '\\')
            node.characters = parseEscape();
        else
            node.characters.set(ascii(c));
        return add(std::move(node));
    }

    int parseGroup(int depth)
    {
        if (take('?') && !take(':'))
            refuse("only ( ) and (?: ) groups are supported");
        const int inside = parseEither(depth + 1);
        if (!take(')'))
            refuse("a '(' is not closed");
        return inside;
    }

    std::size_t ascii(char c) const
    {
        const auto code = static_cast<unsigned char>(c);
        if (code >= 128)
            refuse("module names have ASCII characters only");
        return code;
    }

    /// After the backslash: a character class, or one punctuation character.
    std::bitset<128> parseEscape()
    {
        if (atEnd())
            refuse("a '\\' at the end");
        const char c = m_text[m_at];
        if (isAlphanumeric(c) && std::string_view("dDwWsS").find(c) == std::string_view::npos)
            refuse(std::string("'\\") + c + "' is not supported");
        ++m_at;
        if (isAlphanumeric(c))
            return classOfLetter(c);
        return std::bitset<128>().set(ascii(c));
    }

    int parseClass()
    {
        Node node{.kind = Kind::Character};
        const bool inverted = take('^');
        bool first = true;
        while (first || !next(']')) {
            if (atEnd())
                refuse("a '[' is not closed");
            first = false;
            parseClassItem(node.characters);
        }
        ++m_at;
        if (inverted)
            node.characters.flip();
        return add(std::move(node));
    }

    void parseClassItem(std::bitset<128>& characters)
    {
        const char c = m_text[m_at++];
        const std::bitset<128> low = c == '\\' ? parseEscape() : std::bitset<128>().set(ascii(c));
        const bool isRange = next('-') && m_at + 1 < m_text.size() && m_text[m_at + 1] != ']';
        if (!isRange) {
            characters |= low;
            return;
        }
        ++m_at;
        const char last = m_text[m_at++];
        const std::bitset<128> high = last == '\\' ? parseEscape() : std::bitset<128>().set(ascii(last));
        if (low.count() != 1 || high.count() != 1 || firstOf(low) > firstOf(high))
            refuse("a range in '[ ]' runs backwards or has a class at one end");
        for (std::size_t code = firstOf(low); code <= firstOf(high); ++code)
            characters.set(code);
    }

    static std::size_t firstOf(const std::bitset<128>& set)
    {
        std::size_t code = 0;
        while (code < set.size() && !set[code])
            ++code;
        return code;
    }

    int parseRepeat(int atom)
    {
        Node repeat{.kind = Kind::Repeat};
        if (take('*'))
            repeat.maximum = kMostRepeats;
        else if (take('+'))
            repeat.minimum = 1, repeat.maximum = kMostRepeats;
        else if (take('?'))
            repeat.maximum = 1;
        else if (take('{'))
            parseCounts(repeat);
        else
            return atom;
        take('?');  // lazy: the same set of matches
        if (next('*') || next('+') || next('?') || next('{'))
            refuse("a repeat of a repeat");
        const Kind inside = m_nodes[static_cast<std::size_t>(atom)].kind;
        if (inside == Kind::Start || inside == Kind::End)
            refuse("'^' and '$' cannot be repeated");
        repeat.children.push_back(atom);
        const int node = add(std::move(repeat));
        if (++m_nodes[static_cast<std::size_t>(node)].repeatDepth > kDeepestRepeat)
            refuse("repeats are nested more than " + std::to_string(kDeepestRepeat) + " deep");
        return node;
    }

    void parseCounts(Node& repeat)
    {
        const auto number = [this](int& value) {
            const char* begin = m_text.data() + m_at;
            const auto [end, error] = std::from_chars(begin, m_text.data() + m_text.size(), value);
            if (error != std::errc() || value < 0 || value > kMostRepeats)
                refuse("expected {m} or {m,n} with numbers up to " + std::to_string(kMostRepeats));
            m_at += static_cast<std::size_t>(end - begin);
        };
        number(repeat.minimum);
        repeat.maximum = repeat.minimum;
        if (take(',')) {
            repeat.maximum = kMostRepeats;
            if (!next('}'))
                number(repeat.maximum);
        }
        if (!take('}') || repeat.maximum < repeat.minimum)
            refuse("expected {m} or {m,n} with m not above n");
    }

    std::string_view m_text;
    std::size_t m_at = 0;
    std::vector<Node>& m_nodes;
};

void ModulePattern::compile(std::string_view text)
{
    m_root = ModulePatternParser(text, m_nodes).parse();
}

}  // namespace lorikeet
