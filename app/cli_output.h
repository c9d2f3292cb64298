// SPDX-License-Identifier: GPL-3.0-or-later
// Where the command line writes: answers on standard output, diagnostics on standard error, and one status line that is painted over
// on a terminal.
#pragma once

#include "engine/base/error.h"
#include "engine/base/progress.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

namespace lorikeet::app {

/// The reader of standard output went away (`lorikeet-cli ... | head`). Ends the program without a word.
class OutputClosed : public std::exception {};

/// One line at the bottom of a terminal that each call paints over. Says nothing where the stream is not a terminal.
class StatusLine {
public:
    StatusLine(std::FILE* stream, int fileDescriptor);
    ~StatusLine() { clear(); }
    StatusLine(const StatusLine&) = delete;
    StatusLine& operator=(const StatusLine&) = delete;

    /// Longer text than the terminal is wide is cut.
    void show(const std::string& text);
    void clear();
    [[nodiscard]] bool live() const noexcept { return m_live; }

private:
    std::FILE* m_stream;
    bool m_live;
    bool m_shown = false;
};

/// Standard output. Every call is flushed, so that a reader sees lines as they come.
class Output {
public:
    Output();

    /// @throws OutputClosed, Error{Target} when the system refuses the bytes (disk full).
    void line(std::string_view text);
    void text(std::string_view text);
    /// One object on one line; bytes that are not UTF-8 become U+FFFD. @throws as line().
    void json(const nlohmann::ordered_json& object);

    [[nodiscard]] bool isTerminal() const noexcept { return m_status.live(); }
    /// True when colours are welcome: a terminal, and NO_COLOR is not set (no-color.org).
    [[nodiscard]] bool hasColours() const noexcept { return m_colours; }
    [[nodiscard]] StatusLine& status() noexcept { return m_status; }

private:
    StatusLine m_status;
    bool m_colours;
};

/// Progress of long work on standard error, where that is a terminal.
[[nodiscard]] ProgressFn progressOnError();
/// Takes that line away again.
void clearErrorStatus();

/// "lorikeet-cli: what happened" and the next thing to try on standard error, control characters made visible.
void sayError(const std::string& message, const std::string& hint);
void sayWarning(const std::string& message, const std::string& hint = {});

/// `cells` cells of which `share` (0..1) are filled; block characters where the locale is UTF-8, else '#' and '.'.
[[nodiscard]] std::string bar(double share, int cells);
/// "loading weights 12/272 tensors", "reading data 40 %".
[[nodiscard]] std::string describe(const Progress& progress);
/// Text padded with blanks to `columns` (code points are counted).
[[nodiscard]] std::string padded(std::string text, std::size_t columns);
[[nodiscard]] std::string paddedLeft(std::string text, std::size_t columns);

}  // namespace lorikeet::app
