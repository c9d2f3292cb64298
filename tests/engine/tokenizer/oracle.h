// SPDX-License-Identifier: GPL-3.0-or-later
// Running a Python oracle of tests/parity and reading what it wrote.
#pragma once

#include "engine/tokenizer/tokenizer.h"

#include <QFile>
#include <QProcess>
#include <QString>
#include <QStringList>

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace lorikeet::tokenizer::testing {

/// Empty when the script ended well, else what it said. A missing interpreter is a failure like any other.
inline QString runOracle(const QString& script, const QStringList& arguments)
{
    const QString python = QStringLiteral(LORIKEET_PYTHON);
    if (python.isEmpty()) {
        return QStringLiteral("LORIKEET_PYTHON is not set: the oracle cannot run");
    }
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("HF_HUB_OFFLINE"), QStringLiteral("1"));
    environment.insert(QStringLiteral("PYTHONDONTWRITEBYTECODE"), QStringLiteral("1"));
    process.setProcessEnvironment(environment);
    process.start(python, QStringList{QStringLiteral(LORIKEET_SOURCE_DIR "/tests/parity/") + script} + arguments);
    if (!process.waitForStarted() || !process.waitForFinished(500000) || process.exitStatus() != QProcess::NormalExit
        || process.exitCode() != 0) {
        return script + QStringLiteral(": ") + process.errorString() + QStringLiteral("\n")
            + QString::fromUtf8(process.readAllStandardError());
    }
    return {};
}

inline nlohmann::json readJson(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? nlohmann::json::parse(file.readAll().toStdString()) : nlohmann::json();
}

using Spans = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

/// First difference between ours and the oracle's, for a message; empty when there is none.
template <typename T>
std::string firstDifference(const std::vector<T>& ours, const std::vector<T>& theirs)
{
    if (ours == theirs) {
        return {};
    }
    return "ours " + nlohmann::json(ours).dump() + "\ntheirs " + nlohmann::json(theirs).dump();
}

/// The same for texts that may hold anything.
inline std::string quoted(const std::string& text)
{
    return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// Pushes one id after the other.
inline std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skipSpecial)
{
    StreamDecoder decoder(tokenizer, skipSpecial);
    std::string text;
    for (const TokenId id : ids) {
        text += decoder.push(id);
    }
    return text + decoder.finish();
}

}  // namespace lorikeet::tokenizer::testing
