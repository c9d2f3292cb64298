// SPDX-License-Identifier: GPL-3.0-or-later
// Text with origin: appending and slicing keep the spans sorted, disjoint and joined where they touch.
#include "engine/tokenizer/jinja/text.h"

#include <algorithm>

#include "engine/tokenizer/jinja/failure.h"

namespace lorikeet::jinja {

Text::Text(std::string bytes, Source source) : m_bytes(std::move(bytes))
{
    if (m_bytes.size() > kMaxTextBytes)
        throw Failure("a text is longer than 32 MiB");
    addSpan(0, m_bytes.size(), source);
}

void Text::addSpan(std::size_t begin, std::size_t end, Source source)
{
    if (source == kTemplateText)
        return;
    if (!m_spans.empty() && m_spans.back().end == begin && m_spans.back().source == source) {
        m_spans.back().end = static_cast<std::uint32_t>(end);
        return;
    }
    m_spans.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), source});
}

Source Text::sourceAt(std::size_t offset) const noexcept
{
    auto span = std::upper_bound(m_spans.begin(), m_spans.end(), offset,
                                 [](std::size_t value, const TextSpan& s) { return value < s.end; });
    return span != m_spans.end() && span->begin <= offset ? span->source : kTemplateText;
}

void Text::append(std::string_view bytes)
{
    if (bytes.size() > kMaxTextBytes - m_bytes.size())
        throw Failure("a text grows beyond 32 MiB");
    m_bytes.append(bytes);
}

void Text::append(std::string_view bytes, Source source)
{
    const std::size_t begin = m_bytes.size();
    append(bytes);
    addSpan(begin, m_bytes.size(), source);
}

void Text::append(const Text& other)
{
    const std::size_t base = m_bytes.size();
    append(other.view());
    for (const TextSpan& span : other.m_spans)
        addSpan(base + span.begin, base + span.end, span.source);
}

void Text::append(const Text& other, std::size_t begin, std::size_t end)
{
    const std::size_t base = m_bytes.size();
    append(other.view().substr(begin, end - begin));
    auto span = std::lower_bound(other.m_spans.begin(), other.m_spans.end(), begin,
                                 [](const TextSpan& s, std::size_t value) { return s.end < value; });
    for (; span != other.m_spans.end() && span->begin <= end; ++span) {
        const std::size_t from = std::max<std::size_t>(span->begin, begin);
        const std::size_t to = std::min<std::size_t>(span->end, end);
        // A span that only touches the slice leaves a trace only where the slice is empty and nothing else marks it.
        const bool isMark = span->begin == span->end;
        if (from < to || isMark || (begin == end && m_spans.empty()))
            addSpan(base + from - begin, base + to - begin, span->source);
    }
}

Text Text::slice(std::size_t begin, std::size_t end) const
{
    Text result;
    result.append(*this, begin, end);
    return result;
}

}  // namespace lorikeet::jinja
