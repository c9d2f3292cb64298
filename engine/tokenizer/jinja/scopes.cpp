// SPDX-License-Identifier: GPL-3.0-or-later
// Scope analysis in two passes per scope: collect which names are loaded and stored here (in the order of the source), then
// bind every name to a slot and descend into the inner scopes.
#include "engine/tokenizer/jinja/scopes.h"

#include <map>
#include <optional>
#include <set>

#include "engine/tokenizer/jinja/filters.h"
#include "engine/tokenizer/jinja/lexer.h"
#include "engine/tokenizer/jinja/tests.h"

namespace lorikeet::jinja {
namespace {

constexpr std::size_t kMaxVariables = 1000;

/// The names of one scope. The branches of an `if` are overlays that know only what they add, and are merged afterwards.
class Symbols {
public:
    Symbols(ScopeLayout& layout, const Symbols* outer)
        : m_layout(&layout), m_outer(outer), m_slots(std::make_shared<std::map<std::string, int>>())
    {
    }

    /// A branch inside this scope.
    [[nodiscard]] Symbols branch() const
    {
        Symbols overlay(*m_layout, m_outer);
        overlay.m_slots = m_slots;
        overlay.m_base = this;
        return overlay;
    }

    void load(const std::string& name)
    {
        if (!find(name))
            define(name, {SlotLoad::From::Context, name, {}});
    }

    void store(const std::string& name)
    {
        m_stores.insert(name);
        if (!knows(name))
            define(name, outerOr(name, SlotLoad::From::Nothing));
    }

    int declareParameter(const std::string& name)
    {
        m_stores.insert(name);
        return define(name, {SlotLoad::From::Parameter, {}, {}});
    }

    /// Takes in the branches of an `if`: what only some of them store has the outer value, or the context's, elsewhere.
    void mergeBranches(std::vector<Symbols>& branches)
    {
        std::set<std::string> stored;
        for (Symbols& branch : branches) {
            for (const std::string& name : branch.m_stores)
                if (!stores(name))
                    stored.insert(name);
        }
        for (Symbols& branch : branches) {
            m_known.merge(branch.m_known);
            for (const auto& [slot, load] : branch.m_loads)
                m_loads.insert_or_assign(slot, load);
            m_stores.merge(branch.m_stores);
        }
        for (const std::string& name : stored)
            m_loads.insert_or_assign(slotOf(name), outerOr(name, SlotLoad::From::Context));
    }

    [[nodiscard]] std::optional<Variable> find(const std::string& name) const
    {
        int hops = 0;
        for (const Symbols* scope = this; scope != nullptr; scope = scope->m_outer, ++hops)
            if (scope->knows(name))
                return Variable{hops, scope->m_slots->at(name)};
        return std::nullopt;
    }

    void finish() const
    {
        m_layout->slots.assign(m_slots->size(), {});
        for (const auto& [slot, load] : m_loads)
            m_layout->slots[static_cast<std::size_t>(slot)] = load;
    }

private:
    [[nodiscard]] bool knows(const std::string& name) const { return m_known.contains(name) || (m_base != nullptr && m_base->knows(name)); }
    [[nodiscard]] bool stores(const std::string& name) const { return m_stores.contains(name) || (m_base != nullptr && m_base->stores(name)); }

    [[nodiscard]] SlotLoad outerOr(const std::string& name, SlotLoad::From otherwise) const
    {
        if (m_outer != nullptr)
            if (const auto outer = m_outer->find(name))
                return {SlotLoad::From::Outer, {}, *outer};
        return {otherwise, name, {}};
    }

    int slotOf(const std::string& name)
    {
        const int slot = m_slots->try_emplace(name, static_cast<int>(m_slots->size())).first->second;
        if (m_slots->size() > kMaxVariables)
            throw LexerFailure("the template has more than " + std::to_string(kMaxVariables) + " variables in one scope", {});
        return slot;
    }

    int define(const std::string& name, SlotLoad load)
    {
        const int slot = slotOf(name);
        m_known.insert(name);
        m_loads.insert_or_assign(slot, std::move(load));
        return slot;
    }

    ScopeLayout* m_layout;
    const Symbols* m_outer;           // the enclosing scope
    const Symbols* m_base = nullptr;  // the same scope before the branch
    std::shared_ptr<std::map<std::string, int>> m_slots;  // shared by the branches of one scope
    std::set<std::string> m_known;
    std::map<int, SlotLoad> m_loads;
    std::set<std::string> m_stores;
};

enum class As { Load, Store, Parameter };

void collect(Symbols& symbols, const Expression* expression, As as = As::Load)
{
    if (expression == nullptr)
        return;
    if (expression->kind == ExpressionKind::Name) {
        if (as == As::Load)
            symbols.load(expression->name);
        else if (as == As::Store)
            symbols.store(expression->name);
        else
            symbols.declareParameter(expression->name);
    } else if (expression->kind == ExpressionKind::NamespaceTarget) {
        symbols.load(expression->name);
    }
    for (const ExpressionPointer& child : expression->children)
        collect(symbols, child.get(), as);
}

void collect(Symbols& symbols, const Block& block);

void collectIf(Symbols& symbols, const Statement& statement)
{
    collect(symbols, statement.condition.get());
    std::vector<Symbols> branches(3, symbols.branch());
    collect(branches[0], statement.body);
    collect(branches[1], statement.elseIfs);
    collect(branches[2], statement.elseBody);
    symbols.mergeBranches(branches);
}

// What a statement does to the scope it stands in; bodies with a scope of their own are left out.
void collect(Symbols& symbols, const Statement& statement)
{
    switch (statement.kind) {
    case StatementKind::Output:
    case StatementKind::With:
        for (const ExpressionPointer& expression : statement.expressions)
            collect(symbols, expression.get());
        break;
    case StatementKind::If: collectIf(symbols, statement); break;
    case StatementKind::For:
    case StatementKind::CallBlock:
    case StatementKind::FilterBlock: collect(symbols, statement.value.get()); break;
    case StatementKind::Macro: symbols.store(statement.name); break;
    case StatementKind::Set:
        collect(symbols, statement.value.get());
        collect(symbols, statement.target.get(), As::Store);
        break;
    case StatementKind::SetBlock: collect(symbols, statement.target.get(), As::Store); break;
    case StatementKind::Generation:
    case StatementKind::Break:
    case StatementKind::Continue: break;
    }
}

void collect(Symbols& symbols, const Block& block)
{
    for (const StatementPointer& statement : block)
        collect(symbols, *statement);
}

/// Looks for a free use of a name (`loop`, `caller`, ...) anywhere below.
class FreeName {
public:
    explicit FreeName(std::string_view name) : m_name(name) {}

    bool in(const Block& block)
    {
        for (const StatementPointer& statement : block)
            in(*statement);
        return m_found;
    }

private:
    void in(const Expression* expression)
    {
        if (expression == nullptr || m_found)
            return;
        m_found = m_found || (expression->kind == ExpressionKind::Name && expression->name == m_name);
        for (const ExpressionPointer& child : expression->children)
            in(child.get());
    }

    void in(const Statement& statement)
    {
        if (m_found)
            return;
        for (const auto* part : {&statement.value, &statement.condition})
            in(part->get());
        for (const ExpressionPointer& expression : statement.expressions)
            in(expression.get());
        for (const Parameter& parameter : statement.parameters)
            in(parameter.fallback.get());
        in(statement.body);
        in(statement.elseIfs);
        in(statement.elseBody);
    }

    std::string_view m_name;
    bool m_found = false;
};

class Binder {
public:
    void bindTemplate(Tree& tree)
    {
        Symbols symbols(tree.scope, nullptr);
        collect(symbols, tree.body);
        symbols.finish();
        bind(symbols, tree.body, false);
    }

private:
    // `optional`: inside an if, where unknown filters and tests may stay.
    void bind(const Symbols& symbols, Expression* expression, bool optional)
    {
        if (expression == nullptr)
            return;
        optional = optional || expression->kind == ExpressionKind::Conditional;
        switch (expression->kind) {
        case ExpressionKind::Name:
        case ExpressionKind::NamespaceTarget: expression->variable = symbols.find(expression->name).value_or(Variable{}); break;
        case ExpressionKind::Filter:
            expression->filter = findFilter(expression->name);
            if (expression->filter == nullptr && !optional)
                throw LexerFailure("filter '" + expression->name + "' is not supported", expression->at);
            break;
        case ExpressionKind::Test:
            expression->test = findTest(expression->name);
            if (expression->test == nullptr && !optional)
                throw LexerFailure("test '" + expression->name + "' is not supported", expression->at);
            break;
        default: break;
        }
        for (const ExpressionPointer& child : expression->children)
            bind(symbols, child.get(), optional);
    }

    void bind(const Symbols& symbols, Block& block, bool optional)
    {
        for (const StatementPointer& statement : block)
            bind(symbols, *statement, optional);
    }

    void bind(const Symbols& symbols, Statement& statement, bool optional)
    {
        switch (statement.kind) {
        case StatementKind::Output:
            for (const ExpressionPointer& expression : statement.expressions)
                bind(symbols, expression.get(), optional);
            break;
        case StatementKind::If:
            bind(symbols, statement.condition.get(), true);
            bind(symbols, statement.body, true);
            bind(symbols, statement.elseIfs, true);
            bind(symbols, statement.elseBody, true);
            break;
        case StatementKind::For: bindFor(symbols, statement, optional); break;
        case StatementKind::Macro:
            bind(symbols, statement.target.get(), optional);
            bindMacro(symbols, statement);
            break;
        case StatementKind::CallBlock:
            bind(symbols, statement.value.get(), optional);
            bindMacro(symbols, statement);
            break;
        case StatementKind::Set:
            bind(symbols, statement.value.get(), optional);
            bind(symbols, statement.target.get(), optional);
            break;
        case StatementKind::SetBlock: bind(symbols, statement.target.get(), optional); [[fallthrough]];
        case StatementKind::FilterBlock:
        case StatementKind::Generation: bindCapture(symbols, statement); break;
        case StatementKind::With: bindWith(symbols, statement, optional); break;
        case StatementKind::Break:
        case StatementKind::Continue: break;
        }
    }

    void bindCapture(const Symbols& outer, Statement& statement)
    {
        Symbols inner(statement.scope, &outer);
        collect(inner, statement.body);
        collect(inner, statement.value.get());
        inner.finish();
        bind(inner, statement.body, false);
        bind(inner, statement.value.get(), false);
    }

    void bindWith(const Symbols& outer, Statement& statement, bool optional)
    {
        for (const ExpressionPointer& value : statement.expressions)
            bind(outer, value.get(), optional);
        Symbols inner(statement.scope, &outer);
        for (const ExpressionPointer& target : statement.targets)
            collect(inner, target.get(), As::Parameter);
        collect(inner, statement.body);
        inner.finish();
        for (const ExpressionPointer& target : statement.targets)
            bind(inner, target.get(), false);
        bind(inner, statement.body, false);
    }

    void bindFor(const Symbols& outer, Statement& statement, bool optional)
    {
        bind(outer, statement.value.get(), optional);
        Symbols body(statement.scope, &outer);
        if (FreeName("loop").in(statement.body))
            statement.loopSlot = body.declareParameter("loop");
        collect(body, statement.target.get(), As::Parameter);
        collect(body, statement.body);
        body.finish();
        bind(body, statement.target.get(), false);
        bind(body, statement.body, false);

        if (statement.condition) {
            Symbols test(statement.testScope, &outer);
            collect(test, statement.testTarget.get(), As::Parameter);
            collect(test, statement.condition.get());
            test.finish();
            bind(test, statement.testTarget.get(), false);
            bind(test, statement.condition.get(), false);
        }
        Symbols otherwise(statement.elseScope, &outer);
        collect(otherwise, statement.elseBody);
        otherwise.finish();
        bind(otherwise, statement.elseBody, false);
    }

    void bindMacro(const Symbols& outer, Statement& statement)
    {
        Symbols inner(statement.scope, &outer);
        const auto isParameter = [&](std::string_view name) {
            for (const Parameter& parameter : statement.parameters)
                if (parameter.name == name)
                    return true;
            return false;
        };
        const auto implicit = [&](const char* name) {
            return !isParameter(name) && FreeName(name).in(statement.body) ? inner.declareParameter(name) : -1;
        };
        for (Parameter& parameter : statement.parameters)
            parameter.slot = inner.declareParameter(parameter.name);
        statement.callerSlot = implicit("caller");
        statement.kwargsSlot = implicit("kwargs");
        statement.varargsSlot = implicit("varargs");
        for (const Parameter& parameter : statement.parameters)
            collect(inner, parameter.fallback.get());
        collect(inner, statement.body);
        inner.finish();
        for (Parameter& parameter : statement.parameters)
            bind(inner, parameter.fallback.get(), false);
        bind(inner, statement.body, false);
    }
};

}  // namespace

void resolveScopes(Tree& tree)
{
    Binder().bindTemplate(tree);
}

}  // namespace lorikeet::jinja
