// SPDX-License-Identifier: GPL-3.0-or-later
// The values of the template language, with Python's semantics: what a template sees of a chat and what it computes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/tokenizer/jinja/text.h"

namespace lorikeet::jinja {

class Runtime;
struct CallArguments;

enum class Kind : std::uint8_t {
    Missing,  ///< an unset variable slot, never seen by a template
    Undefined,
    None,
    Boolean,
    Integer,
    Float,
    String,
    List,
    Tuple,
    Dict,
    DictView,   ///< d.keys(), d.values(), d.items()
    Range,
    Generator,  ///< result of map, select, ...: true, and read once
    Object,     ///< functions, macros, namespaces, the loop variable, ...
};

/// What every heap value derives from. A value keeps how deep it nests, so that no chain of values can exhaust the stack.
struct HeapValue {
    virtual ~HeapValue() = default;
};

struct StringValue;
struct SequenceValue;
struct DictValue;
struct DictViewValue;
struct RangeValue;
struct GeneratorValue;
struct ObjectValue;
struct UndefinedValue;

/// Lists and dicts may nest this deep.
inline constexpr int kMaxNesting = 128;

class Value {
public:
    Value() noexcept : m_kind(Kind::None) {}
    static Value missing() noexcept { return Value(Kind::Missing); }
    static Value boolean(bool value) noexcept;
    static Value integer(std::int64_t value) noexcept;
    static Value real(double value) noexcept;
    static Value string(std::string text) { return string(Text(std::move(text))); }
    static Value string(Text text, bool markup = false);
    /// @throws Failure when nested deeper than kMaxNesting.
    static Value list(std::vector<Value> items);
    static Value tuple(std::vector<Value> items);
    static Value dict(std::shared_ptr<DictValue> entries);
    static Value range(std::int64_t start, std::int64_t stop, std::int64_t step);
    static Value generator(std::vector<Value> items);
    static Value object(std::shared_ptr<ObjectValue> object);
    /// An undefined value; using it fails with `message`.
    static Value undefined(std::string message);
    /// "'name' is undefined"
    static Value undefinedName(std::string_view name);
    template <typename T>
    static Value heap(Kind kind, std::shared_ptr<T> value)
    {
        Value result(kind);
        result.m_heap = std::move(value);
        return result;
    }

    [[nodiscard]] Kind kind() const noexcept { return m_kind; }
    [[nodiscard]] bool is(Kind kind) const noexcept { return m_kind == kind; }
    [[nodiscard]] bool isNumber() const noexcept { return m_kind >= Kind::Boolean && m_kind <= Kind::Float; }
    /// True for booleans too, as in Python.
    [[nodiscard]] bool isIntegral() const noexcept { return m_kind == Kind::Boolean || m_kind == Kind::Integer; }
    [[nodiscard]] bool isSequence() const noexcept { return m_kind == Kind::List || m_kind == Kind::Tuple; }

    [[nodiscard]] bool asBoolean() const noexcept { return m_number.integer != 0; }
    [[nodiscard]] std::int64_t asInteger() const noexcept { return m_number.integer; }
    /// The number as a double, whatever its kind.
    [[nodiscard]] double asReal() const noexcept;
    [[nodiscard]] const StringValue& asString() const noexcept;
    [[nodiscard]] const Text& text() const noexcept;
    [[nodiscard]] const std::vector<Value>& items() const noexcept;  ///< of a list or tuple
    [[nodiscard]] const DictValue& asDict() const noexcept;
    [[nodiscard]] const DictViewValue& asView() const noexcept;
    [[nodiscard]] const RangeValue& asRange() const noexcept;
    [[nodiscard]] GeneratorValue& asGenerator() const noexcept;
    [[nodiscard]] ObjectValue& asObject() const noexcept;
    [[nodiscard]] const UndefinedValue& asUndefined() const noexcept;
    [[nodiscard]] const std::shared_ptr<HeapValue>& heapPointer() const noexcept { return m_heap; }

private:
    explicit Value(Kind kind) noexcept : m_kind(kind) {}

    union Number {
        std::int64_t integer;
        double real;
    };
    Kind m_kind;
    Number m_number{0};
    std::shared_ptr<HeapValue> m_heap;
};

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

/// Python's name of the value's type: "str", "int", "NoneType", ...
[[nodiscard]] std::string_view typeName(const Value& value) noexcept;
/// Python's truth value.
[[nodiscard]] bool isTrue(const Value& value);
/// How deep the value nests: 0 for scalars.
[[nodiscard]] int nestingOf(const Value& value) noexcept;
/// One more than the deepest of `values`. @throws Failure above kMaxNesting.
[[nodiscard]] int deeperThan(const std::vector<Value>& values);

}  // namespace lorikeet::jinja
