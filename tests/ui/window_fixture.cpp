// SPDX-License-Identifier: GPL-3.0-or-later
// Making, settling and searching the window.
#include "tests/ui/window_fixture.h"

#include "engine/base/files.h"
#include "ui/text.h"

#include <nlohmann/json.hpp>

#include <QTest>

#if defined(__SANITIZE_THREAD__)
// Qt, D-Bus and fontconfig are not instrumented: what their own threads do looks like races. Our code is watched all the same.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options();
extern "C" const char* __tsan_default_options()
{
    return "ignore_noninstrumented_modules=1";
}
#endif

namespace lorikeet::test {

WindowFixture::WindowFixture()
{
    settings = std::make_unique<ui::AppSettings>(folder.filePath(QStringLiteral("window.ini")));
    window = std::make_unique<ui::MainWindow>(engine.verbs(), *settings, ui::ThemeChoice::Light);
    window->resize(1280, 800);
    window->show();
}

bool WindowFixture::settle(int timeoutMs) const
{
    return QTest::qWaitFor([this] { return window->isSettled(); }, timeoutMs);
}

QPushButton* WindowFixture::button(const QString& text) const
{
    for (QPushButton* candidate : window->findChildren<QPushButton*>())
        if (candidate->isVisible() && candidate->text() == text)
            return candidate;
    return nullptr;
}

bool WindowFixture::prepareJob()
{
    ui::JobDocument& document = window->document();
    document.reset(Job{}, ui::toPath(folder.filePath(QStringLiteral("job.lorikeet.json"))));
    document.setField("model.path", nlohmann::ordered_json("starter"));
    document.setField("data.path", nlohmann::ordered_json("/data/starter.jsonl"));
    document.setField("data.validation_fraction", nlohmann::ordered_json(0.1));
    const bool planned = QTest::qWaitFor([this] { return window->isSettled() && window->budget().plan().has_value() && window->dataProbe().summary().has_value(); }, 10000);
    if (planned)
        engine.script.plannedBytes = window->budget().plan()->categoryBytes;
    return planned;
}

}  // namespace lorikeet::test
