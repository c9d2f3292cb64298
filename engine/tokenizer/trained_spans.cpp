// SPDX-License-Identifier: GPL-3.0-or-later
// Turns as runs of bytes of one message, widened to the generation prompt before and the end-of-turn text behind.
#include "engine/tokenizer/trained_spans.h"

#include <algorithm>
#include <optional>

namespace lorikeet::tokenizer {
namespace {

/// Bytes [begin, end) between the first and the last byte of one message, with nothing of another message between.
struct Run {
    std::size_t begin;
    std::size_t end;
    int message;
};

std::vector<Run> runsOf(const jinja::Text& text)
{
    std::vector<Run> runs;
    for (const jinja::TextSpan& span : text.spans()) {
        const int message = span.source - 1;
        if (!runs.empty() && runs.back().message == message)
            runs.back().end = span.end;
        else
            runs.push_back({span.begin, span.end, message});
    }
    return runs;
}

/// Where the turn whose text begins at `end` opens: behind the last full generation prompt in [begin, end), or behind the
/// longest part of it that the history shows (a prompt may go on with "<think>", which finished turns do not have).
std::size_t openingIn(std::string_view text, std::size_t begin, std::size_t end, std::string_view prompt)
{
    if (prompt.empty())
        return end;
    const std::string_view gap = text.substr(begin, end - begin);
    if (const std::size_t found = gap.rfind(prompt); found != std::string_view::npos)
        return begin + found + prompt.size();
    // Only a part that holds the role line or the role token counts.
    const std::size_t needed = std::min(prompt.find_first_of(">]\n:", 1), prompt.size() - 1) + 1;
    std::size_t bestEnd = end;
    std::size_t bestLength = needed - 1;
    for (std::size_t at = gap.find(prompt[0]); at != std::string_view::npos; at = gap.find(prompt[0], at + 1)) {
        std::size_t length = 0;
        while (length < prompt.size() && at + length < gap.size() && gap[at + length] == prompt[length])
            ++length;
        if (length > bestLength || (length == bestLength && length >= needed)) {
            bestLength = length;
            bestEnd = begin + at + length;
        }
    }
    return bestEnd;
}

/// Behind the first end-of-turn string in [begin, limit); `begin` when there is none.
std::size_t closingIn(std::string_view text, std::size_t begin, std::size_t limit, const TurnFacts& facts)
{
    if (!facts.generationPrompt.empty() && facts.generationPrompt.find_first_not_of(" \n") != std::string::npos)
        limit = std::min(limit, text.find(facts.generationPrompt, begin));
    const std::string_view gap = text.substr(begin, limit - begin);
    std::size_t first = std::string_view::npos;
    std::size_t length = 0;
    for (const std::string& mark : facts.endOfTurn) {
        const std::size_t found = mark.empty() ? std::string_view::npos : gap.find(mark);
        if (found < first || (found == first && found != std::string_view::npos && mark.size() > length)) {
            first = found;
            length = mark.size();
        }
    }
    return first == std::string_view::npos ? begin : begin + first + length;
}

int lastAssistant(const TurnFacts& facts)
{
    const auto last = std::find(facts.isAssistant.rbegin(), facts.isAssistant.rend(), true);
    return static_cast<int>(facts.isAssistant.rend() - last) - 1;
}

bool isTrained(int message, const TurnFacts& facts)
{
    if (message < 0 || message >= static_cast<int>(facts.isAssistant.size()) || !facts.isAssistant[static_cast<std::size_t>(message)])
        return false;
    return facts.trainOn != TrainOn::LastAssistantTurn || message == lastAssistant(facts);
}

/// Sorts, clips to the text, drops overlaps and fills the gaps between.
std::vector<RenderedSpan> cover(std::vector<RenderedSpan> trained, std::size_t size)
{
    std::stable_sort(trained.begin(), trained.end(), [](const RenderedSpan& a, const RenderedSpan& b) { return a.begin < b.begin; });
    std::vector<RenderedSpan> spans;
    std::size_t at = 0;
    const auto push = [&](RenderedSpan span) {
        if (span.begin >= span.end)
            return;
        if (!spans.empty() && spans.back().trained == span.trained && spans.back().message == span.message)
            spans.back().end = span.end;
        else
            spans.push_back(span);
        at = span.end;
    };
    for (RenderedSpan span : trained) {
        span.begin = std::max(span.begin, at);
        span.end = std::min(span.end, size);
        if (span.begin >= span.end)
            continue;
        push({at, span.begin, false, -1});
        push(span);
    }
    push({at, size, false, -1});
    return spans;
}

}  // namespace

std::vector<RenderedSpan> spansByOrigin(const jinja::Text& text, const TurnFacts& facts)
{
    const std::vector<Run> runs = runsOf(text);
    std::vector<RenderedSpan> trained;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        if (!isTrained(runs[i].message, facts))
            continue;
        const std::size_t gapBegin = i > 0 ? runs[i - 1].end : 0;
        const std::size_t gapEnd = i + 1 < runs.size() ? runs[i + 1].begin : text.size();
        trained.push_back({openingIn(text.view(), gapBegin, runs[i].begin, facts.generationPrompt),
                           closingIn(text.view(), runs[i].end, gapEnd, facts), true, runs[i].message});
    }
    return cover(std::move(trained), text.size());
}

std::vector<RenderedSpan> spansByTags(const jinja::Rendering& rendering, const TurnFacts& facts)
{
    std::vector<RenderedSpan> trained;
    for (const jinja::GenerationSpan& generation : rendering.generations) {
        RenderedSpan span{generation.begin, generation.end, true, -1};
        for (const jinja::TextSpan& piece : rendering.text.spans())
            if (piece.end >= span.begin && piece.begin < span.end && isTrained(piece.source - 1, facts))
                span.message = piece.source - 1;
        trained.push_back(span);
    }
    if (facts.trainOn == TrainOn::LastAssistantTurn && !trained.empty()) {
        const int last = lastAssistant(facts);
        const bool known = std::any_of(trained.begin(), trained.end(), [&](const RenderedSpan& s) { return s.message == last; });
        if (known)
            std::erase_if(trained, [&](const RenderedSpan& s) { return s.message != last; });
        else
            trained.erase(trained.begin(), trained.end() - 1);
    }
    return cover(std::move(trained), rendering.text.size());
}

std::vector<RenderedSpan> spansOfEverything(std::size_t size)
{
    if (size == 0)
        return {};
    return {{0, size, true, -1}};
}

}  // namespace lorikeet::tokenizer
