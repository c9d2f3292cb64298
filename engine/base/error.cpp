// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"

#include <utility>

namespace lorikeet {

Error::Error(ErrorCode code, std::string message, std::string hint)
    : m_code(code), m_message(std::move(message)), m_hint(std::move(hint)), m_text(m_message)
{
    if (!m_hint.empty())
        m_text += " (" + m_hint + ")";
}

int exitCodeOf(ErrorCode code) noexcept
{
    switch (code) {
    case ErrorCode::Usage: return 2;
    case ErrorCode::BadInput: return 3;
    case ErrorCode::DoesNotFit: return 4;
    case ErrorCode::Cancelled: return 130;
    case ErrorCode::Target:
    case ErrorCode::Device:
    case ErrorCode::Network:
    case ErrorCode::RunFailed:
    case ErrorCode::Internal: return 1;
    }
    return 1;
}

std::string_view nameOf(ErrorCode code) noexcept
{
    switch (code) {
    case ErrorCode::Usage: return "usage";
    case ErrorCode::BadInput: return "bad_input";
    case ErrorCode::DoesNotFit: return "does_not_fit";
    case ErrorCode::Target: return "target";
    case ErrorCode::Device: return "device";
    case ErrorCode::Network: return "network";
    case ErrorCode::Cancelled: return "cancelled";
    case ErrorCode::RunFailed: return "run_failed";
    case ErrorCode::Internal: return "internal";
    }
    return "internal";
}

}  // namespace lorikeet
