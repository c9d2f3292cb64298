// SPDX-License-Identifier: GPL-3.0-or-later
// A shown window over a scripted engine and a folder of its own, as every test of the window needs it.
#pragma once

#include "tests/ui/scripted_engine.h"
#include "ui/app_settings.h"
#include "ui/main_window.h"

#include <QPushButton>
#include <QTemporaryDir>

#include <memory>

namespace lorikeet::test {

class WindowFixture {
public:
    WindowFixture();

    /// Waits until nothing is being read or planned.
    [[nodiscard]] bool settle(int timeoutMs = 5000) const;
    /// The visible button with this text on the current page or in the window, or nullptr.
    [[nodiscard]] QPushButton* button(const QString& text) const;
    /// A job with model and data that is ready to run; waits for its plan, which the script then measures.
    [[nodiscard]] bool prepareJob();
    template <typename T>
    [[nodiscard]] T* page() const
    {
        return window->findChild<T*>();
    }

    QTemporaryDir folder;
    ScriptedEngine engine;
    std::unique_ptr<ui::AppSettings> settings;
    std::unique_ptr<ui::MainWindow> window;
};

}  // namespace lorikeet::test
