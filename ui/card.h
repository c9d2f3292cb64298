// SPDX-License-Identifier: GPL-3.0-or-later
// The building blocks of every page: rounded cards, labels by rank, tiles with a figure, the page frame with its heading.
#pragma once

#include <QFrame>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>

class QHBoxLayout;
class QVBoxLayout;

namespace lorikeet::ui {

enum class TextRank { Title, Heading, Strong, Body, Muted, Small, Figure, Mono };

/// A label whose colour and size follow the theme. Plain text; wraps where `wrap`.
[[nodiscard]] QLabel* makeLabel(const QString& text, TextRank rank, bool wrap = false);
/// A push button with its accessible name.
enum class ButtonKind { Plain, Primary, Quiet };
[[nodiscard]] QPushButton* makeButton(const QString& text, ButtonKind kind = ButtonKind::Plain);

/// A rounded surface with a vertical layout.
class Card : public QFrame {
    Q_OBJECT
public:
    explicit Card(const QString& heading = {}, QWidget* parent = nullptr);
    [[nodiscard]] QVBoxLayout* content() const noexcept { return m_content; }
    /// The line of the heading; widgets added here stand at its right.
    [[nodiscard]] QHBoxLayout* headingLine() const noexcept { return m_headingLine; }
    /// Accent border: this card is the chosen one.
    void setChosen(bool chosen);
    /// Dashed border while something is dragged over it, or as an invitation to drop.
    void setDashed(bool dashed);

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QVBoxLayout* m_content;
    QHBoxLayout* m_headingLine;
    bool m_chosen = false;
    bool m_dashed = false;
};

/// A caption over a figure.
class Tile : public QWidget {
    Q_OBJECT
public:
    explicit Tile(const QString& caption, QWidget* parent = nullptr);
    void setFigure(const QString& figure, const QString& note = {});
    [[nodiscard]] QString figure() const { return m_figure->text(); }

private:
    QLabel* m_caption;
    QLabel* m_figure;
    QLabel* m_note;
};

/// Frame of a page: title, one line under it, a place for the main action at the right, and a scrolled column below.
class Page : public QWidget {
    Q_OBJECT
public:
    Page(const QString& title, const QString& subtitle, QWidget* parent = nullptr);
    [[nodiscard]] QVBoxLayout* column() const noexcept { return m_column; }
    [[nodiscard]] QHBoxLayout* actions() const noexcept { return m_actions; }
    void setSubtitle(const QString& text);
    [[nodiscard]] QScrollArea* scrollArea() const noexcept { return m_scroll; }

private:
    QLabel* m_subtitle;
    QHBoxLayout* m_actions;
    QScrollArea* m_scroll;
    QVBoxLayout* m_column;
};

}  // namespace lorikeet::ui
