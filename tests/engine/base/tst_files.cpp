// SPDX-License-Identifier: GPL-3.0-or-later
// Reading by offset, appending whole lines, well-known folders and the words of refusals.
#include "engine/base/error.h"
#include "engine/base/file_faults.h"
#include "engine/base/files.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <functional>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

using namespace lorikeet;
namespace fs = std::filesystem;

namespace {

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

/// The error that `action` throws; fails the test when it throws none.
Error errorOf(const std::function<void()>& action)
{
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    QTest::qFail("no error was thrown", __FILE__, __LINE__);
    return Error(ErrorCode::Internal, "none", {});
}

bool failsWith(ErrorCode code, const std::vector<const char*>& words, const std::function<void()>& action)
{
    const Error error = errorOf(action);
    bool good = error.code() == code && !error.hint().empty();
    for (const char* word : words)
        good = good && QString(error.what()).contains(word);
    if (!good)
        qWarning("got: %s", error.what());
    return good;
}

}  // namespace

class TestFiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aLockHasOneHolder()
    {
        QTemporaryDir folder;
        const fs::path path = folder.filePath("lock").toStdString();
        {
            const LockFile first(path, "taken by another");
            QVERIFY(failsWith(ErrorCode::Target, {"taken by another"}, [&] { const LockFile second(path, "taken by another"); }));
        }
        const LockFile third(path, "taken by another");
        QVERIFY(failsWith(ErrorCode::Target, {"nowhere"}, [&] { const LockFile none(fs::path(folder.filePath("nowhere/lock").toStdString()), "x"); }));
    }

    void init() { m_folder = std::make_unique<QTemporaryDir>(); }
    void cleanup() { setFileFault(nullptr); }
    void readsExactlyWhatIsAskedFor();
    void shortReadNamesBothEnds();
    void fileThatShrinksGivesAnError();
    void whatIsNoFileIsRefused_data();
    void whatIsNoFileIsRefused();
    void pipeDoesNotBlock();
    void readersShareOneFile();
    void textIsReadWholeAndLimited();
    void appendedLinesStayWhole();
    void appendAfterFullDiskLeavesWholeLines();
    void truncateCutsAndRefuses();
    void foldersAreMadeAndRefused();
    void writableTargetIsTriedAndLeavesNothing();
    void xdgFoldersFollowTheEnvironment();
    void executableFolderIsOurs();
    void pathsKeepTheirUtf8();

private:
    [[nodiscard]] fs::path at(const char* name) const { return fs::path(m_folder->path().toStdString()) / name; }
    std::unique_ptr<QTemporaryDir> m_folder;
};

void TestFiles::readsExactlyWhatIsAskedFor()
{
    put(at("f"), "0123456789");
    const InputFile file(at("f"));
    QCOMPARE(file.size(), std::uint64_t{10});
    QCOMPARE(file.path(), at("f"));
    std::array<char, 4> part{};
    file.readExact(3, std::as_writable_bytes(std::span(part)));
    QCOMPARE(QByteArray(part.data(), 4), QByteArray("3456"));
    file.readExact(10, {});
    file.readExact(6, std::as_writable_bytes(std::span(part)));
    QCOMPARE(QByteArray(part.data(), 4), QByteArray("6789"));
}

void TestFiles::shortReadNamesBothEnds()
{
    put(at("f"), "0123456789");
    const InputFile file(at("f"));
    std::array<char, 4> part{};
    const auto target = std::as_writable_bytes(std::span(part));
    QVERIFY(failsWith(ErrorCode::BadInput, {"ends at byte 10", "expected 12", "/f"}, [&] { file.readExact(8, target); }));
    QVERIFY(failsWith(ErrorCode::BadInput, {"ends at byte 10"}, [&] { file.readExact(~std::uint64_t{0} - 2, target); }));
}

void TestFiles::fileThatShrinksGivesAnError()
{
    put(at("f"), QByteArray(100000, 'x'));
    const InputFile file(at("f"));
    QVERIFY(::truncate(at("f").c_str(), 5) == 0);
    std::vector<std::byte> all(100000);
    QVERIFY(failsWith(ErrorCode::BadInput, {"ends at byte 5", "expected 100000"}, [&] { file.readExact(0, all); }));
}

void TestFiles::whatIsNoFileIsRefused_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("word");
    QTest::newRow("missing") << "missing" << "No such file";
    QTest::newRow("below a file") << "file/x" << "Not a directory";
    QTest::newRow("folder") << "." << "is a folder, expected a file";
    QTest::newRow("device") << "/dev/null" << "expected a regular file";
}

void TestFiles::whatIsNoFileIsRefused()
{
    QFETCH(QString, path);
    QFETCH(QString, word);
    put(at("file"), "x");
    const fs::path whole = at("") / path.toStdString();
    QVERIFY(failsWith(ErrorCode::BadInput, {qPrintable(word), whole.c_str()}, [&] { const InputFile file(whole); }));
    QVERIFY(failsWith(ErrorCode::BadInput, {qPrintable(word), whole.c_str()}, [&] { (void)readTextFile(whole, 10); }));
}

void TestFiles::pipeDoesNotBlock()
{
    QVERIFY(::mkfifo(at("pipe").c_str(), 0600) == 0);
    QVERIFY(failsWith(ErrorCode::BadInput, {"regular file"}, [&] { const InputFile file(at("pipe")); }));
    QVERIFY(failsWith(ErrorCode::Target, {"regular file"}, [&] { const AtomicFile file(at("pipe")); }));
    QVERIFY(errorOf([&] { const AppendFile file(at("pipe")); }).code() == ErrorCode::Target);
}

void TestFiles::readersShareOneFile()
{
    QByteArray content;
    for (int i = 0; i < 4096; ++i)
        content += QByteArray::number(i).rightJustified(8, '0');
    put(at("f"), content);
    const InputFile file(at("f"));
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> readers;
        for (int r = 0; r < 4; ++r) {
            readers.emplace_back([&file, &wrong, r] {
                for (int i = 0; i < 2000; ++i) {
                    const int at = (i * 7 + r * 1031) % 4096;
                    std::array<char, 8> part{};
                    file.readExact(static_cast<std::uint64_t>(at) * 8, std::as_writable_bytes(std::span(part)));
                    if (QByteArray(part.data(), 8).toInt() != at)
                        ++wrong;
                }
            });
        }
    }
    QCOMPARE(wrong.load(), 0);
}

void TestFiles::textIsReadWholeAndLimited()
{
    put(at("f"), QByteArray("a\0b\xff\n", 5));
    QCOMPARE(QByteArray::fromStdString(readTextFile(at("f"), 5)), QByteArray("a\0b\xff\n", 5));
    QVERIFY(failsWith(ErrorCode::BadInput, {"5 B", "at most 4 B"}, [&] { (void)readTextFile(at("f"), 4); }));
    put(at("empty"), "");
    QCOMPARE(readTextFile(at("empty"), 0), std::string());
    QVERIFY(readTextFile("/proc/self/status", 1 << 20).starts_with("Name:"));  // a file whose size is said to be 0
}

void TestFiles::appendedLinesStayWhole()
{
    {
        AppendFile file(at("log"));
        file.appendLine("one");
        file.appendLine("");
        file.flush();
        QCOMPARE(contentOf(at("log")), QByteArray("one\n\n"));
    }
    AppendFile again(at("log"));
    again.appendLine("two");
    QCOMPARE(contentOf(at("log")), QByteArray("one\n\ntwo\n"));
    QVERIFY(failsWith(ErrorCode::Target, {"No such file"}, [&] { AppendFile file(at("missing/log")); }));
}

void TestFiles::appendAfterFullDiskLeavesWholeLines()
{
    AppendFile file(at("log"));
    file.appendLine("one");
    setFileFault([](FileStep step, const fs::path&) {
        return step == FileStep::Write ? std::make_error_code(std::errc::no_space_on_device) : std::error_code();
    });
    QVERIFY(failsWith(ErrorCode::Target, {"No space left", "log"}, [&] { file.appendLine("two"); }));
    setFileFault(nullptr);
    file.appendLine("three");
    QCOMPARE(contentOf(at("log")), QByteArray("one\nthree\n"));
}

void TestFiles::truncateCutsAndRefuses()
{
    put(at("f"), "0123456789");
    truncateFile(at("f"), 4);
    QCOMPARE(contentOf(at("f")), QByteArray("0123"));
    QVERIFY(failsWith(ErrorCode::Target, {"missing"}, [&] { truncateFile(at("missing"), 4); }));
}

void TestFiles::foldersAreMadeAndRefused()
{
    makeFolders(at("a/b/c"));
    makeFolders(at("a/b/c"));
    makeFolders(at("a/b/d/"));
    QVERIFY(fs::is_directory(at("a/b/c")) && fs::is_directory(at("a/b/d")));
    put(at("file"), "x");
    QVERIFY(failsWith(ErrorCode::Target, {"file/x"}, [&] { makeFolders(at("file/x")); }));
    QVERIFY(errorOf([&] { makeFolders(at("file")); }).code() == ErrorCode::Target);
}

void TestFiles::writableTargetIsTriedAndLeavesNothing()
{
    QVERIFY(isWritableTarget(at("new")));
    QVERIFY(isWritableTarget(at("new/deeper/still")));
    put(at("file"), "x");
    QVERIFY(isWritableTarget(at("file")));
    QVERIFY(!isWritableTarget("/proc/lorikeet/x"));
    QVERIFY(!isWritableTarget(at("file/x")));
    QCOMPARE(QDir(m_folder->path()).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot), QStringList{"file"});
    // Names that a dead process with our id left behind are in nobody's way.
    for (int i = 0; i < 20; ++i)
        put(at((".lorikeet-probe-" + std::to_string(::getpid()) + "-" + std::to_string(i)).c_str()), "");
    QVERIFY(isWritableTarget(at("new")));
}

void TestFiles::xdgFoldersFollowTheEnvironment()
{
    qputenv("XDG_CACHE_HOME", "/somewhere/cache");
    qputenv("XDG_DATA_HOME", "relative/is/ignored");
    qputenv("HOME", "/home/somebody");
    QCOMPARE(cacheFolder(), fs::path("/somewhere/cache/lorikeet"));
    QCOMPARE(dataFolder(), fs::path("/home/somebody/.local/share/lorikeet"));
    qunsetenv("XDG_CACHE_HOME");
    QCOMPARE(cacheFolder(), fs::path("/home/somebody/.cache/lorikeet"));
    qunsetenv("HOME");
    QVERIFY(cacheFolder().is_absolute());
}

void TestFiles::executableFolderIsOurs()
{
    QVERIFY(fs::exists(executableFolder() / "tst_files"));
}

void TestFiles::pathsKeepTheirUtf8()
{
    const std::string name = "m\xc3\xb6""del \xe6\xa8\xa1\xe5\x9e\x8b";
    QCOMPARE(utf8(pathFromUtf8(name)), name);
    writeFileAtomically(at("") / pathFromUtf8(name), "x");
    QCOMPARE(QDir(m_folder->path()).entryList(QDir::Files), QStringList{QString::fromUtf8(name.data())});
}

QTEST_GUILESS_MAIN(TestFiles)
#include "tst_files.moc"
