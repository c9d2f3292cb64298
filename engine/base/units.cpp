// SPDX-License-Identifier: GPL-3.0-or-later
// Rounding of numbers for people, by std::to_chars only, so that no locale changes a digit.
#include "engine/base/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string_view>

namespace lorikeet {

namespace {

std::string fixedText(double value, int decimals)
{
    std::array<char, 400> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, decimals);
    return std::string(buffer.data(), end.ptr);
}

/// Decimals that leave three significant digits of a value that is shown below 1000 (or 1024).
int decimalsFor(double value)
{
    if (value < 9.995)
        return 2;
    return value < 99.95 ? 1 : 0;
}

/// Three significant digits; trailing zeros of the fraction are kept when `keepZeros`.
std::string threeDigits(double value, bool keepZeros)
{
    std::string text = fixedText(value, decimalsFor(value));
    if (!keepZeros && text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.')
            text.pop_back();
    }
    return text;
}

/// Divides by `base` until what is left shows as less than `base`; returns the index of the prefix.
std::size_t scaleDown(double& value, double base, double limit, std::size_t prefixes)
{
    std::size_t index = 0;
    while (value >= limit && index + 1 < prefixes) {
        value /= base;
        ++index;
    }
    return index;
}

}  // namespace

std::string formatBytes(std::uint64_t bytes)
{
    static constexpr std::array<std::string_view, 7> kUnits{" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    if (bytes < 1024)
        return std::to_string(bytes) + " B";
    double value = static_cast<double>(bytes) / 1024.0;
    // 1023.5 would show as "1024", so it moves up; KiB drop zeros ("1.5 KiB"), larger units keep them ("1.20 GiB").
    const std::size_t index = 1 + scaleDown(value, 1024.0, 1023.5, kUnits.size() - 1);
    return threeDigits(value, index > 1).append(kUnits[index]);
}

std::string formatBytesDelta(std::int64_t bytes)
{
    if (bytes == 0)
        return "0 B";
    const auto size = bytes < 0 ? ~static_cast<std::uint64_t>(bytes) + 1 : static_cast<std::uint64_t>(bytes);
    return (bytes < 0 ? "-" : "+") + formatBytes(size);
}

std::string formatCount(std::uint64_t count)
{
    static constexpr std::array<std::string_view, 5> kPrefixes{"", "k", "M", "B", "T"};
    if (count < 1000)
        return std::to_string(count);
    double value = static_cast<double>(count);
    const std::size_t index = scaleDown(value, 1000.0, 999.5, kPrefixes.size());
    return threeDigits(value, false).append(kPrefixes[index]);
}

std::string formatInteger(std::uint64_t value)
{
    std::string text = std::to_string(value);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

std::string formatDuration(double seconds)
{
    if (!std::isfinite(seconds) || seconds < 0.0)
        return "unknown";
    if (seconds > 0.0 && seconds < 0.0995)
        return formatNumber(1e3 * seconds, 2) + " ms";
    if (seconds < 9.95)
        return fixedText(seconds, 1) + " s";
    if (seconds >= 1e15)
        return "unknown";
    const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
    const auto twoDigits = [](std::uint64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
    if (whole < 60)
        return std::to_string(whole) + " s";
    if (whole < 3600)
        return std::to_string(whole / 60) + " min " + twoDigits(whole % 60) + " s";
    const std::uint64_t minutes = (whole + 30) / 60;
    return std::to_string(minutes / 60) + " h " + twoDigits(minutes % 60) + " min";
}

std::string formatNumber(double value, int digits)
{
    if (std::isnan(value))
        return "nan";
    if (std::isinf(value))
        return value < 0 ? "-inf" : "inf";
    if (value == 0.0)
        return "0";
    digits = std::clamp(digits, 1, 17);
    // Round once, to `digits` significant digits; everything after this only rearranges the text.
    std::array<char, 64> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific, digits - 1);
    double rounded = 0.0;
    std::from_chars(buffer.data(), end.ptr, rounded);
    const bool small = std::fabs(rounded) < 1e-3;
    const bool large = std::fabs(rounded) >= 1e15;
    std::array<char, 400> text;
    const auto format = small || large ? std::chars_format::scientific : std::chars_format::fixed;
    const auto last = std::to_chars(text.data(), text.data() + text.size(), rounded, format);
    std::string result(text.data(), last.ptr);
    // "2e-04" is written "2e-4", as people type it.
    if (const auto at = result.find('e'); at != std::string::npos) {
        std::size_t digit = at + 1;
        if (result[digit] == '+')
            result.erase(digit, 1);
        else if (result[digit] == '-')
            ++digit;
        while (digit + 1 < result.size() && result[digit] == '0')
            result.erase(digit, 1);
    }
    return result;
}

}  // namespace lorikeet
