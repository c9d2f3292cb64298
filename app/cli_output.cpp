// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli_output.h"

#include "engine/base/system.h"
#include "engine/base/units.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <system_error>

namespace lorikeet::app {

namespace {

constexpr int kStandardOutput = 1;
constexpr int kStandardError = 2;

bool startsCharacter(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }

std::size_t countCharacters(std::string_view text)
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), startsCharacter));
}

/// The first `limit` code points.
std::string_view firstCharacters(std::string_view text, std::size_t limit)
{
    std::size_t seen = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (startsCharacter(text[i]) && seen++ == limit)
            return text.substr(0, i);
    return text;
}

/// A message may quote bytes of a file: escape sequences must not reach the terminal.
std::string withoutControls(std::string text)
{
    for (char& c : text)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
            c = '?';
    return text;
}

bool environmentSays(const char* name) noexcept
{
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
}

bool localeIsUtf8()
{
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (environmentSays(name)) {
            const std::string value = std::getenv(name);
            return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos;
        }
    return false;
}

void writeAll(std::string_view text)
{
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
        return;
    const int reason = errno;
    std::clearerr(stdout);
    if (reason == EPIPE)
        throw OutputClosed();
    throw Error(ErrorCode::Target, "standard output cannot be written: " + std::error_code(reason, std::generic_category()).message(),
                "free some space, or send the output elsewhere");
}

StatusLine& errorStatus()
{
    static StatusLine status(stderr, kStandardError);
    return status;
}

void say(const char* kind, const std::string& message, const std::string& hint)
{
    errorStatus().clear();
    std::string text = std::string("lorikeet-cli: ") + kind + withoutControls(message) + "\n";
    if (!hint.empty())
        text += "  next: " + withoutControls(hint) + "\n";
    std::fputs(text.c_str(), stderr);
}

}  // namespace

StatusLine::StatusLine(std::FILE* stream, int fileDescriptor) : m_stream(stream), m_live(lorikeet::isTerminal(fileDescriptor)) {}

void StatusLine::show(const std::string& text)
{
    if (!m_live)
        return;
    const auto columns = static_cast<std::size_t>(std::max(20, terminalWidth() - 1));
    const std::string shown = withoutControls(std::string(firstCharacters(text, columns)));
    std::fprintf(m_stream, "\r\x1b[K%s", shown.c_str());
    std::fflush(m_stream);
    m_shown = true;
}

void StatusLine::clear()
{
    if (!m_shown)
        return;
    std::fputs("\r\x1b[K", m_stream);
    std::fflush(m_stream);
    m_shown = false;
}

Output::Output() : m_status(stdout, kStandardOutput), m_colours(m_status.live() && !environmentSays("NO_COLOR")) {}

void Output::line(std::string_view text)
{
    m_status.clear();
    writeAll(std::string(text) + "\n");
}

void Output::text(std::string_view text)
{
    m_status.clear();
    writeAll(text);
}

void Output::json(const nlohmann::ordered_json& object)
{
    line(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

ProgressFn progressOnError()
{
    if (!errorStatus().live())
        return {};
    return [last = std::chrono::steady_clock::time_point{}, stage = std::string()](const Progress& progress) mutable {
        // Workers report every tensor and row; a terminal needs ten lines a second.
        const auto now = std::chrono::steady_clock::now();
        if (progress.stage == stage && now - last < std::chrono::milliseconds(100))
            return;
        last = now;
        stage = progress.stage;
        errorStatus().show(describe(progress));
    };
}

void clearErrorStatus() { errorStatus().clear(); }

void sayError(const std::string& message, const std::string& hint) { say("", message, hint); }
void sayWarning(const std::string& message, const std::string& hint) { say("warning: ", message, hint); }

std::string bar(double share, int cells)
{
    static const bool blocks = localeIsUtf8();
    const double clamped = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0;
    const int filled = static_cast<int>(std::lround(clamped * cells));
    std::string text;
    for (int i = 0; i < cells; ++i)
        text += i < filled ? (blocks ? "█" : "#") : (blocks ? "░" : ".");
    return text;
}

std::string describe(const Progress& progress)
{
    if (progress.total == 0)
        return progress.stage;
    if (progress.unit == "bytes")
        return progress.stage + " " + formatBytes(progress.done) + " of " + formatBytes(progress.total);
    return progress.stage + " " + formatInteger(progress.done) + "/" + formatInteger(progress.total) + " " + progress.unit;
}

std::string padded(std::string text, std::size_t columns)
{
    const std::size_t length = countCharacters(text);
    return length < columns ? text + std::string(columns - length, ' ') : text;
}

std::string paddedLeft(std::string text, std::size_t columns)
{
    const std::size_t length = countCharacters(text);
    return length < columns ? std::string(columns - length, ' ') + text : text;
}

}  // namespace lorikeet::app
