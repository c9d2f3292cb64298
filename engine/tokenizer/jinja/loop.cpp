// SPDX-License-Identifier: GPL-3.0-or-later
// The loop variable.
#include "engine/tokenizer/jinja/loop.h"

#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/globals.h"

namespace lorikeet::jinja {

LoopObject::LoopObject(Runtime& runtime, const Value& iterable, std::function<bool(const Value&)> accept, int depth0)
    : m_cursor(runtime, iterable), m_accept(std::move(accept)), m_depth0(depth0)
{
    std::size_t known = 0;
    if (!m_accept && lengthOf(iterable, known))
        m_length = known;
    depth = deeperThan({iterable}) + 1;
}

bool LoopObject::pull(Value& item) const
{
    while (!m_ended && m_cursor.next(item)) {
        if (!m_accept || m_accept(item))
            return true;
    }
    m_ended = true;
    return false;
}

bool LoopObject::peek() const
{
    if (m_aheadNext < m_ahead.size())
        return true;
    Value item;
    if (!pull(item))
        return false;
    m_ahead.assign(1, item);
    m_aheadNext = 0;
    return true;
}

bool LoopObject::advance(Value& item)
{
    if (m_aheadNext < m_ahead.size())
        item = m_ahead[m_aheadNext++];
    else if (!pull(item))
        return false;
    ++m_index0;
    m_previous = m_current;
    m_current = item;
    return true;
}

std::size_t LoopObject::length() const
{
    if (!m_length) {
        m_ahead.erase(m_ahead.begin(), m_ahead.begin() + static_cast<std::ptrdiff_t>(m_aheadNext));
        m_aheadNext = 0;
        Value item;
        while (pull(item))
            m_ahead.push_back(item);
        m_length = m_ahead.size() + static_cast<std::size_t>(m_index0 + 1);
    }
    return *m_length;
}

Value loopCycle(Runtime&, const Value& self, const CallArguments& arguments)
{
    auto& loop = static_cast<LoopObject&>(self.asObject());
    if (arguments.positional.empty())
        throw Failure("no items for cycling given");
    return arguments.positional[static_cast<std::size_t>(loop.m_index0) % arguments.positional.size()];
}

Value loopChanged(Runtime&, const Value& self, const CallArguments& arguments)
{
    auto& loop = static_cast<LoopObject&>(self.asObject());
    const Value now = Value::tuple(arguments.positional);
    const bool changed = !loop.m_lastChanged || !equal(*loop.m_lastChanged, now);
    // The loop must not hold what may hold the loop.
    if (deeperThan(arguments.positional) > 2)
        throw Failure("loop.changed of nested values is not supported");
    loop.m_lastChanged = now;
    return Value::boolean(changed);
}

Value LoopObject::attribute(Runtime&, std::string_view name)
{
    const auto total = [&] { return static_cast<std::int64_t>(length()); };
    if (name == "index0")
        return Value::integer(m_index0);
    if (name == "index")
        return Value::integer(m_index0 + 1);
    if (name == "first")
        return Value::boolean(m_index0 == 0);
    if (name == "last")
        return Value::boolean(!peek());
    if (name == "length")
        return Value::integer(total());
    if (name == "revindex")
        return Value::integer(total() - m_index0);
    if (name == "revindex0")
        return Value::integer(total() - m_index0 - 1);
    if (name == "depth")
        return Value::integer(m_depth0 + 1);
    if (name == "depth0")
        return Value::integer(m_depth0);
    if (name == "previtem")
        return m_index0 == 0 ? Value::undefined("there is no previous item") : m_previous;
    if (name == "nextitem")
        return peek() ? m_ahead[m_aheadNext] : Value::undefined("there is no next item");
    return Value::missing();
}

Value LoopObject::call(Runtime&, const CallArguments& arguments)
{
    if (!recurse)
        throw Failure("the loop must have the 'recursive' marker to be called");
    if (arguments.positional.size() != 1 || !arguments.named.empty())
        throw Failure("loop() takes exactly one argument");
    return recurse(arguments.positional[0], m_depth0 + 1);
}

std::string LoopObject::represent(Runtime&) const
{
    return "<LoopContext " + std::to_string(m_index0 + 1) + "/" + std::to_string(length()) + ">";
}

}  // namespace lorikeet::jinja
