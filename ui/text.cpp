// SPDX-License-Identifier: GPL-3.0-or-later
// Paths for people.
#include "ui/text.h"

#include "engine/base/files.h"

#include <QDir>

namespace lorikeet::ui {

QString toQt(const std::filesystem::path& path)
{
    return toQt(std::string_view(utf8(path)));
}

std::filesystem::path toPath(const QString& text)
{
    return pathFromUtf8(toStd(text));
}

QString sentenceCase(QString text)
{
    // A file, a path or the key of a field keeps its spelling.
    const QString first = text.section(QLatin1Char(' '), 0, 0);
    const bool isName = first.contains(QLatin1Char('.')) || first.contains(QLatin1Char('/')) || first.contains(QLatin1Char('_'));
    if (!text.isEmpty() && !isName)
        text[0] = text[0].toUpper();
    return text;
}

QString shortPath(const QString& path, int most)
{
    const QString home = QDir::homePath();
    QString text = home.size() > 1 && path.startsWith(home + QLatin1Char('/')) ? QLatin1Char('~') + path.mid(home.size()) : path;
    if (text.size() > most) {
        const qsizetype half = (most - 1) / 2;
        text = text.left(half) + QChar(0x2026) + text.right(most - 1 - half);
    }
    // A label may break the line after a slash.
    return text.replace(QLatin1Char('/'), QStringLiteral("/") + QChar(0x200B));
}

}  // namespace lorikeet::ui
