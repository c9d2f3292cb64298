// SPDX-License-Identifier: GPL-3.0-or-later
// The special variable `loop` of a for statement: position, neighbours, recursion.
#pragma once

#include <functional>
#include <optional>

#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

/// Pulls items from an iterable one ahead where `last` or `nextitem` ask for it.
struct LoopObject final : ObjectValue {
    /// `accept`: the `if` of the loop, or empty; it is asked when an item is pulled, not before.
    LoopObject(Runtime& runtime, const Value& iterable, std::function<bool(const Value&)> accept, int depth0);

    /// Goes to the next item; false at the end.
    bool advance(Value& item);
    [[nodiscard]] std::size_t length() const;

    [[nodiscard]] Value attribute(Runtime& runtime, std::string_view name) override;
    [[nodiscard]] bool isCallable() const override { return true; }
    /// loop(iterable) in a recursive loop. @throws Failure in others.
    [[nodiscard]] Value call(Runtime& runtime, const CallArguments& arguments) override;
    [[nodiscard]] std::string represent(Runtime& runtime) const override;
    [[nodiscard]] std::string_view typeName() const override { return "LoopContext"; }

    std::function<Value(const Value& iterable, int depth0)> recurse;

private:
    bool pull(Value& item) const;
    bool peek() const;

    mutable Cursor m_cursor;
    std::function<bool(const Value&)> m_accept;
    int m_depth0;
    std::int64_t m_index0 = -1;
    mutable std::optional<std::size_t> m_length;
    mutable std::vector<Value> m_ahead;  // pulled but not yet visited, in order
    mutable std::size_t m_aheadNext = 0;
    mutable bool m_ended = false;
    Value m_current;
    Value m_previous;
    std::optional<Value> m_lastChanged;

    friend Value loopCycle(Runtime& runtime, const Value& self, const CallArguments& arguments);
    friend Value loopChanged(Runtime& runtime, const Value& self, const CallArguments& arguments);
};

/// The methods cycle and changed of the loop variable.
[[nodiscard]] Value loopCycle(Runtime& runtime, const Value& self, const CallArguments& arguments);
[[nodiscard]] Value loopChanged(Runtime& runtime, const Value& self, const CallArguments& arguments);

}  // namespace lorikeet::jinja
