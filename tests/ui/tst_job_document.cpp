// SPDX-License-Identifier: GPL-3.0-or-later
// The job under edit: refusal, history, saving.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "ui/job_document.h"
#include "ui/text.h"

#include <nlohmann/json.hpp>

#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

using namespace lorikeet;
using namespace lorikeet::ui;
using Json = nlohmann::ordered_json;

class TestJobDocument : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aRefusedValueChangesNothingAndSaysWhy()
    {
        JobDocument document;
        const auto refused = document.setField("recipe.rank", Json(0));
        QVERIFY(refused.has_value());
        QCOMPARE(refused->field, std::string("recipe.rank"));
        QVERIFY(!refused->message.empty());
        QCOMPARE(document.job().recipe.rank, std::int64_t{16});
        QCOMPARE(document.history().count(), 0);
        QVERIFY(document.setFieldText("recipe.targets", "q,banana").has_value());
    }

    void undoAndRedoGoThroughEveryField()
    {
        JobDocument document;
        QSignalSpy changes(&document, &JobDocument::jobChanged);
        QVERIFY(!document.setField("recipe.rank", Json(32)));
        QVERIFY(!document.setFieldText("recipe.targets", "q,v"));
        QVERIFY(!document.setField("recipe.context", Json(1024)));
        QCOMPARE(document.history().count(), 3);
        document.history().undo();
        QCOMPARE(document.job().recipe.context, std::int64_t{512});
        document.history().undo();
        QCOMPARE(document.job().recipe.targets, std::vector<std::string>{"all"});
        document.history().undo();
        QCOMPARE(document.job().recipe.rank, std::int64_t{16});
        document.history().redo();
        QCOMPARE(document.job().recipe.rank, std::int64_t{32});
        QCOMPARE(changes.count(), 7);
        QCOMPARE(changes.last().at(0).toString(), QStringLiteral("recipe.rank"));
    }

    void oneDragIsOneStepOfTheHistory()
    {
        JobDocument document;
        for (int rank = 17; rank < 60; ++rank)
            QVERIFY(!document.setField("recipe.rank", Json(rank)));
        QCOMPARE(document.history().count(), 1);
        document.history().undo();
        QCOMPARE(document.job().recipe.rank, std::int64_t{16});
    }

    void theSameValueIsNoStep()
    {
        JobDocument document;
        QVERIFY(!document.setField("recipe.rank", Json(16)));
        QCOMPARE(document.history().count(), 0);
    }

    void changesAreSavedByThemselvesAndReadBackEqual()
    {
        const QTemporaryDir folder;
        const auto path = toPath(folder.filePath(QStringLiteral("sub/my.lorikeet.json")));
        JobDocument document;
        document.reset(Job{}, path);
        QVERIFY(!document.setField("recipe.rank", Json(48)));
        QSignalSpy saved(&document, &JobDocument::saved);
        QVERIFY(saved.wait(3000));
        const Job read = loadJobFile(path);
        QCOMPARE(read.recipe.rank, std::int64_t{48});
        QCOMPARE(writeJob(read), writeJob(document.job()));
    }

    void pathsBesideTheJobAreSavedRelativeAndReadAbsolute()
    {
        const QTemporaryDir folder;
        const auto path = toPath(folder.filePath(QStringLiteral("my.lorikeet.json")));
        const std::string data = toStd(folder.filePath(QStringLiteral("rows/a.jsonl")));
        JobDocument document;
        document.reset(Job{}, path);
        QVERIFY(!document.setField("data.path", Json(data)));
        QVERIFY(!document.setField("model.path", Json("/elsewhere/model")));
        document.flush();
        const Job written = parseJob(readTextFile(path, 1 << 20), "job");
        QCOMPARE(written.data.path, std::string("rows/a.jsonl"));
        QCOMPARE(written.model.path, std::string("/elsewhere/model"));
        QCOMPARE(loadJobFile(path).data.path, data);
    }

    void whatIsNotYetSavedIsWrittenAtTheEnd()
    {
        const QTemporaryDir folder;
        const auto path = toPath(folder.filePath(QStringLiteral("my.lorikeet.json")));
        {
            JobDocument document;
            document.reset(Job{}, path);
            QVERIFY(!document.setField("recipe.alpha", Json(7.5)));
        }
        QCOMPARE(loadJobFile(path).recipe.alpha, 7.5);
    }

    void aFileThatCannotBeWrittenIsReported()
    {
        const QTemporaryDir folder;
        QFile blocker(folder.filePath(QStringLiteral("file")));
        QVERIFY(blocker.open(QIODevice::WriteOnly));
        JobDocument document;
        QSignalSpy failed(&document, &JobDocument::saveFailed);
        document.reset(Job{}, toPath(folder.filePath(QStringLiteral("file/my.lorikeet.json"))));
        document.flush();
        QCOMPARE(failed.count(), 1);
        QVERIFY(!failed.first().at(0).toString().isEmpty());
    }

    void openingForgetsTheHistoryOfTheOtherJob()
    {
        const QTemporaryDir folder;
        const auto path = toPath(folder.filePath(QStringLiteral("other.lorikeet.json")));
        Job other;
        other.recipe.rank = 99;
        writeFileAtomically(path, writeJob(other));
        JobDocument document;
        QVERIFY(!document.setField("recipe.rank", Json(32)));
        document.open(path);
        QCOMPARE(document.job().recipe.rank, std::int64_t{99});
        QVERIFY(!document.history().canUndo());
    }

    void aCopyLeavesItsSourceAloneAndIsWrittenOnceItChanges()
    {
        const QTemporaryDir folder;
        const auto source = toPath(folder.filePath(QStringLiteral("a/source.lorikeet.json")));
        const auto copy = toPath(folder.filePath(QStringLiteral("b/copy.lorikeet.json")));
        makeFolders(source.parent_path());
        writeFileAtomically(source, "{\"lorikeet_job\": 1, \"data\": {\"path\": \"rows.jsonl\"}}");
        const auto before = readTextFile(source, 1 << 20);
        JobDocument document;
        document.openCopy(source, copy);
        QCOMPARE(document.path(), copy);
        // A path beside the source still means the file beside the source.
        QCOMPARE(document.job().data.path, utf8(source.parent_path() / "rows.jsonl"));
        document.flush();
        QVERIFY(!std::filesystem::exists(copy));
        QVERIFY(!document.setField("recipe.rank", Json(33)));
        document.flush();
        QVERIFY(std::filesystem::exists(copy));
        QCOMPARE(readTextFile(source, 1 << 20), before);
        JobDocument again;
        again.open(copy);
        QCOMPARE(again.job().recipe.rank, std::int64_t{33});
        QCOMPARE(again.job().data.path, document.job().data.path);
    }

    void aBadFileChangesNothing()
    {
        const QTemporaryDir folder;
        const auto path = toPath(folder.filePath(QStringLiteral("bad.lorikeet.json")));
        writeFileAtomically(path, "{\"lorikeet_job\": 1, \"recipe\": {\"rnak\": 3}}");
        JobDocument document;
        QVERIFY(!document.setField("recipe.rank", Json(32)));
        QVERIFY_EXCEPTION_THROWN(document.open(path), Error);
        QCOMPARE(document.job().recipe.rank, std::int64_t{32});
    }
};

QTEST_GUILESS_MAIN(TestJobDocument)
#include "tst_job_document.moc"
