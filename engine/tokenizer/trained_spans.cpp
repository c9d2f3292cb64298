// SPDX-License-Identifier: GPL-3.0-or-later
// Turns as runs of bytes of one message, widened to the generation prompt before and the end-of-turn text behind.
#include "engine/tokenizer/trained_spans.h"

#include <algorithm>
#include <optional>

namespace lorikeet::tokenizer {
namespace {

/// Bytes [begin, end) between the first and the last byte of one message, with nothing of another message between. The name
/// of a called tool is weak: templates repeat it when they show the tool's answer, so at the end of a run it does not count.
struct Run {
    std::size_t begin;
    std::size_t end;
    std::size_t strongEnd;  ///< behind the last byte that is not weak; `begin` when all is weak
    int message;
    [[nodiscard]] bool isWeak() const { return strongEnd == begin && end > begin; }
};

std::vector<Run> runsOf(const jinja::Text& text)
{
    std::vector<Run> runs;
    for (const jinja::TextSpan& span : text.spans()) {
        const int message = messageOf(span.source);
        if (runs.empty() || runs.back().message != message)
            runs.push_back({span.begin, span.end, span.begin, message});
        runs.back().end = span.end;
        if (span.source == sourceOf(message))
            runs.back().strongEnd = span.end;
    }
    return runs;
}

// Behind these a generation prompt may be cut: after a special token, a role word or a line.
bool isBoundary(std::string_view prompt, std::size_t length)
{
    return length == prompt.size() || (length > 0 && std::string_view(">]:\n").find(prompt[length - 1]) != std::string_view::npos);
}

/// Where the turn whose text begins at `end` opens: behind the last generation prompt in [begin, end), or behind the longest
/// part of it that the history shows (a prompt may go on with "<think>", which finished turns do not have). `end` when the
/// history shows none of it.
std::size_t openingIn(std::string_view text, std::size_t begin, std::size_t end, std::string_view prompt)
{
    if (prompt.empty())
        return end;
    const std::string_view gap = text.substr(begin, end - begin);
    std::size_t bestEnd = end;
    std::size_t bestLength = 0;
    for (std::size_t at = gap.find(prompt[0]); at != std::string_view::npos; at = gap.find(prompt[0], at + 1)) {
        std::size_t length = 0;
        while (length < prompt.size() && at + length < gap.size() && gap[at + length] == prompt[length])
            ++length;
        while (length > 0 && !isBoundary(prompt, length))
            --length;
        if (length > 0 && length >= bestLength) {
            bestLength = length;
            bestEnd = begin + at + length;
        }
    }
    // The first token alone ("<|im_start|>") opens turns of every role: something of the role must have matched too.
    const bool isWhole = bestLength == prompt.size();
    const std::size_t firstBoundary = prompt.find_first_of(">]:\n") + 1;
    return isWhole || bestLength > firstBoundary ? bestEnd : end;
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
        const Run& run = runs[i];
        if (!isTrained(run.message, facts))
            continue;
        const std::size_t gapBegin = i > 0 ? runs[i - 1].end : 0;
        const std::size_t gapEnd = i + 1 < runs.size() ? runs[i + 1].begin : text.size();
        const std::size_t opening = openingIn(text.view(), gapBegin, run.begin, facts.generationPrompt);
        if (run.isWeak() && opening == run.begin)
            continue;  // a tool's name in somebody else's turn
        const std::size_t end = run.isWeak() ? run.end : run.strongEnd;
        trained.push_back({opening, closingIn(text.view(), end, gapEnd, facts), true, run.message});
    }
    return cover(std::move(trained), text.size());
}

std::vector<RenderedSpan> spansByTags(const jinja::Rendering& rendering, const TurnFacts& facts)
{
    std::vector<RenderedSpan> trained;
    for (const jinja::GenerationSpan& generation : rendering.generations) {
        RenderedSpan span{generation.begin, generation.end, true, -1};
        for (const jinja::TextSpan& piece : rendering.text.spans())
            if (piece.end >= span.begin && piece.begin < span.end && isTrained(messageOf(piece.source), facts))
                span.message = messageOf(piece.source);
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
