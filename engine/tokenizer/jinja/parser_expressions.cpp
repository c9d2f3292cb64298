// SPDX-License-Identifier: GPL-3.0-or-later
// The expressions of the grammar, loosest binding first.
#include <algorithm>

#include "engine/tokenizer/jinja/number_text.h"
#include "engine/tokenizer/jinja/parser.h"

namespace lorikeet::jinja {
namespace {

// Chains such as a + b + c nest to the left; Python's own recursion limit refuses earlier.
constexpr int kMaxHeight = 400;

const Operator* comparisonOf(std::string_view symbol)
{
    static constexpr std::pair<std::string_view, Operator> kComparisons[] = {
        {"==", Operator::Equal}, {"!=", Operator::NotEqual},  {"<", Operator::Less},
        {"<=", Operator::LessEqual}, {">", Operator::Greater}, {">=", Operator::GreaterEqual}};
    for (const auto& [text, op] : kComparisons)
        if (text == symbol)
            return &op;
    return nullptr;
}

}  // namespace

bool Parser::isReserved(std::string_view name)
{
    return name == "true" || name == "false" || name == "none" || name == "True" || name == "False" || name == "None";
}

void Parser::adopt(Expression& parent, ExpressionPointer child) const
{
    if (child)
        parent.height = std::max(parent.height, child->height + 1);
    if (parent.height > kMaxHeight)
        failAt("the expression nests deeper than " + std::to_string(kMaxHeight) + " levels", parent.at);
    parent.children.push_back(std::move(child));
}

ExpressionPointer Parser::parseTuple(bool withCondition, std::string_view endName, bool parenthesised)
{
    auto tuple = node(ExpressionKind::Tuple, current().at);
    bool isTuple = false;
    while (true) {
        if (!tuple->children.empty())
            expectSymbol(",");
        const bool atEnd = current().kind == TokenKind::VariableEnd || current().kind == TokenKind::BlockEnd || isSymbol(")")
            || (!endName.empty() && isName(endName));
        if (atEnd)
            break;
        adopt(*tuple, parseExpression(withCondition));
        if (!isSymbol(","))
            break;
        isTuple = true;
    }
    if (!isTuple && !tuple->children.empty())
        return std::move(tuple->children.front());
    if (!isTuple && !parenthesised)
        fail("expected an expression, found " + describeCurrent());
    return tuple;
}

ExpressionPointer Parser::parseExpression(bool withCondition)
{
    NestingGuard guard(*this);
    if (!withCondition)
        return parseOr();
    const Position at = current().at;
    ExpressionPointer value = parseOr();
    while (skipName("if")) {
        ExpressionPointer condition = parseOr();
        ExpressionPointer otherwise = skipName("else") ? parseExpression() : nullptr;
        auto conditional = node(ExpressionKind::Conditional, at, std::move(condition), std::move(value));
        adopt(*conditional, std::move(otherwise));
        value = std::move(conditional);
    }
    return value;
}

ExpressionPointer Parser::parseOr()
{
    ExpressionPointer left = parseAnd();
    while (isName("or")) {
        const Position at = advance().at;
        left = node(ExpressionKind::Or, at, std::move(left), parseAnd());
    }
    return left;
}

ExpressionPointer Parser::parseAnd()
{
    ExpressionPointer left = parseNot();
    while (isName("and")) {
        const Position at = advance().at;
        left = node(ExpressionKind::And, at, std::move(left), parseNot());
    }
    return left;
}

ExpressionPointer Parser::parseNot()
{
    if (!isName("not"))
        return parseCompare();
    NestingGuard guard(*this);
    const Position at = advance().at;
    return node(ExpressionKind::Not, at, parseNot());
}

ExpressionPointer Parser::parseCompare()
{
    const Position at = current().at;
    ExpressionPointer first = parseSum();
    std::vector<Operator> operators;
    std::vector<ExpressionPointer> operands;
    while (true) {
        const Operator* comparison = current().kind == TokenKind::Symbol ? comparisonOf(current().text) : nullptr;
        if (comparison != nullptr) {
            operators.push_back(*comparison);
            advance();
        } else if (skipName("in")) {
            operators.push_back(Operator::In);
        } else if (isName("not") && ahead().kind == TokenKind::Name && ahead().text == "in") {
            advance();
            advance();
            operators.push_back(Operator::NotIn);
        } else {
            break;
        }
        operands.push_back(parseSum());
    }
    if (operators.empty())
        return first;
    auto compare = node(ExpressionKind::Compare, at, std::move(first));
    for (ExpressionPointer& operand : operands)
        adopt(*compare, std::move(operand));
    compare->operators = std::move(operators);
    return compare;
}

ExpressionPointer Parser::parseSum()
{
    ExpressionPointer left = parseConcat();
    while (isSymbol("+") || isSymbol("-")) {
        const Token& symbol = advance();
        const Operator op = symbol.text == "+" ? Operator::Add : Operator::Subtract;
        left = node(ExpressionKind::Binary, symbol.at, std::move(left), parseConcat());
        left->operators = {op};
    }
    return left;
}

ExpressionPointer Parser::parseConcat()
{
    const Position at = current().at;
    ExpressionPointer first = parseProduct();
    if (!isSymbol("~"))
        return first;
    auto concat = node(ExpressionKind::Concat, at, std::move(first));
    while (skipSymbol("~"))
        adopt(*concat, parseProduct());
    return concat;
}

ExpressionPointer Parser::parseProduct()
{
    ExpressionPointer left = parsePower();
    while (isSymbol("*") || isSymbol("/") || isSymbol("//") || isSymbol("%")) {
        const Token& symbol = advance();
        const Operator op = symbol.text == "*" ? Operator::Multiply
            : symbol.text == "/"               ? Operator::Divide
            : symbol.text == "//"              ? Operator::FloorDivide
                                               : Operator::Modulo;
        left = node(ExpressionKind::Binary, symbol.at, std::move(left), parsePower());
        left->operators = {op};
    }
    return left;
}

ExpressionPointer Parser::parsePower()
{
    ExpressionPointer left = parseUnary();
    while (isSymbol("**")) {
        const Position at = advance().at;
        left = node(ExpressionKind::Binary, at, std::move(left), parseUnary());
        left->operators = {Operator::Power};
    }
    return left;
}

ExpressionPointer Parser::parseUnary(bool withFilter)
{
    NestingGuard guard(*this);
    const Position at = current().at;
    ExpressionPointer result;
    if (skipSymbol("-"))
        result = node(ExpressionKind::Negative, at, parseUnary(false));
    else if (skipSymbol("+"))
        result = node(ExpressionKind::Positive, at, parseUnary(false));
    else
        result = parsePrimary();
    result = parsePostfix(std::move(result));
    return withFilter ? parseFilterExpression(std::move(result)) : std::move(result);
}

ExpressionPointer Parser::parsePrimary()
{
    if (current().kind == TokenKind::Name) {
        const Token& token = advance();
        auto result = node(isReserved(token.text) ? ExpressionKind::Constant : ExpressionKind::Name, token.at);
        result->name = token.text;
        if (token.text == "true" || token.text == "True" || token.text == "false" || token.text == "False")
            result->value = Value::boolean((token.text[0] | 0x20) == 't');
        return result;
    }
    if (isSymbol("(")) {
        advance();
        ExpressionPointer inner = parseTuple(true, {}, true);
        expectSymbol(")");
        return inner;
    }
    if (isSymbol("["))
        return parseList();
    if (isSymbol("{"))
        return parseDict();
    return parseLiteral();
}

ExpressionPointer Parser::parseLiteral()
{
    auto constant = node(ExpressionKind::Constant, current().at);
    if (current().kind == TokenKind::String) {
        std::string text = advance().text;
        while (current().kind == TokenKind::String)
            text += advance().text;
        constant->value = Value::string(std::move(text));
    } else if (current().kind == TokenKind::Integer) {
        try {
            constant->value = Value::integer(parseInteger(current().text, 0).value_or(0));
        } catch (const Failure& failure) {
            fail(failure.message());
        }
        advance();
    } else if (current().kind == TokenKind::Float) {
        constant->value = Value::real(parseReal(advance().text).value_or(0.0));
    } else {
        fail("unexpected " + describeCurrent());
    }
    return constant;
}

ExpressionPointer Parser::parseList()
{
    auto list = node(ExpressionKind::List, advance().at);
    while (!isSymbol("]")) {
        if (!list->children.empty())
            expectSymbol(",");
        if (isSymbol("]"))
            break;
        adopt(*list, parseExpression());
    }
    advance();
    return list;
}

ExpressionPointer Parser::parseDict()
{
    auto dict = node(ExpressionKind::Dict, advance().at);
    while (!isSymbol("}")) {
        if (!dict->children.empty())
            expectSymbol(",");
        if (isSymbol("}"))
            break;
        adopt(*dict, parseExpression());
        expectSymbol(":");
        adopt(*dict, parseExpression());
    }
    advance();
    return dict;
}

ExpressionPointer Parser::parsePostfix(ExpressionPointer result)
{
    while (true) {
        if (isSymbol(".") || isSymbol("["))
            result = parseSubscript(std::move(result));
        else if (isSymbol("("))
            result = parseCall(std::move(result));
        else
            return result;
    }
}

ExpressionPointer Parser::parseFilterExpression(ExpressionPointer result)
{
    while (true) {
        if (isSymbol("|"))
            result = parseFilterChain(std::move(result), false);
        else if (isName("is"))
            result = parseTest(std::move(result));
        else if (isSymbol("("))
            result = parseCall(std::move(result));
        else
            return result;
    }
}

ExpressionPointer Parser::parseFilterChain(ExpressionPointer input, bool startInline)
{
    while (startInline || isSymbol("|")) {
        if (!startInline)
            advance();
        startInline = false;
        const Position at = current().at;
        std::string name = expectIdentifier();
        while (skipSymbol("."))
            name += "." + expectIdentifier();
        auto filter = node(ExpressionKind::Filter, at, std::move(input));
        filter->name = std::move(name);
        if (isSymbol("("))
            parseArguments(*filter);
        input = std::move(filter);
    }
    return input;
}

ExpressionPointer Parser::parseTest(ExpressionPointer input)
{
    advance();  // is
    const Position at = current().at;
    const bool negated = skipName("not");
    std::string name = expectIdentifier();
    while (skipSymbol("."))
        name += "." + expectIdentifier();
    auto test = node(ExpressionKind::Test, at, std::move(input));
    test->name = std::move(name);
    const bool startsValue = current().kind == TokenKind::Name || current().kind == TokenKind::String
        || current().kind == TokenKind::Integer || current().kind == TokenKind::Float || isSymbol("[") || isSymbol("{");
    if (isSymbol("(")) {
        parseArguments(*test);
    } else if (startsValue && !isName("else") && !isName("or") && !isName("and")) {
        if (isName("is"))
            fail("tests cannot be chained with 'is'");
        adopt(*test, parsePostfix(parsePrimary()));
        test->shape.positional = 1;
    }
    if (negated)
        return node(ExpressionKind::Not, at, std::move(test));
    return test;
}

}  // namespace lorikeet::jinja
