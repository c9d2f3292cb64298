// SPDX-License-Identifier: GPL-3.0-or-later
// Tokens into a syntax tree: Jinja2's grammar, bounded in depth.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/tokenizer/jinja/ast.h"
#include "engine/tokenizer/jinja/lexer.h"

namespace lorikeet::jinja {

/// The tree without resolved variables (see scopes.h). @throws LexerFailure with the place of the error.
[[nodiscard]] Tree parse(std::string_view source);

/// One pass over the tokens. Split into statements (parser.cpp), expressions (parser_expressions.cpp) and
/// what follows an operand (parser_postfix.cpp).
class Parser {
public:
    explicit Parser(std::vector<Token> tokens) : m_tokens(std::move(tokens)) {}
    [[nodiscard]] Tree parseTemplate();

private:
    // Tokens
    [[nodiscard]] const Token& current() const { return m_tokens[m_next]; }
    [[nodiscard]] const Token& ahead() const { return m_tokens[std::min(m_next + 1, m_tokens.size() - 1)]; }
    const Token& advance();
    [[nodiscard]] bool isSymbol(std::string_view text) const;
    [[nodiscard]] bool isName(std::string_view text) const;
    bool skipSymbol(std::string_view text);
    bool skipName(std::string_view text);
    void expectSymbol(std::string_view text);
    void expect(TokenKind kind);
    std::string expectIdentifier();
    [[noreturn]] void fail(const std::string& message) const;
    [[noreturn]] static void failAt(const std::string& message, Position at);
    [[nodiscard]] std::string describeCurrent() const;

    // Statements
    Block parseBlock(std::initializer_list<std::string_view> ends);
    Block parseStatements(std::initializer_list<std::string_view> ends);
    Block parseBody(std::initializer_list<std::string_view> ends);
    Block parseBodyAndEnd(std::string_view end);
    StatementPointer parseStatement();
    StatementPointer parseIf();
    StatementPointer parseFor();
    StatementPointer parseSet();
    StatementPointer parseMacro();
    StatementPointer parseCallBlock();
    StatementPointer parseFilterBlock();
    StatementPointer parseWith();
    StatementPointer parseGeneration();
    StatementPointer parseLoopControl();
    StatementPointer parsePrint();
    void parseSignature(Statement& statement);

    // Expressions
    ExpressionPointer parseTuple(bool withCondition, std::string_view endName, bool parenthesised);
    ExpressionPointer parseExpression(bool withCondition = true);
    ExpressionPointer parseOr();
    ExpressionPointer parseAnd();
    ExpressionPointer parseNot();
    ExpressionPointer parseCompare();
    ExpressionPointer parseSum();
    ExpressionPointer parseConcat();
    ExpressionPointer parseProduct();
    ExpressionPointer parsePower();
    ExpressionPointer parseUnary(bool withFilter = true);
    ExpressionPointer parsePrimary();
    ExpressionPointer parseLiteral();
    ExpressionPointer parseList();
    ExpressionPointer parseDict();
    ExpressionPointer parsePostfix(ExpressionPointer node);
    ExpressionPointer parseFilterExpression(ExpressionPointer node);
    ExpressionPointer parseFilterChain(ExpressionPointer node, bool startInline);
    ExpressionPointer parseTest(ExpressionPointer node);
    ExpressionPointer parseSubscript(ExpressionPointer node);
    ExpressionPointer parseSubscribed();
    ExpressionPointer parseCall(ExpressionPointer node);
    void parseArguments(Expression& node);
    ExpressionPointer parseTarget(bool withNamespace, std::string_view endName);
    ExpressionPointer parseTargetItem(bool withNamespace);
    template <typename... Children>
    ExpressionPointer node(ExpressionKind kind, Position at, Children... children) const
    {
        auto made = std::make_unique<Expression>(kind, at);
        (adopt(*made, std::move(children)), ...);
        return made;
    }
    void adopt(Expression& parent, ExpressionPointer child) const;
    static bool isReserved(std::string_view name);

    std::vector<Token> m_tokens;
    std::size_t m_next = 0;
    int m_depth = 0;           ///< nesting of expressions being parsed
    int m_blockDepth = 0;      ///< nesting of statements being parsed
    int m_loopDepth = 0;       ///< loops around, within the same macro
    int m_loopNames = 0;       ///< loops around, over macros: inside, `loop` must not be assigned
    bool m_hasGeneration = false;

    friend class NestingGuard;
};

/// Counts nesting of expressions while it lives. @throws LexerFailure when the template nests too deep.
class NestingGuard {
public:
    explicit NestingGuard(Parser& parser);
    ~NestingGuard() { --m_parser.m_depth; }
    NestingGuard(const NestingGuard&) = delete;
    NestingGuard& operator=(const NestingGuard&) = delete;

private:
    Parser& m_parser;
};

}  // namespace lorikeet::jinja
