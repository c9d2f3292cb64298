// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers to text and back over std::to_chars and std::from_chars.
#include "engine/tokenizer/jinja/number_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "engine/tokenizer/jinja/budget.h"
#include "engine/tokenizer/jinja/failure.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

std::string_view trimmed(std::string_view text)
{
    std::size_t begin = 0;
    while (begin < text.size()) {
        std::size_t after = begin;
        if (!isSpace(nextCodePoint(text, after)))
            break;
        begin = after;
    }
    std::size_t end = text.size();
    while (end > begin) {
        std::size_t before = end;
        if (!isSpace(previousCodePoint(text, before)))
            break;
        end = before;
    }
    return text.substr(begin, end - begin);
}

int digitValue(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return 99;
}

// Removes underscores that stand between digits; nothing when one stands elsewhere.
std::optional<std::string> withoutUnderscores(std::string_view text)
{
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '_') {
            plain.push_back(text[i]);
            continue;
        }
        const bool between = i > 0 && i + 1 < text.size() && digitValue(text[i - 1]) < 36 && digitValue(text[i + 1]) < 36;
        if (!between)
            return std::nullopt;
    }
    return plain;
}

int prefixBase(std::string_view digits)
{
    if (digits.size() < 2 || digits[0] != '0')
        return 10;
    switch (digits[1] | 0x20) {
    case 'x': return 16;
    case 'o': return 8;
    case 'b': return 2;
    default: return 10;
    }
}

std::string formatted(double value, std::chars_format format, int precision)
{
    std::string buffer(static_cast<std::size_t>(precision) + 340, '\0');
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, precision);
    if (end.ec != std::errc())
        throw Failure("a number needs too many digits");
    buffer.resize(static_cast<std::size_t>(end.ptr - buffer.data()));
    return buffer;
}

std::string specialReal(double value)
{
    return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

}  // namespace

std::string reprOfReal(double value)
{
    if (!std::isfinite(value))
        return specialReal(value);
    std::array<char, 40> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
    const std::string_view text(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
    const std::size_t e = text.find('e');
    const std::string_view exponentText = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
    int exponent = 0;
    std::from_chars(exponentText.data(), exponentText.data() + exponentText.size(), exponent);
    if (exponent < -4 || exponent >= 16)
        return std::string(text);  // Python, too, writes at least two digits of exponent
    const bool negative = text[0] == '-';
    std::string digits;
    for (char c : text.substr(0, e))
        if (c >= '0' && c <= '9')
            digits.push_back(c);
    std::string out = negative ? "-" : "";
    if (exponent < 0)
        return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole)
        return out + digits + std::string(whole - digits.size(), '0') + ".0";
    return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::optional<std::int64_t> parseInteger(std::string_view text, int base)
{
    spendCharacters(text.size());
    text = trimmed(text);
    const bool negative = !text.empty() && text[0] == '-';
    if (!text.empty() && (text[0] == '-' || text[0] == '+'))
        text.remove_prefix(1);
    const int prefixed = prefixBase(text);
    const bool hasPrefix = prefixed != 10 && (base == 0 || base == prefixed);
    if (hasPrefix) {
        text.remove_prefix(2);
        if (!text.empty() && text[0] == '_')
            text.remove_prefix(1);
    }
    const std::optional<std::string> digits = withoutUnderscores(text);
    if (!digits || digits->empty())
        return std::nullopt;
    if (base == 0) {
        base = prefixed;
        if (!hasPrefix && digits->size() > 1 && (*digits)[0] == '0' && digits->find_first_not_of('0') != std::string::npos)
            return std::nullopt;
    }
    std::uint64_t magnitude = 0;
    for (char c : *digits) {
        if (digitValue(c) >= base)
            return std::nullopt;
        if (magnitude > (std::uint64_t{1} << 63) / static_cast<unsigned>(base))
            throw Failure("the integer " + *digits + " does not fit into 64 bits");
        magnitude = magnitude * static_cast<unsigned>(base) + static_cast<unsigned>(digitValue(c));
    }
    if (magnitude > (std::uint64_t{1} << 63) - (negative ? 0 : 1))
        throw Failure("the integer " + *digits + " does not fit into 64 bits");
    return static_cast<std::int64_t>(negative ? std::uint64_t{0} - magnitude : magnitude);
}

std::optional<double> parseReal(std::string_view text)
{
    spendMapping(text.size());
    text = trimmed(text);
    bool negative = false;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }
    const std::optional<std::string> plain = withoutUnderscores(text);
    // from_chars would also take "nan(...)" and a second sign.
    if (!plain || plain->empty() || (*plain)[0] == '-' || plain->find('(') != std::string::npos)
        return std::nullopt;
    double value = 0;
    const auto end = std::from_chars(plain->data(), plain->data() + plain->size(), value);
    if (end.ptr != plain->data() + plain->size() || end.ec == std::errc::invalid_argument)
        return std::nullopt;
    if (end.ec == std::errc::result_out_of_range) {
        const std::size_t e = plain->find_first_of("eE");
        value = e != std::string::npos && e + 1 < plain->size() && (*plain)[e + 1] == '-' ? 0.0 : HUGE_VAL;
    }
    return negative ? -value : value;
}

double roundReal(double value, int digits)
{
    if (!std::isfinite(value) || digits > 323)
        return value;
    if (digits < -308)
        return std::copysign(0.0, value);
    if (digits >= 0) {
        // Fixed notation rounds the exact binary value half to even, which is what Python does.
        return *parseReal(formatted(value, std::chars_format::fixed, digits));
    }
    const double scale = std::pow(10.0, -digits);
    return std::nearbyint(value / scale) * scale;
}

std::string fixedReal(double value, int precision)
{
    return std::isfinite(value) ? formatted(value, std::chars_format::fixed, precision) : specialReal(value);
}

std::string exponentReal(double value, int precision)
{
    return std::isfinite(value) ? formatted(value, std::chars_format::scientific, precision) : specialReal(value);
}

std::string generalReal(double value, int precision, bool keepZeros)
{
    if (!std::isfinite(value))
        return specialReal(value);
    std::string text = formatted(value, std::chars_format::general, precision == 0 ? 1 : precision);
    if (keepZeros && text.find_first_of(".e") == std::string::npos)
        text += ".0";
    return text;
}

}  // namespace lorikeet::jinja
