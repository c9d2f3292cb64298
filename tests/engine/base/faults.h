// SPDX-License-Identifier: GPL-3.0-or-later
// A world that fails or dies at a chosen step of an atomic write, and what the tests of atomic writes ask of a folder.
#pragma once

#include "engine/base/file_faults.h"
#include "engine/base/files.h"

#include <QDir>
#include <QFile>
#include <QtTest>

#include <csignal>
#include <functional>

#include <sys/wait.h>
#include <unistd.h>

namespace lorikeet::faults {

namespace fs = std::filesystem;

/// What the world does next. A plain function pointer is called, so this is global; reset() it in init().
struct World {
    FileStep step = FileStep::Create;
    int skip = 0;  ///< how many times the step passes before it fails
    std::errc reason = std::errc::no_space_on_device;
    bool die = false;
    bool noExchange = false;  ///< a file system that cannot exchange two folders ("d" is the one that is replaced)
};
inline World g_world;

inline std::error_code failAtStep(FileStep step, const fs::path& path)
{
    // Old kernels, some network file systems and Windows cannot exchange two folders.
    if (g_world.noExchange && step == FileStep::Replace && path.filename() == "d")
        return std::make_error_code(std::errc::function_not_supported);
    if (step != g_world.step || g_world.skip-- > 0)
        return {};
    if (g_world.die)
        ::kill(::getpid(), SIGKILL);
    return std::make_error_code(g_world.reason);
}

/// From now on the world fails as `world` says.
inline void breakWorld(const World& world)
{
    g_world = world;
    setFileFault(failAtStep);
}

inline void mendWorld()
{
    g_world = {};
    setFileFault(nullptr);
}

inline QByteArray contentOf(const fs::path& path)
{
    QFile file(QString::fromStdString(path.string()));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("<missing>");
}

inline void put(const fs::path& path, const QByteArray& content)
{
    QFile file(QString::fromStdString(path.string()));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(content) == content.size());
}

/// Every name in a folder, hidden ones too.
inline QStringList namesIn(const fs::path& folder)
{
    return QDir(QString::fromStdString(folder.string())).entryList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot);
}

/// Runs `action` in a forked child; returns its exit code, or -signal.
inline int inChild(const std::function<void()>& action)
{
    const pid_t child = ::fork();
    if (child == 0) {
        int code = 0;
        try {
            action();
        } catch (...) {
            code = 77;
        }
        ::_exit(code);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace lorikeet::faults
