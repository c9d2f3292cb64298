// SPDX-License-Identifier: GPL-3.0-or-later
// From messages or text to tokens with their mask, and into the context.
#include "engine/data/example.h"

#include "engine/base/error.h"
#include "engine/data/special_marks.h"

#include <algorithm>
#include <span>

namespace lorikeet::data {

namespace {

using tokenizer::Encoding;
using tokenizer::RenderedChat;
using tokenizer::RenderedSpan;
using tokenizer::SpecialTokens;
using tokenizer::TokenId;

TokenizedRow refuse(DropReason reason, std::string problem)
{
    TokenizedRow row;
    row.refused = reason;
    row.problem = std::move(problem);
    return row;
}

/// A row that another room refuses; what is not about the row goes on its way.
TokenizedRow refuseFor(DropReason reason, const Error& error)
{
    if (error.code() != ErrorCode::BadInput)
        throw error;
    return refuse(reason, error.message());
}

/// All borders of the spans in ascending order.
std::vector<std::size_t*> bordersOf(std::vector<RenderedSpan>& spans)
{
    std::vector<std::size_t*> borders;
    for (RenderedSpan& span : spans) {
        borders.push_back(&span.begin);
        borders.push_back(&span.end);
    }
    std::ranges::sort(borders, {}, [](const std::size_t* border) { return *border; });
    return borders;
}

/// Mask of an encoding: 1 where a token's bytes and a trained span share a byte. Both lists are in ascending order.
std::vector<std::uint8_t> maskOf(const Encoding& encoding, std::span<const RenderedSpan> spans)
{
    std::vector<std::uint8_t> mask(encoding.ids.size(), 0);
    std::size_t first = 0;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        const auto [begin, end] = encoding.spans[i];
        while (first < spans.size() && spans[first].end <= begin)
            ++first;
        for (std::size_t s = first; s < spans.size() && spans[s].begin < end; ++s)
            if (spans[s].trained && spans[s].end > begin)
                mask[i] = 1;
    }
    return mask;
}

std::size_t commonPrefix(const std::string& a, const std::string& b)
{
    return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

tokenizer::TrainOn trainOnOf(const std::string& word)
{
    if (word == "assistant")
        return tokenizer::TrainOn::AssistantTurns;
    if (word == "last_assistant")
        return tokenizer::TrainOn::LastAssistantTurn;
    if (word == "all")
        return tokenizer::TrainOn::Everything;
    throw Error{ErrorCode::Usage, "data.train_on is \"" + word + "\"", "use assistant, last_assistant or all"};
}

}  // namespace

std::int64_t Example::supervised() const noexcept
{
    return lossMask.empty() ? 0 : std::count(lossMask.begin() + 1, lossMask.end(), std::uint8_t{1});
}

std::string_view nameOf(DropReason reason) noexcept
{
    switch (reason) {
    case DropReason::Unreadable: return "unreadable";
    case DropReason::WrongFormat: return "wrong_format";
    case DropReason::Empty: return "empty";
    case DropReason::TemplateRefused: return "template_refused";
    case DropReason::TokenizerRefused: return "tokenizer_refused";
    case DropReason::TooLong: return "too_long";
    case DropReason::NothingToLearn: return "nothing_to_learn";
    case DropReason::NothingLeftAfterCut: return "nothing_left_after_cut";
    }
    return "?";
}

Tokenization::Tokenization(const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate* chatTemplate, const std::string& trainOn,
                           const std::optional<std::tm>& now)
    : m_tokenizer(tokenizer), m_template(chatTemplate)
{
    const auto piece = [&](std::optional<TokenId> id) { return id ? std::optional(tokenizer.pieceText(*id)) : std::nullopt; };
    m_render.bosToken = piece(tokenizer.bos());
    m_render.eosToken = piece(tokenizer.eos());
    m_render.unkToken = piece(tokenizer.unk());
    m_render.padToken = piece(tokenizer.pad());
    m_render.trainOn = trainOnOf(trainOn);
    m_render.now = now;
    for (const TokenId id : tokenizer.stopIds())
        m_render.endOfTurn.push_back(tokenizer.pieceText(id));
    for (const tokenizer::AddedToken& token : tokenizer.addedTokens())
        if (token.special && !token.content.empty())
            m_specials.push_back(token.content);
}

TokenizedRow Tokenization::tokenize(const Sample& sample) const
{
    if (const auto* chat = std::get_if<Conversation>(&sample))
        return conversation(*chat);
    try {
        if (const auto* pair = std::get_if<PromptCompletion>(&sample))
            return rawText(pair->prompt, pair->completion);
        return rawText({}, std::get<PlainText>(sample).text);
    } catch (const Error& error) {
        return refuseFor(DropReason::TokenizerRefused, error);
    }
}

/// Renders the messages and takes the training off what belongs to the prompt.
RenderedChat Tokenization::render(const nlohmann::ordered_json& messages, const Conversation& sample) const
{
    tokenizer::RenderOptions options = m_render;
    options.tools = sample.tools;
    RenderedChat chat = m_template->render(messages, options);
    if (sample.promptMessages == 0 || options.trainOn == tokenizer::TrainOn::Everything)
        return chat;
    const auto promptEnd = messages.begin() + static_cast<std::ptrdiff_t>(sample.promptMessages);
    options.addGenerationPrompt = true;
    const std::string prompt = m_template->render(nlohmann::ordered_json(messages.begin(), promptEnd), options).text;
    const std::size_t completionBegin = commonPrefix(prompt, chat.text);
    for (RenderedSpan& span : chat.spans) {
        if (span.end <= completionBegin)
            span.trained = false;
        else
            span.begin = std::max(span.begin, completionBegin);
    }
    return chat;
}

TokenizedRow Tokenization::conversation(const Conversation& sample) const
{
    if (m_template == nullptr)
        return refuse(DropReason::TemplateRefused, "the model has no chat template, so a conversation cannot be written as text");
    if (containsMark(sample.messages))
        return refuse(DropReason::TokenizerRefused, "the text contains the noncharacter U+10FFFE");
    TokenizedRow row;
    row.specialsAsText = spellsSpecial(sample.messages, m_specials);
    RenderedChat chat;
    std::vector<std::size_t> marks;
    try {
        if (row.specialsAsText) {
            nlohmann::ordered_json messages = sample.messages;
            markSpecials(messages, m_specials);
            chat = render(messages, sample);
            marks = removeMarks(chat.text, bordersOf(chat.spans));
        } else {
            chat = render(sample.messages, sample);
        }
    } catch (const Error& error) {
        return refuseFor(DropReason::TemplateRefused, error);
    }
    row.text = std::move(chat.text);
    try {
        Encoding encoding = encodeProtected(row.text, marks);
        row.lossMask = maskOf(encoding, chat.spans);
        row.tokens = std::move(encoding.ids);
        row.spans = std::move(encoding.spans);
    } catch (const Error& error) {
        return refuseFor(DropReason::TokenizerRefused, error);
    }
    return row;
}

/// Encodes with special tokens parsed, but for those at `marks`. The text is cut at the real special tokens, where tokenizers cut it
/// anyway, and the stretches between them are encoded with special tokens as text. (A tokenizer that puts a blank in front of the
/// first stretch only, Metaspace with prepend_scheme "first", gets one in front of each in such a row.)
Encoding Tokenization::encodeProtected(const std::string& text, const std::vector<std::size_t>& marks) const
{
    Encoding parsed = m_tokenizer.encodeWithSpans(text, SpecialTokens::Parse);
    if (marks.empty())
        return parsed;
    std::vector<TokenId> specialIds;
    for (const tokenizer::AddedToken& token : m_tokenizer.addedTokens())
        if (token.special)
            specialIds.push_back(token.id);
    std::ranges::sort(specialIds);
    Encoding result;
    std::size_t done = 0;
    const auto encodeUpTo = [&](std::size_t end) {
        const Encoding part = m_tokenizer.encodeWithSpans(std::string_view(text).substr(done, end - done), SpecialTokens::AsText);
        for (std::size_t i = 0; i < part.ids.size(); ++i) {
            result.ids.push_back(part.ids[i]);
            const auto shift = static_cast<std::uint32_t>(done);
            result.spans.emplace_back(part.spans[i].first + shift, part.spans[i].second + shift);
        }
        done = end;
    };
    for (std::size_t i = 0; i < parsed.ids.size(); ++i) {
        const auto [begin, end] = parsed.spans[i];
        const auto mark = std::ranges::lower_bound(marks, static_cast<std::size_t>(begin));
        const bool spelt = mark != marks.end() && *mark < end;
        if (spelt || !std::ranges::binary_search(specialIds, parsed.ids[i]))
            continue;
        encodeUpTo(begin);
        result.ids.push_back(parsed.ids[i]);
        result.spans.push_back(parsed.spans[i]);
        done = end;
    }
    encodeUpTo(text.size());
    return result;
}

TokenizedRow Tokenization::rawText(const std::string& prompt, const std::string& completion) const
{
    TokenizedRow row;
    row.text = prompt + completion;
    Encoding encoding = m_tokenizer.encodeWithSpans(row.text, SpecialTokens::Parse);
    const std::size_t trainedFrom = m_render.trainOn == tokenizer::TrainOn::Everything ? 0 : prompt.size();
    const RenderedSpan trained{trainedFrom, row.text.size(), true, -1};
    row.lossMask = maskOf(encoding, std::span(&trained, 1));
    row.tokens = std::move(encoding.ids);
    row.spans = std::move(encoding.spans);
    if (const auto bos = m_tokenizer.bos(); bos && m_tokenizer.addsBos() && (row.tokens.empty() || row.tokens.front() != *bos)) {
        row.tokens.insert(row.tokens.begin(), *bos);
        row.lossMask.insert(row.lossMask.begin(), std::uint8_t{0});
        row.spans.insert(row.spans.begin(), {0U, 0U});
    }
    if (const auto eos = m_tokenizer.eos(); eos && (row.tokens.empty() || row.tokens.back() != *eos)) {
        const auto end = static_cast<std::uint32_t>(row.text.size());
        row.tokens.push_back(*eos);
        row.lossMask.push_back(1);
        row.spans.emplace_back(end, end);
    }
    return row;
}

FittedRow fitIntoContext(TokenizedRow row, std::int64_t context, const std::string& overlong)
{
    FittedRow fitted;
    const auto length = static_cast<std::int64_t>(row.tokens.size());
    Example whole{std::move(row.tokens), std::move(row.lossMask), 0, 0};
    if (whole.supervised() == 0) {
        fitted.dropped = DropReason::NothingToLearn;
    } else if (length <= context) {
        fitted.examples.push_back(std::move(whole));
    } else if (overlong == "drop") {
        fitted.dropped = DropReason::TooLong;
    } else {
        fitted.cut = overlong != "split";
        for (std::int64_t begin = 0; begin < (fitted.cut ? 1 : length); begin += context) {
            const std::int64_t end = std::min(begin + context, length);
            Example piece;
            piece.tokens.assign(whole.tokens.begin() + begin, whole.tokens.begin() + end);
            piece.lossMask.assign(whole.lossMask.begin() + begin, whole.lossMask.begin() + end);
            if (piece.supervised() > 0)
                fitted.examples.push_back(std::move(piece));
            else
                ++fitted.emptyPieces;
        }
        if (fitted.examples.empty())
            fitted.dropped = DropReason::NothingLeftAfterCut;
    }
    return fitted;
}

}  // namespace lorikeet::data
