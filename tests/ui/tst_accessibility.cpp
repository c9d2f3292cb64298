// SPDX-License-Identifier: GPL-3.0-or-later
// Names for screen readers, the keyboard alone, contrast, and pages that are not cut at small sizes.
#include "tests/ui/window_fixture.h"
#include "ui/card.h"
#include "ui/recipe_page.h"
#include "ui/theme.h"

#include <QAccessible>
#include <QApplication>
#include <QCheckBox>
#include <QImage>
#include <QLineEdit>
#include <QScrollArea>
#include <QSet>
#include <QTest>

#include <cmath>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;

namespace {

double luminance(const QColor& colour)
{
    // WCAG 2.1, "relative luminance".
    const auto linear = [](double c) { return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
}

double contrast(const QColor& a, const QColor& b)
{
    const double high = std::max(luminance(a), luminance(b));
    const double low = std::min(luminance(a), luminance(b));
    return (high + 0.05) / (low + 0.05);
}

QString nameOf(QWidget* widget)
{
    QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(widget);
    return interface == nullptr ? QString() : interface->text(QAccessible::Name);
}

}  // namespace

class TestAccessibility : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everythingThatTakesTheFocusHasAName()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.page<RecipePage>()->setAdvancedShown(true);
        int seen = 0;
        for (int step = MainWindow::Model; step <= MainWindow::WhatIf; ++step) {
            fixture.window->showStep(step);
            QTest::qWait(20);
            for (QWidget* widget : fixture.window->findChildren<QWidget*>()) {
                const bool inner = qobject_cast<QLineEdit*>(widget) != nullptr && widget->parentWidget()->inherits("QAbstractSpinBox");
                if (!widget->isVisible() || inner || !(widget->focusPolicy() & Qt::TabFocus))
                    continue;
                ++seen;
                QVERIFY2(!nameOf(widget).isEmpty(), qPrintable(QStringLiteral("step %1: %2 %3").arg(step).arg(QLatin1String(widget->metaObject()->className()), widget->objectName())));
            }
        }
        QVERIFY(seen > 60);
    }

    void theTabKeyReachesEveryControlOfAPage()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        for (int step = MainWindow::Model; step <= MainWindow::WhatIf; ++step) {
            fixture.window->showStep(step);
            fixture.window->activateWindow();
            QVERIFY(QTest::qWaitForWindowActive(fixture.window.get()));
            QSet<QWidget*> reached;
            for (int i = 0; i < 300; ++i) {
                QTest::keyClick(fixture.window.get(), Qt::Key_Tab);
                reached << QApplication::focusWidget();
            }
            for (QWidget* widget : fixture.window->findChildren<QWidget*>()) {
                const bool inner = widget->focusProxy() != nullptr || (widget->parentWidget() != nullptr && widget->parentWidget()->focusProxy() == widget);
                if (!widget->isVisible() || !widget->isEnabled() || inner || !(widget->focusPolicy() & Qt::TabFocus))
                    continue;
                const bool lineOfBox = qobject_cast<QLineEdit*>(widget) != nullptr && reached.contains(widget->parentWidget());
                // Of the six steps of the rail one holds the place in the chain; arrows and Ctrl+1..6 go on from there.
                const bool exclusive = widget->inherits("lorikeet::ui::StepButton");
                QVERIFY2(reached.contains(widget) || lineOfBox || exclusive,
                         qPrintable(QStringLiteral("step %1: %2 %3").arg(step).arg(QLatin1String(widget->metaObject()->className()), nameOf(widget))));
            }
        }
    }

    void controlAndANumberOpenTheSteps()
    {
        WindowFixture fixture;
        fixture.window->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(fixture.window.get()));
        for (int step = MainWindow::WhatIf; step >= MainWindow::Model; --step) {
            QTest::keyClick(fixture.window.get(), static_cast<Qt::Key>(Qt::Key_1 + step), Qt::ControlModifier);
            QCOMPARE(fixture.window->currentStep(), step);
        }
    }

    void textHasContrastInBothThemes_data()
    {
        QTest::addColumn<bool>("dark");
        QTest::newRow("light") << false;
        QTest::newRow("dark") << true;
    }
    void textHasContrastInBothThemes()
    {
        QFETCH(bool, dark);
        applyTheme(*qApp, dark);
        const QPalette palette = QApplication::palette();
        const Colours& colours = coloursOf(palette);
        QCOMPARE(colours.dark, dark);
        for (const QColor& ground : {palette.color(QPalette::Window), palette.color(QPalette::Base), colours.rail})
            for (const QColor& text : {palette.color(QPalette::Text), colours.muted, colours.good, colours.warning, colours.bad})
                QVERIFY2(contrast(text, ground) >= 4.5, qPrintable(QStringLiteral("%1 on %2").arg(text.name(), ground.name())));
        QVERIFY(contrast(palette.color(QPalette::HighlightedText), palette.color(QPalette::Highlight)) >= 4.5);
        QVERIFY(contrast(palette.color(QPalette::Text), colours.trainedToken) >= 4.5);
    }

    void anEmptyCheckBoxIsSeen_data() { textHasContrastInBothThemes_data(); }
    void anEmptyCheckBoxIsSeen()
    {
        QFETCH(bool, dark);
        applyTheme(*qApp, dark);
        QCheckBox box;
        box.resize(box.sizeHint());
        const QImage image = box.grab().toImage();
        const QColor ground = QApplication::palette().color(QPalette::Base);
        double best = 1;
        for (int y = 0; y < image.height(); ++y)
            for (int x = 0; x < image.width(); ++x)
                best = std::max(best, contrast(image.pixelColor(x, y), ground));
        QVERIFY2(best >= 3.0, qPrintable(QString::number(best)));
    }

    void noPageIsCutInASmallWindow()
    {
        WindowFixture fixture;
        QVERIFY(fixture.prepareJob());
        fixture.page<RecipePage>()->setAdvancedShown(true);
        fixture.window->resize(1000, 700);
        QTest::qWait(50);
        QCOMPARE(fixture.window->width(), 1000);
        for (int step = MainWindow::Model; step <= MainWindow::WhatIf; ++step) {
            fixture.window->showStep(step);
            QTest::qWait(50);
            for (const Page* page : fixture.window->findChildren<Page*>()) {
                if (!page->isVisible())
                    continue;
                const int needed = page->scrollArea()->widget()->minimumSizeHint().width();
                const int there = page->scrollArea()->viewport()->width();
                QVERIFY2(needed <= there, qPrintable(QStringLiteral("step %1 needs %2 of %3 pixels").arg(step).arg(needed).arg(there)));
            }
        }
    }
};

QTEST_MAIN(TestAccessibility)
#include "tst_accessibility.moc"
