// SPDX-License-Identifier: GPL-3.0-or-later
// Page Data: the file, what was recognised and counted, what was left out and why, lengths, and rows as the model sees them.
#pragma once

#include "ui/card.h"
#include "ui/data_probe.h"
#include "ui/job_document.h"

class QProgressBar;
class QTableWidget;

namespace lorikeet::ui {

class InlineMessage;
class PlotView;
class TokenView;

class DataPage : public Page {
    Q_OBJECT
public:
    DataPage(JobDocument& document, DataProbe& probe, QWidget* parent = nullptr);

    void chooseData(const QString& path);
    void showRow(int index);

Q_SIGNALS:
    void recipeRequested();

private:
    void buildFile();
    void buildOptions();
    void buildCounts();
    void buildLengths();
    void buildDropped();
    void buildRows();
    void browse();
    void refresh();
    void showSummary(const api::DataSummary& summary);
    void showDropped(const std::vector<api::DroppedRows>& dropped);
    void showLengths(const api::DataSummary& summary);

    JobDocument& m_document;
    DataProbe& m_probe;
    InlineMessage* m_problem = nullptr;
    QLabel* m_file = nullptr;
    QLabel* m_state = nullptr;
    QWidget* m_working = nullptr;
    QProgressBar* m_progress = nullptr;
    Card* m_counts = nullptr;
    Tile* m_rows = nullptr;
    Tile* m_split = nullptr;
    Tile* m_tokens = nullptr;
    Tile* m_supervised = nullptr;
    Tile* m_longest = nullptr;
    Tile* m_packing = nullptr;
    Card* m_lengthsCard = nullptr;
    PlotView* m_lengths = nullptr;
    Card* m_droppedCard = nullptr;
    QTableWidget* m_dropped = nullptr;
    Card* m_rowsCard = nullptr;
    QLabel* m_rowTitle = nullptr;
    QPushButton* m_previous = nullptr;
    QPushButton* m_next = nullptr;
    TokenView* m_view = nullptr;
    int m_row = 0;
};

}  // namespace lorikeet::ui
