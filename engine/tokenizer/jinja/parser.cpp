// SPDX-License-Identifier: GPL-3.0-or-later
// The statements of the grammar.
#include "engine/tokenizer/jinja/parser.h"

#include <algorithm>

namespace lorikeet::jinja {
namespace {

constexpr int kMaxParseNesting = 200;
// Python, into which Jinja translates, has the same limits.
constexpr int kMaxLoopNesting = 20;
constexpr int kMaxBlockNesting = 100;
constexpr std::size_t kMaxParameters = 500;

constexpr std::string_view kUnsupportedTags[] = {"include", "import", "from", "extends", "block", "autoescape", "trans",
                                                 "pluralize", "do", "debug"};
constexpr std::string_view kEndTags[] = {"endif", "elif", "else", "endfor", "endset", "endmacro", "endcall", "endfilter",
                                         "endwith", "endgeneration", "endblock", "endraw"};

ExpressionPointer cloneTarget(const Expression& target)
{
    auto copy = std::make_unique<Expression>(target.kind, target.at);
    copy->name = target.name;
    for (const ExpressionPointer& child : target.children)
        copy->children.push_back(cloneTarget(*child));
    return copy;
}

void refuseLoopTarget(const Expression& target)
{
    if (target.kind == ExpressionKind::Name && target.name == "loop")
        throw LexerFailure("the variable 'loop' cannot be assigned inside a loop", target.at);
    for (const ExpressionPointer& child : target.children)
        refuseLoopTarget(*child);
}

}  // namespace

NestingGuard::NestingGuard(Parser& parser) : m_parser(parser)
{
    if (++m_parser.m_depth > kMaxParseNesting) {
        --m_parser.m_depth;
        m_parser.fail("the template nests deeper than " + std::to_string(kMaxParseNesting) + " levels");
    }
}

Tree parse(std::string_view source)
{
    return Parser(tokenize(source)).parseTemplate();
}

Tree Parser::parseTemplate()
{
    Tree tree;
    tree.body = parseBlock({});
    tree.hasGeneration = m_hasGeneration;
    return tree;
}

const Token& Parser::advance()
{
    const Token& token = m_tokens[m_next];
    if (m_next + 1 < m_tokens.size())
        ++m_next;
    return token;
}

bool Parser::isSymbol(std::string_view text) const
{
    return current().kind == TokenKind::Symbol && current().text == text;
}

bool Parser::isName(std::string_view text) const
{
    return current().kind == TokenKind::Name && current().text == text;
}

bool Parser::skipSymbol(std::string_view text)
{
    const bool found = isSymbol(text);
    if (found)
        advance();
    return found;
}

bool Parser::skipName(std::string_view text)
{
    const bool found = isName(text);
    if (found)
        advance();
    return found;
}

void Parser::expectSymbol(std::string_view text)
{
    if (!skipSymbol(text))
        fail("expected '" + std::string(text) + "', found " + describeCurrent());
}

void Parser::expect(TokenKind kind)
{
    if (current().kind != kind)
        fail(std::string("expected ") + (kind == TokenKind::BlockEnd ? "'%}'" : "'}}'") + ", found " + describeCurrent());
    advance();
}

std::string Parser::expectIdentifier()
{
    if (current().kind != TokenKind::Name)
        fail("expected a name, found " + describeCurrent());
    return advance().text;
}

void Parser::fail(const std::string& message) const
{
    failAt(message, current().at);
}

void Parser::failAt(const std::string& message, Position at)
{
    throw LexerFailure(message, at);
}

std::string Parser::describeCurrent() const
{
    switch (current().kind) {
    case TokenKind::Data: return "text";
    case TokenKind::VariableBegin: return "'{{'";
    case TokenKind::VariableEnd: return "'}}'";
    case TokenKind::BlockBegin: return "'{%'";
    case TokenKind::BlockEnd: return "'%}'";
    case TokenKind::End: return "the end of the template";
    case TokenKind::String: return "a string";
    default: return "'" + current().text + "'";
    }
}

// Statements up to a tag named in `ends`; the tag's name is then the current token (the end of text when `ends` is empty).
Block Parser::parseBlock(std::initializer_list<std::string_view> ends)
{
    if (m_blockDepth >= kMaxBlockNesting)
        fail("the template nests more than " + std::to_string(kMaxBlockNesting) + " blocks");
    ++m_blockDepth;
    Block block = parseStatements(ends);
    --m_blockDepth;
    return block;
}

Block Parser::parseStatements(std::initializer_list<std::string_view> ends)
{
    Block block;
    StatementPointer output;
    const auto print = [&](ExpressionPointer part) {
        if (!output)
            output = std::make_unique<Statement>(StatementKind::Output, part->at);
        output->expressions.push_back(std::move(part));
    };
    while (current().kind != TokenKind::End) {
        if (current().kind == TokenKind::Data) {
            auto text = node(ExpressionKind::Constant, current().at);
            text->value = Value::string(advance().text);
            print(std::move(text));
        } else if (current().kind == TokenKind::VariableBegin) {
            advance();
            print(parseTuple(true, {}, false));
            expect(TokenKind::VariableEnd);
        } else {
            if (output)
                block.push_back(std::move(output));
            advance();  // '{%'
            if (current().kind == TokenKind::Name && std::find(ends.begin(), ends.end(), current().text) != ends.end())
                return block;
            block.push_back(parseStatement());
            expect(TokenKind::BlockEnd);
        }
    }
    if (output)
        block.push_back(std::move(output));
    return block;
}

Block Parser::parseBody(std::initializer_list<std::string_view> ends)
{
    skipSymbol(":");
    expect(TokenKind::BlockEnd);
    Block block = parseBlock(ends);
    if (current().kind == TokenKind::End)
        fail("the template ends where '" + std::string(*(ends.end() - 1)) + "' is expected");
    return block;
}

Block Parser::parseBodyAndEnd(std::string_view end)
{
    Block block = parseBody({end});
    advance();
    return block;
}

StatementPointer Parser::parseStatement()
{
    if (current().kind != TokenKind::Name)
        fail("expected the name of a tag, found " + describeCurrent());
    const std::string& tag = current().text;
    if (tag == "if")
        return parseIf();
    if (tag == "for")
        return parseFor();
    if (tag == "set")
        return parseSet();
    if (tag == "macro")
        return parseMacro();
    if (tag == "call")
        return parseCallBlock();
    if (tag == "filter")
        return parseFilterBlock();
    if (tag == "with")
        return parseWith();
    if (tag == "generation")
        return parseGeneration();
    if (tag == "break" || tag == "continue")
        return parseLoopControl();
    if (tag == "print")
        return parsePrint();
    if (std::find(std::begin(kUnsupportedTags), std::end(kUnsupportedTags), tag) != std::end(kUnsupportedTags))
        fail("statement '" + tag + "' is not supported");
    if (std::find(std::begin(kEndTags), std::end(kEndTags), tag) != std::end(kEndTags))
        fail("'" + tag + "' has no beginning, or another block is still open");
    fail("unknown tag '" + tag + "'");
}

StatementPointer Parser::parseIf()
{
    auto result = std::make_unique<Statement>(StatementKind::If, advance().at);
    Statement* branch = result.get();
    while (true) {
        branch->condition = parseTuple(false, {}, false);
        branch->body = parseBody({"elif", "else", "endif"});
        const Token& end = advance();
        if (end.text == "elif") {
            result->elseIfs.push_back(std::make_unique<Statement>(StatementKind::If, end.at));
            branch = result->elseIfs.back().get();
            continue;
        }
        if (end.text == "else")
            result->elseBody = parseBodyAndEnd("endif");
        return result;
    }
}

StatementPointer Parser::parseFor()
{
    auto loop = std::make_unique<Statement>(StatementKind::For, advance().at);
    loop->target = parseTarget(false, "in");
    refuseLoopTarget(*loop->target);
    if (!skipName("in"))
        fail("expected 'in', found " + describeCurrent());
    loop->value = parseTuple(false, "recursive", false);
    if (skipName("if")) {
        loop->condition = parseExpression();
        loop->testTarget = cloneTarget(*loop->target);
    }
    loop->recursive = skipName("recursive");
    if (++m_loopDepth > kMaxLoopNesting)
        failAt("more than " + std::to_string(kMaxLoopNesting) + " loops are nested", loop->at);
    ++m_loopNames;
    loop->body = parseBody({"else", "endfor"});
    --m_loopDepth;
    const bool hasElse = advance().text == "else";
    if (hasElse)
        loop->elseBody = parseBodyAndEnd("endfor");
    --m_loopNames;
    return loop;
}

StatementPointer Parser::parseSet()
{
    const Position at = advance().at;
    ExpressionPointer target = parseTarget(true, {});
    if (m_loopNames > 0)
        refuseLoopTarget(*target);
    if (skipSymbol("=")) {
        auto set = std::make_unique<Statement>(StatementKind::Set, at);
        set->target = std::move(target);
        set->value = parseTuple(true, {}, false);
        return set;
    }
    auto set = std::make_unique<Statement>(StatementKind::SetBlock, at);
    set->target = std::move(target);
    set->value = parseFilterChain(nullptr, false);
    set->body = parseBodyAndEnd("endset");
    return set;
}

void Parser::parseSignature(Statement& statement)
{
    expectSymbol("(");
    while (!isSymbol(")")) {
        if (!statement.parameters.empty())
            expectSymbol(",");
        Parameter parameter;
        parameter.name = expectIdentifier();
        const auto same = [&](const Parameter& other) { return other.name == parameter.name; };
        if (statement.parameters.size() >= kMaxParameters)
            fail("more than " + std::to_string(kMaxParameters) + " parameters");
        if (std::any_of(statement.parameters.begin(), statement.parameters.end(), same))
            fail("the parameter '" + parameter.name + "' appears twice");
        if (skipSymbol("="))
            parameter.fallback = parseExpression();
        else if (!statement.parameters.empty() && statement.parameters.back().fallback)
            fail("a parameter without default follows one with a default");
        statement.parameters.push_back(std::move(parameter));
    }
    advance();
}

StatementPointer Parser::parseMacro()
{
    auto macro = std::make_unique<Statement>(StatementKind::Macro, advance().at);
    macro->target = std::make_unique<Expression>(ExpressionKind::Name, current().at);
    macro->name = expectIdentifier();
    macro->target->name = macro->name;
    parseSignature(*macro);
    const int loops = std::exchange(m_loopDepth, 0);
    macro->body = parseBodyAndEnd("endmacro");
    m_loopDepth = loops;
    return macro;
}

StatementPointer Parser::parseCallBlock()
{
    auto call = std::make_unique<Statement>(StatementKind::CallBlock, advance().at);
    if (isSymbol("("))
        parseSignature(*call);
    call->value = parseExpression();
    if (call->value->kind != ExpressionKind::Call)
        failAt("a call block needs a call", call->at);
    const int loops = std::exchange(m_loopDepth, 0);
    call->body = parseBodyAndEnd("endcall");
    m_loopDepth = loops;
    return call;
}

StatementPointer Parser::parseFilterBlock()
{
    auto block = std::make_unique<Statement>(StatementKind::FilterBlock, advance().at);
    block->value = parseFilterChain(nullptr, true);
    block->body = parseBodyAndEnd("endfilter");
    return block;
}

StatementPointer Parser::parseWith()
{
    auto with = std::make_unique<Statement>(StatementKind::With, advance().at);
    while (current().kind != TokenKind::BlockEnd) {
        if (!with->targets.empty())
            expectSymbol(",");
        with->targets.push_back(parseTarget(false, {}));
        expectSymbol("=");
        with->expressions.push_back(parseExpression());
    }
    with->body = parseBodyAndEnd("endwith");
    return with;
}

StatementPointer Parser::parseGeneration()
{
    auto generation = std::make_unique<Statement>(StatementKind::Generation, advance().at);
    m_hasGeneration = true;
    const int loops = std::exchange(m_loopDepth, 0);
    generation->body = parseBodyAndEnd("endgeneration");
    m_loopDepth = loops;
    return generation;
}

StatementPointer Parser::parseLoopControl()
{
    const Token& tag = advance();
    if (m_loopDepth == 0)
        failAt("'" + tag.text + "' stands outside of a loop", tag.at);
    return std::make_unique<Statement>(tag.text == "break" ? StatementKind::Break : StatementKind::Continue, tag.at);
}

StatementPointer Parser::parsePrint()
{
    auto output = std::make_unique<Statement>(StatementKind::Output, advance().at);
    while (current().kind != TokenKind::BlockEnd) {
        if (!output->expressions.empty())
            expectSymbol(",");
        output->expressions.push_back(parseExpression());
    }
    return output;
}

}  // namespace lorikeet::jinja
