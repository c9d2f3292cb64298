// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/peft_config.h"
#include "tests/engine/formats/oracle.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

nlohmann::ordered_json fieldsOf(const PeftConfig& config)
{
    const auto textOrNull = [](const auto& text) { return text ? nlohmann::ordered_json(*text) : nlohmann::ordered_json(); };
    auto ranks = nlohmann::ordered_json::object();
    for (const auto& [pattern, rank] : config.rankPattern)
        ranks[pattern] = rank;
    auto alphas = nlohmann::ordered_json::object();
    for (const auto& [pattern, alpha] : config.alphaPattern)
        alphas[pattern] = alpha;
    std::vector<std::string> targets = config.targetModules;
    std::sort(targets.begin(), targets.end());
    return {{"r", config.rank},
            {"lora_alpha", config.alpha},
            {"lora_dropout", config.dropout},
            {"use_rslora", config.useRslora},
            {"use_dora", config.useDora},
            {"rank_pattern", ranks},
            {"alpha_pattern", alphas},
            {"base_model_name_or_path", textOrNull(config.baseModel)},
            {"revision", textOrNull(config.revision)},
            {"task_type", textOrNull(config.taskType)},
            {"inference_mode", config.inferenceMode},
            {"target_modules", config.targetPattern ? nlohmann::ordered_json(*config.targetPattern) : nlohmann::ordered_json(targets)}};
}

/// Every field has the same value; the order of patterns is the text's.
void compareFields(const PeftConfig& config, const nlohmann::ordered_json& theirs)
{
    const auto ours = fieldsOf(config);
    for (const auto& [key, value] : ours.items())
        QVERIFY2(value == theirs.at(key), (key + ": " + value.dump() + " " + theirs.at(key).dump()).c_str());
}

}  // namespace

class TestPeftConfigParity : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;
    std::vector<PeftConfig> m_ours;
    QStringList m_paths;
    nlohmann::ordered_json m_answer;

    void write(const PeftConfig& config)
    {
        const QString folder = m_dir.filePath("ours" + QString::number(m_ours.size()));
        std::filesystem::create_directory(folder.toStdString());
        m_paths << folder + "/adapter_config.json";
        m_ours.push_back(config);
        writePeftConfig(m_paths.back().toStdString(), config);
    }

private Q_SLOTS:
    void initTestCase()
    {
        PeftConfig plain;
        plain.rank = 16;
        plain.alpha = 32;
        plain.dropout = 0.1;
        plain.targetModules = {"down_proj", "q_proj", "v_proj"};
        plain.baseModel = "org/m\xC3\xB6" "del \"x\"";
        write(plain);
        PeftConfig patterns = plain;
        patterns.useRslora = true;
        patterns.useDora = true;
        patterns.rankPattern = {{"layers.0.self_attn.q_proj", 4}, {"layers.1.mlp.down_proj", 64}};
        patterns.alphaPattern = {{"q_proj", 8}};
        patterns.revision = "main";
        write(patterns);
        PeftConfig regex;
        regex.targetPattern = R"(.*\.layers\.\d+\.self_attn\.q_proj)";
        regex.taskType.reset();
        write(regex);
        PeftConfig whole = plain;
        whole.modulesToSave = {"embed_tokens", "input_layernorm", "lm_head", "norm"};
        whole.ensureWeightTying = true;
        write(whole);
        m_answer = askOracle("peft_config_oracle.py", QStringList{m_dir.path()} + m_paths);
    }

    void theirConfigurationsAreRead()
    {
        for (const char* name : {"plain", "patterns", "regex", "dora"}) {
            const PeftConfig config = readPeftConfig((m_dir.path() + "/" + name + "/adapter_config.json").toStdString());
            auto expected = m_answer.at("written").at(name);
            // PEFT sorts the patterns when it saves; the answer was given before
            for (const char* key : {"rank_pattern", "alpha_pattern"})
                expected[key] = nlohmann::ordered_json(nlohmann::json(expected[key]));
            compareFields(config, expected);
        }
    }

    void whatChangesTheArithmeticIsRefused()
    {
        for (const auto& [name, feature] : {std::pair{"bias", "bias is 'lora_only'"},
                                            {"layers", "'layers_to_transform'"}}) {
            const std::string path = (m_dir.path() + "/" + name + "/adapter_config.json").toStdString();
            VERIFY_REFUSAL(refusalOf([&] { (void)readPeftConfig(path); }), feature);
        }
    }

    void modulesTrainedWholeAreRead()
    {
        const PeftConfig config = readPeftConfig((m_dir.path() + "/saved/adapter_config.json").toStdString());
        QCOMPARE(config.modulesToSave, std::vector<std::string>{"lm_head"});
        QVERIFY(!config.ensureWeightTying);
    }

    void oursAreReadAndWrittenAlikeByPeft()
    {
        for (std::size_t i = 0; i < m_ours.size(); ++i) {
            const auto& answer = m_answer.at("read").at(i);
            QCOMPARE(bytesOfFile(m_paths[static_cast<qsizetype>(i)]), answer.at("text").get<std::string>());
            compareFields(m_ours[i], answer.at("fields"));
        }
    }
};

QTEST_GUILESS_MAIN(TestPeftConfigParity)
#include "tst_peft_config_parity.moc"
