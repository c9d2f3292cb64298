// SPDX-License-Identifier: GPL-3.0-or-later
// Controls come from the field table; this file only says in which group they stand.
#include "ui/recipe_page.h"

#include "engine/base/units.h"
#include "engine/spec/job_fields.h"
#include "ui/field_control.h"
#include "ui/recipe_presets.h"
#include "ui/recompute_slider.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QHBoxLayout>
#include <QVBoxLayout>

#include <algorithm>

namespace lorikeet::ui {

RecipePage::RecipePage(JobDocument& document, Advisor& advisor, const ModelProbe& model, QWidget* parent)
    : Page(tr("Recipe"), tr("How the adapter is trained. Every change shows at once in the memory budget."), parent), m_document(document)
{
    QPushButton* next = makeButton(tr("Continue to Run"), ButtonKind::Primary);
    connect(next, &QPushButton::clicked, this, &RecipePage::runRequested);
    actions()->addWidget(next);
    buildPresets();
    buildSimple();
    buildAdvanced(advisor, model);
    connect(&document, &JobDocument::jobChanged, this, [this] { refresh(); });
    refresh();
}

void RecipePage::buildPresets()
{
    auto* card = new Card(tr("Start from"));
    auto* row = new QHBoxLayout;
    row->setSpacing(unit(2));
    for (const RecipePreset& preset : kRecipePresets) {
        auto* column = new QVBoxLayout;
        QPushButton* button = makeButton(tr(preset.name));
        button->setCheckable(true);
        button->setAccessibleDescription(tr(preset.purpose));
        connect(button, &QPushButton::clicked, this, [this, &preset] {
            m_document.changeJob(withPreset(m_document.job(), preset), tr("Preset %1").arg(tr(preset.name)));
            refresh();
        });
        column->addWidget(button);
        QLabel* purpose = makeLabel(tr(preset.purpose), TextRank::Small, true);
        column->addWidget(purpose);
        column->addStretch();
        row->addLayout(column, 1);
        m_presetButtons.push_back(button);
    }
    card->content()->addLayout(row);
    column()->addWidget(card);
}

void RecipePage::buildSimple()
{
    column()->addWidget(buildGroup(tr("Essentials"), {"recipe.rank", "recipe.context", "recipe.epochs", "recipe.learning_rate"}));
    m_batch = makeLabel(QString(), TextRank::Muted, true);
    m_advancedButton = makeButton(tr("Show everything"));
    m_advancedButton->setCheckable(true);
    connect(m_advancedButton, &QPushButton::toggled, this, [this](bool on) { setAdvancedShown(on); });
    auto* row = new QHBoxLayout;
    row->addWidget(m_batch, 1);
    row->addWidget(m_advancedButton);
    column()->addLayout(row);
}

void RecipePage::buildAdvanced(Advisor& advisor, const ModelProbe& model)
{
    m_advanced = new QWidget;
    auto* layout = new QVBoxLayout(m_advanced);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(unit(3));
    layout->addWidget(buildGroup(tr("Method"), {"recipe.method", "recipe.precision", "recipe.quantization", "recipe.double_quantization"}));
    Card* memory = buildGroup(tr("Memory and speed"), {"recipe.micro_batch", "recipe.accumulation", "recipe.recompute", "recipe.loss_chunk",
                                                       "recipe.offload_activations", "recipe.offload_layers", "recipe.offload_embedding",
                                                       "recipe.packing", "recipe.overlong"});
    m_recompute = new RecomputeSlider(advisor, m_document, model);
    memory->content()->insertWidget(memory->content()->indexOf(controlOf("recipe.recompute")) + 1, m_recompute);
    layout->addWidget(memory);
    layout->addWidget(buildGroup(tr("Adapter"), {"recipe.alpha", "recipe.targets", "recipe.dropout", "recipe.rslora", "recipe.rank_pattern",
                                                 "recipe.alpha_pattern", "recipe.init_adapter", "recipe.adapter_init", "recipe.dora", "recipe.also_train", "recipe.added_tokens"}));
    layout->addWidget(buildGroup(tr("Optimizer"), {"recipe.schedule", "recipe.warmup_ratio", "recipe.max_steps", "recipe.optimizer", "recipe.weight_decay",
                                                   "recipe.momentum", "recipe.loraplus_ratio", "recipe.max_grad_norm", "recipe.adam_beta1", "recipe.adam_beta2", "recipe.adam_eps", "recipe.seed"}));
    layout->addWidget(buildGroup(tr("Run"), {"run.eval_every", "run.save_every", "run.sample_prompt", "run.sample_tokens", "run.threads"}));
    m_advanced->hide();
    column()->addWidget(m_advanced);
}

Card* RecipePage::buildGroup(const QString& heading, const std::vector<const char*>& keys)
{
    auto* card = new Card(heading);
    card->content()->setSpacing(unit(3));
    for (const char* key : keys) {
        auto* control = new FieldControl(*findJobField(key), m_document);
        card->content()->addWidget(control);
        m_controls.push_back(control);
    }
    return card;
}

void RecipePage::setAdvancedShown(bool shown)
{
    m_advanced->setVisible(shown);
    m_advancedButton->setChecked(shown);
    m_advancedButton->setText(shown ? tr("Show less") : tr("Show everything"));
}

FieldControl* RecipePage::controlOf(const std::string& key) const
{
    const auto found = std::ranges::find_if(m_controls, [&key](const FieldControl* control) { return control->key() == key; });
    return found == m_controls.end() ? nullptr : *found;
}

void RecipePage::refresh()
{
    const Job& job = m_document.job();
    for (std::size_t i = 0; i < m_presetButtons.size(); ++i)
        m_presetButtons[i]->setChecked(matchesPreset(job, kRecipePresets[i]));
    const auto tokens = static_cast<std::uint64_t>(job.slots() * job.recipe.accumulation);
    m_batch->setText(tr("One optimizer step sees up to %1 tokens (%2 x %3 micro-batch, %4 accumulated).")
                         .arg(toQt(formatInteger(tokens)))
                         .arg(job.recipe.context)
                         .arg(job.recipe.microBatch)
                         .arg(job.recipe.accumulation));
}

}  // namespace lorikeet::ui
