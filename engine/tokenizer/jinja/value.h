// SPDX-License-Identifier: GPL-3.0-or-later
// The values of the template language, with Python's semantics: what a template sees of a chat and what it computes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/jinja/text.h"

namespace lorikeet::jinja {

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

/// Python's name of the value's type: "str", "int", "NoneType", ...
[[nodiscard]] std::string_view typeName(const Value& value) noexcept;
/// Python's truth value.
[[nodiscard]] bool isTrue(const Value& value);
/// How deep the value nests: 0 for scalars.
[[nodiscard]] int nestingOf(const Value& value) noexcept;
/// One more than the deepest of `values`. @throws Failure above kMaxNesting.
[[nodiscard]] int deeperThan(const std::vector<Value>& values);

}  // namespace lorikeet::jinja
