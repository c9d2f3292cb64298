// SPDX-License-Identifier: GPL-3.0-or-later
// Old or new, never half: failures and deaths at every step of an atomic write, leftovers, links, modes and full disks.
#include "engine/base/error.h"
#include "tests/engine/base/faults.h"

#include <QTemporaryDir>
#include <QtTest>

#include <csignal>

#include <sys/resource.h>
#include <sys/stat.h>

using namespace lorikeet;
using namespace lorikeet::faults;

class TestAtomicFiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup() { mendWorld(); }
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
    void longNamesWork();

private:
    [[nodiscard]] fs::path at(const char* name) const { return fs::path(m_folder->path().toStdString()) / name; }
    std::unique_ptr<QTemporaryDir> m_folder;
};

void TestAtomicFiles::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
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
    const std::error_code expected = std::make_error_code(static_cast<std::errc>(reason));
    breakWorld({.step = static_cast<FileStep>(step), .reason = static_cast<std::errc>(reason)});
    try {
        writeFileAtomically(at("f"), "new");
        QFAIL("no error was thrown");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Target);
        QVERIFY2(QString::fromStdString(error.hint()).contains(hint), error.what());
        QVERIFY2(QString(error.what()).contains(QString::fromStdString(expected.message())), error.what());
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
    breakWorld({.step = static_cast<FileStep>(step), .die = true});
    QCOMPARE(inChild([&] { writeFileAtomically(at("f"), "new"); }), -SIGKILL);
    mendWorld();
    QCOMPARE(contentOf(at("f")), found);
    writeFileAtomically(at("f"), "newer");  // what the dead left is in nobody's way, and goes
    QCOMPARE(contentOf(at("f")), QByteArray("newer"));
    QCOMPARE(namesIn(at("")), QStringList{"f"});
}

void TestAtomicFiles::leftoversOfTheDeadAreSweptThoseOfTheLivingAreNot()
{
    breakWorld({.step = FileStep::Write, .die = true});
    QCOMPARE(inChild([&] { writeFileAtomically(at("f"), "dead"); }), -SIGKILL);
    mendWorld();
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
