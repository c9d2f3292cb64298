// SPDX-License-Identifier: GPL-3.0-or-later
// Palettes: calm greys, one teal accent, text contrast above 4.5 : 1 in both.
#include "ui/theme.h"

#include "ui/flat_style.h"

#include <QApplication>
#include <QFontDatabase>
#include <QFontMetrics>
#include <QWidget>

/// Resources of a static library are linked only when asked for, from outside every namespace.
static void initialiseResources()
{
    Q_INIT_RESOURCE(resources);
}

namespace lorikeet::ui {

namespace {

constexpr std::array<QRgb, 5> kMemory{0xff0072B2, 0xffE69F00, 0xffD55E00, 0xff009E73, 0xffCC79A7};

/// The colours of one palette in the order of use.
struct PaletteColours {
    QRgb window, base, alternate, text, muted, button, border, accent, onAccent, tooltip, bad;
};
constexpr PaletteColours kLight{0xfff5f6f8, 0xffffffff, 0xfff0f2f5, 0xff1b1f24, 0xff5b6470, 0xffffffff,
                                0xffd5dae1, 0xff0b766e, 0xffffffff, 0xff1b1f24, 0xffb42318};
constexpr PaletteColours kDark{0xff16191d, 0xff1e2227, 0xff252a30, 0xffe8eaed, 0xff9aa4b0, 0xff2a3037,
                               0xff3a424b, 0xff3cc4b4, 0xff07201d, 0xff2a3037, 0xffff8b7e};

QPalette paletteFrom(const PaletteColours& c, bool dark)
{
    const auto colour = [](QRgb rgb) { return QColor::fromRgb(rgb); };
    QPalette palette;
    palette.setColor(QPalette::Window, colour(c.window));
    palette.setColor(QPalette::WindowText, colour(c.text));
    palette.setColor(QPalette::Base, colour(c.base));
    palette.setColor(QPalette::AlternateBase, colour(c.alternate));
    palette.setColor(QPalette::Text, colour(c.text));
    palette.setColor(QPalette::PlaceholderText, colour(c.muted));
    palette.setColor(QPalette::Button, colour(c.button));
    palette.setColor(QPalette::ButtonText, colour(c.text));
    palette.setColor(QPalette::BrightText, colour(c.bad));
    palette.setColor(QPalette::Highlight, colour(c.accent));
    palette.setColor(QPalette::HighlightedText, colour(c.onAccent));
    palette.setColor(QPalette::Link, colour(c.accent));
    palette.setColor(QPalette::LinkVisited, colour(c.accent));
    palette.setColor(QPalette::ToolTipBase, colour(c.tooltip));
    palette.setColor(QPalette::ToolTipText, colour(0xffe8eaed));
    palette.setColor(QPalette::Mid, colour(c.border));
    palette.setColor(QPalette::Midlight, colour(c.alternate));
    palette.setColor(QPalette::Light, colour(c.base));
    palette.setColor(QPalette::Dark, colour(c.border).darker(dark ? 80 : 120));
    palette.setColor(QPalette::Shadow, colour(dark ? 0xff000000 : 0xff9aa4b0));
    const QColor disabled = dark ? colour(0xff6b7480) : colour(0xff98a1ac);
    for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        palette.setColor(QPalette::Disabled, role, disabled);
    palette.setColor(QPalette::Disabled, QPalette::Highlight, colour(c.border));
    palette.setColor(QPalette::Disabled, QPalette::HighlightedText, disabled);
    return palette;
}

Colours makeColours(bool dark)
{
    Colours c;
    c.dark = dark;
    for (std::size_t i = 0; i < kMemory.size(); ++i)
        c.memory[i] = QColor::fromRgb(kMemory[i]);
    // The published blue is dark: on a dark ground it is lifted, its hue kept.
    if (dark)
        c.memory[0] = QColor(0x2f, 0x95, 0xd6);
    const PaletteColours& p = dark ? kDark : kLight;
    c.freeMemory = dark ? QColor(0x2d, 0x33, 0x3a) : QColor(0xe6, 0xe9, 0xed);
    c.otherPrograms = dark ? QColor(0x6b, 0x74, 0x80) : QColor(0xa8, 0xb0, 0xba);
    c.good = dark ? QColor(0x5f, 0xd3, 0x8d) : QColor(0x14, 0x6b, 0x3e);
    c.warning = dark ? QColor(0xf2, 0xb8, 0x4b) : QColor(0x9a, 0x5b, 0x00);
    c.bad = QColor::fromRgb(p.bad);
    c.muted = QColor::fromRgb(p.muted);
    c.border = QColor::fromRgb(p.border);
    c.rail = dark ? QColor(0x11, 0x14, 0x17) : QColor(0xec, 0xef, 0xf2);
    c.trainedToken = dark ? QColor(0x17, 0x57, 0x50) : QColor(0xbf, 0xe9, 0xe3);
    c.maskedToken = dark ? QColor(0x2d, 0x33, 0x3a) : QColor(0xec, 0xee, 0xf1);
    c.plotGrid = dark ? QColor(0x30, 0x36, 0x3d) : QColor(0xe3, 0xe6, 0xea);
    return c;
}

QFont scaled(double factor, QFont::Weight weight)
{
    QFont font = QApplication::font();
    font.setPointSizeF(font.pointSizeF() * factor);
    font.setWeight(weight);
    return font;
}

/// Where the desktop names no better font than DejaVu (bare X, offscreen), Noto Sans reads better.
QFont preferredFont()
{
    QFont font = QFontDatabase::systemFont(QFontDatabase::GeneralFont);
    const QString shown = QFontInfo(font).family();
    if (shown.startsWith(QLatin1String("DejaVu")) && QFontDatabase::hasFamily(QStringLiteral("Noto Sans")))
        font.setFamily(QStringLiteral("Noto Sans"));
    font.setPointSizeF(std::max(font.pointSizeF(), 10.0));
    return font;
}

}  // namespace

const Colours& coloursOf(const QPalette& palette)
{
    static const Colours light = makeColours(false);
    static const Colours dark = makeColours(true);
    return palette.color(QPalette::Window).lightness() < 128 ? dark : light;
}

const Colours& coloursOf(const QWidget* widget)
{
    return coloursOf(widget->palette());
}

void applyTheme(QApplication& application, bool dark)
{
    static bool styled = false;
    if (!styled) {
        initialiseResources();
        QApplication::setStyle(new FlatStyle);
        QApplication::setFont(preferredFont());
        styled = true;
    }
    application.setPalette(paletteFrom(dark ? kDark : kLight, dark));
}

QFont titleFont()
{
    return scaled(1.75, QFont::DemiBold);
}

QFont headingFont()
{
    return scaled(1.15, QFont::DemiBold);
}

QFont strongFont()
{
    return scaled(1.0, QFont::DemiBold);
}

QFont smallFont()
{
    return scaled(0.9, QFont::Normal);
}

QFont figureFont()
{
    return scaled(1.5, QFont::DemiBold);
}

QFont monoFont()
{
    QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
    font.setPointSizeF(QApplication::font().pointSizeF() * 0.95);
    return font;
}

bool showsFocus(const QWidget* widget)
{
    return widget->hasFocus() && widget->window()->testAttribute(Qt::WA_KeyboardFocusChange);
}

int unit(double count)
{
    const double third = QFontMetrics(QApplication::font()).height() / 3.0;
    return static_cast<int>(count * third + 0.5);
}

}  // namespace lorikeet::ui
