// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/safetensors_index.h"
#include "engine/formats/safetensors_writer.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

void writeShard(const std::filesystem::path& path, const std::vector<std::string>& names)
{
    std::vector<SafeEntry> entries;
    for (const std::string& name : names)
        entries.push_back({name, SafeType::F32, {1}});
    writeSafetensors(path, entries, [](const SafeEntry&, const AppendBytes& append) { append(std::vector<std::byte>(4)); });
}

}  // namespace

class TestSafetensorsIndex : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_dir;
    std::filesystem::path folder() { return m_dir->path().toStdString(); }
    void writeIndex(const std::string& json) { writeBytes(folder() / "model.safetensors.index.json", json); }

private Q_SLOTS:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }

    void oneFileNeedsNoIndex()
    {
        writeShard(folder() / "model.safetensors", {"a", "b"});
        const SafetensorsFolder weights(folder());
        QCOMPARE(weights.tensors().size(), std::size_t{2});
        QCOMPARE(weights.files().size(), std::size_t{1});
        QVERIFY(weights.find("c").tensor == nullptr);
    }

    void shardsAreJoined()
    {
        writeShard(folder() / "s1.safetensors", {"a"});
        writeShard(folder() / "s2.safetensors", {"b", "c"});
        writeIndex(R"({"metadata":{"total_size":12},"weight_map":{"a":"s1.safetensors","b":"s2.safetensors","c":"s2.safetensors"}})");
        const SafetensorsFolder weights(folder());
        QCOMPARE(weights.tensors().size(), std::size_t{3});
        QCOMPARE(weights.files().size(), std::size_t{3});
        QCOMPARE(weights.find("b").file->path().filename().string(), std::string("s2.safetensors"));
    }

    void aMissingShardIsNamed()
    {
        writeShard(folder() / "s1.safetensors", {"a"});
        writeIndex(R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
        VERIFY_REFUSAL(refusalOf([&] { SafetensorsFolder{folder()}; }), "shard 's2.safetensors'");
    }

    void aTensorInTheWrongShardIsNamed()
    {
        writeShard(folder() / "s1.safetensors", {"a"});
        writeShard(folder() / "s2.safetensors", {"b"});
        writeIndex(R"({"weight_map":{"a":"s2.safetensors","b":"s1.safetensors"}})");
        VERIFY_REFUSAL(refusalOf([&] { SafetensorsFolder{folder()}; }), "tensor 'a' is not in the shard 's2.safetensors'");
    }

    void aTensorThatTheIndexDoesNotKnowIsNamed()
    {
        writeShard(folder() / "s1.safetensors", {"a", "b"});
        writeIndex(R"({"weight_map":{"a":"s1.safetensors"}})");
        VERIFY_REFUSAL(refusalOf([&] { SafetensorsFolder{folder()}; }), "tensor 'b' is not in");
    }

    void aTensorInTwoShardsIsNamed()
    {
        writeShard(folder() / "s1.safetensors", {"a", "b"});
        writeShard(folder() / "s2.safetensors", {"b"});
        writeIndex(R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
        VERIFY_REFUSAL(refusalOf([&] { SafetensorsFolder{folder()}; }), "tensor 'b' is also in");
    }

    void shardNamesThatLeaveTheFolderAreRefused_data()
    {
        QTest::addColumn<QByteArray>("name");
        for (const char* name : {"../m.safetensors", "/etc/passwd", "sub/m.safetensors", "sub\\\\m.safetensors", "..", ".", "", "C:m.safetensors",
                                 "a\\u0000b"})
            QTest::addRow("%s", name) << QByteArray(name);
    }
    void shardNamesThatLeaveTheFolderAreRefused()
    {
        QFETCH(QByteArray, name);
        writeIndex("{\"weight_map\":{\"a\":\"" + name.toStdString() + "\"}}");
        VERIFY_REFUSAL(refusalOf([&] { SafetensorsFolder{folder()}; }), "expected a plain file name");
    }

    void aBrokenIndexIsNamed_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("reason");
        QTest::addRow("no map") << QByteArray("{}") << QByteArray("no 'weight_map'");
        QTest::addRow("empty map") << QByteArray(R"({"weight_map":{}})") << QByteArray("no 'weight_map'");
        QTest::addRow("list") << QByteArray(R"({"weight_map":[]})") << QByteArray("'weight_map' is array");
        QTest::addRow("number") << QByteArray(R"({"weight_map":{"a":1}})") << QByteArray("expected a plain file name");
        QTest::addRow("not JSON") << QByteArray("{") << QByteArray("not valid JSON");
    }
    void aBrokenIndexIsNamed()
    {
        QFETCH(QByteArray, json);
        QFETCH(QByteArray, reason);
        writeIndex(json.toStdString());
        VERIFY_REFUSAL(refusalOf([&] { SafetensorsFolder{folder()}; }), reason.toStdString());
    }

    void pickleIsRefusedWithTheWayOut()
    {
        writeBytes(folder() / "pytorch_model.bin", "x");
        try {
            SafetensorsFolder{folder()};
            QFAIL("accepted");
        } catch (const Error& error) {
            VERIFY_REFUSAL(error.message(), "pytorch_model.bin");
            VERIFY_REFUSAL(error.hint(), "save_pretrained");
        }
    }

    void aFolderWithoutWeightsIsRefused()
    {
        VERIFY_REFUSAL(refusalOf([&] { SafetensorsFolder{folder()}; }), "no weights, expected model.safetensors");
        QVERIFY(!hasSafetensors(folder()));
    }
};

QTEST_GUILESS_MAIN(TestSafetensorsIndex)
#include "tst_safetensors_index.moc"
