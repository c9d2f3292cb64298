// SPDX-License-Identifier: GPL-3.0-or-later
// Finds function bodies by matching braces: enough for a size check, no C++ parser.
#include "tests/layout/size_rules.h"

#include <algorithm>
#include <cctype>
#include <regex>

namespace lorikeet::layout {

namespace {

/// Blanks preprocessor lines (with their continuations). With `firstBranches`, text between #else or #elif and #endif goes too:
/// some files open a brace once per branch.
std::string withoutPreprocessor(const std::string& code, bool firstBranches)
{
    std::string result = code;
    std::vector<bool> skipping;
    bool continued = false;
    for (std::size_t at = 0; at < code.size();) {
        const std::size_t end = std::min(code.find('\n', at), code.size());
        std::size_t first = std::min(code.find_first_not_of(" \t", at), end);
        const bool directive = continued || (first < end && code[first] == '#');
        if (directive && !continued) {
            first = std::min(code.find_first_not_of("# \t", first), end);
            const std::string_view word = std::string_view(code).substr(first, end - first);
            if (word.starts_with("if"))
                skipping.push_back(false);
            else if (word.starts_with("el") && !skipping.empty())
                skipping.back() = true;
            else if (word.starts_with("endif") && !skipping.empty())
                skipping.pop_back();
        }
        const bool skipped = firstBranches && std::find(skipping.begin(), skipping.end(), true) != skipping.end();
        if (directive || skipped)
            std::fill(result.begin() + static_cast<std::ptrdiff_t>(at), result.begin() + static_cast<std::ptrdiff_t>(end), ' ');
        continued = directive && end > at && code[end - 1] == '\\';
        at = end + 1;
    }
    return result;
}

/// Position after the brace that closes the one at `open`, or npos.
std::size_t afterMatching(const std::string& code, std::size_t open)
{
    int depth = 0;
    for (std::size_t at = open; at < code.size(); ++at) {
        depth += code[at] == '{' ? 1 : code[at] == '}' ? -1 : 0;
        if (depth == 0)
            return at + 1;
    }
    return std::string::npos;
}

char nextCharacter(const std::string& code, std::size_t at)
{
    at = code.find_first_not_of(" \t\n\r", at);
    return at == std::string::npos ? '\0' : code[at];
}

/// Namespaces, classes and extern "C" blocks (whose string is blanked): what is inside is looked at piece by piece.
bool opensScope(const std::string& head)
{
    static const std::regex kScope(R"((^|[^A-Za-z0-9_])(namespace|class|struct|union|enum|extern)([^A-Za-z0-9_]|$))");
    if (!std::regex_search(head, kScope))
        return false;
    // "struct stat f() {" is a function; "class X : public Y<int(int)> {" and alignas(64) are rare enough to be named here.
    static const std::regex kAttributes(R"(alignas\s*\([^()]*\)|\[\[[^\]]*\]\]|requires\s*\([^()]*\))");
    return std::regex_replace(head, kAttributes, " ").find('(') == std::string::npos;
}

/// The name before the first parenthesis of a declaration.
std::string nameIn(const std::string& head)
{
    const std::size_t open = head.find('(');
    if (open == std::string::npos)
        return "?";
    std::size_t end = open;
    while (end > 0 && std::isspace(static_cast<unsigned char>(head[end - 1])) != 0)
        --end;
    std::size_t start = end;
    while (start > 0 && (std::isalnum(static_cast<unsigned char>(head[start - 1])) != 0 || head[start - 1] == '_' || head[start - 1] == ':' ||
                         head[start - 1] == '~'))
        --start;
    const std::string name = head.substr(start, end - start);
    return name.empty() ? "operator" : name;
}

/// Walks one file at namespace and class level.
class Finder {
public:
    explicit Finder(const std::string& code) : m_code(code) {}

    std::optional<std::vector<Function>> run()
    {
        for (m_at = 0; m_at < m_code.size();) {
            if (!step())
                return std::nullopt;
        }
        if (m_scopes != 0)
            return std::nullopt;
        return std::move(m_found);
    }

private:
    bool step()
    {
        const char c = m_code[m_at];
        if (c == '{')
            return brace();
        m_parentheses += c == '(' ? 1 : c == ')' ? -1 : 0;
        ++m_at;
        if (m_parentheses == 0 && (c == ')' || c == ':') && endsWithoutSemicolon())
            m_head = m_at;
        if (c == '}') {
            m_parentheses = 0;
            m_head = m_at;
            return --m_scopes >= 0;
        }
        if (c == ';' && m_parentheses <= 0)
            m_head = m_at;
        return true;
    }

    /// "public:", "Q_SIGNALS:" and macros like Q_DECLARE_METATYPE(X): what follows is another declaration.
    [[nodiscard]] bool endsWithoutSemicolon() const
    {
        static const std::regex kLabel(R"(\s*(Q_OBJECT|Q_GADGET)?\s*((public|protected|private)(\s+(Q_SLOTS|slots))?|Q_SIGNALS|signals)\s*:)");
        static const std::regex kMacro(R"(\s*[A-Z][A-Z0-9_]+\s*\([^()]*\))");
        constexpr std::size_t kLongest = 200;  // labels and macros are short; a long head is costly to match and neither
        const std::size_t start = std::min(m_code.find_first_not_of(" \t\n\r", m_head), m_at);
        if (m_at - start > kLongest)
            return false;
        const std::string head = m_code.substr(start, m_at - start);
        if (head.back() == ':')
            return std::regex_match(head, kLabel);
        return nextCharacter(m_code, m_at) != '{' && std::regex_match(head, kMacro);
    }

    bool brace()
    {
        const std::string head = m_code.substr(m_head, m_at - m_head);
        if (m_parentheses <= 0 && opensScope(head)) {
            ++m_scopes;
            m_head = ++m_at;
            return true;
        }
        const std::size_t after = afterMatching(m_code, m_at);
        if (after == std::string::npos)
            return false;
        // A brace that is followed by these initialises something: a member, an argument, a variable.
        const char next = nextCharacter(m_code, after);
        const bool initialises = m_parentheses > 0 || next == ',' || next == '{' || next == ')' || head.find('(') == std::string::npos;
        m_at = after;
        if (initialises)
            return true;
        add(head, after);
        m_head = after;
        return true;
    }

    void add(const std::string& head, std::size_t after)
    {
        const std::size_t start = m_code.find_first_not_of(" \t\n\r", m_head);
        const auto lineAt = [this](std::size_t at) {
            return 1 + static_cast<int>(std::count(m_code.begin(), m_code.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
        };
        m_found.push_back({nameIn(head), lineAt(start), lineAt(after - 1) - lineAt(start) + 1});
    }

    const std::string& m_code;
    std::size_t m_at = 0;
    std::size_t m_head = 0;  ///< start of the declaration that is being read
    int m_parentheses = 0;
    int m_scopes = 0;
    std::vector<Function> m_found;
};

}  // namespace

std::optional<std::vector<Function>> functionsOf(const std::string& text)
{
    const std::string code = codeOnly(text);
    for (const bool firstBranches : {false, true}) {
        const std::string plain = withoutPreprocessor(code, firstBranches);
        if (auto found = Finder(plain).run())
            return found;
    }
    return std::nullopt;
}

}  // namespace lorikeet::layout
