// SPDX-License-Identifier: GPL-3.0-or-later
// Writes the field table as Markdown.
#include "engine/spec/job_fields_markdown.h"

#include "engine/spec/job_fields.h"
#include "engine/spec/job_words.h"

#include <nlohmann/json.hpp>

namespace lorikeet {

namespace {

/// A cell's text: '|' would end it.
std::string cell(const std::string& text)
{
    std::string escaped;
    for (const char c : text) {
        if (c == '|')
            escaped += '\\';
        escaped += c;
    }
    return escaped;
}

std::string defaultText(const JobField& field)
{
    const nlohmann::ordered_json value = field.get(Job{});
    if (value.is_number_float())
        return "`" + numberText(value.get<double>()) + "`";
    if ((value.is_string() && value.get_ref<const std::string&>().empty()) || (value.is_structured() && value.empty()))
        return "";
    return "`" + value.dump() + "`";
}

std::string rangeText(const JobField& field)
{
    switch (field.type) {
    case JobField::Type::Integer:
    case JobField::Type::Number:
    case JobField::Type::IntegerMap:
    case JobField::Type::NumberMap: {
        const std::string range = numberText(field.minimum) + " to " + numberText(field.maximum);
        return field.unit.empty() ? range : range + " " + field.unit;
    }
    case JobField::Type::Boolean: return "true, false";
    case JobField::Type::Choice: return listInWords(field.choices);
    case JobField::Type::TextList: return field.choices.empty() ? "list" : "list of " + listInWords(field.choices);
    case JobField::Type::Path: return "path";
    case JobField::Type::Text:
        return field.maximum > field.minimum ? numberText(field.minimum) + " to " + numberText(field.maximum) + ", or text" : "text";
    }
    return {};
}

}  // namespace

std::string jobFieldsMarkdown()
{
    std::string text;
    std::string section;
    for (const JobField& field : jobFields()) {
        const auto dot = field.key.find('.');
        if (field.key.substr(0, dot) != section) {
            section = field.key.substr(0, dot);
            text += (text.empty() ? "" : "\n");
            text += "**" + section + "**\n\n| field | default | range | what it does |\n|---|---|---|---|\n";
        }
        text += "| `" + field.key.substr(dot + 1) + "` | " + cell(defaultText(field)) + " | " + cell(rangeText(field)) + " | " + cell(field.help)
              + " |\n";
    }
    return text;
}

}  // namespace lorikeet
