// SPDX-License-Identifier: GPL-3.0-or-later
// A folder appears and is replaced as a whole, whatever fails and whoever dies meanwhile.
#include "engine/base/error.h"
#include "tests/engine/base/faults.h"

#include <QTemporaryDir>
#include <QtTest>

#include <csignal>

using namespace lorikeet;
using namespace lorikeet::faults;

namespace {

void writeFolder(const fs::path& path, const char* content)
{
    AtomicFolder folder(path, true);
    writeFileAtomically(folder.staging() / "a", content);
    makeFolders(folder.staging() / "sub");
    writeFileAtomically(folder.staging() / "sub/b", content);
    folder.commit();
}

/// "old", "new", or what is wrong with the folder.
QByteArray stateOf(const fs::path& folder)
{
    const QByteArray a = contentOf(folder / "a");
    return a == contentOf(folder / "sub/b") ? a : QByteArray("half");
}

}  // namespace

class TestAtomicFolders : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup() { mendWorld(); }
    void folderAppearsAsAWhole();
    void existingFolderIsKeptUnlessReplacing();
    void failureAtAnyStepKeepsTheOldFolder_data();
    void failureAtAnyStepKeepsTheOldFolder();
    void foldersThatCannotBeExchangedAreMovedAside();
    void deathAtAnyStepLeavesOldOrNewFolder_data();
    void deathAtAnyStepLeavesOldOrNewFolder();
    void killedAtRandomMomentsTheFolderIsWhole();

private:
    [[nodiscard]] fs::path at(const char* name) const { return fs::path(m_folder->path().toStdString()) / name; }
    std::unique_ptr<QTemporaryDir> m_folder;
};

void TestAtomicFolders::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
}

void TestAtomicFolders::folderAppearsAsAWhole()
{
    {
        AtomicFolder folder(at("d"), false);
        QVERIFY(folder.staging().parent_path() == at("d").parent_path());
        put(folder.staging() / "a", "new");
        QVERIFY(!fs::exists(at("d")));
        folder.commit();
    }
    QCOMPARE(contentOf(at("d/a")), QByteArray("new"));
    {
        AtomicFolder folder(at("e/"), false);
        put(folder.staging() / "a", "x");
    }
    QCOMPARE(namesIn(at("")), QStringList{"d"});
}

void TestAtomicFolders::existingFolderIsKeptUnlessReplacing()
{
    writeFolder(at("d"), "old");
    QVERIFY_EXCEPTION_THROWN((AtomicFolder{at("d"), false}), Error);
    {
        AtomicFolder late(at("e"), false);
        writeFolder(at("e"), "first");  // appears meanwhile
        QVERIFY_EXCEPTION_THROWN(late.commit(), Error);
    }
    QCOMPARE(stateOf(at("e")), QByteArray("first"));
    put(at("d/extra"), "only in the old one");
    writeFolder(at("d"), "new");
    QCOMPARE(stateOf(at("d")), QByteArray("new"));
    QVERIFY(!fs::exists(at("d/extra")));
    QCOMPARE(namesIn(at("")), (QStringList{"d", "e"}));
}

void TestAtomicFolders::failureAtAnyStepKeepsTheOldFolder_data()
{
    QTest::addColumn<int>("step");
    QTest::addColumn<int>("skip");
    QTest::addColumn<bool>("noExchange");
    for (const bool noExchange : {false, true}) {
        // writeFolder makes one folder and two files, flushes each file when it is written and again in commit().
        const auto rows = [noExchange](const char* name, FileStep step, int times) {
            for (int skip = 0; skip < times; ++skip)
                QTest::addRow("%s %d, %s", name, skip, noExchange ? "moved aside" : "exchanged") << int(step) << skip << noExchange;
        };
        rows("create", FileStep::Create, 3);
        rows("write", FileStep::Write, 2);
        rows("sync", FileStep::Sync, 4);
        rows("replace", FileStep::Replace, 3);
        rows("sync of a folder", FileStep::SyncFolder, 4);
    }
}

void TestAtomicFolders::failureAtAnyStepKeepsTheOldFolder()
{
    QFETCH(int, step);
    QFETCH(int, skip);
    QFETCH(bool, noExchange);
    writeFolder(at("d"), "old");
    breakWorld({.step = static_cast<FileStep>(step), .skip = skip, .noExchange = noExchange});
    try {
        writeFolder(at("d"), "new");
        QFAIL("no error was thrown");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Target);
    }
    mendWorld();
    QCOMPARE(stateOf(at("d")), QByteArray("old"));
    QCOMPARE(namesIn(at("")), QStringList{"d"});
}

void TestAtomicFolders::foldersThatCannotBeExchangedAreMovedAside()
{
    writeFolder(at("d"), "old");
    breakWorld({.step = FileStep::Replace, .skip = 100, .noExchange = true});
    writeFolder(at("d"), "new");
    QCOMPARE(stateOf(at("d")), QByteArray("new"));
    QCOMPARE(namesIn(at("")), QStringList{"d"});
    // Death between the two renames: the next writer finds the old folder aside and puts it back.
    breakWorld({.step = FileStep::Replace, .skip = 2, .die = true, .noExchange = true});
    QCOMPARE(inChild([&] { writeFolder(at("d"), "newer"); }), -SIGKILL);
    mendWorld();
    QVERIFY(!fs::exists(at("d")));
    {
        const AtomicFolder next(at("d"), true);
        QCOMPARE(stateOf(at("d")), QByteArray("new"));
    }
    QCOMPARE(namesIn(at("")), QStringList{"d"});
}

void TestAtomicFolders::deathAtAnyStepLeavesOldOrNewFolder_data()
{
    QTest::addColumn<int>("step");
    QTest::addColumn<int>("skip");
    QTest::addColumn<QByteArray>("found");
    QTest::newRow("create") << int(FileStep::Create) << 0 << QByteArray("old");
    QTest::newRow("write") << int(FileStep::Write) << 1 << QByteArray("old");
    QTest::newRow("sync") << int(FileStep::Sync) << 3 << QByteArray("old");
    QTest::newRow("exchange") << int(FileStep::Replace) << 2 << QByteArray("old");
    QTest::newRow("sync of the parent") << int(FileStep::SyncFolder) << 4 << QByteArray("new");
    QTest::newRow("removal of the old") << int(FileStep::RemoveOld) << 0 << QByteArray("new");
}

void TestAtomicFolders::deathAtAnyStepLeavesOldOrNewFolder()
{
    QFETCH(int, step);
    QFETCH(int, skip);
    QFETCH(QByteArray, found);
    writeFolder(at("d"), "old");
    breakWorld({.step = static_cast<FileStep>(step), .skip = skip, .die = true});
    QCOMPARE(inChild([&] { writeFolder(at("d"), "new"); }), -SIGKILL);
    mendWorld();
    QCOMPARE(stateOf(at("d")), found);
    writeFolder(at("d"), "newer");
    QCOMPARE(stateOf(at("d")), QByteArray("newer"));
    QCOMPARE(namesIn(at("")), QStringList{"d"});
}

void TestAtomicFolders::killedAtRandomMomentsTheFolderIsWhole()
{
    writeFolder(at("d"), "0");
    for (int round = 0; round < 30; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            for (int i = 0;; ++i)
                writeFolder(at("d"), std::to_string(i % 1000).c_str());
        }
        ::usleep(static_cast<useconds_t>(500 + 701 * round % 20000));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        bool isNumber = false;
        stateOf(at("d")).toInt(&isNumber);
        QVERIFY2(isNumber, stateOf(at("d")).constData());
    }
    writeFolder(at("d"), "end");
    QCOMPARE(namesIn(at("")), QStringList{"d"});
}

QTEST_GUILESS_MAIN(TestAtomicFolders)
#include "tst_atomic_folders.moc"
