// SPDX-License-Identifier: GPL-3.0-or-later
// Loading, asking twice, and showing the pieces at most 20 times a second.
#include "ui/try_prompt.h"

#include "engine/base/units.h"
#include "ui/inline_message.h"
#include "ui/number_edit.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QHBoxLayout>
#include <QPlainTextEdit>
#include <QVBoxLayout>

#include <mutex>
#include <utility>

namespace lorikeet::ui {

namespace {
constexpr int kShowMs = 50;
constexpr std::int64_t kContext = 2048;
}  // namespace

/// Pieces of text that the worker has written and the window has not yet shown.
struct TryPrompt::Stream {
    std::mutex mutex;
    std::array<std::string, 2> pieces;
};

TryPrompt::TryPrompt(const EngineVerbs& verbs, JobDocument& document, QWidget* parent) : Card(tr("Try a prompt"), parent), m_verbs(verbs), m_document(document)
{
    buildInput();
    m_message = new InlineMessage;
    content()->addWidget(m_message);
    buildAnswers();
    m_timer.setInterval(kShowMs);
    connect(&m_timer, &QTimer::timeout, this, &TryPrompt::showPieces);
    connect(&m_runner, &JobRunner::busyChanged, this, [this](bool busy) {
        m_ask->setEnabled(!busy);
        m_stop->setVisible(busy);
        if (busy) {
            m_timer.start();
        } else {
            m_timer.stop();
            showPieces();
        }
    });
    connect(&m_runner, &JobRunner::progressed, this, [this](const Progress& progress) { m_state->setText(sentenceCase(toQt(progress.stage))); });
}

void TryPrompt::buildInput()
{
    m_prompt = new QPlainTextEdit;
    m_prompt->setAccessibleName(tr("Prompt"));
    m_prompt->setPlaceholderText(tr("Ask something that the data teach"));
    m_prompt->setTabChangesFocus(true);
    m_prompt->setFixedHeight(unit(11));
    content()->addWidget(m_prompt);
    auto* row = new QHBoxLayout;
    row->setSpacing(unit(1.5));
    m_maxTokens = new NumberEdit(1, 4096, true);
    m_maxTokens->setAccessibleName(tr("Most tokens of an answer"));
    m_maxTokens->setValue(128);
    m_temperature = new NumberEdit(0, 2, false);
    m_temperature->setAccessibleName(tr("Temperature"));
    m_temperature->setToolTip(tr("0 always takes the likeliest token"));
    m_temperature->setValue(0);
    for (NumberEdit* edit : {m_maxTokens, m_temperature})
        edit->setFixedWidth(unit(13));
    row->addWidget(makeLabel(tr("Tokens"), TextRank::Muted));
    row->addWidget(m_maxTokens);
    row->addWidget(makeLabel(tr("Temperature"), TextRank::Muted));
    row->addWidget(m_temperature);
    row->addStretch();
    m_stop = makeButton(tr("Stop"), ButtonKind::Quiet);
    m_stop->setAccessibleName(tr("Stop answering"));
    m_stop->hide();
    connect(m_stop, &QPushButton::clicked, this, [this] {
        m_runner.cancel();
        m_state->setText(tr("Stopped"));
    });
    row->addWidget(m_stop);
    m_ask = makeButton(tr("Ask both"), ButtonKind::Primary);
    connect(m_ask, &QPushButton::clicked, this, &TryPrompt::ask);
    row->addWidget(m_ask);
    content()->addLayout(row);
}

void TryPrompt::buildAnswers()
{
    m_state = makeLabel(QString(), TextRank::Small);
    content()->addWidget(m_state);
    auto* row = new QHBoxLayout;
    row->setSpacing(unit(2.5));
    const std::array<QString, 2> titles{tr("Base"), tr("With the adapter")};
    for (std::size_t i = 0; i < 2; ++i) {
        auto* side = new QVBoxLayout;
        side->setSpacing(unit(0.8));
        QLabel* title = makeLabel(titles[i], TextRank::Strong);
        side->addWidget(title);
        if (i == 1)
            m_trainedTitle = title;
        m_answers[i] = new QPlainTextEdit;
        m_answers[i]->setReadOnly(true);
        m_answers[i]->setTabChangesFocus(true);
        m_answers[i]->setAccessibleName(tr("Answer: %1").arg(titles[i]));
        m_answers[i]->setPlaceholderText(tr("The answer will be written here."));
        m_answers[i]->setFixedHeight(unit(36));
        side->addWidget(m_answers[i]);
        m_notes[i] = makeLabel(QString(), TextRank::Small, true);
        side->addWidget(m_notes[i]);
        side->addStretch();
        row->addLayout(side, 1);
    }
    content()->addLayout(row);
}

void TryPrompt::setAdapter(const QString& adapterFolder, const QString& model, const api::BaseWeights& weights)
{
    setTrained(adapterFolder, QString(), model, weights);
}

void TryPrompt::setTrainedModel(const QString& modelFolder, const QString& base) { setTrained(QString(), modelFolder, base, {}); }

void TryPrompt::setTrained(const QString& adapterFolder, const QString& modelFolder, const QString& base, const api::BaseWeights& weights)
{
    m_weights = weights;
    m_adapter = adapterFolder;
    m_trainedModel = modelFolder;
    m_model = base;
    m_trainedTitle->setText(modelFolder.isEmpty() ? tr("With the adapter") : tr("Trained model"));
    m_answers[1]->setAccessibleName(tr("Answer: %1").arg(m_trainedTitle->text()));
    m_ask->setToolTip(adapterFolder.isEmpty() && modelFolder.isEmpty() ? tr("Without a finished run only the base answers") : QString());
}

void TryPrompt::ask()
{
    const QString prompt = m_prompt->toPlainText().trimmed();
    const std::string model = m_model.isEmpty() ? m_document.job().model.path : toStd(m_model);
    m_message->hide();
    if (prompt.isEmpty() || model.empty()) {
        m_message->showMessage(InlineMessage::Kind::Problem, prompt.isEmpty() ? tr("there is no prompt") : tr("no model is chosen"));
        return;
    }
    api::GenerationOptions options;
    options.prompt = toStd(prompt);
    options.maxTokens = static_cast<std::int64_t>(m_maxTokens->value());
    options.temperature = m_temperature->value();
    for (std::size_t i = 0; i < 2; ++i) {
        m_answers[i]->clear();
        m_notes[i]->clear();
    }
    m_stream = std::make_shared<Stream>();
    const QString held = QStringLiteral("%1 %2").arg(static_cast<int>(m_weights.quantization)).arg(static_cast<int>(m_weights.doubleQuantization));
    const QString wanted = QStringList{toQt(model), m_adapter, m_trainedModel, held}.join(QLatin1Char('\n'));
    // A stopped worker may still hold the loaded model for a moment; only a finished one hands it on.
    std::shared_ptr<Answerer> loaded = wanted == m_loaded ? m_answerer : nullptr;
    m_answerer.reset();
    m_loaded.clear();
    m_state->setText(loaded ? tr("Answering…") : tr("Loading the model…"));
    struct Done {
        std::array<api::GenerationResult, 2> results;
        std::shared_ptr<Answerer> answerer;
    };
    const ModelRequest request{model, toPath(m_adapter), m_document.job().run.device, kContext, m_weights};
    const ModelRequest trained{toStd(m_trainedModel), {}, request.device, kContext, {}};
    const auto work = [load = m_verbs.loadModel, request, trained, loaded, options, stream = m_stream](const std::stop_token& stop, const ProgressFn& progress) {
        Done done;
        done.answerer = loaded ? loaded : std::make_shared<Answerer>(load(request, stop, progress));
        const bool isModel = !trained.model.empty();
        for (std::size_t i = 0; i < (request.adapter.empty() && !isModel ? 1U : 2U); ++i) {
            api::GenerationOptions now = options;
            now.useAdapter = i == 1 && !isModel;
            // Two whole models: one after the other, so that both need not fit at once.
            if (i == 1 && isModel) {
                done.answerer.reset();
                done.answerer = std::make_shared<Answerer>(load(trained, stop, progress));
            }
            progress({i == 0 ? "the base answers" : "the trained one answers", 0, 0, {}});
            done.results[i] = (*done.answerer)(now, [stream, i](std::string_view piece) {
                const std::lock_guard lock(stream->mutex);
                stream->pieces[i] += piece;
            }, stop);
        }
        return done;
    };
    m_runner.run<Done>(work,
                       [this, wanted](Done done) {
                           if (m_trainedModel.isEmpty()) {
                               m_answerer = std::move(done.answerer);
                               m_loaded = wanted;
                           }
                           showEnd(done.results);
                       },
                       [this](const Error& error) {
                           m_state->clear();
                           m_message->showError(error);
                       });
}

void TryPrompt::showPieces()
{
    if (!m_stream)
        return;
    std::array<std::string, 2> pieces;
    {
        const std::lock_guard lock(m_stream->mutex);
        pieces.swap(m_stream->pieces);
    }
    for (std::size_t i = 0; i < 2; ++i) {
        if (pieces[i].empty())
            continue;
        QTextCursor cursor(m_answers[i]->document());
        cursor.movePosition(QTextCursor::End);
        cursor.insertText(toQt(pieces[i]));
    }
}

void TryPrompt::showEnd(const std::array<api::GenerationResult, 2>& results)
{
    m_state->setText(m_adapter.isEmpty() && m_trainedModel.isEmpty() ? tr("Only the base has answered: there is no adapter yet.") : tr("Both have answered."));
    for (std::size_t i = 0; i < 2; ++i) {
        const api::GenerationResult& result = results[i];
        if (result.tokens.empty())
            continue;
        const double speed = result.seconds > 0 ? static_cast<double>(result.tokens.size()) / result.seconds : 0.0;
        QString note = tr("%1 tokens, %2 tokens/s").arg(result.tokens.size()).arg(toQt(formatNumber(speed, 3)));
        note += i == 1 && !result.adapterHash.empty() ? tr(" · adapter %1").arg(toQt(result.adapterHash).left(12)) : QString();
        m_notes[i]->setText(note);
    }
}

QString TryPrompt::answer(bool withAdapter) const
{
    return m_answers[withAdapter ? 1 : 0]->toPlainText();
}

}  // namespace lorikeet::ui
