// SPDX-License-Identifier: GPL-3.0-or-later
// The main job in the real window with the real engine: the starter model, rows of the starter data, a run that is paused, resumed and
// stopped, one that ends by itself, the verified export, and a prompt to base and adapter. One slot is one station of the way.
#include "app/engine_verbs.h"
#include "engine/base/units.h"
#include "ui/app_settings.h"
#include "ui/export_page.h"
#include "ui/inline_message.h"
#include "ui/loss_plot.h"
#include "ui/main_window.h"
#include "ui/number_edit.h"
#include "ui/run_page.h"
#include "ui/step_rail.h"
#include "ui/text.h"
#include "ui/token_view.h"
#include "ui/try_prompt.h"

#include <QComboBox>
#include <QCryptographicHash>
#include <QDirIterator>
#include <QDropEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <memory>

namespace lorikeet::test {

using namespace lorikeet::ui;

namespace {

constexpr int kRows = 24;
constexpr int kSoonMs = 10000;
constexpr int kRunMs = 240000;

const QString kStarter = QStringLiteral(LORIKEET_SOURCE_DIR "/resources/starter");

/// Names and contents of all files below a folder.
QByteArray fingerprint(const QString& folder)
{
    QStringList files;
    for (QDirIterator at(folder, QDir::Files, QDirIterator::Subdirectories); at.hasNext();)
        files << at.next();
    files.sort();
    QCryptographicHash hash(QCryptographicHash::Sha256);
    for (const QString& name : files) {
        QFile file(name);
        if (!file.open(QIODevice::ReadOnly))
            return {};
        hash.addData(name.toUtf8());
        hash.addData(file.readAll());
    }
    return hash.result().toHex();
}

}  // namespace

class TestStudioStarter : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void theStarterCardIsChosen();
    void theRowsAreReadAsTheModelSeesThem();
    void theRecipeIsSetByItsControls();
    void aRunIsPausedResumedStoppedAndKept();
    void anotherRunComesToItsEnd();
    void theAdapterIsExportedAndVerified();
    void baseAndAdapterAnswerTheSamePrompt();
    void nothingOfTheProgramWasWritten();
    void cleanupTestCase() { m_window.reset(); }

private:
    [[nodiscard]] QPushButton* button(const QString& text) const;
    [[nodiscard]] bool press(const QString& text) const;
    /// Of all labels that can be seen, how many have this in their text.
    [[nodiscard]] qsizetype shown(const QString& text) const;
    [[nodiscard]] bool type(const QString& field, const QString& text) const;
    [[nodiscard]] StepRail* rail() const { return m_window->findChild<StepRail*>(); }
    [[nodiscard]] RunPage* runPage() const { return m_window->findChild<RunPage*>(); }

    QTemporaryDir m_folder;
    int m_station = 0;  ///< reached so far: what builds on a failed station fails at once
    QByteArray m_starterBefore;
    std::unique_ptr<AppSettings> m_settings;
    std::unique_ptr<MainWindow> m_window;
};

QPushButton* TestStudioStarter::button(const QString& text) const
{
    for (QPushButton* candidate : m_window->findChildren<QPushButton*>())
        if (candidate->isVisible() && candidate->text() == text)
            return candidate;
    return nullptr;
}

bool TestStudioStarter::press(const QString& text) const
{
    const bool there = QTest::qWaitFor([&] { return button(text) != nullptr && button(text)->isEnabled(); }, kSoonMs);
    if (there)
        QTest::mouseClick(button(text), Qt::LeftButton);
    return there;
}

qsizetype TestStudioStarter::shown(const QString& text) const
{
    const QList<QLabel*> labels = m_window->findChildren<QLabel*>();
    return std::ranges::count_if(labels, [&](const QLabel* label) { return label->isVisible() && label->text().contains(text); });
}

bool TestStudioStarter::type(const QString& field, const QString& text) const
{
    auto* edit = m_window->findChild<NumberEdit*>(field);
    if (edit == nullptr)
        return false;
    edit->setFocus();
    edit->selectAll();
    QTest::keyClicks(edit, text);
    return true;
}

void TestStudioStarter::initTestCase()
{
    QVERIFY2(QFile::exists(QStringLiteral(LORIKEET_STARTER_MODEL)), "the starter model has not been fetched");
    qputenv("LORIKEET_STARTER_MODEL", LORIKEET_STARTER_MODEL);
    qputenv("XDG_DATA_HOME", m_folder.filePath(QStringLiteral("data-home")).toUtf8());
    m_starterBefore = fingerprint(kStarter);
    QFile all(kStarter + QStringLiteral("/starter.jsonl"));
    QVERIFY(all.open(QIODevice::ReadOnly));
    QFile few(m_folder.filePath(QStringLiteral("few.jsonl")));
    QVERIFY(few.open(QIODevice::WriteOnly));
    for (int i = 0; i < kRows; ++i)
        few.write(all.readLine());
    few.close();
    m_settings = std::make_unique<AppSettings>(m_folder.filePath(QStringLiteral("window.ini")));
    m_window = std::make_unique<MainWindow>(app::engineVerbs(), *m_settings, ThemeChoice::Light);
    m_window->document().reset(Job{}, toPath(m_folder.filePath(QStringLiteral("job.lorikeet.json"))));
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
}

void TestStudioStarter::theStarterCardIsChosen()
{
    QCOMPARE(m_station, 0);
    QVERIFY(press(QStringLiteral("Use the starter model")));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->budget().plan().has_value(), kSoonMs);
    QCOMPARE(rail()->step(MainWindow::Model)->stepState(), StepState::Ready);
    QVERIFY(rail()->step(MainWindow::Model)->summary().contains(QLatin1String("SmolLM2")));
    QVERIFY(m_window->budget().plan()->totalBytes() > (100ULL << 20));
    for (const char* fact : {"135M", "8,192 tokens", "30, 576 wide, MLP 1,536", "9 heads of 64, 3 for keys and values", "apache-2.0", "the model's own", "Fits"})
        QVERIFY2(shown(QString::fromUtf8(fact)) > 0, fact);
    m_station = 1;
}

void TestStudioStarter::theRowsAreReadAsTheModelSeesThem()
{
    QCOMPARE(m_station, 1);
    QVERIFY(press(QStringLiteral("Continue to Data")));
    QMimeData mime;
    mime.setUrls({QUrl::fromLocalFile(m_folder.filePath(QStringLiteral("few.jsonl")))});
    QDragEnterEvent enter(QPoint(600, 400), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(m_window.get(), &enter);
    QDropEvent drop(QPointF(600, 400), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(m_window.get(), &drop);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->dataProbe().summary().has_value(), 60000);
    const api::DataSummary& summary = *m_window->dataProbe().summary();
    QCOMPARE(summary.rows, std::int64_t{kRows});
    QVERIFY(summary.supervisedTokens > 0 && summary.supervisedTokens < summary.tokens);
    QVERIFY(m_window->findChild<TokenView*>()->toPlainText().contains(QLatin1String("assistant")));
    QVERIFY(type(QStringLiteral("data.validation_fraction"), QStringLiteral("0.1")));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->dataProbe().summary().has_value() && m_window->dataProbe().summary()->validationRows > 0, 60000);
    for (const QString& fact : {QStringLiteral("22 / 2"), QStringLiteral("Recognised as messages"), QStringLiteral("none longer than the context"),
                                toQt(formatInteger(static_cast<std::uint64_t>(m_window->dataProbe().summary()->tokens))) + QStringLiteral(" in all")})
        QVERIFY2(shown(fact) > 0, qPrintable(fact));
    m_station = 2;
}

void TestStudioStarter::theRecipeIsSetByItsControls()
{
    QCOMPARE(m_station, 2);
    QVERIFY(press(QStringLiteral("Continue to Recipe")));
    QVERIFY(press(QStringLiteral("Show everything")));
    const std::uint64_t before = m_window->budget().plan()->totalBytes();
    QVERIFY(type(QStringLiteral("recipe.rank"), QStringLiteral("4")));
    QVERIFY(type(QStringLiteral("recipe.context"), QStringLiteral("128")));
    QVERIFY(type(QStringLiteral("recipe.micro_batch"), QStringLiteral("1")));
    QVERIFY(type(QStringLiteral("recipe.epochs"), QStringLiteral("100")));
    QVERIFY(type(QStringLiteral("recipe.max_steps"), QStringLiteral("400")));
    QVERIFY(type(QStringLiteral("recipe.learning_rate"), QStringLiteral("0.002")));
    QVERIFY(type(QStringLiteral("run.eval_every"), QStringLiteral("1000")));
    const Job& job = m_window->document().job();
    QCOMPARE(job.recipe.rank, std::int64_t{4});
    QCOMPARE(job.recipe.context, std::int64_t{128});
    QCOMPARE(job.recipe.microBatch, std::int64_t{1});
    QCOMPARE(job.recipe.maxSteps, std::int64_t{400});
    QCOMPARE(job.recipe.learningRate, 0.002);
    QVERIFY(m_window->budget().plan()->totalBytes() < before);
    QVERIFY(shown(QStringLiteral("One optimizer step sees up to 128 tokens")) > 0);
    m_station = 3;
}

void TestStudioStarter::aRunIsPausedResumedStoppedAndKept()
{
    QCOMPARE(m_station, 3);
    QVERIFY(press(QStringLiteral("Continue to Run")));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->isSettled(), 60000);
    QVERIFY(press(QStringLiteral("Start")));
    const LossPlot* plot = runPage()->plot();
    QTRY_VERIFY_WITH_TIMEOUT(plot->raw().size() >= 1, kRunMs);
    QVERIFY(std::isfinite(plot->raw().y.front()) && plot->raw().y.front() > 0.1);
    QVERIFY(press(QStringLiteral("Pause")));
    QTRY_VERIFY_WITH_TIMEOUT(button(QStringLiteral("Resume")) != nullptr, kRunMs);
    QCOMPARE(m_window->run().state(), RunState::Paused);
    const std::size_t atPause = plot->raw().size();
    QTest::qWait(500);
    QCOMPARE(plot->raw().size(), atPause);
    QVERIFY(press(QStringLiteral("Resume")));
    QTRY_VERIFY_WITH_TIMEOUT(plot->raw().size() > atPause + 1, kRunMs);
    QVERIFY(m_window->run().history().memory.has_value());
    QVERIFY(press(QStringLiteral("Stop and keep")));
    QCOMPARE(m_window->run().state(), RunState::Stopping);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->run().state(), RunState::Ended, kRunMs);
    const RunEnded& ended = *m_window->run().history().ended;
    QVERIFY2(ended.status == RunEnded::Status::Stopped, ended.errorMessage.c_str());
    QCOMPARE(static_cast<std::size_t>(ended.step), plot->raw().size());
    QVERIFY(QFile::exists(toQt(ended.adapterFolder) + QStringLiteral("/adapter_model.safetensors")));
    QVERIFY(runPage()->message()->message().startsWith(QLatin1String("Stopped")));
    m_station = 4;
}

void TestStudioStarter::anotherRunComesToItsEnd()
{
    QCOMPARE(m_station, 4);
    constexpr int kSteps = 10;
    m_window->showStep(MainWindow::Recipe);
    QVERIFY(type(QStringLiteral("recipe.max_steps"), QString::number(kSteps)));
    m_window->showStep(MainWindow::Run);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->isSettled(), 60000);
    QVERIFY(press(QStringLiteral("Start again")));
    QTRY_COMPARE_WITH_TIMEOUT(m_window->run().state(), RunState::Ended, kRunMs);
    const RunHistory& history = m_window->run().history();
    QVERIFY2(history.ended->status == RunEnded::Status::Done, history.ended->errorMessage.c_str());
    const LossPlot* plot = runPage()->plot();
    QCOMPARE(plot->raw().size(), std::size_t{kSteps});
    QVERIFY(plot->drawnPoints(0) >= kSteps);
    QVERIFY(history.ended->validationLossBefore && history.ended->validationLossAfter);
    QVERIFY2(*history.ended->validationLossAfter < *history.ended->validationLossBefore, qPrintable(runPage()->message()->message()));
    QVERIFY(QFile::exists(toQt(history.started->runFolder) + QStringLiteral("/checkpoints/step-10/manifest.json")));
    QVERIFY(shown(QStringLiteral("Done in")) > 0 && shown(QStringLiteral("10 / 10")) > 0);
    QVERIFY(shown(QStringLiteral("at step 10")) > 0 && shown(QStringLiteral("tokens/s")) > 0);
    // Weights, activations, gradients, optimizer state: measured as planned, to the byte.
    QCOMPARE(shown(QStringLiteral("exact")), 4);
    m_station = 5;
}

void TestStudioStarter::theAdapterIsExportedAndVerified()
{
    QCOMPARE(m_station, 5);
    QVERIFY(press(QStringLiteral("Export or try it")));
    QCOMPARE(m_window->currentStep(), static_cast<int>(MainWindow::Export));
    auto* page = m_window->findChild<ExportPage*>();
    QTRY_VERIFY_WITH_TIMEOUT(!page->isBusy(), kSoonMs);
    const QString target = m_folder.filePath(QStringLiteral("adapter"));
    QLineEdit* folder = nullptr;
    for (QLineEdit* edit : page->findChildren<QLineEdit*>())
        if (edit->accessibleName() == QLatin1String("Folder to write"))
            folder = edit;
    QVERIFY(folder != nullptr);
    folder->setFocus();
    folder->selectAll();
    QTest::keyClicks(folder, target);
    QVERIFY(press(QStringLiteral("Export and verify")));
    QTRY_VERIFY_WITH_TIMEOUT(!page->lastReport().isEmpty(), kRunMs);
    QVERIFY2(page->lastReport().contains(QLatin1String("passed")) && !page->lastReport().contains(QLatin1String("failed")), qPrintable(page->lastReport()));
    for (const char* name : {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"})
        QVERIFY2(QFile::exists(target + QLatin1Char('/') + QLatin1String(name)), name);
    QCOMPARE(rail()->step(MainWindow::Export)->stepState(), StepState::Ready);
    QVERIFY(shown(QStringLiteral("All tensors read back equal to the trained ones")) > 0);
    QVERIFY(shown(QStringLiteral("Logits of the base with the exported adapter equal the trained ones")) > 0);
    m_station = 6;
}

void TestStudioStarter::baseAndAdapterAnswerTheSamePrompt()
{
    QCOMPARE(m_station, 6);
    TryPrompt* tryOut = m_window->findChild<ExportPage*>()->tryPrompt();
    tryOut->findChild<QPlainTextEdit*>()->setPlainText(QStringLiteral("What is a tensor core?"));
    for (NumberEdit* edit : tryOut->findChildren<NumberEdit*>())
        if (edit->accessibleName().contains(QLatin1String("tokens"), Qt::CaseInsensitive)) {
            edit->setFocus();
            edit->selectAll();
            QTest::keyClicks(edit, QStringLiteral("12"));
        }
    QVERIFY(press(QStringLiteral("Ask both")));
    QTRY_VERIFY_WITH_TIMEOUT(!tryOut->isBusy() && !tryOut->answer(true).isEmpty(), kRunMs);
    QVERIFY(!tryOut->answer(false).isEmpty());
    qInfo("base: %s\nadapter: %s", qPrintable(tryOut->answer(false)), qPrintable(tryOut->answer(true)));
    m_station = 7;
}

void TestStudioStarter::nothingOfTheProgramWasWritten()
{
    QVERIFY(!m_starterBefore.isEmpty());
    QCOMPARE(fingerprint(kStarter), m_starterBefore);
    QVERIFY(QFile::exists(m_folder.filePath(QStringLiteral("job.lorikeet.json"))));
}

}  // namespace lorikeet::test

QTEST_MAIN(lorikeet::test::TestStudioStarter)
#include "tst_studio_starter.moc"
