// SPDX-License-Identifier: GPL-3.0-or-later
// Python's text forms of values.
#include "engine/tokenizer/jinja/representation.h"

#include "engine/tokenizer/jinja/failure.h"
#include "engine/tokenizer/jinja/number_text.h"
#include "engine/tokenizer/jinja/runtime.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

std::string hexDigits(char32_t code, int width)
{
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out(static_cast<std::size_t>(width), '0');
    for (int i = width - 1; i >= 0; --i, code >>= 4)
        out[static_cast<std::size_t>(i)] = kDigits[code & 15];
    return out;
}

void appendEscaped(std::string& out, char32_t code, char quote)
{
    switch (code) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\\': out += "\\\\"; return;
    default: break;
    }
    if (code == static_cast<char32_t>(quote)) {
        out.push_back('\\');
        out.push_back(quote);
    } else if (isPrintable(code)) {
        appendCodePoint(out, code);
    } else if (code < 0x100) {
        out += "\\x" + hexDigits(code, 2);
    } else if (code < 0x10000) {
        out += "\\u" + hexDigits(code, 4);
    } else {
        out += "\\U" + hexDigits(code, 8);
    }
}

void appendQuoted(Text& out, const Text& text)
{
    spendMapping(text.size());
    // Double quotes only where they save escaping.
    const bool doubled = text.view().find('\'') != std::string_view::npos && text.view().find('"') == std::string_view::npos;
    const char quote = doubled ? '"' : '\'';
    const std::string_view mark(&quote, 1);
    out.append(mark);
    forEachPiece(text, [&](std::string_view piece, Source source, std::size_t) {
        std::string escaped;
        for (std::size_t at = 0; at < piece.size();)
            appendEscaped(escaped, nextCodePoint(piece, at), quote);
        out.append(escaped, source);
    });
    out.append(mark);
}

class Writer {
public:
    explicit Writer(Runtime& runtime) : m_runtime(runtime) {}

    void write(const Value& value)
    {
        m_runtime.charge(1);
        switch (value.kind()) {
        case Kind::Missing:
        case Kind::Undefined: m_out.append("Undefined"); break;
        case Kind::None: m_out.append("None"); break;
        case Kind::Boolean: m_out.append(value.asBoolean() ? "True" : "False"); break;
        case Kind::Integer: m_out.append(std::to_string(value.asInteger())); break;
        case Kind::Float: m_out.append(reprOfReal(value.asReal())); break;
        case Kind::String: writeString(value.asString()); break;
        case Kind::List: writeItems("[", value.items(), "]"); break;
        case Kind::Tuple: writeItems("(", value.items(), value.items().size() == 1 ? ",)" : ")"); break;
        case Kind::Dict: writeDict(value.asDict()); break;
        case Kind::DictView: writeView(value); break;
        case Kind::Range: writeRange(value.asRange()); break;
        case Kind::Generator: m_out.append("<generator object>"); break;
        case Kind::Object: writeObject(value.asObject()); break;
        }
    }

    Text take() { return std::move(m_out); }

private:
    void writeString(const StringValue& string)
    {
        if (string.markup)
            m_out.append("Markup(");
        appendQuoted(m_out, string.text);
        if (string.markup)
            m_out.append(")");
    }

    void writeItems(std::string_view open, const std::vector<Value>& items, std::string_view close)
    {
        m_out.append(open);
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (i > 0)
                m_out.append(", ");
            write(items[i]);
        }
        m_out.append(close);
    }

    void writeDict(const DictValue& dict)
    {
        m_out.append("{");
        for (std::size_t i = 0; i < dict.entries.size(); ++i) {
            if (i > 0)
                m_out.append(", ");
            write(dict.entries[i].first);
            m_out.append(": ");
            write(dict.entries[i].second);
        }
        m_out.append("}");
    }

    void writeView(const Value& view)
    {
        m_out.append(typeName(view));
        m_out.append("(");
        writeItems("[", itemsOf(m_runtime, view), "]");
        m_out.append(")");
    }

    void writeRange(const RangeValue& range)
    {
        std::string text = "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
        if (range.step != 1)
            text += ", " + std::to_string(range.step);
        m_out.append(text + ")");
    }

    void writeObject(ObjectValue& object)
    {
        // A namespace may hold itself: Python recurses until it gives up, we after kMaxNesting levels.
        if (++m_runtime.representationDepth > kMaxNesting)
            throw Failure("a value that holds itself cannot be printed");
        m_out.append(object.represent(m_runtime));
        --m_runtime.representationDepth;
    }

    Runtime& m_runtime;
    Text m_out;
};

}  // namespace

Text textOf(Runtime& runtime, const Value& value)
{
    if (value.is(Kind::String))
        return value.text();
    if (value.is(Kind::Undefined) || value.is(Kind::Missing))
        return {};
    return reprOf(runtime, value);
}

Text reprOf(Runtime& runtime, const Value& value)
{
    Writer writer(runtime);
    writer.write(value);
    return writer.take();
}

std::string quoted(std::string_view text)
{
    Text out;
    appendQuoted(out, Text(std::string(text)));
    return out.bytes();
}

Text escapedMarkup(const Text& text)
{
    spendMapping(text.size());
    Text result;
    forEachPiece(text, [&](std::string_view piece, Source source, std::size_t) {
        std::string escaped;
        for (char c : piece) {
            switch (c) {
            case '&': escaped += "&amp;"; break;
            case '<': escaped += "&lt;"; break;
            case '>': escaped += "&gt;"; break;
            case '\'': escaped += "&#39;"; break;
            case '"': escaped += "&#34;"; break;
            default: escaped.push_back(c);
            }
        }
        result.append(escaped, source);
    });
    return result;
}

}  // namespace lorikeet::jinja
