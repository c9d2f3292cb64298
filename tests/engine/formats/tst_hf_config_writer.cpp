// SPDX-License-Identifier: GPL-3.0-or-later
// A config.json made from a shape: transformers makes the same model of it, and so does our own reader.
#include "engine/formats/hf_config_writer.h"
#include "engine/formats/hf_config.h"
#include "engine/formats/parameters.h"
#include "engine/formats/rope_divisors.h"
#include "tests/engine/formats/oracle.h"
#include "tests/engine/formats/refusal.h"

#include <QDir>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <map>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

ModelShape baseOf(const char* family)
{
    ModelShape shape;
    shape.family = family;
    shape.layers = 2;
    shape.hidden = 32;
    shape.heads = 4;
    shape.kvHeads = 2;
    shape.headSize = 8;
    shape.mlp = 40;
    shape.vocab = 48;
    shape.maxContext = 256;
    shape.normEps = 1e-5;
    shape.ropeTheta = 10000.0;
    shape.qkvBias = std::string(family) == "qwen2";
    shape.qkNorm = std::string(family) == "qwen3";
    if (std::string(family) == "olmo2")
        shape.qkNorm = shape.qkNormWholeWidth = shape.normAfter = true;
    if (std::string(family) == "granite") {
        shape.embeddingScale = 12.0;
        shape.residualScale = 0.22;
        shape.attentionMultiplier = 0.0078125;
        shape.logitDivisor = 16.0;
    }
    shape.noRopePeriod = std::string(family) == "smollm3" ? 2 : 0;
    return shape;
}

const char* nameOfPositions(RopeScaling::Type type)
{
    switch (type) {
    case RopeScaling::Type::None: return "default";
    case RopeScaling::Type::Linear: return "linear";
    case RopeScaling::Type::Llama3: return "llama3";
    case RopeScaling::Type::Yarn: return "yarn";
    case RopeScaling::Type::Dynamic: return "dynamic";
    }
    return "?";
}

std::map<std::string, ModelShape> shapes()
{
    std::map<std::string, ModelShape> all;
    for (const char* family : {"llama", "mistral", "qwen2", "qwen3", "granite", "smollm3", "olmo2"}) {
        const ModelShape plain = baseOf(family);
        all[family] = plain;
        ModelShape other = plain;
        other.tiedHead = true;
        other.headSize = 12;
        other.normEps = 1e-6;
        other.ropeTheta = 1e6;
        all[std::string(family) + "_wide_tied"] = other;
        ModelShape linear = plain;
        linear.ropeScaling = {RopeScaling::Type::Linear, 4.0};
        all[std::string(family) + "_linear"] = linear;
        ModelShape llama3 = plain;
        llama3.ropeTheta = 500000.0;
        llama3.ropeScaling = {RopeScaling::Type::Llama3, 8.0, 1.0, 4.0, 64};
        all[std::string(family) + "_llama3"] = llama3;
        ModelShape dynamic = plain;
        dynamic.ropeScaling = {RopeScaling::Type::Dynamic, 2.0};
        all[std::string(family) + "_dynamic"] = dynamic;
        ModelShape yarn = plain;
        yarn.ropeScaling = {.type = RopeScaling::Type::Yarn, .factor = 3.0, .originalContext = 85, .betaFast = 8, .betaSlow = 2, .attentionFactor = 1.25, .wholeDims = false};
        all[std::string(family) + "_yarn"] = yarn;
        if (std::string_view("mistral qwen2 qwen3").find(family) == std::string_view::npos)
            continue;
        ModelShape sliding = plain;
        sliding.slidingWindow = 64;
        sliding.slidingFrom = std::string(family) == "mistral" ? 0 : 1;
        all[std::string(family) + "_window"] = sliding;
    }
    ModelShape biased = baseOf("llama");
    biased.qkvBias = biased.outBias = biased.mlpBias = true;
    all["llama_bias"] = biased;
    ModelShape qwen3 = baseOf("qwen3");
    qwen3.qkvBias = qwen3.outBias = true;
    all["qwen3_bias"] = qwen3;
    return all;
}

}  // namespace

class TestHfConfigWriter : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;
    nlohmann::ordered_json m_answers;

private Q_SLOTS:
    void initTestCase()
    {
        for (const auto& [name, shape] : shapes()) {
            const std::filesystem::path folder = m_dir.filePath(QString::fromStdString(name)).toStdString();
            std::filesystem::create_directory(folder);
            writeBytes(folder / "config.json", hfConfigOf(shape, DType::BF16, 3, 5));
        }
        m_answers = askOracle("hf_config_oracle.py", {m_dir.path(), "given"});
    }

    void transformersReadsTheSameModel_data()
    {
        QTest::addColumn<QString>("name");
        for (const auto& [name, shape] : shapes())
            QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
    void transformersReadsTheSameModel()
    {
        QFETCH(QString, name);
        const ModelShape shape = shapes().at(name.toStdString());
        const auto& theirs = m_answers.at(name.toStdString());
        const nlohmann::ordered_json ours{
            {"family", shape.family},      {"layers", shape.layers},       {"hidden", shape.hidden},   {"heads", shape.heads},
            {"kv_heads", shape.kvHeads},   {"head_size", shape.headSize},  {"mlp", shape.mlp},         {"vocab", shape.vocab},
            {"context", shape.maxContext}, {"eps", shape.normEps},         {"theta", shape.ropeTheta}, {"tied", shape.tiedHead},
            {"window", shape.slidingWindow}, {"dtype", "bfloat16"},        {"bos", 3},                 {"eos", 5},
            {"count", shape.parameterCount()}};
        for (const auto& [key, value] : ours.items())
            QVERIFY2(value == theirs.at(key), (key + " " + value.dump() + " " + theirs.at(key).dump()).c_str());
        std::map<std::string, std::vector<std::int64_t>> tensors;
        for (const ParamId id : parametersOf(shape))
            tensors.emplace(hfNameOf(id), fileShapeOf(id, shape));
        const auto theirTensors = theirs.at("tensors").get<std::map<std::string, std::vector<std::int64_t>>>();
        QVERIFY(tensors == theirTensors);
        std::vector<int> turned;
        std::vector<int> slides;
        for (int layer = 0; layer < shape.layers; ++layer) {
            turned.push_back(shape.hasRope(layer) ? 1 : 0);
            if (shape.windowOf(layer) > 0)
                slides.push_back(layer);
        }
        QVERIFY(shape.family == "mistral" || theirs.at("slides") == slides);  // its class has no types of layers
        QVERIFY(shape.family == "smollm3" ? theirs.at("turned") == turned : theirs.at("turned").is_null());
        if (shape.family == "granite") {
            const nlohmann::ordered_json multipliers{shape.embeddingScale, shape.residualScale, shape.attentionMultiplier, shape.logitDivisor};
            QVERIFY2(theirs.at("multipliers") == multipliers, theirs.dump().c_str());
        }
        QVERIFY(theirs.at("attention_factor") == shape.ropeScaling.attentionFactor);
        QCOMPARE(QString::fromStdString(theirs.at("positions").get<std::string>()), QString(nameOfPositions(shape.ropeScaling.type)));
        if (shape.ropeScaling.type == RopeScaling::Type::None) {
            QVERIFY(theirs.at("frequencies").is_null());
            return;
        }
        const auto frequencies = theirs.at("frequencies").get<std::vector<double>>();
        const std::vector<double> divisors = ropeDivisors(shape.ropeScaling, shape.ropeTheta, shape.headSize);
        QCOMPARE(divisors.size(), frequencies.size());
        for (std::size_t i = 0; i < frequencies.size(); ++i) {
            const double plain = std::pow(shape.ropeTheta, -2.0 * static_cast<double>(i) / static_cast<double>(shape.headSize));
            QVERIFY(std::abs(plain / divisors[i] - frequencies[i]) <= 2e-6 * frequencies[i]);
        }
    }

    void ourReaderReadsTheSameShape_data() { transformersReadsTheSameModel_data(); }
    void ourReaderReadsTheSameShape()
    {
        QFETCH(QString, name);
        ModelShape expected = shapes().at(name.toStdString());
        const ModelShape found = shapeFromHfConfig(hfConfigOf(expected, DType::BF16, {}, {}), "config.json", expected.name);
        QVERIFY(found == expected);
    }
};

QTEST_GUILESS_MAIN(TestHfConfigWriter)
#include "tst_hf_config_writer.moc"
