// SPDX-License-Identifier: GPL-3.0-or-later
// GGUF fields as a running tokenizer and as the two files of a Hugging Face folder.
#include "engine/tokenizer/gguf_tokenizer.h"

#include "engine/tokenizer/gguf_spec.h"
#include "engine/tokenizer/pipeline_tokenizer.h"
#include "engine/tokenizer/tokenizer_json.h"

#include <nlohmann/json.hpp>

namespace lorikeet::tokenizer {

std::unique_ptr<Tokenizer> tokenizerFromGguf(const GgufTokenizer& fields)
{
    return std::make_unique<PipelineTokenizer>(specFromGguf(fields));
}

std::string tokenizerJsonFromGguf(const GgufTokenizer& fields)
{
    TokenizerSpec spec = specFromGguf(fields);
    if (const auto* scored = std::get_if<ScoredPieceSpec>(&spec.model)) {
        spec.model = rankedMerges(*scored);
    }
    const PipelineTokenizer checked(spec);  // refuses what would only break when the file is loaded
    return writeTokenizerJson(spec);
}

std::string tokenizerConfigJsonFromGguf(const GgufTokenizer& fields)
{
    const TokenizerSpec spec = specFromGguf(fields);
    nlohmann::ordered_json config;
    config["tokenizer_class"] = "PreTrainedTokenizerFast";
    config["clean_up_tokenization_spaces"] = false;
    config["model_max_length"] = 1000000000000000019884624838656.0;  // transformers' "no limit"
    const auto name = [&](const char* key, const std::optional<TokenId>& id) {
        if (id) {
            config[key] = fields.tokens[static_cast<std::size_t>(*id)];
        }
    };
    name("bos_token", spec.roles.bos);
    name("eos_token", spec.roles.eos);
    name("unk_token", spec.roles.unk);
    name("pad_token", spec.roles.pad);
    config["add_bos_token"] = spec.roles.addsBos;
    config["add_eos_token"] = spec.roles.addsEos;
    if (!fields.chatTemplate.empty()) {
        config["chat_template"] = fields.chatTemplate;
    }
    return config.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace lorikeet::tokenizer
