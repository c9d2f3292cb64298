// SPDX-License-Identifier: GPL-3.0-or-later
// Filters on numbers.
#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/tokenizer/jinja/arguments.h"
#include "engine/tokenizer/jinja/filters.h"
#include "engine/tokenizer/jinja/number_text.h"
#include "engine/tokenizer/jinja/operators.h"

namespace lorikeet::jinja {
namespace {

[[noreturn]] void undefinedUsed(const Value& value)
{
    throw Failure(value.asUndefined().message);
}

// int(real); nothing where Python raises OverflowError or ValueError. @throws Failure beyond 64 bits.
std::optional<std::int64_t> truncated(double real)
{
    if (!std::isfinite(real))
        return std::nullopt;
    if (real >= 9223372036854775808.0 || real < -9223372036854775808.0)
        throw Failure("an integer does not fit into 64 bits");
    return static_cast<std::int64_t>(real);
}

Value toInteger(Runtime&, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("int", arguments, {"default", "base"});
    const Value otherwise = bound.has(0) ? bound[0] : Value::integer(0);
    if (value.is(Kind::Undefined))
        undefinedUsed(value);
    if (value.isIntegral())
        return Value::integer(value.asInteger());
    if (value.is(Kind::Float)) {
        const auto whole = truncated(value.asReal());
        if (!whole && std::isinf(value.asReal()))
            throw Failure("cannot convert float infinity to integer");
        return whole ? Value::integer(*whole) : otherwise;
    }
    if (!value.is(Kind::String))
        return otherwise;
    const std::int64_t base = bound.integer(1, 10);
    if (base == 0 || (base >= 2 && base <= 36))
        if (const auto number = parseInteger(value.text().view(), static_cast<int>(base)))
            return Value::integer(*number);
    const auto real = parseReal(value.text().view());
    const auto whole = real ? truncated(*real) : std::nullopt;
    return whole ? Value::integer(*whole) : otherwise;
}

Value toReal(Runtime&, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("float", arguments, {"default"});
    const Value otherwise = bound.has(0) ? bound[0] : Value::real(0.0);
    if (value.is(Kind::Undefined))
        undefinedUsed(value);
    if (value.isNumber())
        return Value::real(value.asReal());
    const auto real = value.is(Kind::String) ? parseReal(value.text().view()) : std::nullopt;
    return real ? Value::real(*real) : otherwise;
}

Value absolute(Runtime&, const Value& value, const CallArguments& arguments)
{
    BoundArguments("abs", arguments, {});
    if (value.isIntegral())
        return value.asInteger() < 0 ? negative(value) : Value::integer(value.asInteger());
    if (value.is(Kind::Float))
        return Value::real(std::fabs(value.asReal()));
    throw Failure("bad operand type for abs(): '" + std::string(typeName(value)) + "'");
}

Value roundInteger(std::int64_t number, std::int64_t digits)
{
    if (digits >= 0)
        return Value::integer(number);
    if (digits < -18)
        return Value::integer(0);
    std::int64_t scale = 1;
    for (; digits < 0; ++digits)
        scale *= 10;
    const std::int64_t rest = ((number % scale) + scale) % scale;
    std::int64_t rounded = number - rest;
    const bool odd = rounded / scale % 2 != 0;
    if (rest > scale / 2 || (rest == scale / 2 && odd))
        rounded += scale;
    return Value::integer(rounded);
}

Value round(Runtime&, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("round", arguments, {"precision", "method"});
    const std::int64_t digits = bound.integer(0, 0);
    const std::string_view method = bound.has(1) ? bound.text(1).view() : "common";
    if (method != "common" && method != "ceil" && method != "floor")
        throw Failure("round(): the method must be common, ceil or floor");
    if (value.is(Kind::Undefined))
        undefinedUsed(value);
    if (!value.isNumber())
        throw Failure("round() expects a number, found '" + std::string(typeName(value)) + "'");
    if (method == "common") {
        if (value.isIntegral())
            return roundInteger(value.asInteger(), digits);
        return Value::real(roundReal(value.asReal(), static_cast<int>(std::clamp<std::int64_t>(digits, -400, 400))));
    }
    if (digits > 308 || digits < -308)
        throw Failure("round(): the precision is out of range");
    const double scale = std::pow(10.0, static_cast<double>(digits));
    const double scaled = value.asReal() * scale;
    if (!std::isfinite(scaled))
        throw Failure("round(): the number is too large");
    return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value fileSize(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("filesizeformat", arguments, {"binary"});
    const bool binaryUnits = bound.truth(0, false);
    const Value parsed = toReal(runtime, value, {{Value()}, {}});
    if (parsed.is(Kind::None))
        throw Failure("filesizeformat() expects a number");
    const double bytes = parsed.asReal();
    const double base = binaryUnits ? 1024 : 1000;
    if (bytes == 1)
        return Value::string("1 Byte");
    if (bytes < base)
        return Value::string(std::to_string(truncated(bytes).value_or(0)) + " Bytes");
    constexpr std::string_view kDecimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    constexpr std::string_view kBinary[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
    double unit = base;
    for (std::size_t i = 0;; ++i) {
        unit *= base;
        if (bytes < unit || i == 7)
            return Value::string(fixedReal(base * bytes / unit, 1) + " " + std::string(binaryUnits ? kBinary[i] : kDecimal[i]));
    }
}

}  // namespace

const std::vector<NamedFilter>& numberFilters()
{
    static const std::vector<NamedFilter> kFilters = {
        {"int", toInteger}, {"float", toReal}, {"abs", absolute}, {"round", round}, {"filesizeformat", fileSize},
    };
    return kFilters;
}

}  // namespace lorikeet::jinja
