// SPDX-License-Identifier: GPL-3.0-or-later
// Old or new, never half: failures and deaths at every step of an atomic write, leftovers, links, modes and full disks.
#include "engine/base/error.h"
#include "engine/base/file_faults.h"
#include "engine/base/files.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <csignal>
#include <functional>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lorikeet;
namespace fs = std::filesystem;

namespace {

FileStep g_step = FileStep::Create;
int g_skip = 0;  ///< how many times the step passes before it fails
std::errc g_reason = std::errc::no_space_on_device;
bool g_die = false;
bool g_noExchange = false;

std::error_code failAtStep(FileStep step, const fs::path& path)
{
    // Pretends a file system that cannot exchange two folders: old kernels, some network file systems, Windows.
    if (g_noExchange && step == FileStep::Replace && path.filename() == "d")
        return std::make_error_code(std::errc::function_not_supported);
    if (step != g_step || g_skip-- > 0)
        return {};
    if (g_die)
        ::kill(::getpid(), SIGKILL);
    return std::make_error_code(g_reason);
}

QByteArray contentOf(const fs::path& path)
{
    QFile file(QString::fromStdString(path.string()));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("<missing>");
}

void put(const fs::path& path, const QByteArray& content)
{
    QFile file(QString::fromStdString(path.string()));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(content) == content.size());
}

QStringList namesIn(const fs::path& folder)
{
    return QDir(QString::fromStdString(folder.string())).entryList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot);
}

/// Runs `action` in a forked child; returns its exit code, or -signal.
int inChild(const std::function<void()>& action)
{
    const pid_t child = ::fork();
    if (child == 0) {
        int code = 0;
        try {
            action();
        } catch (...) {
            code = 77;
        }
        ::_exit(code);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

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

class TestAtomicFiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup() { setFileFault(nullptr); }
    void fileIsReplacedAsAWhole();
    void withoutCommitNothingChanges();
    void linksStayLinksAndModesStay();
    void foldersAndDevicesAreNotReplaced();
    void failureAtAnyStepKeepsTheOldFile_data();
    void failureAtAnyStepKeepsTheOldFile();
    void deathAtAnyStepLeavesOldOrNewFile_data();
    void deathAtAnyStepLeavesOldOrNewFile();
    void leftoversOfTheDeadAreSweptThoseOfTheLivingAreNot();
    void realFullDiskIsATargetError();
    void unwritableFolderIsATargetError();
    void missingFolderIsNamed();
    void folderAppearsAsAWhole();
    void existingFolderIsKeptUnlessReplacing();
    void failureAtAnyStepKeepsTheOldFolder_data();
    void failureAtAnyStepKeepsTheOldFolder();
    void foldersThatCannotBeExchangedAreMovedAside();
    void deathAtAnyStepLeavesOldOrNewFolder_data();
    void deathAtAnyStepLeavesOldOrNewFolder();
    void killedAtRandomMomentsTheFolderIsWhole();
    void longNamesWork();

private:
    [[nodiscard]] fs::path at(const char* name) const { return fs::path(m_folder->path().toStdString()) / name; }
    std::unique_ptr<QTemporaryDir> m_folder;
};

void TestAtomicFiles::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
    g_skip = 0;
    g_reason = std::errc::no_space_on_device;
    g_die = false;
    g_noExchange = false;
}

void TestAtomicFiles::fileIsReplacedAsAWhole()
{
    put(at("f"), "old");
    AtomicFile file(at("f"));
    file.write("new ");
    file.write(std::as_bytes(std::span("text", 4)));
    QCOMPARE(contentOf(at("f")), QByteArray("old"));
    file.commit();
    QCOMPARE(contentOf(at("f")), QByteArray("new text"));
    QCOMPARE(namesIn(at("")), QStringList{"f"});
    QVERIFY_EXCEPTION_THROWN(file.write("more"), Error);
    QVERIFY_EXCEPTION_THROWN(file.commit(), Error);
}

void TestAtomicFiles::withoutCommitNothingChanges()
{
    put(at("f"), "old");
    {
        AtomicFile file(at("f"));
        file.write("new");
    }
    {
        AtomicFile other(at("g"));
    }
    QCOMPARE(contentOf(at("f")), QByteArray("old"));
    QCOMPARE(namesIn(at("")), QStringList{"f"});
}

void TestAtomicFiles::linksStayLinksAndModesStay()
{
    put(at("real"), "old");
    QVERIFY(::chmod(at("real").c_str(), 0640) == 0);
    fs::create_symlink("real", at("link"));
    writeFileAtomically(at("link"), "new");
    QVERIFY(fs::is_symlink(at("link")));
    QCOMPARE(contentOf(at("real")), QByteArray("new"));
    struct stat info = {};
    QVERIFY(::stat(at("real").c_str(), &info) == 0);
    QCOMPARE(static_cast<int>(info.st_mode & 0777), 0640);
}

void TestAtomicFiles::foldersAndDevicesAreNotReplaced()
{
    fs::create_directory(at("d"));
    QVERIFY_EXCEPTION_THROWN(AtomicFile{at("d")}, Error);
    QVERIFY_EXCEPTION_THROWN(AtomicFile{"/dev/null"}, Error);
    struct stat info = {};
    QVERIFY(::stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
    put(at("f"), "x");
    QVERIFY_EXCEPTION_THROWN((AtomicFolder{at("f"), true}), Error);
}

void TestAtomicFiles::failureAtAnyStepKeepsTheOldFile_data()
{
    QTest::addColumn<int>("step");
    QTest::addColumn<int>("reason");
    QTest::addColumn<QString>("hint");
    const auto full = static_cast<int>(std::errc::no_space_on_device);
    QTest::newRow("create, read-only") << int(FileStep::Create) << int(std::errc::read_only_file_system) << "mounted read-only";
    QTest::newRow("create, no permission") << int(FileStep::Create) << int(std::errc::permission_denied) << "permissions";
    QTest::newRow("write, full") << int(FileStep::Write) << full << "free some space";
    QTest::newRow("sync, full") << int(FileStep::Sync) << full << "free some space";
    QTest::newRow("sync, broken disk") << int(FileStep::Sync) << int(std::errc::io_error) << "check the disk";
    QTest::newRow("replace") << int(FileStep::Replace) << int(std::errc::permission_denied) << "permissions";
}

void TestAtomicFiles::failureAtAnyStepKeepsTheOldFile()
{
    QFETCH(int, step);
    QFETCH(int, reason);
    QFETCH(QString, hint);
    put(at("f"), "old");
    g_step = static_cast<FileStep>(step);
    g_reason = static_cast<std::errc>(reason);
    setFileFault(failAtStep);
    try {
        writeFileAtomically(at("f"), "new");
        QFAIL("no error was thrown");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Target);
        QVERIFY2(QString::fromStdString(error.hint()).contains(hint), error.what());
        QVERIFY2(QString(error.what()).contains(QString::fromStdString(std::make_error_code(g_reason).message())), error.what());
        QVERIFY2(QString(error.what()).contains("/f:"), error.what());
    }
    QCOMPARE(contentOf(at("f")), QByteArray("old"));
    QCOMPARE(namesIn(at("")), QStringList{"f"});
}

void TestAtomicFiles::deathAtAnyStepLeavesOldOrNewFile_data()
{
    QTest::addColumn<int>("step");
    QTest::addColumn<QByteArray>("found");
    QTest::newRow("create") << int(FileStep::Create) << QByteArray("old");
    QTest::newRow("write") << int(FileStep::Write) << QByteArray("old");
    QTest::newRow("sync") << int(FileStep::Sync) << QByteArray("old");
    QTest::newRow("replace") << int(FileStep::Replace) << QByteArray("old");
    QTest::newRow("sync of the folder") << int(FileStep::SyncFolder) << QByteArray("new");
}

void TestAtomicFiles::deathAtAnyStepLeavesOldOrNewFile()
{
    QFETCH(int, step);
    QFETCH(QByteArray, found);
    put(at("f"), "old");
    g_step = static_cast<FileStep>(step);
    g_die = true;
    setFileFault(failAtStep);
    QCOMPARE(inChild([&] { writeFileAtomically(at("f"), "new"); }), -SIGKILL);
    setFileFault(nullptr);
    QCOMPARE(contentOf(at("f")), found);
    writeFileAtomically(at("f"), "newer");  // what the dead left is in nobody's way, and goes
    QCOMPARE(contentOf(at("f")), QByteArray("newer"));
    QCOMPARE(namesIn(at("")), QStringList{"f"});
}

void TestAtomicFiles::leftoversOfTheDeadAreSweptThoseOfTheLivingAreNot()
{
    g_step = FileStep::Write;
    g_die = true;
    setFileFault(failAtStep);
    QCOMPARE(inChild([&] { writeFileAtomically(at("f"), "dead"); }), -SIGKILL);
    setFileFault(nullptr);
    QCOMPARE(namesIn(at("")).size(), 1);
    AtomicFile living(at("f"));
    living.write("living");
    QCOMPARE(namesIn(at("")).size(), 1);
    QCOMPARE(inChild([&] { writeFileAtomically(at("f"), "other"); }), 0);
    QCOMPARE(contentOf(at("f")), QByteArray("other"));
    living.commit();
    QCOMPARE(contentOf(at("f")), QByteArray("living"));
    QCOMPARE(namesIn(at("")), QStringList{"f"});
}

void TestAtomicFiles::realFullDiskIsATargetError()
{
    put(at("f"), "old");
    // The limit of the file size makes the kernel itself refuse a write half-way, as a full disk does.
    QCOMPARE(inChild([&] {
                 const struct rlimit limit = {4096, 4096};
                 std::signal(SIGXFSZ, SIG_IGN);
                 if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
                     ::_exit(1);
                 try {
                     writeFileAtomically(at("f"), std::string(100000, 'x'));
                 } catch (const Error& error) {
                     ::_exit(error.code() == ErrorCode::Target && error.hint().find("free some space") != std::string::npos ? 42 : 2);
                 }
             }),
             42);
    QCOMPARE(contentOf(at("f")), QByteArray("old"));
    QCOMPARE(namesIn(at("")), QStringList{"f"});
}

void TestAtomicFiles::unwritableFolderIsATargetError()
{
    fs::create_directory(at("d"));
    QVERIFY(::chmod(at("").c_str(), 0755) == 0);
    QVERIFY(::chmod(at("d").c_str(), 0555) == 0);
    // Root may write anywhere, so the child becomes nobody first.
    QCOMPARE(inChild([&] {
                 if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
                     ::_exit(1);
                 if (isWritableTarget(at("d/f")))
                     ::_exit(3);
                 try {
                     writeFileAtomically(at("d/f"), "x");
                 } catch (const Error& error) {
                     ::_exit(error.code() == ErrorCode::Target && error.hint().find("permissions") != std::string::npos ? 42 : 2);
                 }
             }),
             42);
    QVERIFY(::chmod(at("d").c_str(), 0755) == 0);
}

void TestAtomicFiles::missingFolderIsNamed()
{
    try {
        writeFileAtomically(at("missing/f"), "x");
        QFAIL("no error was thrown");
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains("missing/f") && QString(error.what()).contains("make it first"), error.what());
    }
}

void TestAtomicFiles::folderAppearsAsAWhole()
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

void TestAtomicFiles::existingFolderIsKeptUnlessReplacing()
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

void TestAtomicFiles::failureAtAnyStepKeepsTheOldFolder_data()
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

void TestAtomicFiles::failureAtAnyStepKeepsTheOldFolder()
{
    QFETCH(int, step);
    QFETCH(int, skip);
    QFETCH(bool, noExchange);
    writeFolder(at("d"), "old");
    g_step = static_cast<FileStep>(step);
    g_skip = skip;
    g_noExchange = noExchange;
    setFileFault(failAtStep);
    try {
        writeFolder(at("d"), "new");
        QFAIL("no error was thrown");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Target);
    }
    setFileFault(nullptr);
    QCOMPARE(stateOf(at("d")), QByteArray("old"));
    QCOMPARE(namesIn(at("")), QStringList{"d"});
}

void TestAtomicFiles::foldersThatCannotBeExchangedAreMovedAside()
{
    writeFolder(at("d"), "old");
    g_noExchange = true;
    g_step = FileStep::Replace;
    g_skip = 100;
    setFileFault(failAtStep);
    writeFolder(at("d"), "new");
    QCOMPARE(stateOf(at("d")), QByteArray("new"));
    QCOMPARE(namesIn(at("")), QStringList{"d"});
    // Death between the two renames: the next writer finds the old folder aside and puts it back.
    g_skip = 2;
    g_die = true;
    QCOMPARE(inChild([&] { writeFolder(at("d"), "newer"); }), -SIGKILL);
    setFileFault(nullptr);
    QVERIFY(!fs::exists(at("d")));
    {
        const AtomicFolder next(at("d"), true);
        QCOMPARE(stateOf(at("d")), QByteArray("new"));
    }
    QCOMPARE(namesIn(at("")), QStringList{"d"});
}

void TestAtomicFiles::deathAtAnyStepLeavesOldOrNewFolder_data()
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

void TestAtomicFiles::deathAtAnyStepLeavesOldOrNewFolder()
{
    QFETCH(int, step);
    QFETCH(int, skip);
    QFETCH(QByteArray, found);
    writeFolder(at("d"), "old");
    g_step = static_cast<FileStep>(step);
    g_skip = skip;
    g_die = true;
    setFileFault(failAtStep);
    QCOMPARE(inChild([&] { writeFolder(at("d"), "new"); }), -SIGKILL);
    setFileFault(nullptr);
    QCOMPARE(stateOf(at("d")), found);
    writeFolder(at("d"), "newer");
    QCOMPARE(stateOf(at("d")), QByteArray("newer"));
    QCOMPARE(namesIn(at("")), QStringList{"d"});
}

void TestAtomicFiles::killedAtRandomMomentsTheFolderIsWhole()
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

void TestAtomicFiles::longNamesWork()
{
    const std::string name(255, 'n');
    writeFileAtomically(at(name.c_str()), "x");
    QCOMPARE(contentOf(at(name.c_str())), QByteArray("x"));
    try {
        writeFileAtomically(at((name + "n").c_str()), "x");
        QFAIL("no error was thrown");
    } catch (const Error& error) {
        QVERIFY2(error.code() == ErrorCode::Target && error.hint() == "choose a shorter name", error.what());
    }
    QCOMPARE(namesIn(at("")).size(), 1);
}

QTEST_GUILESS_MAIN(TestAtomicFiles)
#include "tst_atomic_files.moc"
