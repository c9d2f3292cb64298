// SPDX-License-Identifier: GPL-3.0-or-later
// Text that remembers where its bytes come from: a UTF-8 string plus spans that name the piece of input they stem from. All
// string operations of the template language keep the spans, so the loss mask can be read off the output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::jinja {

/// Names a piece of input. The engine only carries it; the chat template gives it a meaning.
using Source = std::int32_t;
inline constexpr Source kTemplateText = 0;  ///< the template's own words

/// No string of a rendering may grow beyond this (32 MiB).
inline constexpr std::size_t kMaxTextBytes = std::size_t{32} << 20;

/// Bytes [begin, end) stem from `source` (never kTemplateText). begin == end marks where an empty input string stood.
struct TextSpan {
    std::uint32_t begin;
    std::uint32_t end;
    Source source;
};

class Text {
public:
    Text() = default;
    explicit Text(std::string bytes) : m_bytes(std::move(bytes)) {}
    Text(std::string bytes, Source source);

    [[nodiscard]] const std::string& bytes() const noexcept { return m_bytes; }
    [[nodiscard]] std::string_view view() const noexcept { return m_bytes; }
    [[nodiscard]] std::size_t size() const noexcept { return m_bytes.size(); }
    [[nodiscard]] bool empty() const noexcept { return m_bytes.empty(); }
    [[nodiscard]] const std::vector<TextSpan>& spans() const noexcept { return m_spans; }
    /// Where the byte at `offset` comes from.
    [[nodiscard]] Source sourceAt(std::size_t offset) const noexcept;

    /// Appends. @throws Failure beyond kMaxTextBytes.
    void append(std::string_view bytes);
    void append(std::string_view bytes, Source source);
    void append(const Text& other);
    void append(const Text& other, std::size_t begin, std::size_t end);

    /// Bytes [begin, end) with their origin. An empty slice of a text with origin keeps one empty span.
    [[nodiscard]] Text slice(std::size_t begin, std::size_t end) const;

private:
    void addSpan(std::size_t begin, std::size_t end, Source source);

    std::string m_bytes;
    std::vector<TextSpan> m_spans;
};

/// Walks over maximal pieces of one origin: calls visit(std::string_view piece, Source source, std::size_t offset) in order.
template <typename Visit>
void forEachPiece(const Text& text, Visit&& visit)
{
    const std::string_view all = text.view();
    std::size_t position = 0;
    for (const TextSpan& span : text.spans()) {
        if (span.begin > position)
            visit(all.substr(position, span.begin - position), kTemplateText, position);
        visit(all.substr(span.begin, span.end - span.begin), span.source, static_cast<std::size_t>(span.begin));
        position = span.end;
    }
    if (position < all.size())
        visit(all.substr(position), kTemplateText, position);
}

}  // namespace lorikeet::jinja
