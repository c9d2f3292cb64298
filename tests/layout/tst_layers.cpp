// SPDX-License-Identifier: GPL-3.0-or-later
// Nobody reaches upwards: includes and link lines follow the design's dependency direction. Planted violations prove that the
// rules can fail.
#include "engine/base/files.h"
#include "tests/layout/layer_rules.h"
#include "tests/layout/link_rules.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::layout;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kSources{".h", ".cpp", ".cu", ".cuh", ".hpp", ".cc", ".c"};
const std::vector<std::string> kFolders{"engine", "ui", "app"};

/// True when exactly one violation was found and it contains both words.
bool onlyOne(const std::vector<std::string>& found, const QString& first, const QString& second)
{
    const QString text = QString::fromStdString(joined(found));
    const bool good = found.size() == 1 && text.contains(first) && text.contains(second);
    if (!good)
        qWarning("found: %s", qPrintable(text));
    return good;
}

}  // namespace

class TestLayers : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void includesFollowTheLayers();
    void linkLinesFollowTheLayers();
    void generatedBuildFollowsTheLayers();
    void plantedIncludesAreFound_data();
    void plantedIncludesAreFound();
    void allowedIncludesPass_data();
    void allowedIncludesPass();
    void plantedTreeOnDiskIsFound();
    void reachThroughAHeaderIsFound();
    void plantedLinkLinesAreFound_data();
    void plantedLinkLinesAreFound();
    void allowedLinkLinesPass();
    void plantedBuildStatementsAreFound_data();
    void plantedBuildStatementsAreFound();
};

void TestLayers::includesFollowTheLayers()
{
    const SourceTree tree = readTree(LORIKEET_SOURCE_DIR, kFolders, kSources);
    QVERIFY2(tree.contains("engine/base/error.h"), "the sources were not found");
    const auto found = includeViolations(tree);
    QVERIFY2(found.empty(), joined(found).c_str());
}

void TestLayers::linkLinesFollowTheLayers()
{
    const SourceTree tree = readTree(LORIKEET_SOURCE_DIR, kFolders, {"CMakeLists.txt", ".cmake"});
    QVERIFY2(tree.contains("engine/base/CMakeLists.txt"), "the build files were not found");
    const auto found = linkViolations(tree);
    QVERIFY2(found.empty(), joined(found).c_str());
}

void TestLayers::generatedBuildFollowsTheLayers()
{
    const fs::path file = fs::path(LORIKEET_BINARY_DIR) / "build.ninja";
    QVERIFY2(fs::exists(file), "no build.ninja: configure with the Ninja generator, as the presets do");
    NinjaSeen seen;
    const auto found = ninjaViolations(readTextFile(file, 256 << 20), LORIKEET_SOURCE_DIR, seen);
    QVERIFY2(seen.objects > 5, "no compile line of a room was recognised");
    QVERIFY2(found.empty(), joined(found).c_str());
}

void TestLayers::plantedIncludesAreFound_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("include");
    QTest::addColumn<QString>("word");
    const auto row = [](const char* path, const char* include, const char* word) {
        QTest::addRow("%s -> %s", path, include) << path << include << word;
    };
    row("engine/base/a.cpp", "\"engine/spec/job.h\"", "base may not use spec");
    row("engine/plan/a.cpp", "\"engine/kernels/op.h\"", "plan may not use kernels");
    row("engine/plan/a.cpp", "\"engine/tensor/mat.h\"", "plan may not use tensor");
    row("engine/formats/a.cpp", "\"engine/plan/planner.h\"", "formats may not use plan");
    row("engine/lora/a.h", "\"engine/data/reader.h\"", "lora may not use data");
    row("engine/model/a.cpp", "\"engine/train/step.h\"", "model may not use train");
    row("engine/train/a.cpp", "\"engine/export/peft.h\"", "train may not use export");
    row("engine/api/a.cpp", "\"ui/main_window.h\"", "api may not use ui");
    row("ui/a.cpp", "\"engine/train/step.h\"", "ui may not use train");
    row("ui/a.cpp", "\"engine/tensor/mat.h\"", "ui may not use tensor");
    row("app/cli_main.cpp", "\"engine/model/decoder.h\"", "app may not use model");
    row("app/cli_main.cpp", "\"ui/main_window.h\"", "has no window");
    row("app/cli_main.cpp", "<QString>", "no Qt");
    row("engine/misc/a.cpp", "<vector>", "no room");
    row("engine/base/a.cpp", "\"engine/unknown/x.h\"", "no room");
    row("engine/base/a.cpp", "\"error.h\"", "top of the project");
    row("engine/model/a.cpp", "<torch/torch.h>", "never");
    row("engine/model/a.cpp", "<ATen/ATen.h>", "never");
    row("engine/spec/a.cpp", "<c10/util/Half.h>", "not for this room");
    row("engine/tokenizer/a.cpp", "<ATen/core/Tensor.h>", "not for this room");
    row("engine/hardware/a.cpp", "<ATen/core/Tensor.h>", "not for this room");
    row("engine/api/a.cpp", "<c10/util/Exception.h>", "not for this room");
    row("ui/a.h", "<ATen/core/Tensor.h>", "not for this room");
    row("engine/model/a.h", "<ATen/core/Tensor.h>", "forward declaration");
    row("engine/api/a.cpp", "<QObject>", "no Qt");
    row("engine/api/a.cpp", "<QtCore/qstring.h>", "no Qt");
    row("engine/kernels/matmul.cpp", "<cuda_runtime.h>", "_cuda");
    row("engine/kernels/matmul.cpp", "<ATen/cuda/CUDAContext.h>", "_cuda");
    row("engine/train/a.cpp", "<unistd.h>", "engine/base only");
    row("engine/train/a.cpp", "<sys/mman.h>", "engine/base only");
    row("app/cli_main.cpp", "<csignal>", "engine/base only");
    row("ui/a.cpp", "<windows.h>", "engine/base only");
    row("engine/model/a.cpp", "<oneapi/dnnl/dnnl.hpp>", "belongs to engine/kernels");
    row("engine/data/a.cpp", "<oniguruma.h>", "belongs to engine/tokenizer");
    row("engine/formats/a.cpp", "<zlib.h>", "belongs to engine/data");
    row("ui/a.cpp", "<CLI/CLI.hpp>", "belongs to app/cli_");
}

void TestLayers::plantedIncludesAreFound()
{
    QFETCH(QString, path);
    QFETCH(QString, include);
    QFETCH(QString, word);
    const SourceTree tree{{path.toStdString(), "// first line\n#  include " + include.toStdString() + "  // why\n"}};
    const QString place = path.contains("misc") ? path : path + ":2: ";
    QVERIFY(onlyOne(includeViolations(tree), place, word));
}

void TestLayers::allowedIncludesPass_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("include");
    const auto row = [](const char* path, const char* include) { QTest::addRow("%s -> %s", path, include) << path << include; };
    row("engine/base/a_posix.cpp", "<sys/stat.h>");
    row("engine/base/hash.cpp", "<openssl/evp.h>");
    row("engine/spec/a.cpp", "\"engine/base/error.h\"");
    row("engine/kernels/a.cpp", "\"engine/plan/planner.h\"");
    row("engine/api/a.cpp", "\"engine/data/reader.h\"");
    row("engine/tensor/tensor.h", "<ATen/core/Tensor.h>");
    row("engine/kernels/a.cpp", "<ATen/ops/mm.h>");
    row("engine/kernels/a_cuda.cu", "<cuda_runtime.h>");
    row("engine/hardware/probe_cuda.cpp", "<ATen/cuda/CUDAContext.h>");
    row("ui/a.cpp", "<QWidget>");
    row("ui/a.cpp", "\"ui_run_page.h\"");
    row("ui/a.cpp", "\"engine/api/models.h\"");
    row("app/gui_main.cpp", "\"ui/main_window.h\"");
    row("app/cli_main.cpp", "<CLI/CLI.hpp>");
    row("engine/formats/a.cpp", "<nlohmann/json.hpp>");
}

void TestLayers::allowedIncludesPass()
{
    QFETCH(QString, path);
    QFETCH(QString, include);
    const auto found = includeViolations({{path.toStdString(), "#include " + include.toStdString() + "\n"}});
    QVERIFY2(found.empty(), joined(found).c_str());
}

void TestLayers::plantedTreeOnDiskIsFound()
{
    const QTemporaryDir folder;
    const fs::path root = folder.path().toStdString();
    makeFolders(root / "engine/base");
    makeFolders(root / "ui");
    writeFileAtomically(root / "engine/base/good.cpp", "#include <vector>\n");
    writeFileAtomically(root / "engine/base/bad.h", "#pragma once\n#include \"engine/api/models.h\"\n");
    writeFileAtomically(root / "ui/notes.txt", "#include <torch/torch.h>\n");
    QVERIFY(onlyOne(includeViolations(readTree(root, kFolders, kSources)), "engine/base/bad.h:2", "base may not use api"));
}

void TestLayers::reachThroughAHeaderIsFound()
{
    SourceTree tree;
    tree["engine/tensor/tensor.h"] = "#include <ATen/core/Tensor.h>\n";
    tree["engine/tensor/arena.h"] = "#include \"engine/tensor/tensor.h\"\n";
    tree["engine/formats/a.cpp"] = "#include \"engine/tensor/arena.h\"\n";
    QVERIFY(onlyOne(includeViolations(tree), "engine/formats/a.cpp", "reaches LibTorch through engine/tensor/tensor.h"));
    tree.erase("engine/formats/a.cpp");
    tree["engine/kernels/a.cpp"] = "#include <oneapi/dnnl/dnnl.h>\n#include \"engine/tensor/arena.h\"\n";
    QVERIFY(onlyOne(includeViolations(tree), "engine/kernels/a.cpp", "reaches LibTorch"));
    tree["engine/kernels/a.cpp"] = "#include \"engine/tensor/arena.h\"\n";
    QVERIFY(includeViolations(tree).empty());
}

void TestLayers::plantedLinkLinesAreFound_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("word");
    const auto row = [](const char* path, const char* text, const char* word) { QTest::newRow(text) << path << text << word; };
    row("engine/plan/CMakeLists.txt", "lorikeet_room(plan SOURCES a.cpp\n  PUBLIC lorikeet_spec lorikeet_tensor)", "may not use tensor");
    row("engine/spec/CMakeLists.txt", "lorikeet_room(spec SOURCES a.cpp PRIVATE lorikeet_plan)", "may not use plan");
    row("engine/formats/CMakeLists.txt", "lorikeet_room(formats SOURCES a.cpp PRIVATE LibTorch::cpu)", "not for this room");
    row("engine/model/CMakeLists.txt", "lorikeet_room(model SOURCES a.cpp PUBLIC LibTorch::cpu)", "PRIVATE");
    row("engine/api/CMakeLists.txt", "target_link_libraries(lorikeet_api PUBLIC Qt6::Core)", "no Qt");
    row("ui/CMakeLists.txt", "target_link_libraries(lorikeet_ui PRIVATE LibTorch::cpu)", "not for this room");
    row("ui/CMakeLists.txt", "target_link_libraries(lorikeet_ui PUBLIC lorikeet_train)", "may not use train");
    row("app/CMakeLists.txt", "target_link_libraries(lorikeet-cli PRIVATE lorikeet_api Qt6::Core)", "no Qt");
    row("app/CMakeLists.txt", "target_link_libraries(lorikeet-cli PRIVATE lorikeet_ui)", "no Qt");
    row("engine/kernels/CMakeLists.txt", "target_link_libraries(lorikeet_kernels PRIVATE CUDA::cublas)", "never linked");
}

void TestLayers::plantedLinkLinesAreFound()
{
    QFETCH(QString, path);
    QFETCH(QString, text);
    QFETCH(QString, word);
    QVERIFY(onlyOne(linkViolations({{path.toStdString(), "# comment (\n" + text.toStdString() + "\n"}}), path + ":2", word));
}

void TestLayers::allowedLinkLinesPass()
{
    const SourceTree tree{
        {"engine/tensor/CMakeLists.txt", "lorikeet_room(tensor SOURCES a.cpp PUBLIC lorikeet_spec LibTorch::headers PRIVATE LibTorch::cpu)"},
        {"engine/kernels/CMakeLists.txt", "lorikeet_room(kernels SOURCES a.cpp PUBLIC lorikeet_plan PRIVATE LibTorch::cpu)\n"
                                          "target_link_libraries(lorikeet_cuda PRIVATE CUDA::cublas)"},
        {"app/CMakeLists.txt", "target_link_libraries(lorikeet-cli PRIVATE lorikeet_api CLI11::CLI11) # not Qt6::Core\n"
                               "target_link_libraries(lorikeet PRIVATE lorikeet_ui Qt6::Widgets)"}};
    const auto found = linkViolations(tree);
    QVERIFY2(found.empty(), joined(found).c_str());
}

void TestLayers::plantedBuildStatementsAreFound_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("word");
    const auto object = [](const char* source, const char* folders) {
        return QString("rule x\n\nbuild o/a.o: CXX_COMPILER__t_Release /top/%1 || order\n  DEFINES = -DX\n  INCLUDES = %2\n\n").arg(source, folders);
    };
    const auto program = [](const char* name, const char* libraries) {
        return QString("build app/%1: CXX_EXECUTABLE_LINKER__t_Release a.o | b\n  FLAGS = -O3\n  LINK_LIBRARIES = %2\n").arg(name, libraries);
    };
    QTest::newRow("torch in plan") << object("engine/plan/a.cpp", "-I/top -isystem /x/torch/include") << "LibTorch's include folder";
    QTest::newRow("torch in ui") << object("ui/a.cpp", "-isystem /x/torch/include") << "LibTorch's include folder";
    QTest::newRow("qt in engine") << object("engine/api/a.cpp", "-isystem /usr/include/qt6/QtCore") << "Qt's include folder";
    QTest::newRow("qt in cli") << program("lorikeet-cli", "x.a /usr/lib/libQt6Core.so.6") << "links Qt";
    QTest::newRow("cuda in gui") << program("lorikeet", "libtorch_cuda.so") << "links libtorch_cuda";
    QTest::newRow("order") << program("lorikeet-cli", "libtorch_cpu.so libdnnl.so") << "before libdnnl";
}

void TestLayers::plantedBuildStatementsAreFound()
{
    QFETCH(QString, text);
    QFETCH(QString, word);
    NinjaSeen seen;
    const std::string harmless = "build o/b.o: CXX_COMPILER__t_Release /top/engine/base/b.cpp\n  INCLUDES = -I/top\n";
    QVERIFY(onlyOne(ninjaViolations(harmless + text.toStdString() + harmless, "/top", seen), "", word));
    QVERIFY(seen.objects >= 2);
}

QTEST_GUILESS_MAIN(TestLayers)
#include "tst_layers.moc"
