// SPDX-License-Identifier: GPL-3.0-or-later
// Cards of the Model page.
#include "ui/model_page.h"

#include "engine/base/units.h"
#include "ui/inline_message.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <nlohmann/json.hpp>

#include <QComboBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QListWidget>
#include <QVBoxLayout>

#include <utility>

namespace lorikeet::ui {

namespace {
constexpr int kShownRows = 6;
}

ModelPage::ModelPage(const EngineVerbs& verbs, JobDocument& document, ModelProbe& probe, QWidget* parent)
    : Page(tr("Model"), tr("The model that is fine-tuned: a Hugging Face folder or a GGUF file. Drop one anywhere in the window."), parent),
      m_verbs(verbs), m_document(document), m_probe(probe)
{
    QPushButton* next = makeButton(tr("Continue to Data"), ButtonKind::Primary);
    connect(next, &QPushButton::clicked, this, &ModelPage::dataRequested);
    actions()->addWidget(next);
    buildChosen();
    buildStarter();
    buildOpen();
    buildFound();
    connect(&probe, &ModelProbe::modelChanged, this, &ModelPage::refresh);
    refresh();
}

void ModelPage::buildChosen()
{
    m_problem = new InlineMessage;
    column()->addWidget(m_problem);
    m_chosen = new Card;
    m_name = makeLabel(QString(), TextRank::Heading);
    m_where = makeLabel(QString(), TextRank::Small, true);
    m_name->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_chosen->headingLine()->addWidget(m_name, 1);
    m_chosen->content()->addWidget(m_where);
    m_factsBox = new QWidget;
    m_facts = new QGridLayout(m_factsBox);
    m_facts->setContentsMargins(0, unit(1), 0, 0);
    m_facts->setHorizontalSpacing(unit(4));
    m_facts->setVerticalSpacing(unit(2));
    m_chosen->content()->addWidget(m_factsBox);
    column()->addWidget(m_chosen);
}

void ModelPage::buildStarter()
{
    m_starter = new Card(tr("Starter model"));
    m_starterButton = makeButton(tr("Use the starter model"));
    connect(m_starterButton, &QPushButton::clicked, this, [this] { chooseModel(QStringLiteral("starter")); });
    m_starter->headingLine()->addWidget(m_starterButton);
    const bool there = m_verbs.hasStarterModel();
    m_starterButton->setEnabled(there);
    m_starter->content()->addWidget(makeLabel(there ? tr("SmolLM2-135M-Instruct: a real instruction model that trains on a CPU in about a minute. Fetched and ready.")
                                                    : tr("SmolLM2-135M-Instruct has not been fetched yet. Run packaging/linux/run.sh once; it fetches the model into the cache."),
                                              TextRank::Muted, true));
    column()->addWidget(m_starter);
}

void ModelPage::buildOpen()
{
    auto* card = new Card(tr("Your own model"));
    card->content()->addWidget(makeLabel(tr("A folder with config.json and safetensors files, or one .gguf file (F32, F16, BF16, Q2_K to Q8_0, IQ4). "
                                            "A blueprint is a configuration without weights: enough to plan memory, not to train."),
                                         TextRank::Muted, true));
    auto* row = new QHBoxLayout;
    row->setSpacing(unit(2));
    QPushButton* folder = makeButton(tr("Open folder…"));
    connect(folder, &QPushButton::clicked, this, [this] { browse(true); });
    QPushButton* file = makeButton(tr("Open file…"));
    connect(file, &QPushButton::clicked, this, [this] { browse(false); });
    auto* blueprints = new QComboBox;
    blueprints->setFocusPolicy(Qt::StrongFocus);
    blueprints->setAccessibleName(tr("Blueprint to plan with"));
    blueprints->addItem(tr("Plan with a blueprint…"));
    for (const std::string& name : m_verbs.blueprints())
        blueprints->addItem(toQt(name), toQt("blueprint:" + name));
    connect(blueprints, &QComboBox::activated, this, [this, blueprints](int index) {
        if (index > 0)
            chooseModel(blueprints->itemData(index).toString());
    });
    connect(&m_probe, &ModelProbe::modelChanged, blueprints, [this, blueprints] {
        blueprints->setCurrentIndex(std::max(0, blueprints->findData(toQt(m_document.job().model.path))));
    });
    row->addWidget(folder);
    row->addWidget(file);
    row->addWidget(blueprints);
    row->addStretch();
    card->content()->addLayout(row);
    column()->addWidget(card);
}

void ModelPage::buildFound()
{
    auto* card = new Card(tr("Found on this machine"));
    QPushButton* again = makeButton(tr("Look again"), ButtonKind::Quiet);
    connect(again, &QPushButton::clicked, this, &ModelPage::findModels);
    card->headingLine()->addWidget(again);
    m_foundState = makeLabel(tr("Not looked yet."), TextRank::Muted, true);
    card->content()->addWidget(m_foundState);
    m_found = new QListWidget;
    m_found->setAccessibleName(tr("Models found on this machine"));
    m_found->setUniformItemSizes(true);
    m_found->setAlternatingRowColors(false);
    m_found->setTextElideMode(Qt::ElideRight);
    m_found->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    connect(m_found, &QListWidget::itemActivated, this, [this](const QListWidgetItem* item) { chooseModel(item->data(Qt::UserRole).toString()); });
    connect(m_found, &QListWidget::itemClicked, this, [this](const QListWidgetItem* item) { chooseModel(item->data(Qt::UserRole).toString()); });
    m_found->hide();
    card->content()->addWidget(m_found);
    column()->addWidget(card);
}

void ModelPage::browse(bool folder)
{
    auto* dialog = new QFileDialog(this, folder ? tr("Model folder") : tr("Model file"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFile);
    if (!folder)
        dialog->setNameFilter(tr("Models (*.gguf config.json);;All files (*)"));
    connect(dialog, &QFileDialog::fileSelected, this, &ModelPage::chooseModel);
    dialog->open();
}

void ModelPage::chooseModel(const QString& path)
{
    if (const auto refused = m_document.setField("model.path", nlohmann::ordered_json(toStd(path))))
        m_problem->showMessage(InlineMessage::Kind::Problem, toQt(refused->message), toQt(refused->fix));
}

void ModelPage::findModels()
{
    m_foundState->setText(tr("Looking in the Hugging Face cache and in the folders of Ollama and LM Studio…"));
    m_foundState->show();
    m_finder.run<std::vector<api::FoundModel>>(
        [find = m_verbs.findModels](const std::stop_token& stop, const ProgressFn& progress) { return find({}, stop, progress); },
        [this](const std::vector<api::FoundModel>& models) { showFound(models); },
        [this](const Error& error) { m_foundState->setText(sentenceCase(toQt(error.message()))); });
}

void ModelPage::showFound(const std::vector<api::FoundModel>& models)
{
    m_found->clear();
    for (const api::FoundModel& model : models) {
        auto* item = new QListWidgetItem(m_found);
        const QString name = toQt(model.name);
        if (model.info) {
            item->setText(QStringLiteral("%1 · %2 parameters · %3").arg(name, toQt(formatCount(model.info->shape.parameterCount())), toQt(formatBytes(model.info->fileBytes))));
        } else {
            item->setText(tr("%1: cannot be used, %2").arg(name, toQt(model.problem)));
            item->setForeground(palette().color(QPalette::PlaceholderText));
        }
        item->setToolTip(toQt(model.path) + (model.problem.empty() ? QString() : QStringLiteral("\n") + toQt(model.problem)));
        item->setData(Qt::UserRole, toQt(model.path));
        item->setSizeHint(QSize(0, fontMetrics().height() + unit(3)));
    }
    const int rows = std::min<int>(static_cast<int>(models.size()), kShownRows);
    m_found->setFixedHeight(rows * (fontMetrics().height() + unit(3)) + 4);
    m_found->setVisible(!models.empty());
    m_foundState->setVisible(models.empty());
    m_foundState->setText(tr("None found. The Hugging Face cache and the folders of Ollama and LM Studio hold no models."));
}

void ModelPage::refresh()
{
    const std::string& path = m_document.job().model.path;
    m_problem->setVisible(false);
    m_starterButton->setEnabled(path != "starter" && m_verbs.hasStarterModel());
    m_starterButton->setText(path == "starter" ? tr("Chosen") : tr("Use the starter model"));
    m_where->setText(path.empty() ? tr("Choose one below.") : path == "starter" ? tr("the set-up's own model") : shortPath(toQt(path), 80));
    m_where->setToolTip(toQt(path));
    m_factsBox->setVisible(m_probe.info().has_value());
    m_chosen->setChosen(m_probe.info().has_value());
    if (m_probe.info()) {
        showInfo(*m_probe.info());
    } else if (m_probe.problem()) {
        m_name->setText(tr("This model cannot be used"));
        m_problem->showError(*m_probe.problem());
    } else {
        m_name->setText(path.empty() ? tr("No model chosen") : tr("Reading the model…"));
    }
}

void ModelPage::showInfo(const api::ModelInfo& info)
{
    while (QLayoutItem* item = m_facts->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    const ModelShape& shape = info.shape;
    m_name->setText(toQt(shape.name));
    const auto whole = [](std::int64_t value) { return toQt(formatInteger(static_cast<std::uint64_t>(value))); };
    const QString attention = shape.kvHeads == shape.heads ? tr("%1 heads of %2").arg(shape.heads).arg(shape.headSize)
                                                           : tr("%1 heads of %2, %3 for keys and values").arg(shape.heads).arg(shape.headSize).arg(shape.kvHeads);
    const std::vector<std::pair<QString, QString>> facts{
        {tr("Parameters"), toQt(formatCount(shape.parameterCount()))},
        {tr("Context"), tr("%1 tokens").arg(whole(shape.maxContext))},
        {tr("Vocabulary"), whole(shape.vocab)},
        {tr("Layers"), tr("%1, %2 wide, MLP %3").arg(whole(shape.layers), whole(shape.hidden), whole(shape.mlp))},
        {tr("Attention"), attention},
        {tr("Head"), shape.tiedHead ? tr("tied to the embedding") : tr("its own table")},
        {tr("On disk"), info.hasWeights ? toQt(formatBytes(info.fileBytes)) : tr("no weights: plan only")},
        {tr("Stored as"), info.weightTypes.empty() ? toQt(info.format) : toQt(info.weightTypes)},
        {tr("Architecture"), toQt(shape.family)},
        {tr("Licence"), info.licence.empty() ? tr("not stated") : toQt(info.licence)},
        {tr("Tokenizer"), info.hasTokenizer ? tr("found") : tr("missing: cannot train")},
        {tr("Chat template"), info.hasChatTemplate ? tr("the model's own") : tr("none: plain text only")},
    };
    for (int i = 0; i < static_cast<int>(facts.size()); ++i) {
        auto* cell = new QWidget;
        auto* words = new QVBoxLayout(cell);
        words->setContentsMargins(0, 0, 0, 0);
        words->setSpacing(unit(0.2));
        words->addWidget(makeLabel(facts[static_cast<std::size_t>(i)].first, TextRank::Small));
        words->addWidget(makeLabel(facts[static_cast<std::size_t>(i)].second, TextRank::Body, true));
        m_facts->addWidget(cell, i / 3, i % 3, Qt::AlignTop);
        m_facts->setColumnStretch(i % 3, 1);
    }
}

}  // namespace lorikeet::ui
