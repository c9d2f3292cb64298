// SPDX-License-Identifier: GPL-3.0-or-later
// What one rendering owns: its budget of steps, the variables of the context, and the things that may hold themselves.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/tokenizer/jinja/ast.h"
#include "engine/tokenizer/jinja/budget.h"
#include "engine/tokenizer/jinja/heap_values.h"

namespace lorikeet::jinja {

/// The arguments of a call.
struct CallArguments {
    std::vector<Value> positional;
    std::vector<std::pair<std::string, Value>> named;
};

/// The variables of one scope while it runs.
struct Frame {
    std::vector<Value> slots;
    std::shared_ptr<Frame> parent;
};
using FramePointer = std::shared_ptr<Frame>;

struct NamespaceObject;

class Runtime {
public:
    /// `steps`: how much work the rendering may do, see WorkBudget.
    Runtime(std::unordered_map<std::string, Value> variables, std::tm now, std::uint64_t steps);
    /// Cuts the cycles that namespaces and macros make.
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    /// @throws Failure when the budget is spent.
    void charge(std::uint64_t steps) { m_budget.charge(steps); }
    void chargeBytes(std::uint64_t bytes) { charge(bytes / 16); }

    /// A variable of the context, else a global function, else Missing.
    [[nodiscard]] Value resolve(const std::string& name) const;
    [[nodiscard]] const std::tm& now() const noexcept { return m_now; }

    /// Things that may come to hold themselves live until the rendering ends.
    void keep(std::shared_ptr<NamespaceObject> object) { m_namespaces.push_back(std::move(object)); }
    void keep(FramePointer frame) { m_frames.push_back(std::move(frame)); }

    Position at;                  ///< of the node being evaluated
    int evaluationDepth = 0;      ///< nested evaluations and calls
    int representationDepth = 0;  ///< nested objects being printed

private:
    std::unordered_map<std::string, Value> m_variables;
    std::tm m_now;
    WorkBudget m_budget;
    std::vector<std::shared_ptr<NamespaceObject>> m_namespaces;
    std::vector<FramePointer> m_frames;
};

/// Counts nested evaluation while it lives. @throws Failure when a template recurses too deep.
class DepthGuard {
public:
    explicit DepthGuard(Runtime& runtime);
    ~DepthGuard() { --m_runtime.evaluationDepth; }
    DepthGuard(const DepthGuard&) = delete;
    DepthGuard& operator=(const DepthGuard&) = delete;

private:
    Runtime& m_runtime;
};

/// Walks over what Python can iterate: strings by character, dicts by key. @throws Failure for what it cannot.
class Cursor {
public:
    Cursor(Runtime& runtime, Value source);
    bool next(Value& item);

private:
    Runtime& m_runtime;
    Value m_source;
    std::size_t m_at = 0;
};

/// All items of an iterable, as list(value) gives them.
[[nodiscard]] std::vector<Value> itemsOf(Runtime& runtime, const Value& value);
/// len(value), or nothing where Python has none.
[[nodiscard]] bool lengthOf(const Value& value, std::size_t& length);
[[nodiscard]] bool isIterable(const Value& value) noexcept;

}  // namespace lorikeet::jinja
