// SPDX-License-Identifier: GPL-3.0-or-later
// Matcher of module patterns.
#include "engine/spec/module_pattern.h"

#include "engine/base/error.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

namespace lorikeet {

namespace {

constexpr std::size_t kLongestPattern = 256;

bool isAlphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// The common case, a name such as "q_proj" or "layers.3.mlp.up_proj", without building a tree.
std::optional<std::string> plainForm(std::string_view text)
{
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (isAlphanumeric(c) || c == '_' || c == '-')
            plain += c;
        else if (c == '.')
            plain += '\0';
        else if (c == '\\' && i + 1 < text.size() && text[i + 1] == '.')
            plain += text[++i];
        else
            return std::nullopt;
    }
    return plain;
}

}  // namespace

ModulePattern::ModulePattern(std::string_view text)
{
    if (text.empty() || text.size() > kLongestPattern)
        throw Error(ErrorCode::Usage,
                    "a module pattern has " + std::to_string(text.size()) + " characters, expected 1 to "
                        + std::to_string(kLongestPattern),
                    "a module name such as q_proj is the usual key");
    if (auto plain = plainForm(text)) {
        m_plain = std::move(*plain);
        m_isPlain = true;
        return;
    }
    compile(text);
}

bool ModulePattern::matchesPlainEnd(std::string_view modulePath) const noexcept
{
    if (m_plain.size() > modulePath.size())
        return false;
    const std::size_t start = modulePath.size() - m_plain.size();
    if (start > 0 && modulePath[start - 1] != '.')
        return false;
    return std::ranges::equal(m_plain, modulePath.substr(start),
                              [](char pattern, char c) { return pattern == c || (pattern == '\0' && c != '\n'); });
}

std::string modulePathOf(std::int64_t layer, Linear linear) { return "model.layers." + std::to_string(layer) + "." + modulePathOf(linear); }

bool ModulePattern::matchesEndOf(std::string_view modulePath) const
{
    if (modulePath.size() >= Positions::capacity())
        return false;
    if (m_isPlain)
        return matchesPlainEnd(modulePath);
    Positions starts;
    starts.set(0);
    for (std::size_t i = 0; i < modulePath.size(); ++i)
        if (modulePath[i] == '.')
            starts.set(i + 1);
    return run(m_root, modulePath, starts).test(modulePath.size());
}

bool ModulePattern::Positions::any() const noexcept
{
    return (words[0] | words[1] | words[2] | words[3]) != 0;
}

void ModulePattern::Positions::add(const Positions& other) noexcept
{
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] |= other.words[i];
}

void ModulePattern::Positions::remove(const Positions& other) noexcept
{
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] &= ~other.words[i];
}

/// The positions a match of `node` can end at when it starts at any of `from`.
ModulePattern::Positions ModulePattern::run(int index, std::string_view path, const Positions& from) const
{
    const Node& node = m_nodes[static_cast<std::size_t>(index)];
    Positions reached;
    switch (node.kind) {
    case Kind::Start:
        if (from.test(0))
            reached.set(0);
        return reached;
    case Kind::End:
        if (from.test(path.size()))
            reached.set(path.size());
        return reached;
    case Kind::Character: return runCharacter(node, path, from);
    case Kind::Sequence:
        reached = from;
        for (const int child : node.children) {
            if (!reached.any())
                break;
            reached = run(child, path, reached);
        }
        return reached;
    case Kind::Either:
        for (const int child : node.children)
            reached.add(run(child, path, from));
        return reached;
    case Kind::Repeat: return runRepeat(node, path, from);
    }
    return reached;
}

ModulePattern::Positions ModulePattern::runCharacter(const Node& node, std::string_view path, const Positions& from)
{
    Positions reached;
    for (std::size_t word = 0; word < from.words.size(); ++word)
        for (std::uint64_t bits = from.words[word]; bits != 0; bits &= bits - 1) {
            const std::size_t at = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
            const auto code = at < path.size() ? static_cast<unsigned char>(path[at]) : std::size_t{128};
            if (code < 128 && node.characters[code])
                reached.set(at + 1);
        }
    return reached;
}

ModulePattern::Positions ModulePattern::runRepeat(const Node& node, std::string_view path, const Positions& from) const
{
    Positions frontier = from;
    for (int i = 0; i < node.minimum; ++i)
        frontier = run(node.children.front(), path, frontier);
    Positions reached = frontier;
    for (int i = node.minimum; i < node.maximum && frontier.any(); ++i) {
        frontier = run(node.children.front(), path, frontier);
        frontier.remove(reached);
        reached.add(frontier);
    }
    return reached;
}

}  // namespace lorikeet
