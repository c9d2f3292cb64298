// SPDX-License-Identifier: GPL-3.0-or-later
// Commands of the history, merging of quick edits, delayed atomic saving.
#include "ui/job_document.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/spec/job_fields.h"
#include "ui/text.h"

#include <nlohmann/json.hpp>

#include <QElapsedTimer>
#include <QUndoCommand>

#include <algorithm>
#include <functional>
#include <utility>

namespace lorikeet::ui {

namespace {
constexpr int kSaveDelayMs = 400;
constexpr qint64 kMergeMs = 1000;

/// Paths below the job's own folder count from it, so that the folder can be moved or given to somebody.
std::string textFor(Job job, const std::filesystem::path& file)
{
    const std::filesystem::path folder = std::filesystem::absolute(file).parent_path().lexically_normal();
    for (std::string* text : {&job.model.path, &job.data.path, &job.data.validationPath, &job.recipe.initAdapter}) {
        const std::filesystem::path path = pathFromUtf8(*text);
        if (!path.is_absolute())
            continue;
        const std::filesystem::path inside = path.lexically_normal().lexically_relative(folder);
        if (!inside.empty() && *inside.begin() != "..")
            *text = utf8(inside);
    }
    return writeJob(job);
}

}  // namespace

/// From one job to another.
class JobCommand : public QUndoCommand {
public:
    JobCommand(JobDocument& document, Job after, const QString& key, const QString& text)
        : QUndoCommand(text), m_document(document), m_before(document.job()), m_after(std::move(after)), m_key(key)
    {
        m_age.start();
    }

    void undo() override { m_document.assign(m_before, m_key); }
    void redo() override { m_document.assign(m_after, m_key); }
    [[nodiscard]] int id() const override { return m_key.isEmpty() ? -1 : static_cast<int>(qHash(m_key) & 0x7fffffffU); }
    bool mergeWith(const QUndoCommand* other) override
    {
        const auto* next = dynamic_cast<const JobCommand*>(other);
        if (next == nullptr || next->m_key != m_key || m_age.elapsed() > kMergeMs)
            return false;
        m_after = next->m_after;
        m_age.restart();
        return true;
    }

private:
    JobDocument& m_document;
    Job m_before;
    Job m_after;
    QString m_key;
    QElapsedTimer m_age;
};

JobDocument::JobDocument(QObject* parent) : QObject(parent), m_issues(validate(m_job))
{
    m_saveTimer.setSingleShot(true);
    m_saveTimer.setInterval(kSaveDelayMs);
    connect(&m_saveTimer, &QTimer::timeout, this, &JobDocument::flush);
}

JobDocument::~JobDocument()
{
    const QSignalBlocker quiet(this);
    flush();
}

bool JobDocument::isReady() const noexcept
{
    return std::ranges::none_of(m_issues, [](const Issue& issue) { return issue.severity == Issue::Severity::Error; });
}

namespace {

std::optional<Issue> refusal(const std::string& key, const std::function<void()>& change)
{
    try {
        change();
    } catch (const Error& error) {
        return Issue{key, Issue::Severity::Error, error.message(), error.hint()};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Issue> JobDocument::setField(const std::string& key, const nlohmann::ordered_json& value)
{
    const JobField* field = findJobField(key);
    Job changed = m_job;
    auto refused = refusal(key, [&] { field->set(changed, value); });
    if (!refused && field->get(changed) != field->get(m_job))
        m_history.push(new JobCommand(*this, std::move(changed), toQt(key), toQt(field->label)));
    return refused;
}

std::optional<Issue> JobDocument::setFieldText(const std::string& key, const std::string& text)
{
    Job changed = m_job;
    auto refused = refusal(key, [&] { setJobField(changed, key, text); });
    if (!refused) {
        const JobField* field = findJobField(key);
        return setField(key, field->get(changed));
    }
    return refused;
}

void JobDocument::changeJob(const Job& job, const QString& what)
{
    m_history.push(new JobCommand(*this, job, QString(), what));
}

void JobDocument::reset(const Job& job, const std::filesystem::path& path)
{
    flush();
    m_path = path;
    m_history.clear();
    assign(job, QString());
    Q_EMIT pathChanged();
}

void JobDocument::open(const std::filesystem::path& path)
{
    openCopy(path, path);
}

void JobDocument::openCopy(const std::filesystem::path& source, const std::filesystem::path& path)
{
    const Job job = loadJobFile(source);
    reset(job, path);
    m_unsaved = false;
    m_saveTimer.stop();
}

void JobDocument::saveAs(const std::filesystem::path& path)
{
    writeFileAtomically(path, textFor(m_job, path));
    m_path = path;
    m_unsaved = false;
    Q_EMIT pathChanged();
    Q_EMIT saved();
}

void JobDocument::flush()
{
    m_saveTimer.stop();
    if (!m_unsaved || m_path.empty())
        return;
    try {
        if (m_path.has_parent_path())
            makeFolders(m_path.parent_path());
        writeFileAtomically(m_path, textFor(m_job, m_path));
        m_unsaved = false;
        Q_EMIT saved();
    } catch (const Error& error) {
        Q_EMIT saveFailed(toQt(error.message()), toQt(error.hint()));
    }
}

void JobDocument::assign(const Job& job, const QString& key)
{
    m_job = job;
    m_issues = validate(m_job);
    m_unsaved = true;
    m_saveTimer.start();
    Q_EMIT jobChanged(key);
}

}  // namespace lorikeet::ui
