// SPDX-License-Identifier: GPL-3.0-or-later
// What the tests of this room share: files with given bytes, and the error an action throws.
#pragma once

#include "engine/base/error.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

/// A folder that goes away with the test.
class DataFolder {
public:
    /// Writes a file and gives its path.
    std::filesystem::path put(const char* name, std::string_view bytes)
    {
        QFile file(m_folder.filePath(QString::fromUtf8(name)));
        if (!file.open(QIODevice::WriteOnly) || file.write(bytes.data(), static_cast<qint64>(bytes.size())) != static_cast<qint64>(bytes.size()))
            qFatal("cannot write %s", name);
        return file.fileName().toStdString();
    }
    std::filesystem::path path(const char* name) const { return m_folder.filePath(QString::fromUtf8(name)).toStdString(); }

private:
    QTemporaryDir m_folder;
};

/// The Error of an action, if it throws one.
template <typename Action>
std::optional<lorikeet::Error> errorOf(const Action& action)
{
    try {
        action();
    } catch (const lorikeet::Error& error) {
        return error;
    }
    return std::nullopt;
}

/// True when the action throws an Error of this code whose text has all these words; says what came instead otherwise.
template <typename Action>
bool refuses(lorikeet::ErrorCode code, std::initializer_list<const char*> words, const Action& action)
{
    const auto error = errorOf(action);
    bool good = error && error->code() == code && (code == lorikeet::ErrorCode::Cancelled || !error->hint().empty());
    for (const char* word : words)
        good = good && std::string_view(error->what()).find(word) != std::string_view::npos;
    if (!good)
        qWarning("got: %s", error ? error->what() : "no error");
    return good;
}
