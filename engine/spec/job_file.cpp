// SPDX-License-Identifier: GPL-3.0-or-later
// Reading and writing job files: parseJob, writeJob, loadJobFile, resolvePaths.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/spec/job.h"
#include "engine/spec/job_fields.h"
#include "engine/spec/job_migration.h"
#include "engine/spec/job_words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <system_error>

namespace lorikeet {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t kLargestJobFile = std::size_t{1} << 20;
constexpr int kDeepestJson = 8;
const char* const kFieldsHint = "lorikeet-cli job fields lists all fields with their ranges";
const std::array<std::string, 4> kSections{"model", "data", "recipe", "run"};

/// Refuses what nlohmann would let pass: a key that stands twice in one object, and deep nesting.
class JsonGuard {
public:
    bool operator()(int depth, Json::parse_event_t event, const Json& parsed)
    {
        if (depth > kDeepestJson)
            throw Error(ErrorCode::Usage, "objects are nested more than " + std::to_string(kDeepestJson) + " deep",
                        "a job has sections of plain fields: remove the inner objects, or begin with lorikeet-cli job new");
        if (event == Json::parse_event_t::object_start)
            m_keys.emplace_back();
        else if (event == Json::parse_event_t::object_end)
            m_keys.pop_back();
        else if (event == Json::parse_event_t::key && !m_keys.back().insert(parsed.get<std::string>()).second)
            throw Error(ErrorCode::Usage, "the key \"" + parsed.get<std::string>() + "\" stands twice in one object",
                        "remove one of the two");
        return true;
    }

private:
    std::vector<std::set<std::string>> m_keys;
};

Json parseDocument(const std::string& text)
{
    if (text.size() > kLargestJobFile)
        throw Error(ErrorCode::Usage, "the file has " + std::to_string(text.size()) + " bytes, expected at most "
                                          + std::to_string(kLargestJobFile),
                    "choose a job file: lorikeet-cli job new writes one");
    JsonGuard guard;
    Json document;
    try {
        document = Json::parse(text, [&guard](int depth, Json::parse_event_t event, Json& parsed) { return guard(depth, event, parsed); });
    } catch (const Json::exception& failure) {
        // "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error ...": the place and the reason.
        const std::string_view what = failure.what();
        const auto bracket = what.find("] ");
        throw Error(ErrorCode::Usage, "not valid JSON: " + std::string(bracket == std::string_view::npos ? what : what.substr(bracket + 2)),
                    "look for a missing comma, quote or bracket just before that place");
    }
    if (!document.is_object())
        throw Error(ErrorCode::Usage, std::string("the file holds one JSON ") + document.type_name() + ", expected an object",
                    "choose a job file: lorikeet-cli job new writes one");
    return document;
}

[[noreturn]] void refuseKey(const std::string& key)
{
    const auto near = suggestJobKey(key);
    throw Error(ErrorCode::Usage, "unknown key \"" + key + "\"" + (near ? ", did you mean \"" + *near + "\"?" : ""),
                kFieldsHint);
}

void readSection(Job& job, const std::string& section, const Json& object, int version)
{
    if (!object.is_object())
        throw Error(ErrorCode::Usage, "\"" + section + "\" is a JSON " + object.type_name() + ", expected an object",
                    "write its fields between braces: \"" + section + "\": {...}");
    for (const auto& [name, value] : object.items()) {
        const std::string key = section + "." + name;
        const JobField* field = findJobField(key);
        if (field == nullptr)
            refuseKey(key);
        if (field->sinceVersion > version)
            throw Error(ErrorCode::Usage, "\"" + key + "\" came with format version " + std::to_string(field->sinceVersion)
                                              + ", and the file says version " + std::to_string(version),
                        "set \"lorikeet_job\" to " + std::to_string(field->sinceVersion));
        field->set(job, value);
    }
}

Job readDocument(Json document)
{
    const int version = jobVersionOf(document);
    migrateJob(document, jobMigrations(), kJobVersion);
    Job job;
    for (const auto& [name, value] : document.items()) {
        if (name == "lorikeet_job")
            continue;
        if (std::ranges::find(kSections, name) != kSections.end()) {
            readSection(job, name, value, version);
            continue;
        }
        if (const auto near = nearestWord(name, kSections))
            throw Error(ErrorCode::Usage, "unknown key \"" + name + "\", did you mean \"" + *near + "\"?", kFieldsHint);
        refuseKey(name);
    }
    return job;
}

/// The newest field that is not at its default decides, and the newest choice.
int lowestVersion(const Job& job)
{
    const Job defaults;
    int version = 1;
    for (const JobField& field : jobFields()) {
        const Json value = field.get(job);
        if (value != field.get(defaults))
            version = std::max(version, field.sinceVersion);
        const auto choice = value.is_string() ? field.choicesSince.find(value.get<std::string>()) : field.choicesSince.end();
        if (choice != field.choicesSince.end())
            version = std::max(version, choice->second);
    }
    return version;
}

/// Optional fields that say nothing are left out.
bool isEmptyOption(const Json& value)
{
    return (value.is_string() && value.get_ref<const std::string&>().empty()) || (value.is_structured() && value.empty());
}

void makeAbsolute(std::string& path, const std::filesystem::path& folder)
{
    if (path.empty())
        return;
    const std::filesystem::path written = pathFromUtf8(path);
    if (written.is_relative())
        path = utf8((folder / written).lexically_normal());
}

}  // namespace

Job parseJob(const std::string& text, const std::string& where)
{
    try {
        return readDocument(parseDocument(text));
    } catch (const Error& error) {
        throw Error(error.code(), where + ": " + error.message(), error.hint());
    }
}

std::string writeJob(const Job& job)
{
    const int version = lowestVersion(job);
    Json document;
    document["lorikeet_job"] = version;
    for (const std::string& section : kSections)
        document[section] = Json::object();
    for (const JobField& field : jobFields()) {
        const Json value = field.get(job);
        if (field.sinceVersion > version || isEmptyOption(value))
            continue;
        const auto dot = field.key.find('.');
        document[field.key.substr(0, dot)][field.key.substr(dot + 1)] = value;
    }
    try {
        return document.dump(2) + "\n";
    } catch (const Json::exception&) {
        throw Error(ErrorCode::Usage, "a text of the job is not valid UTF-8 and cannot be written as JSON",
                    "rename the file or folder whose name has such characters");
    }
}

Job loadJobFile(const std::filesystem::path& path)
{
    std::string text;
    try {
        text = readTextFile(path, kLargestJobFile);
    } catch (const Error& error) {
        throw Error(ErrorCode::Usage, error.message(), error.hint());
    }
    Job job = parseJob(text, utf8(path));
    resolvePaths(job, path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path());
    return job;
}

void resolvePaths(Job& job, const std::filesystem::path& folder)
{
    std::error_code failed;
    std::filesystem::path base = std::filesystem::absolute(folder, failed);
    if (failed)
        base = folder;
    if (job.model.path != "starter" && !job.model.path.starts_with("blueprint:"))
        makeAbsolute(job.model.path, base);
    makeAbsolute(job.data.path, base);
    makeAbsolute(job.data.validationPath, base);
    makeAbsolute(job.recipe.initAdapter, base);
}

}  // namespace lorikeet
