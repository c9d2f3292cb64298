// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of a value that live on the heap and are shared: strings, sequences, dicts, objects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/tokenizer/jinja/value.h"

namespace lorikeet::jinja {

class Runtime;
struct CallArguments;

struct StringValue final : HeapValue {
    StringValue(Text t, bool m) : text(std::move(t)), markup(m) {}
    /// Length in code points, counted once.
    [[nodiscard]] std::size_t length() const;
    /// True when every code point is one byte, so that offsets are indices.
    [[nodiscard]] bool isAscii() const { return length() == text.size(); }

    Text text;
    bool markup;  ///< made by the filters safe and escape: adding plain text to it escapes that text

private:
    mutable std::size_t m_length = static_cast<std::size_t>(-1);
};

struct SequenceValue final : HeapValue {
    std::vector<Value> items;
    int depth = 1;
};

/// Keeps the order of insertion. Keys are hashable values; look-up is by Python's equality (1, 1.0 and true are one key).
struct DictValue final : HeapValue {
    std::vector<std::pair<Value, Value>> entries;
    int depth = 1;

    /// @throws Failure for a key that cannot be hashed, or nesting deeper than kMaxNesting.
    void set(const Value& key, Value value);
    void set(std::string_view key, Value value) { set(Value::string(std::string(key)), std::move(value)); }
    [[nodiscard]] const Value* find(const Value& key) const;
    [[nodiscard]] const Value* find(std::string_view key) const;

private:
    [[nodiscard]] std::size_t indexOf(const Value& key) const;
    std::unordered_multimap<std::size_t, std::size_t> m_index;  ///< by hash, kept once there are many entries
};

struct DictViewValue final : HeapValue {
    enum class Part { Keys, Values, Items };
    DictViewValue(Value d, Part p) : dict(std::move(d)), part(p) {}
    Value dict;
    Part part;
};

struct RangeValue final : HeapValue {
    std::int64_t start = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;
    std::int64_t stop = 0;
};

struct GeneratorValue final : HeapValue {
    std::vector<Value> items;
    std::size_t next = 0;
    int depth = 1;
    std::string failure;  ///< what reading past the last item fails with, empty if it just ends
};

/// A thing with attributes and perhaps a call. Objects compare by identity.
struct ObjectValue : HeapValue {
    /// The attribute, or Missing.
    [[nodiscard]] virtual Value attribute(Runtime& runtime, std::string_view name);
    [[nodiscard]] virtual bool isCallable() const { return false; }
    /// @throws Failure "... is not callable"
    [[nodiscard]] virtual Value call(Runtime& runtime, const CallArguments& arguments);
    [[nodiscard]] virtual std::string represent(Runtime& runtime) const = 0;
    [[nodiscard]] virtual std::string_view typeName() const = 0;

    int depth = 0;  ///< nestingOf what it holds + 1, see deeperThan
};

struct UndefinedValue final : HeapValue {
    explicit UndefinedValue(std::string m) : message(std::move(m)) {}
    std::string message;
};

}  // namespace lorikeet::jinja
