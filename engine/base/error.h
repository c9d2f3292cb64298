// SPDX-License-Identifier: GPL-3.0-or-later
// The one exception type for "the world says no": what happened, where, expected and found, and the next thing to try.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace lorikeet {

/// What kind of refusal an Error is. The command line maps it to an exit code (see exitCodeOf).
enum class ErrorCode {
    Usage,         ///< wrong command line or job (exit 2)
    BadInput,      ///< model, data set, template or adapter unusable (exit 3)
    DoesNotFit,    ///< the plan is larger than the memory of the device (exit 4)
    Target,        ///< a file or folder cannot be written (exit 1)
    Device,        ///< device, driver or library is missing or failed (exit 1)
    Network,       ///< a download failed (exit 1)
    Cancelled,     ///< the user asked to stop (exit 130)
    RunFailed,     ///< training went wrong, for instance a loss that is not finite (exit 1)
    Internal,      ///< a broken promise of our own code (exit 1)
};

/// A refusal that a user can act on. `message` says what, where, expected and found in one sentence; `hint` says the
/// next thing to try. It has no default, so that nobody forgets it; only Cancelled, which the user asked for, has none to give.
class Error : public std::exception {
public:
    Error(ErrorCode code, std::string message, std::string hint);

    [[nodiscard]] ErrorCode code() const noexcept { return m_code; }
    [[nodiscard]] const std::string& message() const noexcept { return m_message; }
    [[nodiscard]] const std::string& hint() const noexcept { return m_hint; }
    /// message, then " (hint)" where there is one.
    [[nodiscard]] const char* what() const noexcept override { return m_text.c_str(); }

private:
    ErrorCode m_code;
    std::string m_message;
    std::string m_hint;
    std::string m_text;
};

/// The exit code of `lorikeet-cli` for an error: 1, 2, 3, 4 or 130.
[[nodiscard]] int exitCodeOf(ErrorCode code) noexcept;

/// Stable snake_case name of a code, as the `--json` lines carry it.
[[nodiscard]] std::string_view nameOf(ErrorCode code) noexcept;

}  // namespace lorikeet
