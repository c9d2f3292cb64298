// SPDX-License-Identifier: GPL-3.0-or-later
// The words of a model: its tokenizer and chat template, from a folder's files or from a GGUF file's metadata.
#pragma once

#include "engine/formats/model_source.h"
#include "engine/tokenizer/chat_template.h"
#include "engine/tokenizer/tokenizer.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::generate {

struct ModelText {
    std::unique_ptr<tokenizer::Tokenizer> tokenizer;
    std::optional<tokenizer::ChatTemplate> chatTemplate;

    [[nodiscard]] const tokenizer::ChatTemplate* chat() const noexcept { return chatTemplate ? &*chatTemplate : nullptr; }
    /// Options with the special tokens' strings filled in.
    [[nodiscard]] tokenizer::RenderOptions renderOptions() const;
};

/// @throws Error{BadInput} when there is no tokenizer or a file is damaged.
[[nodiscard]] ModelText loadModelText(const formats::ModelSource& source);
/// With other new tokens than the source's.
[[nodiscard]] ModelText loadModelText(const formats::ModelSource& source, std::span<const NewToken> added);

/// The chat template that stands beside an adapter, where one does, in place of the model's: the adapter was trained with it. Nothing for
/// an empty path. @throws Error{BadInput}
void takeTemplateOf(const std::filesystem::path& adapter, ModelText& text);

/// A prompt as the model expects it: one user turn (after a system turn unless empty) through the chat template with the opening of the
/// answer, or with `chat` off or no template the bare text with the model's BOS where it adds one. @throws Error{BadInput}
[[nodiscard]] std::vector<std::int32_t> promptTokens(const ModelText& text, const std::string& prompt, const std::string& system, bool chat);

/// Writes the tokenizer's files into a folder beside an adapter: copies of a model folder's own, or tokenizer.json,
/// tokenizer_config.json and chat_template.jinja made from GGUF metadata, with the source's new tokens. Returns the names written. @throws Error{Target}
std::vector<std::string> writeTokenizerFiles(const formats::ModelSource& source, const std::filesystem::path& folder);
/// A name that it may write.
[[nodiscard]] bool isTokenizerFile(std::string_view name);

}  // namespace lorikeet::generate
