// SPDX-License-Identifier: GPL-3.0-or-later
// The cache of Hugging Face's hub, laid out as huggingface_hub does it: files are links into blobs/, and the model's folder stands for a snapshot.
#include "engine/formats/hub_cache.h"

#include "engine/base/hash.h"
#include "engine/formats/model_source.h"
#include "engine/formats/safetensors_writer.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::formats;
namespace fs = std::filesystem;

class TestHubCache : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_dir;
    fs::path model() { return fs::path(m_dir->path().toStdString()) / "models--Org--Tiny-0.1B"; }
    fs::path snapshot(const char* revision) { return model() / "snapshots" / revision; }
    void add(const char* revision, const char* name, const std::string& bytes);
    void addModel(const char* revision, float value);
    void setMain(const std::string& text)
    {
        fs::create_directories(model() / "refs");
        writeBytes(model() / "refs" / "main", text);
    }

private Q_SLOTS:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }
    void aSnapshotOfLinksIsTheModelItself();
    void theFolderIsTheSnapshotOfMain();
    void theOnlySnapshotNeedsNoMain();
    void severalWithoutMainAreListed();
    void aMainThatIsNotThereIsSaid_data();
    void aMainThatIsNotThereIsSaid();
    void anUnfinishedDownloadIsRefused();
    void otherFoldersStayThemselves();
};

namespace {

const std::string kConfig = R"({"model_type":"llama","architectures":["LlamaForCausalLM"],"vocab_size":4,"hidden_size":8,"intermediate_size":16,
    "num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"max_position_embeddings":64,"tie_word_embeddings":true})";

/// A model's two files in a folder; every weight is `value`.
void writeModel(const fs::path& folder, float value)
{
    fs::create_directories(folder);
    writeBytes(folder / "config.json", kConfig);
    const ModelShape shape = openModelSource(folder / "config.json")->shape();
    std::vector<SafeEntry> entries;
    for (const ParamId id : parametersOf(shape)) {
        const auto dimensions = fileShapeOf(id, shape);
        entries.push_back({hfNameOf(id), SafeType::F32, {dimensions.begin(), dimensions.end()}});
    }
    writeSafetensors(folder / "model.safetensors", entries, [&](const SafeEntry& entry, const AppendBytes& append) {
        const std::vector<float> values(bytesOf(entry) / sizeof(float), value);
        append(std::as_bytes(std::span(values)));
    });
}

float firstWeight(const ModelSource& source)
{
    std::vector<float> row(8);
    source.readRows(parametersOf(source.shape()).front(), 0, 1, row);
    return row[0];
}

std::vector<std::string> hashesOf(const ModelSource& source)
{
    std::vector<std::string> hashes;
    for (const fs::path& file : source.files())
        hashes.push_back(sha256OfFile(file, {}));
    return hashes;
}

}  // namespace

void TestHubCache::add(const char* revision, const char* name, const std::string& bytes)
{
    const std::string blob = sha256(bytes);
    fs::create_directories(model() / "blobs");
    fs::create_directories(snapshot(revision));
    writeBytes(model() / "blobs" / blob, bytes);
    fs::create_symlink(fs::path("../../blobs") / blob, snapshot(revision) / name);
}

void TestHubCache::addModel(const char* revision, float value)
{
    const fs::path plain = fs::path(m_dir->path().toStdString()) / "plain";
    writeModel(plain, value);
    for (const char* name : {"config.json", "model.safetensors"})
        add(revision, name, readTextFile(plain / name, 1 << 20));
}

void TestHubCache::aSnapshotOfLinksIsTheModelItself()
{
    addModel("aaaa", 1.5F);
    const auto source = openModelSource(snapshot("aaaa"));
    QVERIFY(source->hasWeights());
    QCOMPARE(source->format(), std::string("safetensors"));
    QCOMPARE(source->shape().name, std::string("Tiny-0.1B"));
    QCOMPARE(firstWeight(*source), 1.5F);
    // The same bytes in an ordinary folder: the same hashes, so a run finds its model again in either.
    const auto plain = openModelSource(fs::path(m_dir->path().toStdString()) / "plain");
    QCOMPARE(hashesOf(*source), hashesOf(*plain));
    QCOMPARE(source->weightBytes(), plain->weightBytes());
}

void TestHubCache::theFolderIsTheSnapshotOfMain()
{
    addModel("aaaa", 1.0F);
    addModel("bbbb", 2.0F);
    for (const std::string text : {"bbbb", "bbbb\n"}) {
        setMain(text);
        const auto source = openModelSource(model());
        QCOMPARE(firstWeight(*source), 2.0F);
        QCOMPARE(source->path(), snapshot("bbbb"));
        QCOMPARE(source->shape().name, std::string("Tiny-0.1B"));
        QCOMPARE(hashesOf(*source), hashesOf(*openModelSource(snapshot("bbbb"))));
    }
    setMain("aaaa");
    QCOMPARE(firstWeight(*openModelSource(model() / "")), 1.0F);
}

void TestHubCache::theOnlySnapshotNeedsNoMain()
{
    addModel("cccc", 3.0F);
    QCOMPARE(openModelSource(model())->path(), snapshot("cccc"));
}

void TestHubCache::severalWithoutMainAreListed()
{
    addModel("aaaa", 1.0F);
    addModel("bbbb", 2.0F);
    const std::string refusal = refusalOf([&] { (void)openModelSource(model()); });
    VERIFY_REFUSAL(refusal, "aaaa, bbbb");
    VERIFY_REFUSAL(refusal, "refs/main");
}

void TestHubCache::aMainThatIsNotThereIsSaid_data()
{
    QTest::addColumn<QString>("text");
    QTest::newRow("another revision") << "dddd";
    QTest::newRow("a way out") << "../../elsewhere";
    QTest::newRow("itself") << ".";
}

void TestHubCache::aMainThatIsNotThereIsSaid()
{
    QFETCH(QString, text);
    addModel("aaaa", 1.0F);
    setMain(text.toStdString());
    const std::string refusal = refusalOf([&] { (void)openModelSource(model()); });
    VERIFY_REFUSAL(refusal, "refs/main names the revision " + text.toStdString());
    VERIFY_REFUSAL(refusal, "snapshots here are: aaaa");
}

void TestHubCache::anUnfinishedDownloadIsRefused()
{
    fs::create_directories(model() / "snapshots");
    VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(model()); }), "no snapshot");
    addModel("aaaa", 1.0F);
    setMain("aaaa");
    fs::remove(fs::canonical(snapshot("aaaa") / "model.safetensors"));
    VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(model()); }), "model.safetensors");
    fs::remove(fs::canonical(snapshot("aaaa") / "config.json"));
    VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(model()); }), "config.json");
}

void TestHubCache::otherFoldersStayThemselves()
{
    const fs::path folder = fs::path(m_dir->path().toStdString()) / "own";
    QCOMPARE(hubSnapshot(folder), folder);
    writeModel(folder, 1.0F);
    fs::create_directories(folder / "snapshots" / "aaaa");
    QCOMPARE(hubSnapshot(folder), folder);
}

QTEST_GUILESS_MAIN(TestHubCache)
#include "tst_hub_cache.moc"
