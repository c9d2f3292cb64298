// SPDX-License-Identifier: GPL-3.0-or-later
// InterruptGuard for POSIX. A signal handler may do next to nothing, so it counts and writes one byte into a pipe; a thread
// that reads the pipe makes the stop request. The second signal ends the process inside the handler.
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/system.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace lorikeet {

namespace {

constexpr int kSignalExitBase = 128;
constexpr char kSignalled = 's';
constexpr char kFinished = 'f';

static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");
std::atomic<int> g_firstSignal{0};
std::atomic<int> g_pipeWriteEnd{-1};
std::atomic<bool> g_guardExists{false};

void writeByte(int fd, char byte)
{
    ssize_t written = 0;
    do {
        written = ::write(fd, &byte, 1);
    } while (written < 0 && errno == EINTR);
}

extern "C" void onInterrupt(int signal)
{
    const int savedErrno = errno;
    int none = 0;
    if (!g_firstSignal.compare_exchange_strong(none, signal))
        ::_exit(kSignalExitBase + signal);
    writeByte(g_pipeWriteEnd.load(), kSignalled);
    errno = savedErrno;
}

}  // namespace

struct InterruptGuard::State {
    std::stop_source source;
    int readEnd = -1;
    int writeEnd = -1;
    struct sigaction oldInterrupt = {};
    struct sigaction oldTerminate = {};
    std::thread watcher;

    void watch()
    {
        for (;;) {
            char byte = kFinished;
            const ssize_t count = ::read(readEnd, &byte, 1);
            if (count < 0 && errno == EINTR)
                continue;
            if (count != 1 || byte != kSignalled)
                return;
            source.request_stop();
        }
    }
};

InterruptGuard::InterruptGuard() : m_state(std::make_unique<State>())
{
    LORIKEET_CHECK(!g_guardExists.exchange(true), "a second InterruptGuard");
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        g_guardExists.store(false);
        throw Error(ErrorCode::Device, "cannot watch for Ctrl-C: " + std::error_code(errno, std::system_category()).message(),
                    "raise the limit of open files (ulimit -n)");
    }
    m_state->readEnd = ends[0];
    m_state->writeEnd = ends[1];
    g_firstSignal.store(0);
    g_pipeWriteEnd.store(ends[1]);
    m_state->watcher = std::thread([state = m_state.get()] { state->watch(); });
    struct sigaction action = {};
    action.sa_handler = onInterrupt;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &m_state->oldInterrupt);
    ::sigaction(SIGTERM, &action, &m_state->oldTerminate);
}

InterruptGuard::~InterruptGuard()
{
    ::sigaction(SIGINT, &m_state->oldInterrupt, nullptr);
    ::sigaction(SIGTERM, &m_state->oldTerminate, nullptr);
    writeByte(m_state->writeEnd, kFinished);
    m_state->watcher.join();
    ::close(m_state->readEnd);
    ::close(m_state->writeEnd);
    g_guardExists.store(false);
}

std::stop_token InterruptGuard::token() const noexcept
{
    return m_state->source.get_token();
}

int InterruptGuard::exitCode() const noexcept
{
    const int signal = g_firstSignal.load();
    return signal == 0 ? 0 : kSignalExitBase + signal;
}

}  // namespace lorikeet
