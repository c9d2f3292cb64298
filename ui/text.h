// SPDX-License-Identifier: GPL-3.0-or-later
// Crossing between the engine's UTF-8 strings and Qt's.
#pragma once

#include <QString>

#include <filesystem>
#include <string>
#include <string_view>

namespace lorikeet::ui {

[[nodiscard]] inline QString toQt(std::string_view utf8Text)
{
    return QString::fromUtf8(utf8Text.data(), static_cast<qsizetype>(utf8Text.size()));
}
[[nodiscard]] inline QString toQt(const std::string& utf8Text)
{
    return QString::fromStdString(utf8Text);
}
[[nodiscard]] QString toQt(const std::filesystem::path& path);
[[nodiscard]] inline std::string toStd(const QString& text)
{
    return text.toStdString();
}
[[nodiscard]] std::filesystem::path toPath(const QString& text);
/// First letter in upper case, unless the text begins with a file name or the key of a field.
[[nodiscard]] QString sentenceCase(QString text);
/// Path with the home folder as "~", shortened in the middle to about `most` characters.
[[nodiscard]] QString shortPath(const QString& path, int most = 56);

}  // namespace lorikeet::ui
