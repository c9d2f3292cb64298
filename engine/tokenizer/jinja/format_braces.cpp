// SPDX-License-Identifier: GPL-3.0-or-later
// str.format: replacement fields with attribute and item access and the usual format specifications.
#include <cmath>

#include "engine/tokenizer/jinja/format.h"
#include "engine/tokenizer/jinja/lookup.h"
#include "engine/tokenizer/jinja/number_text.h"
#include "engine/tokenizer/jinja/representation.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

constexpr std::int64_t kMaxWidth = 10000;

struct Specification {
    std::string fill = " ";
    char align = 0;
    char sign = '-';
    bool alternate = false;
    bool zero = false;
    std::int64_t width = 0;
    char grouping = 0;
    int precision = -1;
    char type = 0;
};

bool isAlign(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

std::int64_t readNumber(std::string_view text, std::size_t& at)
{
    std::int64_t number = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
        number = number * 10 + (text[at] - '0');
        if (number > kMaxWidth)
            throw Failure("a width or precision in a format is too large");
    }
    return number;
}

Specification parseSpecification(std::string_view text)
{
    Specification spec;
    std::size_t at = 0;
    if (!text.empty()) {
        std::size_t after = 0;
        const char32_t first = nextCodePoint(text, after);
        if (after < text.size() && isAlign(text[after])) {
            spec.fill = utf8Of(first);
            spec.align = text[after];
            at = after + 1;
        } else if (isAlign(text[0])) {
            spec.align = text[0];
            at = 1;
        }
    }
    const auto take = [&](std::string_view set) { return at < text.size() && set.find(text[at]) != std::string_view::npos ? text[at++] : '\0'; };
    if (const char sign = take("+- "))
        spec.sign = sign;
    spec.alternate = take("#") != 0;
    if (at < text.size() && text[at] == '0') {
        spec.zero = true;
        ++at;
    }
    spec.width = readNumber(text, at);
    spec.grouping = take(",_");
    if (take(".") != 0) {
        if (at >= text.size() || text[at] < '0' || text[at] > '9')
            throw Failure("format specifier missing precision");
        spec.precision = static_cast<int>(readNumber(text, at));
    }
    if (at < text.size())
        spec.type = text[at++];
    if (at != text.size())
        throw Failure("invalid format specifier '" + std::string(text) + "'");
    return spec;
}

std::string grouped(std::string digits, char separator)
{
    const std::size_t end = std::min(digits.find_first_of(".e"), digits.size());
    for (std::size_t at = end; at > 3; at -= 3)
        digits.insert(at - 3, 1, separator);
    return digits;
}

Text alignNumber(const Specification& spec, bool isNegative, const std::string& prefix, std::string digits)
{
    if (spec.grouping != 0)
        digits = grouped(std::move(digits), spec.grouping);
    const std::string sign = (isNegative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "") + prefix;
    const bool padInside = spec.align == '=' || (spec.zero && spec.align == 0);
    if (padInside) {
        const auto used = static_cast<std::int64_t>(sign.size() + digits.size());
        std::string filling;
        for (std::int64_t i = used; i < spec.width; ++i)
            filling += spec.align == '=' ? spec.fill : "0";
        return Text(sign + filling + digits);
    }
    return padText(Text(sign + digits), spec.width, spec.align == 0 ? '>' : spec.align, spec.fill);
}

std::string baseDigits(std::uint64_t value, unsigned base)
{
    std::string digits;
    do {
        digits.insert(digits.begin(), "0123456789abcdef"[value % base]);
        value /= base;
    } while (value != 0);
    return digits;
}

Text formatReal(const Specification& spec, double number)
{
    const double magnitude = std::fabs(number);
    const int precision = spec.precision < 0 ? 6 : spec.precision;
    std::string digits;
    switch (spec.type) {
    case 'f':
    case 'F': digits = fixedReal(magnitude, precision); break;
    case 'e':
    case 'E': digits = exponentReal(magnitude, precision); break;
    case 'g':
    case 'G': digits = generalReal(magnitude, precision, false); break;
    case '%': digits = fixedReal(magnitude * 100, precision) + "%"; break;
    case 0: digits = spec.precision < 0 ? reprOfReal(magnitude) : generalReal(magnitude, precision, true); break;
    default: throw Failure(std::string("unknown format code '") + spec.type + "' for a float");
    }
    return alignNumber(spec, std::signbit(number), "", digits);
}

Text formatInteger(const Specification& spec, std::int64_t number)
{
    const bool isNegative = number < 0;
    const std::uint64_t magnitude = isNegative ? std::uint64_t{0} - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
    switch (spec.type) {
    case 0:
    case 'd':
    case 'n': return alignNumber(spec, isNegative, "", baseDigits(magnitude, 10));
    case 'x': return alignNumber(spec, isNegative, spec.alternate ? "0x" : "", baseDigits(magnitude, 16));
    case 'o': return alignNumber(spec, isNegative, spec.alternate ? "0o" : "", baseDigits(magnitude, 8));
    case 'b': return alignNumber(spec, isNegative, spec.alternate ? "0b" : "", baseDigits(magnitude, 2));
    case 'X': {
        std::string digits = baseDigits(magnitude, 16);
        for (char& c : digits)
            if (c >= 'a')
                c = static_cast<char>(c - 32);
        return alignNumber(spec, isNegative, spec.alternate ? "0X" : "", digits);
    }
    case 'c':
        if (number < 0 || number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
            throw Failure("%c arg not in range");
        return padText(Text(utf8Of(static_cast<char32_t>(number))), spec.width, spec.align == 0 ? '<' : spec.align, spec.fill);
    default: return formatReal(spec, static_cast<double>(number));
    }
}

class BraceFormatter {
public:
    BraceFormatter(Runtime& runtime, const Value& format, const CallArguments& arguments)
        : m_runtime(runtime), m_markup(format.asString().markup), m_arguments(arguments)
    {
    }

    Text expand(const Text& format, int depth)
    {
        if (depth > 2)
            throw Failure("max string recursion exceeded");
        Text out;
        const std::string_view view = format.view();
        for (std::size_t at = 0; at < view.size();) {
            const std::size_t brace = std::min(view.find_first_of("{}", at), view.size());
            out.append(format, at, brace);
            at = brace;
            if (at == view.size())
                break;
            if (at + 1 < view.size() && view[at + 1] == view[at]) {
                out.append(view.substr(at, 1));
                at += 2;
            } else if (view[at] == '}') {
                throw Failure("single '}' encountered in format string");
            } else {
                const std::size_t end = fieldEnd(view, at);
                out.append(field(format.slice(at + 1, end), depth));
                at = end + 1;
            }
        }
        return out;
    }

private:
    static std::size_t fieldEnd(std::string_view view, std::size_t open)
    {
        int level = 0;
        for (std::size_t at = open; at < view.size(); ++at) {
            if (view[at] == '{')
                ++level;
            else if (view[at] == '}' && --level == 0)
                return at;
        }
        throw Failure("expected '}' before end of string");
    }

    Text field(const Text& text, int depth)
    {
        const std::string_view view = text.view();
        std::size_t nameEnd = 0;
        while (nameEnd < view.size() && view[nameEnd] != '!' && view[nameEnd] != ':') {
            if (view[nameEnd] == '[')
                nameEnd = std::min(view.find(']', nameEnd), view.size() - 1);
            ++nameEnd;
        }
        Value value = lookUp(view.substr(0, nameEnd));
        std::size_t at = nameEnd;
        char conversion = 0;
        if (at < view.size() && view[at] == '!') {
            if (at + 1 >= view.size() || (at + 2 < view.size() && view[at + 2] != ':'))
                throw Failure("expected ':' after conversion specifier");
            conversion = view[at + 1];
            at += 2;
        }
        const Text spec = at < view.size() ? expand(text.slice(at + 1, view.size()), depth + 1) : Text();
        if (conversion == 'r')
            value = Value::string(reprOf(m_runtime, value));
        else if (conversion == 's')
            value = Value::string(textOf(m_runtime, value));
        else if (conversion != 0)
            throw Failure(std::string("unknown conversion specifier '") + conversion + "'");
        return formatValue(value, spec.view());
    }

    Value lookUp(std::string_view name)
    {
        const std::size_t firstEnd = std::min(name.find_first_of(".["), name.size());
        Value value = argument(name.substr(0, firstEnd));
        for (std::size_t at = firstEnd; at < name.size();) {
            if (name[at] == '.') {
                const std::size_t end = std::min(name.find_first_of(".[", at + 1), name.size());
                value = attributeOf(m_runtime, value, name.substr(at + 1, end - at - 1));
                at = end;
            } else {
                const std::size_t end = name.find(']', at);
                if (name[at] != '[' || end == std::string_view::npos)
                    throw Failure("malformed field in format string");
                const std::string_view key = name.substr(at + 1, end - at - 1);
                const bool isIndex = !key.empty() && key.find_first_not_of("0123456789") == std::string_view::npos;
                const auto index = isIndex ? parseInteger(key, 10) : std::nullopt;
                value = itemOf(m_runtime, value, index ? Value::integer(*index) : Value::string(std::string(key)));
                at = end + 1;
            }
        }
        return value;
    }

    Value argument(std::string_view name)
    {
        const bool isIndex = name.find_first_not_of("0123456789") == std::string_view::npos;
        if (!isIndex) {
            for (const auto& [key, value] : m_arguments.named)
                if (key == name)
                    return value;
            throw Failure("format has no argument " + quoted(name));
        }
        if ((name.empty() && m_manual) || (!name.empty() && m_next > 0))
            throw Failure("automatic and manual field numbering cannot be mixed");
        std::size_t index = m_next;
        if (name.empty()) {
            ++m_next;
        } else {
            m_manual = true;
            index = static_cast<std::size_t>(parseInteger(name, 10).value_or(0));
        }
        if (index >= m_arguments.positional.size())
            throw Failure("replacement index " + std::to_string(index) + " out of range for positional arguments");
        return m_arguments.positional[index];
    }

    Text formatValue(const Value& value, std::string_view specText)
    {
        const bool isMarkup = value.is(Kind::String) && value.asString().markup;
        if (specText.empty() || value.is(Kind::Undefined)) {
            const Text text = textOf(m_runtime, value);
            return m_markup && !isMarkup ? escapedMarkup(text) : text;
        }
        const Specification spec = parseSpecification(specText);
        if (value.is(Kind::Float))
            return formatReal(spec, value.asReal());
        if (value.isIntegral())
            return formatInteger(spec, value.asInteger());
        if (!value.is(Kind::String) || (spec.type != 0 && spec.type != 's') || spec.sign != '-' || spec.align == '=' || spec.grouping != 0)
            throw Failure("the format '" + std::string(specText) + "' does not suit '" + std::string(typeName(value)) + "'");
        Text text = value.text();
        if (spec.precision >= 0)
            text = text.slice(0, byteOffset(text.view(), static_cast<std::size_t>(spec.precision)));
        text = padText(text, spec.width, spec.align == 0 ? '<' : spec.align, spec.zero && spec.align == 0 ? "0" : spec.fill);
        return m_markup && !isMarkup ? escapedMarkup(text) : text;
    }

    Runtime& m_runtime;
    bool m_markup;
    const CallArguments& m_arguments;
    std::size_t m_next = 0;
    bool m_manual = false;
};

}  // namespace

Value formatBraces(Runtime& runtime, const Value& format, const CallArguments& arguments)
{
    Text text = BraceFormatter(runtime, format, arguments).expand(format.text(), 0);
    runtime.chargeBytes(text.size());
    return Value::string(std::move(text), format.asString().markup);
}

}  // namespace lorikeet::jinja
