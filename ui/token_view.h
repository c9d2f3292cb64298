// SPDX-License-Identifier: GPL-3.0-or-later
// One row of the data as the model sees it: tokens set apart, trained ones in one tint and masked ones in another.
#pragma once

#include "engine/api/datasets.h"

#include <QTextBrowser>

namespace lorikeet::ui {

class TokenView : public QTextBrowser {
    Q_OBJECT
public:
    explicit TokenView(QWidget* parent = nullptr);
    void showRow(const api::PreviewRow& row);
    void clearRow();

protected:
    void changeEvent(QEvent* event) override;

private:
    void render();
    api::PreviewRow m_row;
};

}  // namespace lorikeet::ui
