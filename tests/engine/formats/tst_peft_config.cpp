// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/peft_config.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

/// A configuration with the given fields, and with a method and targets where they are not among them.
PeftConfig parse(const std::string& fields)
{
    std::string text = fields;
    for (const std::string field : {R"("peft_type":"LORA")", R"("target_modules":["q_proj"])"})
        if (fields.find(field.substr(0, field.find(':') + 1)) == std::string::npos)
            text += (text.empty() ? "" : ",") + field;
    return parsePeftConfig("{" + text + "}", "adapter_config.json");
}

}  // namespace

class TestPeftConfig : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void absentFieldsHaveTheDefaultsOfPeft()
    {
        const PeftConfig config = parse("");
        QCOMPARE(config.rank, std::int64_t{8});
        QVERIFY(config.alpha == 8 && config.dropout == 0 && !config.useRslora && !config.useDora && !config.baseModel);
        QVERIFY((config.targetModules == std::vector<std::string>{"q_proj"}));
    }

    void whatIsWrittenIsReadBack()
    {
        PeftConfig config;
        config.rank = 16;
        config.alpha = 32.5;
        config.dropout = 0.05;
        config.useRslora = true;
        config.useDora = true;
        config.targetModules = {"v_proj", "q_proj"};
        config.rankPattern = {{"z", 4}, {"a", 8}};  // the first that matches wins: the order must survive
        config.alphaPattern = {{"layers\\.1\\..*", 64}};
        config.baseModel = "org/m\xC3\xB6" "del";
        QTemporaryDir dir;
        const std::filesystem::path path = dir.filePath("adapter_config.json").toStdString();
        writePeftConfig(path, config);
        QVERIFY(readPeftConfig(path) == config);
    }

    void aPatternOfTargetsSurvives()
    {
        PeftConfig config;
        config.targetPattern = R"(.*\.(q|v)_proj)";
        QVERIFY(parsePeftConfig(peftConfigJson(config), "x") == config);
    }

    void wholeNumbersAreWrittenAsPythonWritesThem()
    {
        PeftConfig config;
        config.alpha = 16;
        config.targetModules = {"q_proj"};
        const std::string json = peftConfigJson(config);
        QVERIFY(contains(json, "\n  \"lora_alpha\": 16,\n"));
        QVERIFY(contains(json, "\n  \"lora_dropout\": 0.0,\n"));
        QVERIFY(json.ends_with("\"use_rslora\": false\n}"));
    }

    void featuresThatAreOffDoNotMatter()
    {
        QVERIFY(parse(R"("use_dora":false,"modules_to_save":null,"exclude_modules":[],"some_later_config":{},"later_size":16)") == parse(""));
        QVERIFY(parse(R"("init_lora_weights":"gaussian","loftq_config":{},"megatron_core":"megatron.core")") == parse(""));
    }

    void modulesTrainedWholeAreRead()
    {
        const PeftConfig config = parse(R"("modules_to_save":["embed_tokens","lm_head"],"ensure_weight_tying":true)");
        QCOMPARE(config.modulesToSave, (std::vector<std::string>{"embed_tokens", "lm_head"}));
        QVERIFY(config.ensureWeightTying);
        QVERIFY(!parse("").ensureWeightTying && parse("").modulesToSave.empty());
    }

    void whatChangesTheArithmeticIsNamed_data()
    {
        QTest::addColumn<QByteArray>("fields");
        QTest::addColumn<QByteArray>("reason");
        const auto add = [](const char* fields, const char* reason) { QTest::addRow("%s", fields) << QByteArray(fields) << QByteArray(reason); };
        add(R"("use_dora":1)", "'use_dora'");
        add(R"("modules_to_save":"lm_head")", "'modules_to_save' is not a list");
        add(R"("modules_to_save":[1])", "'modules_to_save' holds something");
        add(R"("bias":"all")", "bias is 'all'");
        add(R"("lora_bias":true)", "'lora_bias'");
        add(R"("layers_to_transform":[0,1])", "'layers_to_transform'");
        add(R"("layers_to_transform":0)", "'layers_to_transform'");
        add(R"("layers_pattern":"h")", "'layers_pattern'");
        add(R"("exclude_modules":"x")", "'exclude_modules'");
        add(R"("target_parameters":["w"])", "'target_parameters'");
        add(R"("trainable_token_indices":[1])", "'trainable_token_indices'");
        add(R"("alora_invocation_tokens":[1])", "'alora_invocation_tokens'");
        add(R"("layer_replication":[[0,1]])", "'layer_replication'");
        add(R"("use_qalora":true)", "'use_qalora'");
        add(R"("use_bdlora":{"nblocks":2})", "'use_bdlora'");
        add(R"("something_of_next_year":true)", "'something_of_next_year'");
        add(R"("init_lora_weights":"pissa")", "'pissa'");
        add(R"("init_lora_weights":"pissa_niter_4")", "'pissa_niter_4'");
        add(R"("r":0)", "'r' is 0");
        add(R"("r":4.5)", "'r' is number, expected an integer");
        add(R"("r":-8)", "'r' is -8");
        add(R"("r":1000000000)", "'r' is 1000000000");
        add(R"("lora_alpha":"8")", "'lora_alpha' is string");
        add(R"("lora_alpha":1e300)", "'lora_alpha'");
        add(R"("lora_dropout":1.0)", "not in [0, 1)");
        add(R"("lora_dropout":-0.1)", "not in [0, 1)");
        add(R"("rank_pattern":{"a":0})", "'rank_pattern' is 0");
        add(R"("rank_pattern":{"a":1.5})", "not a rank");
        add(R"("rank_pattern":{"a":1e30})", "not a rank");
        add(R"("rank_pattern":{"a":"4"})", "not a number");
        add(R"("rank_pattern":[1])", "'rank_pattern' is array");
        add(R"("alpha_pattern":{"a":null})", "not a number");
        add(R"("target_modules":[])", "'target_modules'");
        add(R"("target_modules":null)", "'target_modules' is missing");
        add(R"("target_modules":[1])", "not a name");
        add(R"("peft_type":"ADALORA")", "method is 'ADALORA'");
        add(R"("r":8,"r":16)", "'r' stands twice in one object");
        add(R"("rank_pattern":{"q_proj":4,"q_proj":8})", "'q_proj' stands twice in one object");
    }
    void whatChangesTheArithmeticIsNamed()
    {
        QFETCH(QByteArray, fields);
        QFETCH(QByteArray, reason);
        const std::string message = refusalOf([&] { (void)parse(fields.toStdString()); });
        VERIFY_REFUSAL(message, reason.toStdString());
        VERIFY_REFUSAL(message, "adapter_config.json");
    }

    void whatIsNotAConfigurationIsRefused()
    {
        VERIFY_REFUSAL(refusalOf([] { (void)parsePeftConfig("{}", "x"); }), "method is ''");
        VERIFY_REFUSAL(refusalOf([] { (void)parsePeftConfig("{", "x"); }), "not valid JSON");
    }
};

QTEST_GUILESS_MAIN(TestPeftConfig)
#include "tst_peft_config.moc"
