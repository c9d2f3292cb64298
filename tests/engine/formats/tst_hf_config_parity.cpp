// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_config.h"
#include "engine/formats/parameters.h"
#include "engine/formats/rope_divisors.h"
#include "tests/engine/formats/oracle.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <map>

using namespace lorikeet;
using namespace lorikeet::formats;

class TestHfConfigParity : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;
    nlohmann::ordered_json m_answers;

    void forEach(const auto& check)
    {
        for (const auto& [name, answer] : m_answers.items())
            check(name, answer, readHfConfig((m_dir.path().toStdString() + "/" + name) + "/config.json"));
    }

private Q_SLOTS:
    void initTestCase()
    {
        m_answers = askOracle("hf_config_oracle.py", {m_dir.path()});
        QVERIFY(m_answers.size() >= 20);
    }

    void fieldsAreThoseOfTransformers()
    {
        forEach([](const std::string& name, const auto& answer, const ModelShape& shape) {
            const nlohmann::ordered_json ours{
                {"family", shape.family}, {"layers", shape.layers},     {"hidden", shape.hidden},         {"heads", shape.heads},
                {"kv_heads", shape.kvHeads}, {"head_size", shape.headSize}, {"mlp", shape.mlp},           {"vocab", shape.vocab},
                {"context", shape.maxContext}, {"eps", shape.normEps},  {"theta", shape.ropeTheta},       {"tied", shape.tiedHead},
                {"window", shape.slidingWindow}};
            for (const auto& [key, value] : ours.items())
                QVERIFY2(value == answer.at(key), (name + ": " + key + " " + value.dump() + " " + answer.at(key).dump()).c_str());
            const std::map<std::string, DType> types{{"float32", DType::F32}, {"bfloat16", DType::BF16}, {"float16", DType::F16}};
            QVERIFY2(shape.storage == types.at(answer.at("dtype").template get<std::string>()), name.c_str());
        });
    }

    void layersAreThoseOfTransformers()
    {
        int withList = 0;
        forEach([&](const std::string& name, const auto& answer, const ModelShape& shape) {
            std::vector<int> turned;
            std::vector<int> slides;
            for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
                turned.push_back(shape.hasRope(layer) ? 1 : 0);
                if (shape.windowOf(layer) > 0)
                    slides.push_back(static_cast<int>(layer));
            }
            if (shape.family == "qwen2" || shape.family == "qwen3")
                QVERIFY2(answer.at("slides") == slides, name.c_str());
            const auto& list = answer.at("turned");
            QVERIFY2(list.is_null() ? shape.noRopePeriod == 0 : list == turned, name.c_str());
            withList += list.is_null() ? 0 : 1;
            if (shape.family == "granite") {
                const nlohmann::ordered_json ours{shape.embeddingScale, shape.residualScale, shape.attentionScale(), shape.logitDivisor};
                QVERIFY2(answer.at("multipliers") == ours, name.c_str());
            }
        });
        QCOMPARE(withList, 2);
    }

    void parametersAreThoseOfTheirModel()
    {
        forEach([](const std::string& name, const auto& answer, const ModelShape& shape) {
            std::map<std::string, std::vector<std::int64_t>> ours;
            for (const ParamId id : parametersOf(shape))
                ours.emplace(hfNameOf(id), fileShapeOf(id, shape));
            const auto theirs = answer.at("tensors").template get<std::map<std::string, std::vector<std::int64_t>>>();
            QVERIFY2(ours == theirs, name.c_str());
            QCOMPARE(shape.parameterCount(), answer.at("count").template get<std::uint64_t>());
        });
    }

    void scaledFrequenciesAreTheirs()
    {
        int scaled = 0;
        forEach([&](const std::string& name, const auto& answer, const ModelShape& shape) {
            if (answer.at("frequencies").is_null()) {
                QVERIFY2(shape.ropeScaling.type == RopeScaling::Type::None, name.c_str());
                return;
            }
            ++scaled;
            const auto theirs = answer.at("frequencies").template get<std::vector<double>>();
            const std::vector<double> divisors = ropeDivisors(shape.ropeScaling, shape.ropeTheta, shape.headSize);
            QCOMPARE(divisors.size(), theirs.size());
            QVERIFY2(std::abs(shape.ropeScaling.attentionFactor - answer.at("attention_factor").template get<double>()) < 1e-12, name.c_str());
            std::vector<float> asStored;
            for (std::size_t i = 0; i < theirs.size(); ++i) {
                const double plain = std::pow(shape.ropeTheta, -2.0 * static_cast<double>(i) / static_cast<double>(shape.headSize));
                QVERIFY2(std::abs(plain / divisors[i] - theirs[i]) <= 2e-6 * theirs[i], name.c_str());
                asStored.push_back(static_cast<float>(divisors[i]));
            }
            if (shape.ropeScaling.type == RopeScaling::Type::Yarn)
                return;
            QVERIFY2(recoverRopeScaling(asStored, shape.ropeTheta, shape.headSize).has_value(), name.c_str());
        });
        QCOMPARE(scaled, 9);
    }
};

QTEST_GUILESS_MAIN(TestHfConfigParity)
#include "tst_hf_config_parity.moc"
