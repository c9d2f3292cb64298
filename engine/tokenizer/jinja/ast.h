// SPDX-License-Identifier: GPL-3.0-or-later
// The syntax tree of a template. Which children a node has is said beside its kind.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "engine/tokenizer/jinja/failure.h"
#include "engine/tokenizer/jinja/heap_values.h"

namespace lorikeet::jinja {

using FilterFunction = Value (*)(Runtime& runtime, const Value& input, const CallArguments& arguments);
using TestFunction = bool (*)(Runtime& runtime, const Value& input, const CallArguments& arguments);

enum class ExpressionKind {
    Constant,         ///< value
    Name,             ///< name, variable
    NamespaceTarget,  ///< name.attribute as the target of a set: name, attribute, variable
    Tuple,            ///< children: elements
    List,             ///< children: elements
    Dict,             ///< children: key, value, key, value, ...
    Attribute,        ///< children: object; name
    Item,             ///< children: object, index or Slice
    Slice,            ///< children: start, stop, step, each may be null
    Call,             ///< children: callee, then arguments as shape says
    Filter,           ///< children: input (null: the captured block), then arguments; name
    Test,             ///< children: input, then arguments; name
    Negative,         ///< children: operand
    Positive,         ///< children: operand
    Not,              ///< children: operand
    And,              ///< children: left, right
    Or,               ///< children: left, right
    Binary,           ///< children: left, right; operators[0]
    Concat,           ///< children: parts
    Compare,          ///< children: first, then one per operator
    Conditional,      ///< children: condition, value, otherwise (null: undefined)
};

enum class Operator { Add, Subtract, Multiply, Divide, FloorDivide, Modulo, Power,
                      Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, In, NotIn };

/// Where a variable lives: `hops` frames up, slot number `slot`.
struct Variable {
    int hops = 0;
    int slot = -1;
};

/// How the arguments of a call lie in its children: positional, named, *spread, **namedSpread.
struct CallShape {
    std::size_t positional = 0;
    std::vector<std::string> names;
    bool spread = false;
    bool namedSpread = false;
};

struct Expression;
using ExpressionPointer = std::unique_ptr<Expression>;

struct Expression {
    Expression(ExpressionKind k, Position position) : kind(k), at(position) {}

    ExpressionKind kind;
    Position at;
    int height = 1;  ///< of the tree below, bounded by the parser
    std::string name;
    std::string attribute;
    Value value;
    Variable variable;
    CallShape shape;
    std::vector<Operator> operators;
    std::vector<ExpressionPointer> children;
    FilterFunction filter = nullptr;
    TestFunction test = nullptr;
};

/// What a slot of a frame holds when the frame is entered.
struct SlotLoad {
    enum class From { Parameter, Context, Outer, Nothing };
    From from = From::Nothing;
    std::string name;  ///< Context
    Variable outer;    ///< Outer: counted from the enclosing frame
};

struct ScopeLayout {
    std::vector<SlotLoad> slots;
};

enum class StatementKind {
    Output,      ///< expressions: parts
    If,          ///< condition, body, elseIfs (each an If), elseBody
    For,         ///< target, value (iterable), condition (filter or null) with testTarget, body, elseBody
    Macro,       ///< name, parameters, body; target: the Name it is stored under
    CallBlock,   ///< value (the call), parameters, body
    Generation,  ///< body: text of the assistant
    Set,         ///< target, value
    SetBlock,    ///< target, value (filter chain or null), body
    FilterBlock, ///< value (filter chain), body
    With,        ///< targets, expressions: values, body
    Break,
    Continue,
};

struct Statement;
using StatementPointer = std::unique_ptr<Statement>;
using Block = std::vector<StatementPointer>;

struct Parameter {
    std::string name;
    int slot = -1;
    ExpressionPointer fallback;  ///< default value, may be null
};

struct Statement {
    Statement(StatementKind k, Position position) : kind(k), at(position) {}

    StatementKind kind;
    Position at;
    std::string name;
    ExpressionPointer target;
    ExpressionPointer testTarget;
    ExpressionPointer value;
    ExpressionPointer condition;
    std::vector<ExpressionPointer> expressions;
    std::vector<ExpressionPointer> targets;
    std::vector<Parameter> parameters;
    Block body;
    Block elseIfs;
    Block elseBody;
    bool recursive = false;
    // Filled by resolveScopes:
    ScopeLayout scope;
    ScopeLayout testScope;
    ScopeLayout elseScope;
    int loopSlot = -1;     ///< For: slot of `loop`, -1 where the body does not ask for it
    int callerSlot = -1;   ///< Macro, CallBlock: slots of the implicit parameters, -1 where not used
    int kwargsSlot = -1;
    int varargsSlot = -1;
};

/// A whole template.
struct Tree {
    Block body;
    ScopeLayout scope;
    bool hasGeneration = false;
};

}  // namespace lorikeet::jinja
