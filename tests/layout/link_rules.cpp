// SPDX-License-Identifier: GPL-3.0-or-later
// Reads CMake commands and Ninja build statements, as much of them as link edges need.
#include "tests/layout/link_rules.h"

#include "tests/layout/layer_rules.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <utility>

namespace lorikeet::layout {

namespace {

struct Command {
    std::string name;
    std::vector<std::string> arguments;
    int line = 0;
};

std::vector<std::string> wordsOf(std::string_view text)
{
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (std::isspace(static_cast<unsigned char>(c)) == 0 && c != '"') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(std::exchange(word, {}));
        }
    }
    if (!word.empty())
        words.push_back(word);
    return words;
}

std::string withoutHashComments(const std::string& text)
{
    std::string result = text;
    bool inComment = false;
    for (char& c : result) {
        inComment = c != '\n' && (inComment || c == '#');
        if (inComment)
            c = ' ';
    }
    return result;
}

/// The commands of a CMake file. Generator expressions and variables stay as they are written.
std::vector<Command> commandsOf(const std::string& original)
{
    const std::string text = withoutHashComments(original);
    std::vector<Command> commands;
    for (std::size_t at = 0; (at = text.find('(', at)) != std::string::npos;) {
        std::size_t nameEnd = at;
        while (nameEnd > 0 && text[nameEnd - 1] == ' ')
            --nameEnd;
        std::size_t nameStart = nameEnd;
        while (nameStart > 0 && (std::isalnum(static_cast<unsigned char>(text[nameStart - 1])) != 0 || text[nameStart - 1] == '_'))
            --nameStart;
        int depth = 1;
        std::size_t end = at + 1;
        for (; end < text.size() && depth > 0; ++end)
            depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
        Command command{text.substr(nameStart, nameEnd - nameStart), wordsOf(std::string_view(text).substr(at + 1, end - at - 2)), 0};
        command.line = 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nameStart), '\n'));
        commands.push_back(std::move(command));
        at = end;
    }
    return commands;
}

bool isTorchLibrary(std::string_view word)
{
    return startsWithAny(word, {"LibTorch::", "Torch::", "torch", "c10"}) || word.find("libtorch") != std::string_view::npos;
}

bool isQtLibrary(std::string_view word)
{
    return startsWithAny(word, {"Qt6::", "Qt::", "QCustomPlot", "qcustomplot"});
}

/// Room of a target: lorikeet_base -> base. The programs and the CUDA module have no room name of their own.
std::string roomOfTarget(std::string_view target, const std::string& path)
{
    if (target.starts_with("lorikeet_") && isRoom(std::string(target.substr(9))))
        return std::string(target.substr(9));
    return roomOf(path);
}

void checkEdge(const std::string& where, const std::string& from, const std::string& target, const std::string& word, bool isPublic,
               std::vector<std::string>& found)
{
    const auto wrong = [&](const std::string& why) { found.push_back(where + ": " + target + " links " + word + ": " + why); };
    const bool isCudaModule = target.find("cuda") != std::string::npos;
    if (word.starts_with("lorikeet_") && isRoom(word.substr(9)) && !mayUse(from, word.substr(9)))
        wrong(from + " may not use " + word.substr(9));
    if (isTorchLibrary(word) && (isTorchFree(from) || from == "api"))
        wrong("LibTorch is not for this room");
    if (isTorchLibrary(word) && isPublic && word != "LibTorch::headers" && from != "tensor")
        wrong("the engine links LibTorch PRIVATE");
    if (isQtLibrary(word) && from != "ui" && from != "app")
        wrong("no Qt in the engine");
    if ((isQtLibrary(word) || word == "lorikeet_ui") && target.find("cli") != std::string::npos)
        wrong("no Qt in the command line program");
    if (startsWithAny(word, {"CUDA::", "cuda", "cublas"}) && !isCudaModule)
        wrong("CUDA is loaded at run time, never linked");
}

void checkCommand(const std::string& path, const Command& command, std::vector<std::string>& found)
{
    if ((command.name != "lorikeet_room" && command.name != "target_link_libraries") || command.arguments.empty())
        return;
    const std::string where = path + ":" + std::to_string(command.line);
    const bool isRoomCommand = command.name == "lorikeet_room";
    const std::string target = (isRoomCommand ? "lorikeet_" : "") + command.arguments.front();
    const std::string from = roomOfTarget(target, path);
    bool linking = !isRoomCommand;
    bool isPublic = true;
    for (std::size_t i = 1; i < command.arguments.size(); ++i) {
        const std::string& word = command.arguments[i];
        if (word == "SOURCES") {
            linking = false;
        } else if (word == "PUBLIC" || word == "PRIVATE" || word == "INTERFACE") {
            linking = true;
            isPublic = word != "PRIVATE";
        } else if (linking) {
            checkEdge(where, from, target, word, isPublic, found);
        }
    }
}

/// One build statement of Ninja: its first line and the value of one of its variables.
struct Statement {
    std::string outputs;
    std::string rule;
    std::string inputs;
    std::string body;
};

std::string variableOf(const Statement& statement, const std::string& name)
{
    const std::string key = "\n  " + name + " = ";
    const std::size_t at = statement.body.find(key);
    if (at == std::string::npos)
        return {};
    const std::size_t start = at + key.size();
    return statement.body.substr(start, statement.body.find('\n', start) - start);
}

void eachStatement(const std::string& text, const std::function<void(const Statement&)>& use)
{
    for (std::size_t at = text.starts_with("build ") ? 0 : text.find("\nbuild "); at != std::string::npos;) {
        at += text[at] == '\n' ? 7 : 6;
        const std::size_t lineEnd = std::min(text.find('\n', at), text.size());
        const std::string head = text.substr(at, lineEnd - at);
        std::size_t bodyEnd = lineEnd;
        while (bodyEnd + 2 < text.size() && text.compare(bodyEnd, 3, "\n  ") == 0)
            bodyEnd = std::min(text.find('\n', bodyEnd + 1), text.size());
        const std::size_t colon = head.find(": ");
        if (colon != std::string::npos) {
            const std::size_t ruleEnd = std::min(head.find(' ', colon + 2), head.size());
            use({head.substr(0, colon), head.substr(colon + 2, ruleEnd - colon - 2), head.substr(ruleEnd),
                 text.substr(lineEnd, bodyEnd - lineEnd) + "\n"});
        }
        at = text.find("\nbuild ", bodyEnd > 0 ? bodyEnd - 1 : 0);
    }
}

void checkObject(const Statement& statement, const std::string& sourceRoot, NinjaSeen& seen, std::vector<std::string>& found)
{
    const auto inputs = wordsOf(statement.inputs);
    if (inputs.empty() || !inputs.front().starts_with(sourceRoot + "/"))
        return;
    const std::string source = inputs.front().substr(sourceRoot.size() + 1);
    const std::string room = roomOf(source);
    if (!isRoom(room))
        return;
    ++seen.objects;
    const std::string folders = variableOf(statement, "INCLUDES");
    if (isTorchFree(room) && folders.find("torch/include") != std::string::npos)
        found.push_back(source + ": is compiled with LibTorch's include folder");
    if (source.starts_with("engine/") && folders.find("/qt6") != std::string::npos)
        found.push_back(source + ": is compiled with Qt's include folder");
    if (source.starts_with("app/cli_") && folders.find("/qt6") != std::string::npos)
        found.push_back(source + ": is compiled with Qt's include folder");
}

void checkProgram(const Statement& statement, NinjaSeen& seen, std::vector<std::string>& found)
{
    const std::string program = wordsOf(statement.outputs).empty() ? "" : wordsOf(statement.outputs).front();
    if (!program.starts_with("app/"))
        return;
    ++seen.programs;
    const std::string libraries = variableOf(statement, "LINK_LIBRARIES");
    if (program.find("cli") != std::string::npos && libraries.find("Qt6") != std::string::npos)
        found.push_back(program + ": links Qt");
    for (const char* library : {"libtorch_cuda", "libc10_cuda", "libcublas", "libcuda."}) {
        if (libraries.find(library) != std::string::npos)
            found.push_back(program + ": links " + library);
    }
    const std::size_t dnnl = libraries.find("libdnnl");
    const std::size_t torch = libraries.find("libtorch_cpu");
    if (dnnl != std::string::npos && torch != std::string::npos && torch < dnnl)
        found.push_back(program + ": libtorch_cpu stands before libdnnl on the link line");
}

}  // namespace

std::vector<std::string> linkViolations(const SourceTree& tree)
{
    std::vector<std::string> found;
    for (const auto& [path, text] : tree) {
        for (const auto& command : commandsOf(text))
            checkCommand(path, command, found);
    }
    return found;
}

std::vector<std::string> ninjaViolations(const std::string& text, const std::string& sourceRoot, NinjaSeen& seen)
{
    std::vector<std::string> found;
    eachStatement(text, [&](const Statement& statement) {
        if (statement.rule.starts_with("CXX_COMPILER"))
            checkObject(statement, sourceRoot, seen, found);
        else if (statement.rule.starts_with("CXX_EXECUTABLE_LINKER"))
            checkProgram(statement, seen, found);
    });
    return found;
}

std::vector<std::string> generatedSources(const std::string& text, const std::string& sourceRoot, const std::vector<std::string>& folders)
{
    std::vector<std::string> found;
    eachStatement(text, [&](const Statement& statement) {
        const auto inputs = wordsOf(statement.inputs);
        const bool inFolders = std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
            return statement.outputs.find(folder) != std::string::npos && !statement.outputs.starts_with("tests/");
        });
        if (statement.rule.starts_with("CXX_COMPILER") && inFolders && !inputs.empty() && !inputs.front().starts_with(sourceRoot + "/"))
            found.push_back(inputs.front());
    });
    return found;
}

}  // namespace lorikeet::layout
