// SPDX-License-Identifier: GPL-3.0-or-later
// printf-like formatting.
#include <cmath>

#include "engine/tokenizer/jinja/format.h"
#include "engine/tokenizer/jinja/number_text.h"
#include "engine/tokenizer/jinja/representation.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

constexpr std::int64_t kMaxWidth = 10000;

struct Conversion {
    bool left = false;
    bool zero = false;
    bool plus = false;
    bool space = false;
    bool alternate = false;
    std::int64_t width = 0;
    int precision = -1;
    char type = 's';
};

std::string upperAscii(std::string text)
{
    for (char& c : text)
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 32);
    return text;
}

std::string digitsOf(std::uint64_t value, unsigned base)
{
    std::string digits;
    do {
        digits.insert(digits.begin(), "0123456789abcdef"[value % base]);
        value /= base;
    } while (value != 0);
    return digits;
}

class PercentFormatter {
public:
    PercentFormatter(Runtime& runtime, const Value& format, const Value& arguments)
        : m_runtime(runtime), m_format(format.text()), m_markup(format.asString().markup), m_arguments(arguments)
    {
        m_isTuple = arguments.is(Kind::Tuple);
    }

    Value run()
    {
        const std::string_view view = m_format.view();
        while (m_at < view.size()) {
            const std::size_t percent = std::min(view.find('%', m_at), view.size());
            m_out.append(m_format, m_at, percent);
            m_at = percent;
            if (m_at < view.size())
                convert();
        }
        const bool leftOver = m_isTuple ? m_next < m_arguments.items().size()
                                        : m_next == 0 && !m_usedMapping && !m_arguments.is(Kind::Dict) && !m_arguments.is(Kind::List);
        if (leftOver)
            throw Failure("not all arguments converted during string formatting");
        return Value::string(std::move(m_out), m_markup);
    }

private:
    char peek() const
    {
        if (m_at >= m_format.size())
            throw Failure("incomplete format");
        return m_format.view()[m_at];
    }

    Value takeArgument()
    {
        if (m_named) {
            m_usedMapping = true;
            return std::exchange(m_namedValue, Value());
        }
        if (m_isTuple) {
            if (m_next >= m_arguments.items().size())
                throw Failure("not enough arguments for format string");
            return m_arguments.items()[m_next++];
        }
        if (m_next++ > 0)
            throw Failure("not enough arguments for format string");
        return m_arguments;
    }

    void convert()
    {
        ++m_at;  // '%'
        Conversion c;
        m_named = peek() == '(';
        if (m_named)
            takeName();
        parseFlags(c);
        c.width = parseNumber(c, true);
        if (peek() == '.') {
            ++m_at;
            c.precision = static_cast<int>(parseNumber(c, false));
        }
        while (peek() == 'l' || peek() == 'h' || peek() == 'L')
            ++m_at;
        c.type = peek();
        ++m_at;
        if (c.type == '%') {
            m_out.append("%");
            return;
        }
        emit(c, takeArgument());
    }

    void takeName()
    {
        const std::size_t close = m_format.view().find(')', m_at);
        if (close == std::string_view::npos)
            throw Failure("incomplete format key");
        if (!m_arguments.is(Kind::Dict))
            throw Failure("format requires a mapping");
        const std::string_view key = m_format.view().substr(m_at + 1, close - m_at - 1);
        const Value* found = m_arguments.asDict().find(key);
        if (found == nullptr)
            throw Failure("the mapping has no key " + quoted(key));
        m_namedValue = *found;
        m_at = close + 1;
    }

    void parseFlags(Conversion& c)
    {
        for (;; ++m_at) {
            switch (peek()) {
            case '-': c.left = true; break;
            case '0': c.zero = true; break;
            case '+': c.plus = true; break;
            case ' ': c.space = true; break;
            case '#': c.alternate = true; break;
            default: return;
            }
        }
    }

    std::int64_t parseNumber(Conversion& c, bool isWidth)
    {
        std::int64_t number = 0;
        if (peek() == '*') {
            ++m_at;
            const Value value = takeArgument();
            if (!value.isIntegral())
                throw Failure("* wants int");
            number = value.asInteger();
            if (number < 0 && isWidth) {
                c.left = true;
                number = -number;
            }
        } else {
            for (; peek() >= '0' && peek() <= '9' && number <= kMaxWidth; ++m_at)
                number = number * 10 + (peek() - '0');
        }
        if (number > kMaxWidth)
            throw Failure("a width or precision in a format is too large");
        return std::max<std::int64_t>(number, 0);
    }

    void emit(const Conversion& c, const Value& value)
    {
        switch (c.type) {
        case 's':
        case 'r':
        case 'a': emitText(c, value); break;
        case 'c': emitCharacter(c, value); break;
        case 'd':
        case 'i':
        case 'u': emitInteger(c, value, 10); break;
        case 'x':
        case 'X': emitInteger(c, value, 16); break;
        case 'o': emitInteger(c, value, 8); break;
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G': emitReal(c, value); break;
        default: throw Failure(std::string("unsupported format character '") + c.type + "'");
        }
    }

    void emitText(const Conversion& c, const Value& value)
    {
        if (c.type == 'a')
            throw Failure("the conversion %a is not supported");
        Text text = c.type == 'r' ? reprOf(m_runtime, value) : textOf(m_runtime, value);
        const bool isMarkup = value.is(Kind::String) && value.asString().markup;
        if (m_markup && !isMarkup)
            text = escapedMarkup(text);
        if (c.precision >= 0)
            text = text.slice(0, byteOffset(text.view(), static_cast<std::size_t>(c.precision)));
        m_out.append(padText(text, c.width, c.left ? '<' : '>'));
    }

    void emitCharacter(const Conversion& c, const Value& value)
    {
        Text text;
        if (value.isIntegral() && value.asInteger() >= 0 && value.asInteger() < 0x110000
            && (value.asInteger() < 0xd800 || value.asInteger() > 0xdfff))
            text.append(utf8Of(static_cast<char32_t>(value.asInteger())));
        else if (value.is(Kind::String) && value.asString().length() == 1)
            text.append(value.text());
        else
            throw Failure("%c requires int or char");
        m_out.append(padText(text, c.width, c.left ? '<' : '>'));
    }

    void emitInteger(const Conversion& c, const Value& value, unsigned base)
    {
        std::int64_t number = 0;
        if (value.isIntegral()) {
            number = value.asInteger();
        } else if (value.is(Kind::Float) && base == 10) {
            if (!std::isfinite(value.asReal()) || std::fabs(value.asReal()) >= 9.2e18)
                throw Failure("a number is too large for %d");
            number = static_cast<std::int64_t>(value.asReal());
        } else {
            throw Failure(std::string("%") + c.type + " format: a number is required, not " + std::string(typeName(value)));
        }
        const std::uint64_t magnitude = number < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
        std::string digits = digitsOf(magnitude, base);
        if (c.precision > static_cast<int>(digits.size()))
            digits.insert(0, static_cast<std::size_t>(c.precision) - digits.size(), '0');
        const std::string prefix = !c.alternate || base == 10 ? "" : base == 16 ? "0x" : "0o";
        emitNumber(c, number < 0, c.type == 'X' ? upperAscii(prefix) : prefix, c.type == 'X' ? upperAscii(digits) : digits);
    }

    void emitReal(const Conversion& c, const Value& value)
    {
        if (!value.isNumber())
            throw Failure("must be real number, not " + std::string(typeName(value)));
        const double number = value.asReal();
        const double magnitude = std::fabs(number);
        const int precision = c.precision < 0 ? 6 : c.precision;
        std::string digits;
        switch (c.type | 0x20) {
        case 'f': digits = fixedReal(magnitude, precision); break;
        case 'e': digits = exponentReal(magnitude, precision); break;
        default: digits = generalReal(magnitude, precision, false); break;
        }
        emitNumber(c, std::signbit(number), "", c.type < 'a' ? upperAscii(digits) : digits);
    }

    void emitNumber(const Conversion& c, bool isNegative, const std::string& prefix, std::string digits)
    {
        const std::string sign = isNegative ? "-" : c.plus ? "+" : c.space ? " " : "";
        const auto used = static_cast<std::int64_t>(sign.size() + prefix.size() + digits.size());
        if (c.zero && !c.left && used < c.width)
            digits.insert(0, static_cast<std::size_t>(c.width - used), '0');
        m_out.append(padText(Text(sign + prefix + digits), c.width, c.left ? '<' : '>'));
    }

    Runtime& m_runtime;
    Text m_format;
    bool m_markup;
    Value m_arguments;
    bool m_isTuple = false;
    bool m_named = false;
    bool m_usedMapping = false;
    Value m_namedValue;
    std::size_t m_at = 0;
    std::size_t m_next = 0;
    Text m_out;
};

}  // namespace

Value formatPercent(Runtime& runtime, const Value& format, const Value& arguments)
{
    Value result = PercentFormatter(runtime, format, arguments).run();
    runtime.chargeBytes(result.text().size());
    return result;
}

Text padText(const Text& text, std::int64_t width, char align, std::string_view fill)
{
    const auto length = static_cast<std::int64_t>(countCodePoints(text.view()));
    if (width <= length)
        return text;
    if (width > static_cast<std::int64_t>(kMaxTextBytes) / 4)
        throw Failure("a padded text is too wide");
    const std::int64_t space = width - length;
    spend(static_cast<std::uint64_t>(space));
    const std::int64_t before = align == '<' ? 0 : align == '>' ? space : space / 2;
    const auto filling = [&](std::int64_t count) {
        std::string out;
        for (std::int64_t i = 0; i < count; ++i)
            out += fill;
        return out;
    };
    Text result(filling(before));
    result.append(text);
    result.append(filling(space - before));
    return result;
}

}  // namespace lorikeet::jinja
