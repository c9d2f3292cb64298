// SPDX-License-Identifier: GPL-3.0-or-later
// An editor for each type of field.
#include "ui/card.h"
#include "ui/field_control.h"
#include "ui/number_edit.h"
#include "ui/text.h"
#include "ui/theme.h"

#include "engine/spec/job_words.h"

#include <nlohmann/json.hpp>

#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QSlider>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

namespace lorikeet::ui {

using Json = nlohmann::ordered_json;

namespace {

constexpr int kSliderSteps = 400;

/// Slider positions over the sensible range, by ratio where it spans more than a factor of 20.
struct SliderScale {
    double low = 0;
    double high = 1;
    bool whole = false;
    bool logarithmic = false;

    [[nodiscard]] double valueAt(int position) const
    {
        if (position <= 0 || position >= kSliderSteps)
            return position <= 0 ? low : high;
        const double share = static_cast<double>(position) / kSliderSteps;
        double value = logarithmic ? low * std::pow(high / low, share) : low + (high - low) * share;
        if (!whole)
            return roundedTo(value, 2);
        value = std::round(value);
        // Sizes above 16 snap to multiples of 8, above 256 to multiples of 64: what hardware likes and people type.
        const double grid = high < 100 ? 1 : value > 256 ? 64 : value > 16 ? 8 : 1;
        return std::max(low, std::round(value / grid) * grid);
    }
    [[nodiscard]] int positionOf(double value) const
    {
        const double share = logarithmic ? std::log(std::max(value, low) / low) / std::log(high / low) : (value - low) / (high - low);
        return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * kSliderSteps));
    }
    /// `digits` significant digits.
    static double roundedTo(double value, int digits) { return QString::number(value, 'g', digits).toDouble(); }
};

FieldEditor numberEditor(const JobField& field, const FieldReport& report)
{
    const bool whole = field.type == JobField::Type::Integer;
    auto* box = new QWidget;
    auto* row = new QHBoxLayout(box);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(unit(2));
    auto* edit = new NumberEdit(field.minimum, field.maximum, whole);
    auto* slider = new QSlider(Qt::Horizontal);
    slider->setRange(0, kSliderSteps);
    slider->setPageStep(kSliderSteps / 10);
    slider->setSingleStep(kSliderSteps / 50);
    slider->setAccessibleName(toQt(field.label) + QStringLiteral(", slider"));
    slider->setObjectName(toQt(field.key) + QStringLiteral(".slider"));
    slider->setMinimumWidth(unit(10));
    row->addWidget(slider, 1);
    row->addWidget(edit);
    const SliderScale scale{field.sensibleMinimum, field.sensibleMaximum, whole,
                            field.sensibleMinimum > 0 && field.sensibleMaximum / field.sensibleMinimum >= 20};
    const auto send = [report, whole](double value) {
        // A fraction where a whole number is wanted is sent as it is and refused with the reason.
        if (whole && value == std::floor(value) && std::abs(value) < 9e15)
            report(Json(static_cast<std::int64_t>(value)));
        else
            report(Json(value));
    };
    QObject::connect(edit, &NumberEdit::edited, edit, send);
    QObject::connect(slider, &QSlider::valueChanged, slider, [scale, send](int position) { send(scale.valueAt(position)); });
    const auto show = [edit, slider, scale, &field](const Job& job) {
        const double value = field.get(job).get<double>();
        edit->setValue(value);
        const QSignalBlocker quiet(slider);
        // While it is dragged the slider stays under the mouse, wherever the value was rounded to.
        if (!slider->isSliderDown())
            slider->setValue(scale.positionOf(value));
    };
    return {box, edit, show};
}

FieldEditor booleanEditor(const JobField& field, const FieldReport& report)
{
    auto* box = new QCheckBox;
    QObject::connect(box, &QCheckBox::toggled, box, [report](bool on) { report(Json(on)); });
    return {box, box, [box, &field](const Job& job) {
                const QSignalBlocker quiet(box);
                box->setChecked(field.get(job).get<bool>());
                box->setText(box->isChecked() ? QObject::tr("On") : QObject::tr("Off"));
            }};
}

FieldEditor choiceEditor(const JobField& field, const FieldReport& report)
{
    auto* box = new QComboBox;
    box->setFocusPolicy(Qt::StrongFocus);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(8);
    for (const std::string& choice : field.choices)
        box->addItem(toQt(choice).replace(QLatin1Char('_'), QLatin1Char(' ')), toQt(choice));
    QObject::connect(box, &QComboBox::activated, box, [box, report](int) { report(Json(toStd(box->currentData().toString()))); });
    return {box, box, [box, &field](const Job& job) {
                box->setCurrentIndex(box->findData(toQt(field.get(job).get<std::string>())));
            }};
}

/// Text of lists and maps as `--set` reads them.
QString textOf(const Json& value)
{
    if (value.is_string())
        return toQt(value.get<std::string>());
    QStringList parts;
    for (const auto& [key, item] : value.items()) {
        const QString text = item.is_string() ? toQt(item.get<std::string>()) : toQt(numberText(item.get<double>()));
        parts << (value.is_object() ? toQt(key) + QLatin1Char(':') + text : text);
    }
    return parts.join(QLatin1Char(','));
}

FieldEditor textEditor(const JobField& field, const FieldTextReport& reportText)
{
    auto* edit = new QLineEdit;
    if (field.type == JobField::Type::IntegerMap || field.type == JobField::Type::NumberMap)
        edit->setPlaceholderText(QObject::tr("none, for instance q_proj:8,down_proj:32"));
    QObject::connect(edit, &QLineEdit::textEdited, edit, reportText);
    return {edit, edit, [edit, &field](const Job& job) {
                const QString text = textOf(field.get(job));
                if (!edit->hasFocus() || edit->text().isEmpty() != text.isEmpty())
                    edit->setText(text);
            }};
}

FieldEditor pathEditor(const JobField& field, const FieldTextReport& reportText)
{
    FieldEditor inner = textEditor(field, reportText);
    auto* box = new QWidget;
    auto* row = new QHBoxLayout(box);
    row->setContentsMargins(0, 0, 0, 0);
    row->addWidget(inner.widget, 1);
    QPushButton* browse = makeButton(QObject::tr("Browse…"));
    browse->setAccessibleName(QObject::tr("Browse for %1").arg(toQt(field.label)));
    row->addWidget(browse);
    const bool folder = field.key == "recipe.init_adapter";
    QObject::connect(browse, &QPushButton::clicked, box, [box, reportText, folder, label = toQt(field.label)] {
        auto* dialog = new QFileDialog(box, label);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFile);
        QObject::connect(dialog, &QFileDialog::fileSelected, box, reportText);
        dialog->open();
    });
    return {box, inner.focus, inner.show};
}

/// A button for each word of a list; `send` is called after a click.
std::vector<QPushButton*> wordButtons(const JobField& field, const QStringList& words, QHBoxLayout& row, const std::function<void()>& send)
{
    row.setContentsMargins(0, 0, 0, 0);
    row.setSpacing(unit(1));
    std::vector<QPushButton*> buttons;
    for (const QString& word : words) {
        QPushButton* button = makeButton(word);
        button->setCheckable(true);
        button->setMinimumWidth(unit(4));
        button->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
        button->setAccessibleName(toQt(field.label) + QLatin1Char(' ') + word);
        button->setObjectName(toQt(field.key) + QLatin1Char('.') + word);
        QObject::connect(button, &QPushButton::clicked, button, send);
        row.addWidget(button);
        buttons.push_back(button);
    }
    row.addStretch();
    return buttons;
}

/// The words whose buttons are pressed.
Json pressedWords(const std::vector<QPushButton*>& buttons)
{
    Json list = Json::array();
    for (const QPushButton* button : buttons)
        if (button->isChecked())
            list.push_back(toStd(button->text()));
    return list;
}

/// recipe.targets: a button for each linear map.
FieldEditor targetsEditor(const JobField& field, const FieldReport& report)
{
    auto* box = new QWidget;
    auto buttons = std::make_shared<std::vector<QPushButton*>>();
    const QStringList words{QStringLiteral("q"), QStringLiteral("k"), QStringLiteral("v"), QStringLiteral("o"),
                            QStringLiteral("gate"), QStringLiteral("up"), QStringLiteral("down")};
    *buttons = wordButtons(field, words, *new QHBoxLayout(box), [buttons, report] {
        const Json list = pressedWords(*buttons);
        report(list.size() == buttons->size() ? Json::array({"all"}) : list);
    });
    return {box, buttons->front(), [buttons](const Job& job) {
                const std::vector<Linear> targets = targetsOf(job);
                for (std::size_t i = 0; i < buttons->size(); ++i)
                    (*buttons)[i]->setChecked(std::ranges::find(targets, kLinears[i]) != targets.end());
            }};
}

/// A list of known words: a button for each.
FieldEditor wordsEditor(const JobField& field, const FieldReport& report)
{
    auto* box = new QWidget;
    auto buttons = std::make_shared<std::vector<QPushButton*>>();
    QStringList words;
    for (const std::string& choice : field.choices)
        words << toQt(choice);
    *buttons = wordButtons(field, words, *new QHBoxLayout(box), [buttons, report] { report(pressedWords(*buttons)); });
    return {box, buttons->front(), [buttons, &field](const Job& job) {
                const Json chosen = field.get(job);
                for (QPushButton* button : *buttons)
                    button->setChecked(std::ranges::find(chosen, Json(toStd(button->text()))) != chosen.end());
            }};
}

/// recipe.recompute: the four levels by name, or levels by layer range as text.
FieldEditor recomputeEditor(const JobField& field, const FieldTextReport& reportText)
{
    auto* box = new QComboBox;
    box->setEditable(true);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(8);
    box->setInsertPolicy(QComboBox::NoInsert);
    box->setFocusPolicy(Qt::StrongFocus);
    const QStringList levels{QObject::tr("0  keep all"), QObject::tr("1  cheap parts again"), QObject::tr("2  attention kept"), QObject::tr("3  whole block again")};
    box->addItems(levels);
    box->setCompleter(nullptr);
    const auto send = [reportText, levels](const QString& text) { reportText(levels.contains(text) ? text.left(1) : text.trimmed()); };
    QObject::connect(box, &QComboBox::activated, box, [box, send](int) { send(box->currentText()); });
    QObject::connect(box->lineEdit(), &QLineEdit::textEdited, box, send);
    box->lineEdit()->setAccessibleName(toQt(field.label));
    return {box, box, [box, levels, &field](const Job& job) {
                const QString text = textOf(field.get(job));
                if (box->lineEdit()->hasFocus() && box->lineEdit()->isModified())
                    return;
                const bool level = text.size() == 1 && text[0].digitValue() >= 0 && text[0].digitValue() <= 3;
                // The index too, so that the arrow keys go on from the level that is shown.
                if (level)
                    box->setCurrentIndex(text[0].digitValue());
                box->setEditText(level ? levels[text[0].digitValue()] : text);
            }};
}

}  // namespace

FieldEditor makeFieldEditor(const JobField& field, FieldReport report, FieldTextReport reportText)
{
    if (field.key == "recipe.recompute")
        return recomputeEditor(field, reportText);
    switch (field.type) {
    case JobField::Type::Integer:
    case JobField::Type::Number: return numberEditor(field, report);
    case JobField::Type::Boolean: return booleanEditor(field, report);
    case JobField::Type::Choice: return choiceEditor(field, report);
    case JobField::Type::TextList:
        if (field.key == "recipe.added_tokens")
            return textEditor(field, reportText);
        return field.choices.empty() ? targetsEditor(field, report) : wordsEditor(field, report);
    case JobField::Type::Path: return pathEditor(field, reportText);
    case JobField::Type::Text:
    case JobField::Type::IntegerMap:
    case JobField::Type::NumberMap: return textEditor(field, reportText);
    }
    return {};
}

}  // namespace lorikeet::ui
