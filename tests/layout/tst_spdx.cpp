// SPDX-License-Identifier: GPL-3.0-or-later
// Every source and script names its licence within its first lines.
#include "engine/base/files.h"
#include "tests/layout/source_tree.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::layout;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kFolders{"engine", "ui", "app", "tests", "packaging", ".ci"};
const std::vector<std::string> kSources{".h",   ".hpp", ".cuh",   ".cpp",           ".cu",  ".c",  ".py", ".sh",
                                        ".ps1", ".qss", ".cmake", "CMakeLists.txt", ".yml", ".in", "run"};

bool hasLicence(const std::string& text)
{
    constexpr int kLines = 3;
    std::size_t end = 0;
    for (int i = 0; i < kLines && end != std::string::npos; ++i)
        end = text.find('\n', end == 0 ? 0 : end + 1);
    return text.substr(0, end).find("SPDX-License-Identifier: GPL-3.0-or-later") != std::string::npos;
}

std::vector<std::string> withoutLicence(const fs::path& root)
{
    std::vector<std::string> found;
    for (const auto& [path, text] : readTree(root, kFolders, kSources)) {
        const bool isFixture = path.find("/fixtures/") != std::string::npos;
        if (!isFixture && !hasLicence(text))
            found.push_back(path);
    }
    if (fs::exists(root / "CMakeLists.txt") && !hasLicence(readTextFile(root / "CMakeLists.txt", 1 << 20)))
        found.push_back("CMakeLists.txt");
    return found;
}

}  // namespace

class TestSpdx : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everySourceNamesItsLicence();
    void sourceWithoutLicenceIsFound();
};

void TestSpdx::everySourceNamesItsLicence()
{
    QVERIFY(readTree(LORIKEET_SOURCE_DIR, kFolders, kSources).contains("engine/base/error.h"));
    const auto found = withoutLicence(LORIKEET_SOURCE_DIR);
    QVERIFY2(found.empty(), joined(found).c_str());
}

void TestSpdx::sourceWithoutLicenceIsFound()
{
    const QTemporaryDir folder;
    const fs::path root = folder.path().toStdString();
    makeFolders(root / "engine/base");
    makeFolders(root / "packaging/linux");
    writeFileAtomically(root / "engine/base/good.cpp", "// SPDX-License-Identifier: GPL-3.0-or-later\n");
    writeFileAtomically(root / "engine/base/bad.cpp", "int x;\n\n\n// SPDX-License-Identifier: GPL-3.0-or-later\n");
    writeFileAtomically(root / "packaging/linux/good.sh", "#!/bin/sh\n# SPDX-License-Identifier: GPL-3.0-or-later\n");
    writeFileAtomically(root / "packaging/linux/bad.sh", "#!/bin/sh\n# SPDX-License-Identifier: MIT\n");
    writeFileAtomically(root / "CMakeLists.txt", "project(X)\n");
    QCOMPARE(joined(withoutLicence(root)), std::string("engine/base/bad.cpp\npackaging/linux/bad.sh\nCMakeLists.txt\n"));
}

QTEST_GUILESS_MAIN(TestSpdx)
#include "tst_spdx.moc"
