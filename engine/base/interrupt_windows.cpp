// SPDX-License-Identifier: GPL-3.0-or-later
// InterruptGuard for Windows. The console calls its handler on a thread of its own, so a stop request can be made right there.
#include "engine/base/check.h"
#include "engine/base/system.h"

#include <atomic>

#include <windows.h>

namespace lorikeet {

namespace {

constexpr int kInterrupted = 130;
constexpr int kTerminated = 143;
/// Windows ends the process some five seconds after a close event, or when the handler returns.
constexpr DWORD kCloseGraceMs = 5000;

std::atomic<int> g_exitCode{0};
std::atomic<std::stop_source*> g_source{nullptr};

BOOL WINAPI onConsoleEvent(DWORD event)
{
    const bool isClose = event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT;
    int none = 0;
    if (!g_exitCode.compare_exchange_strong(none, isClose ? kTerminated : kInterrupted) && !isClose)
        ::ExitProcess(kInterrupted);
    if (std::stop_source* source = g_source.load())
        source->request_stop();
    // main returns meanwhile and ends the process: this thread ends with it.
    if (isClose)
        ::Sleep(kCloseGraceMs);
    return TRUE;
}

}  // namespace

struct InterruptGuard::State {
    std::stop_source source;
};

InterruptGuard::InterruptGuard() : m_state(std::make_unique<State>())
{
    std::stop_source* none = nullptr;
    LORIKEET_CHECK(g_source.compare_exchange_strong(none, &m_state->source), "a second InterruptGuard");
    g_exitCode.store(0);
    ::SetConsoleCtrlHandler(onConsoleEvent, TRUE);
}

InterruptGuard::~InterruptGuard()
{
    ::SetConsoleCtrlHandler(onConsoleEvent, FALSE);
    g_source.store(nullptr);
}

std::stop_token InterruptGuard::token() const noexcept
{
    return m_state->source.get_token();
}

int InterruptGuard::exitCode() const noexcept
{
    return g_exitCode.load();
}

}  // namespace lorikeet
