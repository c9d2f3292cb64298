// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a Python oracle of tests/parity and hands over the JSON it prints.
#pragma once

#include "engine/base/error.h"

#include <QFile>
#include <QProcess>
#include <QString>
#include <QStringList>

#include <nlohmann/json.hpp>

#include <cstring>
#include <string>
#include <vector>

namespace lorikeet::formats {

/// What the script printed, or null when it printed nothing. A missing interpreter or package is a failure like any other: it throws,
/// and so fails the test.
inline nlohmann::ordered_json askOracle(const QString& script, const QStringList& arguments)
{
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("HF_HUB_OFFLINE"), QStringLiteral("1"));
    environment.insert(QStringLiteral("PYTHONDONTWRITEBYTECODE"), QStringLiteral("1"));
    process.setProcessEnvironment(environment);
    process.start(QStringLiteral(LORIKEET_PYTHON), QStringList{QStringLiteral(LORIKEET_SOURCE_DIR "/tests/parity/") + script} + arguments);
    const bool ended = process.waitForStarted() && process.waitForFinished(280000);
    if (!ended || process.exitStatus() != QProcess::NormalExit || process.exitCode() != 0)
        throw Error(ErrorCode::RunFailed, "the oracle " + script.toStdString() + " failed: " + process.errorString().toStdString() + "\n"
                                              + process.readAllStandardError().toStdString(), "set the oracles up");
    const QByteArray output = process.readAllStandardOutput();
    return output.isEmpty() ? nlohmann::ordered_json() : nlohmann::ordered_json::parse(output.toStdString());
}

inline std::string bytesOfFile(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        throw Error(ErrorCode::BadInput, "cannot read " + path.toStdString(), "run the oracle again");
    return file.readAll().toStdString();
}

/// Bit equality, except that a NaN equals any NaN: processors and NumPy may set its quiet bit.
inline bool sameFloats(const std::vector<float>& ours, const std::vector<float>& theirs)
{
    if (ours.size() != theirs.size())
        return false;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        const bool bothNan = ours[i] != ours[i] && theirs[i] != theirs[i];
        if (!bothNan && std::memcmp(&ours[i], &theirs[i], sizeof(float)) != 0)
            return false;
    }
    return true;
}

}  // namespace lorikeet::formats
