// SPDX-License-Identifier: GPL-3.0-or-later
// Runs tests/parity/jinja_oracle.py and reads the JSON lines it writes.
#pragma once

#include <QProcess>
#include <QProcessEnvironment>
#include <QStringList>
#include <QTemporaryDir>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace lorikeet::jinja::testing {

/// The records, or none and the reason in `problem`. A missing interpreter or package is a failure like any other.
inline std::vector<nlohmann::ordered_json> oracleLines(const QStringList& arguments, QString& problem)
{
    const QString python = QStringLiteral(LORIKEET_PYTHON);
    if (python.isEmpty()) {
        problem = QStringLiteral("LORIKEET_PYTHON is not set: the oracle cannot run");
        return {};
    }
    QTemporaryDir folder;
    const QString output = folder.filePath(QStringLiteral("oracle.jsonl"));
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("HF_HUB_OFFLINE"), QStringLiteral("1"));
    environment.insert(QStringLiteral("PYTHONDONTWRITEBYTECODE"), QStringLiteral("1"));
    process.setProcessEnvironment(environment);
    process.start(python, QStringList{QStringLiteral(LORIKEET_SOURCE_DIR "/tests/parity/jinja_oracle.py")} + arguments + QStringList{output});
    const bool ended = process.waitForStarted() && process.waitForFinished(280000);
    if (!ended || process.exitStatus() != QProcess::NormalExit || process.exitCode() != 0) {
        problem = process.errorString() + QLatin1Char('\n') + QString::fromUtf8(process.readAllStandardError());
        return {};
    }
    std::vector<nlohmann::ordered_json> records;
    std::ifstream stream(output.toStdString());
    for (std::string line; std::getline(stream, line);)
        records.push_back(nlohmann::ordered_json::parse(line));
    return records;
}

}  // namespace lorikeet::jinja::testing
