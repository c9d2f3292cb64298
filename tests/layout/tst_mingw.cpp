// SPDX-License-Identifier: GPL-3.0-or-later
// The rooms that need no third-party binary compile for Windows with mingw-w64, and their objects link into one DLL, so no
// Windows function is missing. A missing compiler is a failure.
#include "engine/base/files.h"
#include "tests/layout/layer_rules.h"
#include "tests/layout/link_rules.h"
#include "tests/layout/source_tree.h"

#include <QDir>
#include <QFileInfo>
#include <QProcess>
#include <QStandardPaths>
#include <QtTest>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

using namespace lorikeet;
using namespace lorikeet::layout;
namespace fs = std::filesystem;

namespace {

/// A hundred files take minutes when the compiler's cache is cold and the machine is busy; Qt Test would give up after five.
const bool kPatient = qputenv("QTEST_FUNCTION_TIMEOUT", "1500000");

/// These compile and link as a whole.
const std::vector<std::string> kWholeRooms{"engine/base/", "engine/spec/", "engine/plan/", "engine/formats/"};
/// Of these, what reaches no third-party header compiles.
const std::vector<std::string> kPartRooms{"engine/tokenizer/", "engine/data/"};

QString findCompiler()
{
    for (const char* name : {"x86_64-w64-mingw32-g++-posix", "x86_64-w64-mingw32-g++"}) {
        const QString found = QStandardPaths::findExecutable(name);
        if (!found.isEmpty())
            return found;
    }
    return {};
}

/// Foreign headers that come with no compiler; nlohmann_json is headers only and is given.
bool isThirdParty(const std::string& target)
{
    return isTorchHeader(target) || startsWithAny(target, {"oneapi/", "dnnl", "oniguruma", "sentencepiece", "utf8proc", "zlib.h", "zstd", "CLI/", "Q"});
}

/// True when `path` or anything that it includes needs a library. Includes for other systems (hash.cpp) do not count.
bool needsLibrary(const SourceTree& tree, const std::string& path)
{
    for (const auto& reached : reachableFrom(tree, path)) {
        for (const auto& include : includesOf(tree.at(reached))) {
            if (isThirdParty(include.target))
                return true;
        }
    }
    return false;
}

bool isForOtherSystem(const std::string& path)
{
    return path.ends_with("_posix.cpp") || path.ends_with("_cuda.cpp") || path.ends_with(".cu");
}

struct Result {
    std::vector<std::string> failures;
    QStringList objects;
};

class CrossBuild {
public:
    CrossBuild(QString compiler, const fs::path& folder) : m_compiler(std::move(compiler)), m_folder(QString::fromStdString(utf8(folder)))
    {
        QDir(m_folder).removeRecursively();
        QDir().mkpath(m_folder + "/include");
        // The system's include folder must not be on the path of the cross compiler, so the one library it needs is linked to from here.
        QFile::link(QString(LORIKEET_JSON_INCLUDE) + "/nlohmann", m_folder + "/include/nlohmann");
    }

    /// Compiles all sources, two at a time, through ccache when it is there.
    Result compile(const std::vector<std::string>& sources)
    {
        Result result;
        std::mutex mutex;
        std::atomic<std::size_t> next{0};
        const auto work = [&] {
            for (std::size_t i = next++; i < sources.size(); i = next++) {
                const QString object = m_folder + "/" + QString::number(i) + "." + QFileInfo(QString::fromStdString(sources[i])).fileName() + ".o";
                const std::string said = compileOne(sources[i], object);
                const std::lock_guard lock(mutex);
                if (!said.empty())
                    result.failures.push_back(sources[i] + ":\n" + said);
                else
                    result.objects.push_back(object);
            }
        };
        {
            const std::jthread second(work);
            work();
        }
        std::sort(result.objects.begin(), result.objects.end());
        return result;
    }

    std::string link(const QStringList& objects)
    {
        return run(m_compiler, QStringList{"-shared", "-o", m_folder + "/lorikeet.dll"} + objects + QStringList{"-lbcrypt", "-lpsapi"});
    }

private:
    std::string compileOne(const std::string& source, const QString& object) const
    {
        const QString path = QDir(LORIKEET_SOURCE_DIR).absoluteFilePath(QString::fromStdString(source));
        QStringList arguments{"-std=c++20", "-O0", "-Wall", "-Wextra", "-Werror", "-Wno-restrict", "-Wno-missing-field-initializers",
                              "-DNOMINMAX", "-DWIN32_LEAN_AND_MEAN", "-I" + QString(LORIKEET_SOURCE_DIR), "-isystem", m_folder + "/include",
                              "-c", path, "-o", object};
        const QString cache = QStandardPaths::findExecutable("ccache");
        if (cache.isEmpty())
            return run(m_compiler, arguments);
        arguments.prepend(m_compiler);
        return run(cache, arguments);
    }

    /// What the program said when it failed, else nothing.
    static std::string run(const QString& program, const QStringList& arguments)
    {
        QProcess process;
        process.setProcessChannelMode(QProcess::MergedChannels);
        process.start(program, arguments);
        constexpr int kTimeoutMs = 300000;
        if (process.waitForFinished(kTimeoutMs) && process.exitStatus() == QProcess::NormalExit && process.exitCode() == 0)
            return {};
        return "failed: " + process.readAll().left(4000).toStdString();
    }

    QString m_compiler;
    QString m_folder;
};

}  // namespace

class TestMingw : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void roomsWithoutLibrariesCompileAndLink();
    void torchFreePartsCompile();
    void brokenSourceIsNoticed();

private:
    QString m_compiler;
    SourceTree m_tree;
};

void TestMingw::initTestCase()
{
    m_compiler = findCompiler();
    QVERIFY(kPatient);
    QVERIFY2(!m_compiler.isEmpty(), "x86_64-w64-mingw32-g++ is not installed (package g++-mingw-w64-x86-64)");
    QVERIFY2(QFileInfo::exists(QString(LORIKEET_JSON_INCLUDE) + "/nlohmann/json.hpp"), "nlohmann/json.hpp was not found");
    m_tree = readTree(LORIKEET_SOURCE_DIR, {"engine"}, {".h", ".cpp"});
}

void TestMingw::roomsWithoutLibrariesCompileAndLink()
{
    std::vector<std::string> sources;
    for (const auto& [path, text] : m_tree) {
        if (!startsWithAny(path, kWholeRooms) || !path.ends_with(".cpp") || isForOtherSystem(path))
            continue;
        QVERIFY2(!needsLibrary(m_tree, path), (path + " needs a third-party library").c_str());
        sources.push_back(path);
    }
    QVERIFY(sources.size() > 10);
    const fs::path binary = LORIKEET_BINARY_DIR;
    for (const auto& source : generatedSources(readTextFile(binary / "build.ninja", 256 << 20), LORIKEET_SOURCE_DIR, kWholeRooms)) {
        QVERIFY2(fs::exists(binary / source), (source + " was not built yet").c_str());
        sources.push_back(utf8(binary / source));
    }
    CrossBuild build(m_compiler, fs::path(LORIKEET_BINARY_DIR) / "mingw");
    const Result result = build.compile(sources);
    QVERIFY2(result.failures.empty(), joined(result.failures).c_str());
    const std::string linked = build.link(result.objects);
    QVERIFY2(linked.empty(), linked.c_str());
    qInfo("%d files compiled and linked", static_cast<int>(sources.size()));
}

void TestMingw::torchFreePartsCompile()
{
    std::vector<std::string> sources;
    for (const auto& [path, text] : m_tree) {
        if (startsWithAny(path, kPartRooms) && path.ends_with(".cpp") && !isForOtherSystem(path) && !needsLibrary(m_tree, path))
            sources.push_back(path);
    }
    CrossBuild build(m_compiler, fs::path(LORIKEET_BINARY_DIR) / "mingw_parts");
    const Result result = build.compile(sources);
    QVERIFY2(result.failures.empty(), joined(result.failures).c_str());
    qInfo("%d files compiled", static_cast<int>(sources.size()));
}

void TestMingw::brokenSourceIsNoticed()
{
    // files_posix.cpp is the proof that the right compiler runs: it cannot compile for Windows.
    CrossBuild build(m_compiler, fs::path(LORIKEET_BINARY_DIR) / "mingw_broken");
    QCOMPARE(build.compile({"engine/base/files_posix.cpp"}).failures.size(), std::size_t{1});
}

QTEST_GUILESS_MAIN(TestMingw)
#include "tst_mingw.moc"
