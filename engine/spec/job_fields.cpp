// SPDX-License-Identifier: GPL-3.0-or-later
// Looking up fields, suggestions for mistyped keys, and values from the text of --set.
#include "engine/spec/job_fields.h"

#include "engine/base/error.h"
#include "engine/spec/job_fields_table.h"
#include "engine/spec/job_words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace lorikeet {

using Json = nlohmann::ordered_json;

namespace {

/// Words other trainers use for the same thing (PEFT, transformers, TRL, Axolotl, Unsloth).
constexpr std::array<std::pair<std::string_view, std::string_view>, 34> kOtherWords{{
    {"r", "recipe.rank"},
    {"lora_r", "recipe.rank"},
    {"lora_rank", "recipe.rank"},
    {"lora_alpha", "recipe.alpha"},
    {"lora_dropout", "recipe.dropout"},
    {"target_modules", "recipe.targets"},
    {"lora_target_modules", "recipe.targets"},
    {"use_rslora", "recipe.rslora"},
    {"modules_to_save", "recipe.also_train"},
    {"add_tokens", "recipe.added_tokens"},
    {"new_tokens", "recipe.added_tokens"},
    {"tokens", "recipe.added_tokens"},
    {"lr", "recipe.learning_rate"},
    {"lr_scheduler", "recipe.schedule"},
    {"lr_scheduler_type", "recipe.schedule"},
    {"batch_size", "recipe.micro_batch"},
    {"micro_batch_size", "recipe.micro_batch"},
    {"per_device_train_batch_size", "recipe.micro_batch"},
    {"gradient_accumulation_steps", "recipe.accumulation"},
    {"gradient_accumulation", "recipe.accumulation"},
    {"num_train_epochs", "recipe.epochs"},
    {"num_epochs", "recipe.epochs"},
    {"max_seq_length", "recipe.context"},
    {"sequence_len", "recipe.context"},
    {"max_length", "recipe.context"},
    {"cutoff_len", "recipe.context"},
    {"gradient_checkpointing", "recipe.recompute"},
    {"sample_packing", "recipe.packing"},
    {"dtype", "recipe.precision"},
    {"base_model", "model.path"},
    {"model_name_or_path", "model.path"},
    {"dataset", "data.path"},
    {"eval_steps", "run.eval_every"},
    {"save_steps", "run.save_every"},
}};

std::string lastPart(std::string_view key)
{
    const auto dot = key.rfind('.');
    return std::string(dot == std::string_view::npos ? key : key.substr(dot + 1));
}

/// JSON where the text looks like it, with a readable error.
Json parseJsonValue(std::string_view key, std::string_view text)
{
    try {
        return Json::parse(text);
    } catch (const Json::exception&) {
        throw Error(ErrorCode::Usage, std::string(key) + ": \"" + std::string(text) + "\" is not valid JSON",
                    "leave the brackets and quotes away for the short form");
    }
}

Json numberFromText(const JobField& field, std::string_view text)
{
    std::int64_t whole = 0;
    const char* end = text.data() + text.size();
    if (const auto [stop, error] = std::from_chars(text.data(), end, whole); error == std::errc() && stop == end)
        return Json(whole);
    double number = 0;
    if (const auto [stop, error] = std::from_chars(text.data(), end, number); error == std::errc() && stop == end)
        return Json(number);
    throw Error(ErrorCode::Usage, field.key + ": \"" + std::string(text) + "\" is not a number",
                "write it as 16, 0.05 or 2e-4, with a point and without separators");
}

Json mapFromText(const JobField& field, std::string_view text)
{
    Json object = Json::object();
    if (text.empty())
        return object;
    for (const std::string& item : splitAtCommas(text)) {
        const auto colon = item.rfind(':');
        if (colon == std::string::npos)
            throw Error(ErrorCode::Usage, field.key + ": \"" + item + "\" has no ':' between module and value",
                        "write it as q_proj:8,down_proj:32, or as JSON");
        object[item.substr(0, colon)] = numberFromText(field, std::string_view(item).substr(colon + 1));
    }
    return object;
}

Json booleanFromText(const JobField& field, std::string_view text)
{
    if (text != "true" && text != "false")
        throw Error(ErrorCode::Usage, field.key + " is \"" + std::string(text) + "\", expected true or false", "write true or false, in small letters");
    return Json(text == "true");
}

/// Bare text; a JSON string where it starts with a quotation mark.
Json textFromText(const JobField& field, std::string_view text)
{
    Json value = text.starts_with('"') ? parseJsonValue(field.key, text) : Json(text);
    try {
        static_cast<void>(value.dump());
    } catch (const Json::exception&) {
        throw Error(ErrorCode::Usage, field.key + ": the value is not valid UTF-8", "check the encoding of the terminal or the script");
    }
    return value;
}

Json valueFromText(const JobField& field, std::string_view text)
{
    switch (field.type) {
    case JobField::Type::Integer:
    case JobField::Type::Number: return numberFromText(field, text);
    case JobField::Type::Boolean: return booleanFromText(field, text);
    case JobField::Type::TextList: return text.starts_with('[') ? parseJsonValue(field.key, text) : textFromText(field, text);
    case JobField::Type::IntegerMap:
    case JobField::Type::NumberMap: return text.starts_with('{') ? parseJsonValue(field.key, text) : mapFromText(field, text);
    case JobField::Type::Text:
    case JobField::Type::Path:
    case JobField::Type::Choice: return textFromText(field, text);
    }
    return {};
}

}  // namespace

std::span<const JobField> jobFields()
{
    static const std::vector<JobField> table = makeJobFields();
    return table;
}

const JobField* findJobField(std::string_view key)
{
    const auto found = std::ranges::find(jobFields(), key, &JobField::key);
    return found == jobFields().end() ? nullptr : &*found;
}

void setJobField(Job& job, std::string_view key, std::string_view text)
{
    const JobField* field = findJobField(key);
    if (field == nullptr) {
        const auto near = suggestJobKey(key);
        throw Error(ErrorCode::Usage,
                    "there is no job field \"" + std::string(key) + "\"" + (near ? ", did you mean \"" + *near + "\"?" : ""),
                    "lorikeet-cli job fields lists all fields with their ranges");
    }
    field->set(job, valueFromText(*field, text));
}

std::optional<std::string> suggestJobKey(std::string_view key)
{
    std::vector<std::string> keys;
    std::vector<std::string> parts;
    for (const JobField& field : jobFields()) {
        keys.push_back(field.key);
        parts.push_back(lastPart(field.key));
    }
    const std::string part = lastPart(key);
    // The right word in the wrong section, or without one, comes before any similar spelling.
    if (const auto same = std::ranges::find(parts, part); same != parts.end() && part != "path")
        return keys[static_cast<std::size_t>(same - parts.begin())];
    if (const auto other = std::ranges::find(kOtherWords, part, &std::pair<std::string_view, std::string_view>::first);
        other != kOtherWords.end())
        return std::string(other->second);
    if (const auto near = nearestWord(part, parts)) {
        const auto index = static_cast<std::size_t>(std::ranges::find(parts, *near) - parts.begin());
        if (*near != "path")
            return keys[index];
    }
    return nearestWord(key, keys);
}

}  // namespace lorikeet
