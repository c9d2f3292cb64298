// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/tokenizing.h"

#include "engine/api/guarded.h"
#include "engine/api/models.h"
#include "engine/base/error.h"
#include "engine/data/conversation.h"
#include "engine/data/example.h"
#include "engine/data/recognise.h"
#include "engine/generate/added_tokens.h"
#include "engine/generate/model_text.h"

#include <nlohmann/json.hpp>

#include <span>

namespace lorikeet::api {

struct TextTokenizer::State {
    generate::ModelText text;

    [[nodiscard]] TokenizedText withPieces(std::vector<std::int32_t> ids) const
    {
        TokenizedText result;
        result.ids = std::move(ids);
        for (const std::int32_t id : result.ids)
            result.pieces.push_back(text.tokenizer->pieceText(id));
        result.mask.assign(result.ids.size(), false);
        return result;
    }
};

TextTokenizer::TextTokenizer(const std::string& model, const std::filesystem::path& adapter)
{
    guarded([&] {
        const auto source = formats::openModelSource(locateModel(model));
        m_state = std::make_unique<State>(State{generate::loadModelText(*source, generate::addedTokensOf(adapter, *source).tokens)});
        generate::takeTemplateOf(adapter, m_state->text);
    });
}

TextTokenizer::~TextTokenizer() = default;
TextTokenizer::TextTokenizer(TextTokenizer&&) noexcept = default;

TokenizedText TextTokenizer::text(std::string_view utf8) const
{
    return m_state->withPieces(m_state->text.tokenizer->encode(utf8, tokenizer::SpecialTokens::Parse));
}

TokenizedText TextTokenizer::conversation(const std::string& row) const
{
    return guarded([&] {
        const nlohmann::ordered_json value = nlohmann::ordered_json::parse(row, nullptr, false);
        if (value.is_discarded())
            throw Error(ErrorCode::BadInput, "the conversation is not valid JSON", "give one row like {\"messages\": [...]}");
        // A bare list is taken as the messages themselves.
        const nlohmann::ordered_json wrapped = value.is_array() ? nlohmann::ordered_json{{"messages", value}} : value;
        const auto format = data::formatOf(wrapped);
        if (!format)
            throw Error(ErrorCode::BadInput, data::describeUnrecognised(std::span(&wrapped, 1)), "give one row like {\"messages\": [...]}");
        const data::SampleOrProblem sample = data::toSample(wrapped, *format);
        if (!sample.sample)
            throw Error(ErrorCode::BadInput, "the conversation cannot be used: " + sample.problem, "correct the row; lorikeet-cli tokenize --chat wants one like {\"messages\": [...]}");
        const data::Tokenization tokenization(*m_state->text.tokenizer, m_state->text.chat(), "assistant");
        data::TokenizedRow tokens = tokenization.tokenize(*sample.sample);
        if (tokens.refused)
            throw Error(ErrorCode::BadInput, tokens.problem, "correct the conversation, or without --chat tokenise its plain text");
        TokenizedText result = m_state->withPieces(std::move(tokens.tokens));
        for (std::size_t i = 0; i < tokens.lossMask.size(); ++i)
            result.mask[i] = tokens.lossMask[i] != 0;
        return result;
    });
}

std::string TextTokenizer::decode(const std::vector<std::int32_t>& ids) const { return m_state->text.tokenizer->decode(ids, false); }

}  // namespace lorikeet::api
