// SPDX-License-Identifier: GPL-3.0-or-later
// Driving the real lorikeet-cli in tests: one call, its output, and the tiny model that the verbs work on.
#pragma once

#include "tests/engine/oracle_process.h"

#include <QByteArray>
#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QStringList>
#include <QTemporaryDir>

namespace lorikeet::test {

inline QString cliPath() { return QStringLiteral(LORIKEET_CLI); }

struct CliResult {
    int code = -1;
    QByteArray out;
    QByteArray err;
    bool crashed = true;

    /// The lines of standard output as objects; a line that is none becomes an empty object.
    [[nodiscard]] QList<QJsonObject> objects() const
    {
        QList<QJsonObject> list;
        for (const QByteArray& line : out.split('\n'))
            if (!line.isEmpty())
                list << QJsonDocument::fromJson(line).object();
        return list;
    }

    /// The first error on standard error behind which no "next:" says what to do; empty when there is none such.
    [[nodiscard]] QByteArray errorWithoutNextStep() const
    {
        const QList<QByteArray> lines = err.split('\n');
        for (qsizetype i = 0; i < lines.size(); ++i)
            if (lines[i].startsWith("lorikeet-cli: ") && !lines[i].startsWith("lorikeet-cli: warning: ") && !lines.value(i + 1).startsWith("  next: "))
                return lines[i];
        return {};
    }
};

/// The environment of every call: no terminal, a data folder of the test's own.
inline QProcessEnvironment cliEnvironment(const QString& folder)
{
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("XDG_DATA_HOME"), folder + QStringLiteral("/data-home"));
    environment.insert(QStringLiteral("LORIKEET_STARTER_MODEL"), QStringLiteral(LORIKEET_STARTER_MODEL));
    return environment;
}

inline CliResult runCli(const QString& folder, const QStringList& arguments, const QByteArray& input = {}, int seconds = 120)
{
    QProcess process;
    process.setWorkingDirectory(folder);
    process.setProcessEnvironment(cliEnvironment(folder));
    process.start(cliPath(), arguments);
    CliResult result;
    if (!process.waitForStarted())
        return result;
    process.write(input);
    process.closeWriteChannel();
    if (!process.waitForFinished(seconds * 1000)) {
        process.kill();
        process.waitForFinished();
        return result;
    }
    result.crashed = process.exitStatus() != QProcess::NormalExit;
    result.code = process.exitCode();
    result.out = process.readAllStandardOutput();
    result.err = process.readAllStandardError();
    return result;
}

inline bool writeFile(const QString& path, const QByteArray& bytes)
{
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size();
}

inline QByteArray readFile(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

inline QByteArray sha256(const QString& path) { return QCryptographicHash::hash(readFile(path), QCryptographicHash::Sha256).toHex(); }

/// 48 short conversations.
inline QByteArray tinyRows()
{
    QByteArray rows;
    for (int i = 0; i < 48; ++i)
        rows += "{\"messages\":[{\"role\":\"user\",\"content\":\"What is " + QByteArray::number(i) + " and " + QByteArray::number(i + 3)
              + "?\"},{\"role\":\"assistant\",\"content\":\"The number is " + QByteArray::number(2 * i + 3) + ", a short answer.\"}]}\n";
    return rows;
}

/// Makes `folder`/model, data.jsonl and job.lorikeet.json; returns an empty text or what went wrong.
inline QString makeTinyJob(const QString& folder, const QStringList& more = {})
{
    const QString problem = runOracle(QStringLiteral("make_chatml_model.py"), {folder + QStringLiteral("/model")});
    if (!problem.isEmpty())
        return problem;
    if (!writeFile(folder + QStringLiteral("/data.jsonl"), tinyRows()))
        return QStringLiteral("data.jsonl cannot be written");
    QStringList arguments{"job", "new", "--model", "model", "--data", "data.jsonl", "-o", "job.lorikeet.json"};
    for (const char* set : {"recipe.context=64", "recipe.rank=4", "recipe.epochs=4", "recipe.precision=fp32", "recipe.loss_chunk=64",
                            "recipe.learning_rate=0.01", "data.validation_fraction=0.1", "run.threads=1"})
        arguments << "--set" << set;
    for (const QString& set : more)
        arguments << "--set" << set;
    const CliResult made = runCli(folder, arguments);
    return made.code == 0 ? QString() : QString::fromUtf8(made.err);
}

}  // namespace lorikeet::test
