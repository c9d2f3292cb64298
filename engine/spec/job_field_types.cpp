// SPDX-License-Identifier: GPL-3.0-or-later
// Type and range checks of job fields.
#include "engine/spec/job_field_types.h"

#include "engine/base/error.h"
#include "engine/spec/job_words.h"
#include "engine/spec/module_pattern.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace lorikeet {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kLongestShown = 60;
constexpr std::size_t kMostPatterns = 256;
constexpr std::size_t kMostTokens = 4096;
constexpr std::size_t kLongestToken = 256;

/// The value as the file has it, cut where it is long.
std::string shown(const Json& value)
{
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > kLongestShown) {
        std::size_t end = kLongestShown;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
            --end;
        text = text.substr(0, end) + "...";
    }
    return text;
}

[[noreturn]] void refuseValue(const std::string& key, const Json& value, const std::string& expected, const std::string& hint)
{
    throw Error(ErrorCode::Usage, key + " is " + shown(value) + ", expected " + expected, hint);
}

std::string rangeInWords(const FieldRange& range, const std::string& unit)
{
    return numberText(range.minimum) + " to " + numberText(range.maximum) + (unit.empty() ? "" : " " + unit);
}

double checkedNumber(const std::string& key, const Json& value, const FieldRange& range, const std::string& unit, bool whole, const std::string& hint)
{
    const std::string expected = (whole ? "a whole number from " : "a number from ") + rangeInWords(range, unit);
    if (!value.is_number())
        refuseValue(key, value, expected, hint);
    const auto number = value.get<double>();
    if (!std::isfinite(number) || (whole && number != std::floor(number)) || number < range.minimum || number > range.maximum)
        refuseValue(key, value, expected, hint);
    return number;
}

std::string checkedText(const std::string& key, const Json& value)
{
    if (!value.is_string())
        refuseValue(key, value, "text in quotes", "put it between double quotes, or leave the key out");
    auto text = value.get<std::string>();
    if (text.size() > kLongestText)
        refuseValue(key, value, "at most " + std::to_string(kLongestText) + " bytes", "choose a shorter name or path");
    if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
        refuseValue(key, value, "text without control characters", "remove line ends, tabs and the like from it");
    return text;
}

JobField makeField(FieldWords words, JobField::Type type, FieldRange range = {})
{
    JobField field;
    field.key = std::move(words.key);
    field.label = std::move(words.label);
    field.type = type;
    field.minimum = range.minimum;
    field.maximum = range.maximum;
    field.sensibleMinimum = range.sensibleMinimum;
    field.sensibleMaximum = range.sensibleMaximum;
    field.unit = std::move(words.unit);
    field.help = std::move(words.help);
    field.advanced = words.advanced;
    field.sinceVersion = words.sinceVersion;
    return field;
}

/// Reading goes through the same access as writing; the job is not changed.
template <typename T>
const T& read(const Job& job, FieldAccess<T> access)
{
    return access(const_cast<Job&>(job));
}

/// The next step for a value of the wrong type or outside its range.
template <typename T>
std::string insteadOf(FieldAccess<T> access)
{
    const Job defaults;
    const Json value = read(defaults, access);
    return "leave it out for the default, " + shown(value) + "; lorikeet-cli job fields says what it does";
}

template <typename T>
std::function<Json(const Job&)> getter(FieldAccess<T> access)
{
    return [access](const Job& job) { return Json(read(job, access)); };
}

/// A list of words, or one text of words with commas between them.
std::vector<std::string> checkedWords(const std::string& key, const Json& value, const std::string& expected)
{
    if (value.is_string())
        return splitAtCommas(checkedText(key, value));
    if (!value.is_array())
        refuseValue(key, value, expected, "write [\"one\", \"two\"], or the words in one text with commas between them");
    std::vector<std::string> list;
    for (const Json& item : value)
        list.push_back(checkedText(key, item));
    return list;
}

template <typename T>
JobField mapField(FieldWords words, FieldRange range, FieldAccess<std::map<std::string, T>> access, bool whole)
{
    JobField field = makeField(std::move(words), whole ? JobField::Type::IntegerMap : JobField::Type::NumberMap, range);
    field.get = [access](const Job& job) {
        Json object = Json::object();
        for (const auto& [pattern, value] : read(job, access))
            object[pattern] = value;
        return object;
    };
    field.set = [access, key = field.key, unit = field.unit, range, whole](Job& job, const Json& value) {
        if (!value.is_object())
            refuseValue(key, value, "an object of module patterns and numbers", "write {\"down_proj\": 32}, for instance");
        if (value.size() > kMostPatterns)
            throw Error(ErrorCode::Usage, key + " has " + std::to_string(value.size()) + " patterns, expected at most "
                                              + std::to_string(kMostPatterns),
                        "join them: a pattern is the end of a module's path, so down_proj stands for all layers");
        std::map<std::string, T> map;
        for (const auto& [pattern, number] : value.items()) {
            static_cast<void>(checkedText(key, Json(pattern)));
            static_cast<void>(ModulePattern(pattern));
            map[pattern] = static_cast<T>(checkedNumber(key + "." + pattern, number, range, unit, whole, "give the pattern another number, or remove it"));
        }
        access(job) = std::move(map);
    };
    return field;
}

}  // namespace

JobField integerField(FieldWords words, FieldRange range, FieldAccess<std::int64_t> access)
{
    JobField field = makeField(std::move(words), JobField::Type::Integer, range);
    field.get = getter(access);
    field.set = [access, key = field.key, unit = field.unit, range](Job& job, const Json& value) {
        access(job) = static_cast<std::int64_t>(checkedNumber(key, value, range, unit, true, insteadOf(access)));
    };
    return field;
}

JobField numberField(FieldWords words, FieldRange range, FieldAccess<double> access)
{
    JobField field = makeField(std::move(words), JobField::Type::Number, range);
    field.get = getter(access);
    field.set = [access, key = field.key, unit = field.unit, range](Job& job, const Json& value) {
        access(job) = checkedNumber(key, value, range, unit, false, insteadOf(access));
    };
    return field;
}

JobField booleanField(FieldWords words, FieldAccess<bool> access)
{
    JobField field = makeField(std::move(words), JobField::Type::Boolean);
    field.get = getter(access);
    field.set = [access, key = field.key](Job& job, const Json& value) {
        if (!value.is_boolean())
            refuseValue(key, value, "true or false", insteadOf(access));
        access(job) = value.get<bool>();
    };
    return field;
}

JobField textField(FieldWords words, FieldAccess<std::string> access, void (*check)(const std::string&))
{
    JobField field = makeField(std::move(words), JobField::Type::Text);
    field.get = getter(access);
    field.set = [access, check, key = field.key](Job& job, const Json& value) {
        std::string text = checkedText(key, value);
        if (check != nullptr)
            check(text);
        access(job) = std::move(text);
    };
    return field;
}

JobField pathField(FieldWords words, FieldAccess<std::string> access)
{
    JobField field = textField(std::move(words), access);
    field.type = JobField::Type::Path;
    return field;
}

JobField choiceField(FieldWords words, std::vector<std::string> choices, FieldAccess<std::string> access)
{
    JobField field = makeField(std::move(words), JobField::Type::Choice);
    field.choices = choices;
    field.get = getter(access);
    field.set = [access, key = field.key, choices = std::move(choices)](Job& job, const Json& value) {
        const std::string text = checkedText(key, value);
        if (std::ranges::find(choices, text) == choices.end()) {
            const auto near = nearestWord(text, choices);
            refuseValue(key, value, listInWords(choices) + (near ? "; did you mean \"" + *near + "\"?" : ""), insteadOf(access));
        }
        access(job) = text;
    };
    return field;
}

JobField wordsField(FieldWords words, std::vector<std::string> choices, FieldAccess<std::vector<std::string>> access)
{
    JobField field = makeField(std::move(words), JobField::Type::TextList);
    field.choices = choices;
    field.get = getter(access);
    field.set = [access, key = field.key, choices = std::move(choices)](Job& job, const Json& value) {
        const std::vector<std::string> given = value == "" ? std::vector<std::string>{} : checkedWords(key, value, listInWords(choices) + ", or a list of them");
        for (const std::string& word : given) {
            if (std::ranges::find(choices, word) != choices.end())
                continue;
            const auto near = nearestWord(word, choices);
            refuseValue(key, Json(word), listInWords(choices) + (near ? "; did you mean \"" + *near + "\"?" : ""), "choose among these words, or leave the list empty");
        }
        std::vector<std::string> list;
        for (const std::string& choice : choices)
            if (std::ranges::find(given, choice) != given.end())
                list.push_back(choice);
        access(job) = std::move(list);
    };
    return field;
}

JobField targetsField(FieldWords words, FieldAccess<std::vector<std::string>> access)
{
    JobField field = makeField(std::move(words), JobField::Type::TextList);
    field.get = getter(access);
    field.set = [access, key = field.key](Job& job, const Json& value) {
        std::vector<std::string> list = checkedWords(key, value, "a module name or a list of them");
        static_cast<void>(parseTargets(list));
        access(job) = std::move(list);
    };
    return field;
}

JobField tokensField(FieldWords words, FieldAccess<std::vector<std::string>> access)
{
    JobField field = makeField(std::move(words), JobField::Type::TextList);
    field.get = getter(access);
    field.set = [access, key = field.key](Job& job, const Json& value) {
        std::vector<std::string> list = value == "" ? std::vector<std::string>{} : checkedWords(key, value, "a token or a list of them");
        if (list.size() > kMostTokens)
            throw Error(ErrorCode::Usage, key + " has " + std::to_string(list.size()) + " tokens, expected at most " + std::to_string(kMostTokens),
                        "keep those that the rows use most: the model spells the others with tokens it has");
        std::set<std::string> seen;
        for (const std::string& token : list) {
            if (token.empty())
                throw Error(ErrorCode::Usage, key + " has an empty token", "remove it");
            if (token.size() > kLongestToken)
                throw Error(ErrorCode::Usage, key + ": a token has " + std::to_string(token.size()) + " bytes, expected at most " + std::to_string(kLongestToken),
                            "a token is a word or a sign: shorten it, or leave it to the tokens the model has");
            if (!seen.insert(token).second)
                throw Error(ErrorCode::Usage, key + " has \"" + token + "\" twice", "remove one of them");
        }
        access(job) = std::move(list);
    };
    return field;
}

JobField recomputeField(FieldWords words, FieldAccess<std::string> access)
{
    JobField field = makeField(std::move(words), JobField::Type::Text, {0, 3, 0, 3});
    field.get = getter(access);
    field.set = [access, key = field.key](Job& job, const Json& value) {
        std::string text;
        if (value.is_number())
            text = std::to_string(static_cast<int>(checkedNumber(key, value, {0, 3, 0, 3}, "", true, "write a level from 0 to 3, or levels by layer range such as \"0-9:1,10-27:3\"")));
        else
            text = checkedText(key, value);
        static_cast<void>(parseRecompute(text));
        access(job) = std::move(text);
    };
    return field;
}

JobField integerMapField(FieldWords words, FieldRange range, FieldAccess<std::map<std::string, std::int64_t>> access)
{
    return mapField<std::int64_t>(std::move(words), range, access, true);
}

JobField numberMapField(FieldWords words, FieldRange range, FieldAccess<std::map<std::string, double>> access)
{
    return mapField<double>(std::move(words), range, access, false);
}

}  // namespace lorikeet
