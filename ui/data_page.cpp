// SPDX-License-Identifier: GPL-3.0-or-later
// Layout of the Data page.
#include "ui/data_page.h"

#include "engine/spec/data_file_names.h"
#include "engine/spec/job_fields.h"
#include "ui/field_control.h"
#include "ui/inline_message.h"
#include "ui/plot_view.h"
#include "ui/text.h"
#include "ui/theme.h"
#include "ui/token_view.h"

#include <nlohmann/json.hpp>

#include <QFileDialog>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QProgressBar>
#include <QTableWidget>
#include <QVBoxLayout>

namespace lorikeet::ui {

DataPage::DataPage(JobDocument& document, DataProbe& probe, QWidget* parent)
    : Page(tr("Data"), tr("The examples to learn from: conversations, instructions or plain text, one example per row. Drop a file anywhere."), parent),
      m_document(document), m_probe(probe)
{
    QPushButton* next = makeButton(tr("Continue to Recipe"), ButtonKind::Primary);
    connect(next, &QPushButton::clicked, this, &DataPage::recipeRequested);
    actions()->addWidget(next);
    m_problem = new InlineMessage;
    column()->addWidget(m_problem);
    buildFile();
    buildCounts();
    buildRows();
    buildLengths();
    buildDropped();
    buildOptions();
    connect(&probe, &DataProbe::dataChanged, this, &DataPage::refresh);
    connect(&probe, &DataProbe::progressed, this, [this](const Progress& progress) {
        m_progress->setMaximum(progress.total > 0 ? 1000 : 0);
        if (progress.total > 0)
            m_progress->setValue(static_cast<int>(progress.done * 1000 / progress.total));
        m_state->setText(sentenceCase(toQt(progress.stage)));
    });
    refresh();
}

void DataPage::buildFile()
{
    auto* card = new Card;
    m_file = makeLabel(QString(), TextRank::Heading);
    // A long file name gives way to the button; the tool tip has it whole.
    m_file->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    card->headingLine()->addWidget(m_file, 1);
    QPushButton* open = makeButton(tr("Open file…"));
    connect(open, &QPushButton::clicked, this, &DataPage::browse);
    card->headingLine()->addWidget(open);
    m_state = makeLabel(QString(), TextRank::Muted, true);
    card->content()->addWidget(m_state);
    m_working = new QWidget;
    auto* row = new QHBoxLayout(m_working);
    row->setContentsMargins(0, 0, 0, 0);
    m_progress = new QProgressBar;
    m_progress->setTextVisible(false);
    m_progress->setFixedHeight(unit(1.6));
    m_progress->setAccessibleName(tr("Counting the data"));
    row->addWidget(m_progress, 1);
    QPushButton* cancel = makeButton(tr("Cancel"), ButtonKind::Quiet);
    connect(cancel, &QPushButton::clicked, this, [this] { m_probe.cancel(); });
    row->addWidget(cancel);
    card->content()->addWidget(m_working);
    column()->addWidget(card);
}

void DataPage::buildOptions()
{
    auto* card = new Card(tr("Reading and splitting"));
    card->content()->setSpacing(unit(3));
    for (const char* key : {"data.format", "data.train_on", "data.validation_fraction", "data.validation_path", "data.shuffle"})
        card->content()->addWidget(new FieldControl(*findJobField(key), m_document));
    column()->addWidget(card);
}

void DataPage::buildCounts()
{
    m_counts = new Card;
    auto* grid = new QGridLayout;
    grid->setHorizontalSpacing(unit(4));
    grid->setVerticalSpacing(unit(2.5));
    m_rows = new Tile(tr("Rows"));
    m_split = new Tile(tr("Train / validation"));
    m_tokens = new Tile(tr("Tokens"));
    m_supervised = new Tile(tr("Trained tokens"));
    m_longest = new Tile(tr("Longest row"));
    m_packing = new Tile(tr("Packing"));
    int at = 0;
    for (Tile* tile : {m_rows, m_split, m_tokens, m_supervised, m_longest, m_packing}) {
        grid->addWidget(tile, at / 3, at % 3);
        grid->setColumnStretch(at % 3, 1);
        ++at;
    }
    m_counts->content()->addLayout(grid);
    column()->addWidget(m_counts);
}

void DataPage::buildRows()
{
    m_rowsCard = new Card(tr("As the model sees it"));
    m_rowTitle = makeLabel(QString(), TextRank::Muted);
    m_previous = makeButton(tr("Previous"), ButtonKind::Quiet);
    m_previous->setAccessibleName(tr("Previous row"));
    m_next = makeButton(tr("Next"), ButtonKind::Quiet);
    m_next->setAccessibleName(tr("Next row"));
    connect(m_previous, &QPushButton::clicked, this, [this] { showRow(m_row - 1); });
    connect(m_next, &QPushButton::clicked, this, [this] { showRow(m_row + 1); });
    m_rowsCard->content()->addWidget(m_rowTitle);
    m_rowsCard->headingLine()->addWidget(m_previous);
    m_rowsCard->headingLine()->addWidget(m_next);
    m_view = new TokenView;
    m_rowsCard->content()->addWidget(m_view);
    m_rowsCard->content()->addWidget(makeLabel(tr("The model's chat template is applied. Tokens on the strong tint are learnt; the pale ones are only read."), TextRank::Small, true));
    column()->addWidget(m_rowsCard);
}

void DataPage::buildLengths()
{
    m_lengthsCard = new Card(tr("Length of the rows"));
    m_lengths = new PlotView;
    m_lengths->setAccessibleName(tr("Histogram of tokens per row"));
    m_lengths->setAxisLabels(tr("tokens per row"), tr("rows"));
    m_lengths->setEmptyText(tr("The lengths of the rows will appear here."));
    m_lengths->setFixedHeight(unit(34));
    m_lengthsCard->content()->addWidget(m_lengths);
    column()->addWidget(m_lengthsCard);
}

void DataPage::buildDropped()
{
    m_droppedCard = new Card(tr("Rows left out"));
    m_dropped = new QTableWidget(0, 3);
    m_dropped->setAccessibleName(tr("Rows left out and why"));
    m_dropped->setHorizontalHeaderLabels({tr("Reason"), tr("Rows"), tr("Line numbers")});
    m_dropped->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
    m_dropped->horizontalHeader()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    m_dropped->horizontalHeader()->setSectionResizeMode(2, QHeaderView::ResizeToContents);
    m_dropped->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_dropped->setShowGrid(false);
    m_dropped->verticalHeader()->hide();
    m_dropped->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_dropped->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_dropped->setTabKeyNavigation(false);
    m_droppedCard->content()->addWidget(m_dropped);
    column()->addWidget(m_droppedCard);
}

void DataPage::browse()
{
    auto* dialog = new QFileDialog(this, tr("Training data"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    QStringList patterns;
    for (const std::string& ending : dataFileEndings())
        patterns << QLatin1Char('*') + toQt(ending);
    dialog->setNameFilter(tr("Data (%1);;All files (*)").arg(patterns.join(QLatin1Char(' '))));
    connect(dialog, &QFileDialog::fileSelected, this, &DataPage::chooseData);
    dialog->open();
}

void DataPage::chooseData(const QString& path)
{
    m_document.setField("data.path", nlohmann::ordered_json(toStd(path)));
}

}  // namespace lorikeet::ui
