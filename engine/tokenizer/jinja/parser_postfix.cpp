// SPDX-License-Identifier: GPL-3.0-or-later
// What follows an operand (subscripts, calls and their arguments), and targets of assignments.
#include <algorithm>

#include "engine/tokenizer/jinja/parser.h"

namespace lorikeet::jinja {
namespace {

constexpr std::size_t kMaxNamedArguments = 500;

}  // namespace

ExpressionPointer Parser::parseSubscript(ExpressionPointer object)
{
    const Token& open = advance();
    if (open.text == ".") {
        if (current().kind == TokenKind::Name) {
            auto attribute = node(ExpressionKind::Attribute, current().at, std::move(object));
            attribute->name = advance().text;
            return attribute;
        }
        if (current().kind != TokenKind::Integer)
            fail("expected a name or a number after '.', found " + describeCurrent());
        const Position at = current().at;
        return node(ExpressionKind::Item, at, std::move(object), parseLiteral());
    }
    std::vector<ExpressionPointer> indices;
    while (!isSymbol("]")) {
        if (!indices.empty())
            expectSymbol(",");
        indices.push_back(parseSubscribed());
    }
    advance();
    ExpressionPointer index = node(ExpressionKind::Tuple, open.at);
    for (ExpressionPointer& one : indices)
        adopt(*index, std::move(one));
    if (indices.size() == 1)
        index = std::move(index->children.front());
    const bool hasSlice = index->kind == ExpressionKind::Tuple
        && std::any_of(index->children.begin(), index->children.end(), [](const auto& c) { return c->kind == ExpressionKind::Slice; });
    if (hasSlice)
        failAt("several slices in one subscript are not supported", open.at);
    return node(ExpressionKind::Item, open.at, std::move(object), std::move(index));
}

ExpressionPointer Parser::parseSubscribed()
{
    const Position at = current().at;
    ExpressionPointer start;
    if (!isSymbol(":")) {
        start = parseExpression();
        if (!isSymbol(":"))
            return start;
    }
    advance();
    const auto bound = [&]() -> ExpressionPointer {
        return isSymbol(":") || isSymbol("]") || isSymbol(",") ? nullptr : parseExpression();
    };
    ExpressionPointer stop = bound();
    ExpressionPointer step = skipSymbol(":") ? bound() : nullptr;
    auto slice = node(ExpressionKind::Slice, at, std::move(start), std::move(stop));
    adopt(*slice, std::move(step));
    return slice;
}

ExpressionPointer Parser::parseCall(ExpressionPointer callee)
{
    auto call = node(ExpressionKind::Call, current().at, std::move(callee));
    parseArguments(*call);
    return call;
}

// Fills the children behind those already there. Order: positional, named, *spread, **named; Jinja refuses others.
void Parser::parseArguments(Expression& call)
{
    const Position at = current().at;
    expectSymbol("(");
    const auto ensure = [&](bool ok) {
        if (!ok)
            failAt("invalid order of arguments", at);
    };
    ExpressionPointer spread;
    ExpressionPointer namedSpread;
    bool needComma = false;
    while (!isSymbol(")")) {
        if (needComma) {
            expectSymbol(",");
            if (isSymbol(")"))
                break;
        }
        if (skipSymbol("*")) {
            ensure(!spread && !namedSpread);
            spread = parseExpression();
        } else if (skipSymbol("**")) {
            ensure(!namedSpread);
            namedSpread = parseExpression();
        } else if (current().kind == TokenKind::Name && ahead().kind == TokenKind::Symbol && ahead().text == "=") {
            ensure(!namedSpread);
            const std::string name = advance().text;
            advance();
            if (call.shape.names.size() >= kMaxNamedArguments)
                failAt("more than " + std::to_string(kMaxNamedArguments) + " named arguments", at);
            ensure(std::find(call.shape.names.begin(), call.shape.names.end(), name) == call.shape.names.end());
            call.shape.names.push_back(name);
            adopt(call, parseExpression());
        } else {
            ensure(!spread && !namedSpread && call.shape.names.empty());
            ++call.shape.positional;
            adopt(call, parseExpression());
        }
        needComma = true;
    }
    advance();
    call.shape.spread = spread != nullptr;
    call.shape.namedSpread = namedSpread != nullptr;
    if (spread)
        adopt(call, std::move(spread));
    if (namedSpread)
        adopt(call, std::move(namedSpread));
}

ExpressionPointer Parser::parseTargetItem(bool withNamespace)
{
    const Position at = current().at;
    if (isSymbol("(")) {
        NestingGuard guard(*this);
        advance();
        ExpressionPointer inner = parseTarget(false, {});
        expectSymbol(")");
        return inner;
    }
    if (current().kind != TokenKind::Name || isReserved(current().text))
        fail("cannot assign to " + describeCurrent());
    auto target = node(ExpressionKind::Name, at);
    target->name = advance().text;
    if (withNamespace && skipSymbol(".")) {
        target->kind = ExpressionKind::NamespaceTarget;
        target->attribute = expectIdentifier();
    }
    return target;
}

ExpressionPointer Parser::parseTarget(bool withNamespace, std::string_view endName)
{
    auto tuple = node(ExpressionKind::Tuple, current().at);
    bool isTuple = false;
    while (true) {
        if (!tuple->children.empty())
            expectSymbol(",");
        const bool atEnd = current().kind == TokenKind::BlockEnd || isSymbol(")") || (!endName.empty() && isName(endName));
        if (atEnd)
            break;
        adopt(*tuple, parseTargetItem(withNamespace));
        if (!isSymbol(","))
            break;
        isTuple = true;
    }
    if (!isTuple && tuple->children.empty())
        fail("expected a name to assign to, found " + describeCurrent());
    return isTuple ? std::move(tuple) : std::move(tuple->children.front());
}

}  // namespace lorikeet::jinja
