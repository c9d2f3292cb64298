// SPDX-License-Identifier: GPL-3.0-or-later
// The job being edited: its file, its history, and what is still wrong with it. Nobody else holds a copy of the truth.
#pragma once

#include "engine/spec/job.h"

#include <nlohmann/json_fwd.hpp>

#include <QObject>
#include <QString>
#include <QTimer>
#include <QUndoStack>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::ui {

class JobDocument : public QObject {
    Q_OBJECT
public:
    explicit JobDocument(QObject* parent = nullptr);
    /// Writes what is not yet written.
    ~JobDocument() override;

    [[nodiscard]] const Job& job() const noexcept { return m_job; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return m_path; }
    [[nodiscard]] QUndoStack& history() noexcept { return m_history; }
    /// Everything still to be put right, at once.
    [[nodiscard]] const std::vector<Issue>& issues() const noexcept { return m_issues; }
    [[nodiscard]] bool isReady() const noexcept;

    /// Sets one field; edits of the same field in quick succession are one step of the history. Returns why the value was refused
    /// (and nothing changed), or nothing.
    std::optional<Issue> setField(const std::string& key, const nlohmann::ordered_json& value);
    /// The same from text, as `--set` reads it.
    std::optional<Issue> setFieldText(const std::string& key, const std::string& text);
    /// Several fields at once, one step of the history.
    void changeJob(const Job& job, const QString& what);

    /// Another job: no history. With a path it is saved there from now on.
    void reset(const Job& job, const std::filesystem::path& path);
    /// Reads a job file. @throws Error
    void open(const std::filesystem::path& path);
    /// Reads the job of `source`, which is left alone: this job lives at `path` once something in it changes. @throws Error
    void openCopy(const std::filesystem::path& source, const std::filesystem::path& path);
    /// From now on the job lives at `path`. @throws Error{Target}
    void saveAs(const std::filesystem::path& path);
    /// Writes now if anything changed. Failure is reported by saveFailed.
    void flush();

Q_SIGNALS:
    /// A field's key, or empty when any of them may have changed.
    void jobChanged(const QString& key);
    void pathChanged();
    void saved();
    void saveFailed(const QString& message, const QString& hint);

private:
    friend class JobCommand;
    void assign(const Job& job, const QString& key);

    Job m_job;
    std::filesystem::path m_path;
    std::vector<Issue> m_issues;
    QUndoStack m_history;
    QTimer m_saveTimer;
    bool m_unsaved = false;
};

}  // namespace lorikeet::ui
