// SPDX-License-Identifier: GPL-3.0-or-later
// `tokenize`: the tokens of a text, or of a conversation with its loss mask.
#include "app/cli_input.h"
#include "app/cli_verbs.h"
#include "engine/api/tokenizing.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/progress.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>

namespace lorikeet::app {

namespace {

using nlohmann::ordered_json;

struct TokenizeOptions {
    std::string model;
    std::string adapter;
    bool chat = false;
    bool json = false;
    bool lines = false;
};

void print(Output& out, const TokenizeOptions& options, const api::TokenizedText& tokens)
{
    if (options.json || options.lines) {
        out.json({{"v", kJsonVersion}, {"ids", tokens.ids}, {"pieces", tokens.pieces}, {"mask", tokens.mask}});
        return;
    }
    std::string text;
    for (std::size_t i = 0; i < tokens.ids.size(); ++i)
        text += paddedLeft(std::to_string(tokens.ids[i]), 8) + (options.chat ? (tokens.mask[i] ? "  trained  " : "           ") : "  ")
              + ordered_json(tokens.pieces[i]).dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
    out.text(text);
    out.line(std::to_string(tokens.ids.size()) + " tokens");
}

/// A line of --lines holds the text as a JSON string; with --chat it is a data row itself.
std::string textOfLine(const std::string& line, std::int64_t number)
{
    const ordered_json value = ordered_json::parse(line, nullptr, false);
    if (!value.is_string())
        throw Error(ErrorCode::BadInput, "standard input, line " + std::to_string(number) + ": expected one JSON string, found "
                                             + (value.is_discarded() ? "something that is not JSON" : std::string("a JSON ") + value.type_name()),
                    "write each text as \"...\" on a line of its own");
    return value.get<std::string>();
}

void tokenizeLines(const api::TextTokenizer& tokenizer, const TokenizeOptions& options, Session& session)
{
    InputLines input(session.stop);
    std::int64_t number = 0;
    while (const std::optional<std::string> next = input.next()) {
        throwIfStopped(session.stop);
        const std::string& line = *next;
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string::npos)
            continue;
        try {
            print(session.out, options, options.chat ? tokenizer.conversation(line) : tokenizer.text(textOfLine(line, number)));
        } catch (const Error& error) {
            const std::string place = "standard input, line " + std::to_string(number) + ": ";
            throw Error(error.code(), error.message().starts_with(place) ? error.message() : place + error.message(), error.hint());
        }
    }
}

int runTokenize(const TokenizeOptions& options, Session& session)
{
    const api::TextTokenizer tokenizer(options.model, pathFromUtf8(options.adapter));
    if (options.lines) {
        tokenizeLines(tokenizer, options, session);
        return 0;
    }
    const std::string input = readAllInput(session.stop);
    print(session.out, options, options.chat ? tokenizer.conversation(input) : tokenizer.text(input));
    return 0;
}

}  // namespace

void addTokenizeVerb(CLI::App& app, Action& chosen)
{
    const auto options = std::make_shared<TokenizeOptions>();
    CLI::App* verb = app.add_subcommand("tokenize", "tokens of standard input as the model sees it");
    verb->add_option("model", options->model, "folder, .gguf file, or starter")->required();
    verb->add_option("--adapter", options->adapter, "a PEFT folder: with the tokens and the chat template that it adds");
    verb->add_flag("--chat", options->chat, "the input is a data row ({\"messages\": [...]}): apply the chat template, show what is trained");
    verb->add_flag("--json", options->json, "one object with ids, pieces and mask");
    verb->add_flag("--lines", options->lines, "one JSON string (with --chat: one row) per line in, one object per line out");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runTokenize(*options, session); }; });
}

}  // namespace lorikeet::app
