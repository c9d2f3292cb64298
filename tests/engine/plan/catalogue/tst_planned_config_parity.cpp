// SPDX-License-Identifier: GPL-3.0-or-later
// transformers as the judge: for every blueprint, and for the classes of all families that are only planned for, the model it builds from
// config.json has the parameters that our shape has, and our reader of that file finds the same shape.
#include "engine/formats/hf_config.h"
#include "engine/plan/catalogue/catalogue.h"
#include "tests/engine/formats/oracle.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::formats;

class TestPlannedConfigParity : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;
    nlohmann::ordered_json m_answers;

    [[nodiscard]] ModelShape read(const std::string& name) const { return readHfConfig((m_dir.path().toStdString() + "/" + name) + "/config.json"); }

private Q_SLOTS:
    void initTestCase()
    {
        m_answers = askOracle("planned_config_oracle.py", {m_dir.path(), LORIKEET_SOURCE_DIR "/resources/catalogue/blueprints.json"});
        QVERIFY(m_answers.size() >= plan::blueprints().size() + 25);
    }

    void blueprintsHaveTheParametersThatTransformersBuilds()
    {
        for (const plan::Blueprint& blueprint : plan::blueprints()) {
            const auto count = m_answers.at("blueprint " + blueprint.shape.name).at("count").get<std::uint64_t>();
            QVERIFY2(blueprint.shape.parameterCount() == count && blueprint.publishedParameters == count, blueprint.shape.name.c_str());
        }
    }

    /// The same shape by two ways: our catalogue, and our reader of the file that transformers saved.
    void theConfigurationOfABlueprintIsReadAsItsShape()
    {
        for (const plan::Blueprint& blueprint : plan::blueprints()) {
            ModelShape shape = read("blueprint " + blueprint.shape.name);
            QVERIFY2(shape.parameterCount() == blueprint.publishedParameters, blueprint.shape.name.c_str());
            ModelShape expected = blueprint.shape;
            // Not written by the oracle: positions and element type. Their scaling has its own parity test.
            expected.name = shape.name;
            expected.ropeTheta = shape.ropeTheta;
            expected.ropeScaling = shape.ropeScaling;
            expected.storage = shape.storage;
            QVERIFY2(shape == expected, blueprint.shape.name.c_str());
        }
    }

    void plannedFamiliesAreReadLikeTheirClasses()
    {
        for (const auto& [name, answer] : m_answers.items()) {
            const ModelShape shape = read(name);
            const nlohmann::ordered_json ours{{"family", shape.family}, {"count", shape.parameterCount()}, {"layers", shape.layers},
                                              {"hidden", shape.hidden}, {"heads", shape.heads},            {"kv_heads", shape.kvHeads},
                                              {"mlp", shape.mlp},       {"vocab", shape.vocab},            {"context", shape.maxContext},
                                              {"tied", shape.tiedHead}};
            for (const auto& [key, value] : ours.items())
                QVERIFY2(value == answer.at(key), (name + ": " + key + " " + value.dump() + " " + answer.at(key).dump()).c_str());
            QVERIFY2(answer.at("head_size").is_null() || answer.at("head_size") == shape.headSize, name.c_str());
            if (!runnableFamily(shape))
                QVERIFY2(answer.at("window") == shape.slidingWindow, name.c_str());
        }
    }
};

QTEST_GUILESS_MAIN(TestPlannedConfigParity)
#include "tst_planned_config_parity.moc"
