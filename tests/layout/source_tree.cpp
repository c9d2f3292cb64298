// SPDX-License-Identifier: GPL-3.0-or-later
// Reads sources; a small lexer that knows comments, strings, raw strings and digit separators.
#include "tests/layout/source_tree.h"

#include "engine/base/files.h"

#include <algorithm>
#include <cctype>

namespace lorikeet::layout {

namespace fs = std::filesystem;

SourceTree readTree(const fs::path& root, const std::vector<std::string>& folders, const std::vector<std::string>& endings)
{
    constexpr std::uint64_t kLimit = 64 << 20;
    SourceTree tree;
    for (const auto& folder : folders) {
        std::error_code failed;
        for (fs::recursive_directory_iterator at(root / folder, failed), end; !failed && at != end; at.increment(failed)) {
            const std::string name = at->path().filename().string();
            if (at->is_directory() && (name == "__pycache__" || name.starts_with(".git")))
                at.disable_recursion_pending();
            else if (at->is_regular_file() && endsWithAny(name, endings))
                tree[fs::relative(at->path(), root).generic_string()] = readTextFile(at->path(), kLimit);
        }
    }
    return tree;
}

std::vector<Include> includesOf(const std::string& text)
{
    std::vector<Include> found;
    int line = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view rest = std::string_view(text).substr(at, end - at);
        at = end + 1;
        ++line;
        const auto skipSpaces = [&rest] { rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size())); };
        skipSpaces();
        if (!rest.starts_with('#'))
            continue;
        rest.remove_prefix(1);
        skipSpaces();
        if (!rest.starts_with("include"))
            continue;
        rest.remove_prefix(7);
        skipSpaces();
        if (rest.empty() || (rest[0] != '<' && rest[0] != '"'))
            continue;
        const bool angled = rest[0] == '<';
        const std::size_t close = rest.find(angled ? '>' : '"', 1);
        if (close != std::string_view::npos)
            found.push_back({line, std::string(rest.substr(1, close - 1)), angled});
    }
    return found;
}

namespace {

bool isWordCharacter(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// End of the raw string whose opening quote stands at `quote`.
std::size_t endOfRawString(const std::string& text, std::size_t quote)
{
    const std::size_t open = text.find('(', quote);
    if (open == std::string::npos)
        return text.size();
    const std::string close = ")" + text.substr(quote + 1, open - quote - 1) + "\"";
    const std::size_t end = text.find(close, open);
    return end == std::string::npos ? text.size() : end + close.size();
}

/// End of the string or character literal that opens at `at`; an unclosed one ends with its line.
std::size_t endOfLiteral(const std::string& text, std::size_t at)
{
    const char quote = text[at];
    for (++at; at < text.size() && text[at] != quote && text[at] != '\n'; ++at) {
        if (text[at] == '\\')
            ++at;
    }
    return std::min(at + 1, text.size());
}

/// End of what must be blanked at `at`, or `at` itself.
std::size_t endOfBlank(const std::string& text, std::size_t at)
{
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.starts_with("//"))
        return std::min(text.find('\n', at), text.size());
    if (rest.starts_with("/*")) {
        const std::size_t end = text.find("*/", at + 2);
        return end == std::string::npos ? text.size() : end + 2;
    }
    if (rest.starts_with('"')) {
        const bool raw = at > 0 && text[at - 1] == 'R' && (at < 2 || !isWordCharacter(text[at - 2]) || text[at - 2] == '8' || text[at - 2] == 'u');
        return raw ? endOfRawString(text, at) : endOfLiteral(text, at);
    }
    // 1'000 and 0xff'ff are numbers; u8'a' and L'a' do not occur here.
    if (rest.starts_with('\'') && (at == 0 || !isWordCharacter(text[at - 1])))
        return endOfLiteral(text, at);
    return at;
}

}  // namespace

std::string codeOnly(const std::string& text)
{
    std::string code = text;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = endOfBlank(text, at);
        for (std::size_t i = at; i < end; ++i) {
            if (code[i] != '\n')
                code[i] = ' ';
        }
        at = std::max(end, at + 1);
    }
    return code;
}

bool endsWithAny(std::string_view name, const std::vector<std::string>& endings)
{
    return std::any_of(endings.begin(), endings.end(), [name](const std::string& ending) { return name.ends_with(ending); });
}

bool startsWithAny(std::string_view name, const std::vector<std::string>& starts)
{
    return std::any_of(starts.begin(), starts.end(), [name](const std::string& start) { return name.starts_with(start); });
}

int lineCount(std::string_view text)
{
    const auto ends = std::count(text.begin(), text.end(), '\n');
    return static_cast<int>(ends) + (!text.empty() && text.back() != '\n' ? 1 : 0);
}

std::string joined(const std::vector<std::string>& lines)
{
    std::string text;
    for (const auto& line : lines)
        text += line + "\n";
    return text;
}

}  // namespace lorikeet::layout
