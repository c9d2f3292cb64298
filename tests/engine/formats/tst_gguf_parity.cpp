// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/gguf_dequant.h"
#include "engine/formats/model_source.h"
#include "tests/engine/formats/gguf_bytes.h"
#include "tests/engine/formats/oracle.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

std::vector<float> floatsOf(const std::string& bytes)
{
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

std::vector<float> allOf(const ModelSource& source, ParamId id)
{
    std::vector<float> values(static_cast<std::size_t>(elementCountOf(id, source.shape())));
    source.readRows(id, 0, shapeOf(id, source.shape())[0], values);
    return values;
}

/// The value as JSON, numbers and lists alike.
nlohmann::ordered_json jsonOf(const GgufValue& value)
{
    return std::visit([](const auto& held) { return nlohmann::ordered_json(held); }, value);
}

}  // namespace

class TestGgufParity : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;

private Q_SLOTS:
    void initTestCase()
    {
        askOracle("gguf_oracle.py", {"blocks", m_dir.path()});
        askOracle("gguf_oracle.py", {"model", m_dir.path()});
    }

    void blocksAreWidenedBitForBit_data()
    {
        QTest::addColumn<std::uint32_t>("type");
        for (const std::uint32_t type : {0U, 1U, 30U, 2U, 3U, 6U, 7U, 8U, 10U, 11U, 12U, 13U, 14U, 20U, 23U})
            QTest::addRow("%s", ggufTypeInfo(type)->name) << type;
    }
    void blocksAreWidenedBitForBit()
    {
        QFETCH(std::uint32_t, type);
        const GgufTypeInfo& info = *ggufTypeInfo(type);
        const std::string blocks = bytesOfFile(m_dir.filePath(QString(info.name) + ".blocks"));
        const std::vector<float> theirs = floatsOf(bytesOfFile(m_dir.filePath(QString(info.name) + ".f32")));
        QVERIFY(theirs.size() >= 65536);
        std::vector<float> ours(theirs.size());
        dequantize(info, std::as_bytes(std::span(blocks.data(), blocks.size())), ours);
        QVERIFY(sameFloats(ours, theirs));
    }

    void aGgufFileGivesTheWeightsOfTheFolderItWasMadeFrom()
    {
        const auto folder = openModelSource(m_dir.filePath("hf").toStdString());
        const auto file = openModelSource(m_dir.filePath("model.gguf").toStdString());
        ModelShape expected = folder->shape();
        expected.name = file->shape().name;
        QVERIFY(file->shape() == expected);
        for (const ParamId id : parametersOf(expected))
            QVERIFY2(allOf(*file, id) == allOf(*folder, id), hfNameOf(id).c_str());
        QVERIFY(allOf(*file, weightId(0, Linear::Q)) != allOf(*file, weightId(1, Linear::Q)));
    }

    void aQuantisedFileIsNearTheFolderItWasMadeFrom()
    {
        const auto folder = openModelSource(m_dir.filePath("hf").toStdString());
        const auto file = openModelSource(m_dir.filePath("q8.gguf").toStdString());
        QCOMPARE(file->tensor(weightId(0, Linear::Q)).type, std::string("Q8_0"));
        for (const ParamId id : parametersOf(file->shape())) {
            const std::vector<float> ours = allOf(*file, id);
            const std::vector<float> exact = allOf(*folder, id);
            for (std::size_t i = 0; i < ours.size(); ++i)  // half a step of 127 steps to the largest of 32 normal values
                QVERIFY2(std::abs(ours[i] - exact[i]) < 0.025F, hfNameOf(id).c_str());
        }
    }

    void metadataAndTensorsAreReadAlike_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addRow("written by the package") << m_dir.filePath("model.gguf");
        QTest::addRow("written by the tests") << QString::fromStdString(writeBytes(m_dir.filePath("small.gguf").toStdString(), smallLlama().bytes()).string());
        QTest::addRow("starter model") << QString(LORIKEET_STARTER_MODEL);
    }
    void metadataAndTensorsAreReadAlike()
    {
        QFETCH(QString, path);
        const GgufFile file(path.toStdString());
        const auto theirs = askOracle("gguf_oracle.py", {"describe", path});
        QCOMPARE(theirs.at("fields").size(), file.metadata().size() + 3);  // theirs counts version and the two counts as well
        for (const auto& [key, value] : theirs.at("fields").items()) {
            if (key.starts_with("GGUF."))
                continue;
            const GgufValue* ours = file.value(key);
            QVERIFY2(ours != nullptr, key.c_str());
            const bool same = value.is_number_float() ? static_cast<float>(std::get<double>(*ours)) == value.get<float>() : jsonOf(*ours) == value;
            QVERIFY2(same, key.c_str());
        }
        QCOMPARE(theirs.at("tensors").size(), file.tensors().size());
        for (std::size_t i = 0; i < file.tensors().size(); ++i) {
            const GgufTensor& tensor = file.tensors()[i];
            const nlohmann::ordered_json ours{tensor.name, tensor.shape, tensor.type->name, tensor.offset, tensor.bytes};
            QCOMPARE(ours.dump(), theirs.at("tensors").at(i).dump());
        }
    }
};

QTEST_GUILESS_MAIN(TestGgufParity)
#include "tst_gguf_parity.moc"
