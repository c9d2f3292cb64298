// SPDX-License-Identifier: GPL-3.0-or-later
// The two palettes of the program, the colours that no palette role has, and text sizes.
#pragma once

#include <QColor>
#include <QFont>
#include <QPalette>

#include <array>

class QApplication;
class QWidget;

namespace lorikeet::ui {

enum class ThemeChoice { System, Light, Dark };

/// Colours beyond the roles of QPalette.
struct Colours {
    bool dark = false;
    std::array<QColor, 5> memory;  ///< weights, activations, gradients, optimizer, buffers (Okabe and Ito, "Color Universal Design", 2008)
    QColor freeMemory;
    QColor otherPrograms;
    QColor good;
    QColor warning;
    QColor bad;
    QColor muted;
    QColor border;
    QColor rail;          ///< background of the side rails
    QColor trainedToken;  ///< tints of the token view
    QColor maskedToken;
    QColor plotGrid;
};

/// The set that goes with a palette, light or dark.
[[nodiscard]] const Colours& coloursOf(const QPalette& palette);
[[nodiscard]] const Colours& coloursOf(const QWidget* widget);

/// Style, palette and font of the application. May be called again at any time.
void applyTheme(QApplication& application, bool dark);

/// Text sizes, from the application's font.
[[nodiscard]] QFont titleFont();
[[nodiscard]] QFont headingFont();
[[nodiscard]] QFont strongFont();
[[nodiscard]] QFont smallFont();
[[nodiscard]] QFont figureFont();  ///< large numbers
[[nodiscard]] QFont monoFont();

/// True when this widget has the focus and the keyboard is being used to move it: a click draws no ring.
[[nodiscard]] bool showsFocus(const QWidget* widget);

/// Distances in pixels of the current font: unit(1) is about a third of a line.
[[nodiscard]] int unit(double count = 1.0);

}  // namespace lorikeet::ui
