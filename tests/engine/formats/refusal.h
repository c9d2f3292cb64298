// SPDX-License-Identifier: GPL-3.0-or-later
// What a reader answers to bad input: the message of the Error{BadInput} it throws, for tests.
#pragma once

#include "engine/base/error.h"

#include <QByteArray>
#include <QFile>
#include <QString>

#include <filesystem>
#include <string>

namespace lorikeet::formats {

/// The message of the refusal, which must say what to do next; "accepted" when nothing was thrown; another kind of exception fails the test by passing through.
template <typename Act>
std::string refusalOf(Act act)
{
    try {
        act();
    } catch (const Error& error) {
        if (error.hint().empty())
            return "without a next step: " + error.message();
        return error.code() == ErrorCode::BadInput ? error.message() : "wrong code: " + error.message();
    }
    return "accepted";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Writes `bytes` to a file and returns its path.
inline std::filesystem::path writeBytes(const std::filesystem::path& path, const std::string& bytes)
{
    QFile file(QString::fromStdString(path.string()));
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes.data(), static_cast<qint64>(bytes.size())) != static_cast<qint64>(bytes.size()))
        throw Error(ErrorCode::Target, "cannot write the test's file", "free some space");
    return path;
}

}  // namespace lorikeet::formats

/// The refusal names what it should; shows the whole message otherwise.
#define VERIFY_REFUSAL(message, part) \
    QVERIFY2(lorikeet::formats::contains((message), (part)), ("expected '" + std::string(part) + "' in: " + (message)).c_str())
