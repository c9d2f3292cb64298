// SPDX-License-Identifier: GPL-3.0-or-later
// The same prompt to base and adapter, answers side by side as they are written.
#pragma once

#include "ui/card.h"
#include "ui/engine_verbs.h"
#include "ui/job_document.h"
#include "ui/job_runner.h"

#include <QTimer>

#include <array>
#include <memory>

class QPlainTextEdit;

namespace lorikeet::ui {

class InlineMessage;
class NumberEdit;

class TryPrompt : public Card {
    Q_OBJECT
public:
    TryPrompt(const EngineVerbs& verbs, JobDocument& document, QWidget* parent = nullptr);

    /// The adapter that answers, its base model and how that is held; empty model: the job's.
    void setAdapter(const QString& adapterFolder, const QString& model, const api::BaseWeights& weights = {});
    /// The model of a full fine-tuning that answers beside its base.
    void setTrainedModel(const QString& modelFolder, const QString& base);
    void ask();
    [[nodiscard]] QString answer(bool withAdapter) const;
    [[nodiscard]] bool isBusy() const noexcept { return m_runner.isBusy(); }

private:
    struct Stream;
    void buildInput();
    void buildAnswers();
    void showPieces();
    void showEnd(const std::array<api::GenerationResult, 2>& results);

    const EngineVerbs& m_verbs;
    JobDocument& m_document;
    JobRunner m_runner;
    QTimer m_timer;
    void setTrained(const QString& adapterFolder, const QString& modelFolder, const QString& base, const api::BaseWeights& weights);

    QString m_adapter;
    QString m_trainedModel;
    QString m_model;
    api::BaseWeights m_weights;
    std::shared_ptr<Stream> m_stream;  ///< text on its way from the worker
    std::shared_ptr<Answerer> m_answerer;
    QString m_loaded;  ///< what m_answerer holds
    QPlainTextEdit* m_prompt = nullptr;
    NumberEdit* m_maxTokens = nullptr;
    NumberEdit* m_temperature = nullptr;
    QPushButton* m_ask = nullptr;
    QPushButton* m_stop = nullptr;
    QLabel* m_state = nullptr;
    InlineMessage* m_message = nullptr;
    std::array<QPlainTextEdit*, 2> m_answers{};  ///< base, adapter
    std::array<QLabel*, 2> m_notes{};
    QLabel* m_trainedTitle = nullptr;
};

}  // namespace lorikeet::ui
