// SPDX-License-Identifier: GPL-3.0-or-later
// What the model has answered to the user's prompt at each evaluation of a run, newest first.
#pragma once

#include "engine/spec/run_event.h"
#include "ui/card.h"

#include <optional>

class QTextBrowser;

namespace lorikeet::ui {

class SampleList : public Card {
    Q_OBJECT
public:
    explicit SampleList(QWidget* parent = nullptr);

    /// Forgets the answers; `prompt` is what the next run will be asked, empty: nothing.
    void clear(const QString& prompt);
    /// Puts an answer on top, with the validation loss of the same evaluation if there was one.
    void addSample(const SampleDone& sample, const std::optional<double>& validationLoss);
    /// Says so where no answer has come.
    void showEnded();
    /// What stands there: the words of the empty state, or the answers.
    [[nodiscard]] QString text() const;
    [[nodiscard]] int count() const noexcept { return m_count; }

Q_SIGNALS:
    /// The user wants to give a prompt.
    void promptRequested();

private:
    void showEmpty(const QString& words, bool offersPrompt);

    QLabel* m_prompt;
    QPushButton* m_givePrompt;
    QTextBrowser* m_answers;
    int m_count = 0;
};

}  // namespace lorikeet::ui
