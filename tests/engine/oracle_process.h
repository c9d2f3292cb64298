// SPDX-License-Identifier: GPL-3.0-or-later
// Running a Python oracle from a Qt test. A missing oracle is a failure, never a skip.
#pragma once

#include <QByteArray>
#include <QProcess>
#include <QStringList>

namespace lorikeet::test {

/// Runs tests/parity/SCRIPT with the oracles' interpreter; returns an empty text, or what went wrong.
inline QString runOracle(const QString& script, const QStringList& arguments, int seconds = 240)
{
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(QStringLiteral(LORIKEET_PYTHON), QStringList{QStringLiteral(LORIKEET_SOURCE_DIR "/tests/parity/") + script} + arguments);
    if (!process.waitForStarted() || !process.waitForFinished(seconds * 1000))
        return QStringLiteral("the oracle %1 did not run: %2").arg(script, process.errorString());
    if (process.exitStatus() != QProcess::NormalExit || process.exitCode() != 0)
        return QStringLiteral("the oracle %1 failed: %2").arg(script, QString::fromUtf8(process.readAll()));
    return {};
}

}  // namespace lorikeet::test
