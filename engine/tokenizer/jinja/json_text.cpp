// SPDX-License-Identifier: GPL-3.0-or-later
// Writing JSON as Python does, reading it from nlohmann::ordered_json.
#include "engine/tokenizer/jinja/json_text.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/number_text.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

void appendUnit(std::string& out, char32_t unit)
{
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
        out.push_back(kDigits[unit >> shift & 15]);
}

void appendEscaped(std::string& out, char32_t code, bool ensureAscii)
{
    switch (code) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\f': out += "\\f"; return;
    case '\b': out += "\\b"; return;
    default: break;
    }
    if (code < 0x20 || (ensureAscii && code > 0x7e && code < 0x10000)) {
        appendUnit(out, code);
    } else if (ensureAscii && code >= 0x10000) {
        appendUnit(out, 0xd800 + ((code - 0x10000) >> 10));
        appendUnit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
        appendCodePoint(out, code);
    }
}

std::string realText(double value)
{
    if (std::isnan(value))
        return "NaN";
    if (std::isinf(value))
        return value < 0 ? "-Infinity" : "Infinity";
    return reprOfReal(value);
}

class JsonWriter {
public:
    JsonWriter(Runtime& runtime, const JsonStyle& style) : m_runtime(runtime), m_style(style) {}

    void write(const Value& value, int level)
    {
        m_runtime.charge(1);
        switch (value.kind()) {
        case Kind::None: m_out.append("null"); break;
        case Kind::Boolean: m_out.append(value.asBoolean() ? "true" : "false"); break;
        case Kind::Integer: m_out.append(std::to_string(value.asInteger())); break;
        case Kind::Float: m_out.append(realText(value.asReal())); break;
        case Kind::String: writeString(value.text()); break;
        case Kind::List:
        case Kind::Tuple: writeList(value.items(), level); break;
        case Kind::Dict: writeDict(value.asDict(), level); break;
        default: throw Failure("Object of type " + std::string(typeName(value)) + " is not JSON serializable");
        }
    }

    Text take() { return std::move(m_out); }

private:
    void writeString(const Text& text)
    {
        spendMapping(text.size());
        m_out.append("\"");
        forEachPiece(text, [&](std::string_view piece, Source source, std::size_t) {
            std::string escaped;
            escaped.reserve(piece.size());
            for (std::size_t at = 0; at < piece.size();)
                appendEscaped(escaped, nextCodePoint(piece, at), m_style.ensureAscii);
            m_out.append(escaped, source);
        });
        m_out.append("\"");
    }

    void lineBreak(int level)
    {
        if (!m_style.indented)
            return;
        m_out.append("\n");
        for (int i = 0; i < level; ++i)
            m_out.append(m_style.indent);
    }

    void writeList(const std::vector<Value>& items, int level)
    {
        if (items.empty()) {
            m_out.append("[]");
            return;
        }
        m_out.append("[");
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (i > 0)
                m_out.append(m_style.itemSeparator);
            lineBreak(level + 1);
            write(items[i], level + 1);
        }
        lineBreak(level);
        m_out.append("]");
    }

    void writeDict(const DictValue& dict, int level)
    {
        if (dict.entries.empty()) {
            m_out.append("{}");
            return;
        }
        std::vector<const std::pair<Value, Value>*> entries;
        for (const auto& entry : dict.entries)
            entries.push_back(&entry);
        if (m_style.sortKeys)
            std::stable_sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return ordered(a->first, Order::Less, b->first); });
        m_out.append("{");
        bool first = true;
        for (const auto* entry : entries) {
            if (!std::exchange(first, false))
                m_out.append(m_style.itemSeparator);
            lineBreak(level + 1);
            writeKey(entry->first);
            m_out.append(m_style.keySeparator);
            write(entry->second, level + 1);
        }
        lineBreak(level);
        m_out.append("}");
    }

    void writeKey(const Value& key)
    {
        switch (key.kind()) {
        case Kind::String: writeString(key.text()); break;
        case Kind::None:
        case Kind::Boolean:
        case Kind::Integer:
        case Kind::Float:
            m_out.append("\"");
            write(key, 0);
            m_out.append("\"");
            break;
        default: throw Failure("keys must be str, int, float, bool or None, not " + std::string(typeName(key)));
        }
    }

    Runtime& m_runtime;
    const JsonStyle& m_style;
    Text m_out;
};

std::string checkedUtf8(const std::string& text)
{
    if (!isValidUtf8(text))
        throw Failure("a string of the input is not valid UTF-8");
    return text;
}

Value convert(const nlohmann::ordered_json& document, Source source, int depth)
{
    if (depth > kMaxNesting)
        throw Failure("the input nests deeper than " + std::to_string(kMaxNesting) + " levels");
    switch (document.type()) {
    case nlohmann::ordered_json::value_t::boolean: return Value::boolean(document.get<bool>());
    case nlohmann::ordered_json::value_t::number_integer: return Value::integer(document.get<std::int64_t>());
    case nlohmann::ordered_json::value_t::number_unsigned: {
        const auto number = document.get<std::uint64_t>();
        if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            throw Failure("the integer " + std::to_string(number) + " of the input does not fit into 64 bits");
        return Value::integer(static_cast<std::int64_t>(number));
    }
    case nlohmann::ordered_json::value_t::number_float: return Value::real(document.get<double>());
    case nlohmann::ordered_json::value_t::string:
        return Value::string(Text(checkedUtf8(document.get_ref<const std::string&>()), source));
    case nlohmann::ordered_json::value_t::array: {
        std::vector<Value> items;
        items.reserve(document.size());
        for (const auto& item : document)
            items.push_back(convert(item, source, depth + 1));
        return Value::list(std::move(items));
    }
    case nlohmann::ordered_json::value_t::object: {
        auto dict = std::make_shared<DictValue>();
        for (const auto& [key, value] : document.items())
            dict->set(Value::string(Text(checkedUtf8(key), source)), convert(value, source, depth + 1));
        return Value::dict(std::move(dict));
    }
    default: return {};
    }
}

}  // namespace

Text jsonTextOf(Runtime& runtime, const Value& value, const JsonStyle& style)
{
    JsonWriter writer(runtime, style);
    writer.write(value, 0);
    return writer.take();
}

Value valueOf(const nlohmann::ordered_json& document, Source source)
{
    return convert(document, source, 0);
}

}  // namespace lorikeet::jinja
