// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_config.h"
#include "engine/formats/model_card.h"
#include "tests/engine/formats/refusal.h"

#include <QtTest>

#include <sstream>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

const std::string kSizes = R"("vocab_size":32000,"hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32)";

/// The sizes that `fields` does not state itself, each with a comma in front.
std::string sizesBeside(const std::string& fields)
{
    std::string text;
    std::stringstream sizes(kSizes);
    for (std::string size; std::getline(sizes, size, ',');)
        if (fields.find(size.substr(0, size.find(':') + 1)) == std::string::npos)
            text += "," + size;
    return text;
}

/// A configuration with the given fields and the sizes that are not among them.
ModelShape shapeOf(const std::string& family, const std::string& fields)
{
    return shapeFromHfConfig("{\"model_type\":\"" + family + "\"" + sizesBeside(fields) + (fields.empty() ? "" : "," + fields) + "}", "config.json", "x");
}

/// The same with the sizes put before what is in `json`, an object whose first field is its model_type.
std::string sized(std::string json)
{
    constexpr std::string_view kStart = "{\"model_type\":\"";
    if (json.starts_with(kStart) && json.find("text_config") == std::string::npos)
        json.insert(json.find('"', kStart.size()) + 1, sizesBeside(json));
    return json;
}

std::string refusal(const std::string& family, const std::string& fields) { return refusalOf([&] { (void)shapeOf(family, fields); }); }

}  // namespace

class TestHfConfig : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void absentFieldsHaveTheDefaultsOfTheirClass()
    {
        const ModelShape mistral = shapeOf("mistral", "");
        QCOMPARE(mistral.kvHeads, std::int64_t{8});
        QCOMPARE(mistral.slidingWindow, std::int64_t{4096});
        QCOMPARE(mistral.maxContext, std::int64_t{131072});
        const ModelShape qwen3 = shapeOf("qwen3", "");
        QCOMPARE(qwen3.headSize, std::int64_t{128});
        QVERIFY(qwen3.qkNorm && !qwen3.qkvBias && qwen3.normEps == 1e-6);
        const ModelShape llama = shapeOf("llama", "\"num_attention_heads\":16");
        QCOMPARE(llama.kvHeads, std::int64_t{16});
        QCOMPARE(llama.headSize, std::int64_t{256});
        QVERIFY(!llama.tiedHead);
    }

    void nullIsNotAbsent()
    {
        QCOMPARE(shapeOf("mistral", "\"sliding_window\":null").slidingWindow, std::int64_t{0});
        QCOMPARE(shapeOf("mistral", "\"num_key_value_heads\":null").kvHeads, std::int64_t{32});
        QCOMPARE(shapeOf("qwen2", "\"num_key_value_heads\":null,\"num_attention_heads\":16").kvHeads, std::int64_t{16});
        QCOMPARE(shapeOf("llama", "\"head_dim\":null").headSize, std::int64_t{128});
        VERIFY_REFUSAL(refusal("llama", "\"hidden_size\":null"), "'hidden_size' is null");
    }

    void biasesFollowTheFamily()
    {
        QVERIFY(shapeOf("qwen2", "").qkvBias && !shapeOf("qwen2", "").outBias);
        const ModelShape llama = shapeOf("llama", "\"attention_bias\":true,\"mlp_bias\":true");
        QVERIFY(llama.qkvBias && llama.outBias && llama.mlpBias);
        QVERIFY(!shapeOf("mistral", "\"attention_bias\":true").qkvBias);
        QVERIFY(shapeOf("qwen3", "\"attention_bias\":true").outBias);
    }

    void aWindowCountsOnlyWhereLayersUseIt()
    {
        const std::string on = "\"use_sliding_window\":true,\"sliding_window\":512,";
        QCOMPARE(shapeOf("qwen2", "\"sliding_window\":512").slidingWindow, std::int64_t{0});
        QCOMPARE(shapeOf("qwen2", on + "\"max_window_layers\":28").slidingWindow, std::int64_t{512});
        QCOMPARE(shapeOf("qwen2", on + "\"max_window_layers\":32").slidingWindow, std::int64_t{0});
        QCOMPARE(shapeOf("qwen3", on + R"("num_hidden_layers":1,"layer_types":["full_attention"])").slidingWindow, std::int64_t{0});
        const ModelShape mixed = shapeOf("qwen3", on + R"("num_hidden_layers":3,"layer_types":["full_attention","sliding_attention","sliding_attention"])");
        QVERIFY(mixed.slidingWindow == 512 && mixed.slidingFrom == 1);
        QVERIFY(shapeOf("qwen2", on + "\"max_window_layers\":28").slidingFrom == 28);
        VERIFY_REFUSAL(refusal("qwen3", on + R"("num_hidden_layers":1,"layer_types":["chunked_attention"])"), "'chunked_attention'");
        VERIFY_REFUSAL(refusal("qwen3", on + R"("num_hidden_layers":3,"layer_types":["full_attention","sliding_attention"])"), "each of the 3 layers");
    }

    void positionsAreReadInBothSpellings()
    {
        QVERIFY(shapeOf("llama", "").ropeTheta == 10000);
        QVERIFY(shapeOf("llama", "\"rope_theta\":500000.0").ropeTheta == 500000);
        QVERIFY(shapeOf("llama", R"("rope_parameters":{"rope_type":"default","rope_theta":1e6})").ropeTheta == 1e6);
        QVERIFY(shapeOf("llama", R"("rope_theta":1000000,"rope_parameters":{"rope_theta":1e6})").ropeTheta == 1e6);
        const std::string inner = R"("factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3")";
        const RopeScaling expected{RopeScaling::Type::Llama3, 32, 1, 4, 8192};
        QVERIFY(shapeOf("llama", "\"rope_theta\":500000.0,\"rope_scaling\":{" + inner + "}").ropeScaling == expected);
        QVERIFY(shapeOf("llama", "\"rope_parameters\":{\"rope_theta\":500000.0," + inner + "}").ropeScaling == expected);
        QVERIFY((shapeOf("llama", R"("rope_scaling":{"type":"linear","factor":4})").ropeScaling == RopeScaling{RopeScaling::Type::Linear, 4}));
        QVERIFY((shapeOf("llama", R"("rope_scaling":{"type":"dynamic","factor":2})").ropeScaling == RopeScaling{RopeScaling::Type::Dynamic, 2}));
        QVERIFY(shapeOf("llama", "\"rope_scaling\":null").ropeScaling == RopeScaling{});
    }

    void elementTypesInBothSpellings()
    {
        QVERIFY(shapeOf("llama", "").storage == DType::F32);
        QVERIFY(shapeOf("llama", "\"torch_dtype\":\"bfloat16\"").storage == DType::BF16);
        QVERIFY(shapeOf("llama", "\"dtype\":\"float16\"").storage == DType::F16);
        QVERIFY(shapeOf("llama", "\"dtype\":\"bfloat16\",\"torch_dtype\":\"float32\"").storage == DType::BF16);
    }

    void whatIsNotSupportedIsNamed_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("reason");
        const auto add = [](const char* name, const char* json, const char* reason) { QTest::addRow("%s", name) << QByteArray(json) << QByteArray(reason); };
        add("not JSON", "{", "not valid JSON");
        add("list", "[]", "not an object but array");
        add("no type", "{}", "no 'model_type'");
        add("type is a number", R"({"model_type":1})", "'model_type' is number, expected a string");
        add("unknown type", R"({"model_type":"mamba"})", "model type 'mamba' is not supported");
        add("own code", R"({"model_type":"own","auto_map":{"AutoConfig":"x.Y"}})", "model type 'own' is not supported");
        add("adapter", R"({"peft_type":"LORA"})", "an adapter, not a model");
        add("quantised", R"({"model_type":"llama","quantization_config":{"quant_method":"gptq"}})", "quantised (gptq)");
        add("activation", R"({"model_type":"llama","hidden_act":"gelu"})", "activation 'gelu'");
        add("classifier", R"({"model_type":"llama","architectures":["LlamaForSequenceClassification"]})", "LlamaForSequenceClassification");
        add("longrope", R"({"model_type":"qwen2","rope_scaling":{"type":"longrope","factor":4}})", "type 'longrope' is not supported");
        add("yarn without factor", R"({"model_type":"qwen2","rope_scaling":{"type":"yarn"}})", "'factor' is missing");
        add("yarn upside down", R"({"model_type":"qwen2","rope_scaling":{"type":"yarn","factor":4,"beta_fast":-1}})", "not consistent");
        add("window before full attention", R"({"model_type":"qwen3","num_hidden_layers":2,"use_sliding_window":true,"layer_types":["sliding_attention","full_attention"]})", "behind a sliding window");
        add("odd list of positions", R"({"model_type":"smollm3","num_hidden_layers":4,"no_rope_layers":[1,0,0,1]})", "does not repeat");
        add("short list of positions", R"({"model_type":"smollm3","num_hidden_layers":4,"no_rope_layers":[1,0]})", "the 4 layers");
        add("window without positions", R"({"model_type":"smollm3","use_sliding_window":true})", "not supported");
        add("no attention", R"({"model_type":"granite","attention_multiplier":0})", "'attention_multiplier'");
        add("negative residual", R"({"model_type":"granite","residual_multiplier":-1})", "the residual multiplier is -1, expected a positive number");
        add("linear without factor", R"({"model_type":"llama","rope_scaling":{"type":"linear"}})", "'factor' is missing");
        add("llama3 upside down", R"({"model_type":"llama","rope_scaling":{"type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":1}})", "not consistent");
        add("per layer type", R"({"model_type":"qwen3","rope_parameters":{"full_attention":{"rope_theta":1}}})", "differ by layer type");
        add("partial", R"({"model_type":"llama","partial_rotary_factor":0.5})", "partial rotary");
        add("partial inside", R"({"model_type":"llama","rope_parameters":{"partial_rotary_factor":0.25}})", "partial rotary");
        add("dtype", R"({"model_type":"llama","dtype":"float8_e4m3fn"})", "element type 'float8_e4m3fn'");
        add("size is text", R"({"model_type":"llama","hidden_size":"8"})", "'hidden_size' is string, expected an integer");
        add("size is fractional", R"({"model_type":"llama","hidden_size":8.0})", "'hidden_size' is number, expected an integer");
        add("huge size", R"({"model_type":"llama","hidden_size":18446744073709551615})", "an integer of 64 bits");
        add("no heads", R"({"model_type":"llama","num_attention_heads":0})", "'num_attention_heads' is 0");
        add("heads and kv heads", R"({"model_type":"llama","num_attention_heads":8,"num_key_value_heads":3})", "not a multiple");
        add("odd head", R"({"model_type":"llama","head_dim":7})", "(head_dim) is 7, odd");
        add("eps of 0", R"({"model_type":"llama","rms_norm_eps":0})", "(rms_norm_eps) is 0,");
        add("theta below 0", R"({"model_type":"llama","rope_theta":-1})", "(rope_theta) is -1,");
        add("flag is a number", R"({"model_type":"llama","tie_word_embeddings":1})", "expected true or false");
    }
    void whatIsNotSupportedIsNamed()
    {
        QFETCH(QByteArray, json);
        QFETCH(QByteArray, reason);
        const std::string message = refusalOf([&] { (void)shapeFromHfConfig(sized(json.toStdString()), "config.json", "x"); });
        VERIFY_REFUSAL(message, reason.toStdString());
        VERIFY_REFUSAL(message, "config.json");
    }

    void hostileValuesAreNamed_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("reason");
        const auto add = [](const char* name, const char* json, const char* reason) { QTest::addRow("%s", name) << QByteArray(json) << QByteArray(reason); };
        add("negative size", R"({"model_type":"llama","hidden_size":-4096})", "'hidden_size' is -4096, expected 1 to 1048576");
        add("huge layers", R"({"model_type":"llama","num_hidden_layers":1000000})", "'num_hidden_layers' is 1000000, expected 1 to 4096");
        add("huge MLP", R"({"model_type":"llama","intermediate_size":9223372036854775807})", "'intermediate_size' is 9223372036854775807, expected");
        add("no words", R"({"model_type":"llama","vocab_size":0})", "'vocab_size' is 0, expected 1");
        add("negative context", R"({"model_type":"llama","max_position_embeddings":-1})", "'max_position_embeddings' is -1, expected");
        add("head size against heads", R"({"model_type":"llama","hidden_size":100,"num_attention_heads":3})", "'hidden_size' is 100, not a multiple of 'num_attention_heads', which is 3");
        add("more kv heads than heads", R"({"model_type":"llama","num_attention_heads":4,"num_key_value_heads":8})", "not a multiple of 'num_key_value_heads', which is 8");
        add("negative kv heads", R"({"model_type":"llama","num_key_value_heads":-8})", "'num_key_value_heads' is -8, expected 1 to 32");
        add("huge head size", R"({"model_type":"llama","head_dim":1000000})", "'head_dim' is 1000000, expected 2 to 4096");
        add("too many parameters", R"({"model_type":"llama","hidden_size":1048576,"num_attention_heads":4096,"intermediate_size":4194304,"num_hidden_layers":4096})", "the MLP width (intermediate_size 4194304), the number of layers (num_hidden_layers 4096) and the hidden width (hidden_size 1048576) make 7");
        add("eps is text", R"({"model_type":"llama","rms_norm_eps":"small"})", "'rms_norm_eps' is string, expected a number");
        add("infinite theta", R"({"model_type":"llama","rope_theta":1e999})", "config.json");
        add("negative window", R"({"model_type":"mistral","sliding_window":-1})", "'sliding_window' is -1");
        add("planned: negative size", R"({"model_type":"gemma2","hidden_size":-1})", "'hidden_size' is -1");
        add("planned: negative window", R"({"model_type":"gemma2","sliding_window":-4096})", "the sliding window is -4096");
        add("planned: absurd pattern", R"({"model_type":"gemma3_text","sliding_window_pattern":-6})", "the period of the sliding window is -6");
        add("planned: layers are no list", R"({"model_type":"gemma2","layer_types":"all"})", "'layer_types' is string, expected a list of strings");
        add("classes are a number", R"({"model_type":"llama","architectures":5})", "'architectures' is number, expected a list of strings");
        add("planned: classes are text", R"({"model_type":"gemma2","architectures":"Gemma2ForCausalLM"})", "'architectures' is string, expected a list of strings");
        add("a class is a number", R"({"model_type":"llama","architectures":["LlamaForCausalLM",5]})", "'architectures' holds a value of type number");
        add("a layer is a number", R"({"model_type":"qwen3","num_hidden_layers":1,"use_sliding_window":true,"layer_types":[1]})", "'layer_types' holds a value of type number");
        add("size twice", R"({"model_type":"llama","num_hidden_layers":2,"num_hidden_layers":3})", "'num_hidden_layers' stands twice in one object");
        add("planned: size twice", R"({"model_type":"gemma2","head_dim":64,"head_dim":64})", "'head_dim' stands twice in one object");
        add("twice inside", R"({"model_type":"llama","rope_scaling":{"type":"linear","factor":2,"factor":4}})", "'factor' stands twice in one object");
        add("planned: no text inside", R"({"model_type":"gemma3","text_config":7})", "'text_config' is number, expected an object");
        add("planned: wrong inside", R"({"model_type":"gemma3","text_config":{"hidden_size":0}})", "config.json: text_config: 'hidden_size' is 0");
    }
    void hostileValuesAreNamed() { whatIsNotSupportedIsNamed(); }

    /// transformers takes its class's default for each of these; no model of that size was meant.
    void missingSizesAreNamed_data()
    {
        QTest::addColumn<QString>("key");
        for (const char* key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"})
            QTest::newRow(key) << key;
    }
    void missingSizesAreNamed()
    {
        QFETCH(QString, key);
        for (const std::string family : {"llama", "mistral", "qwen2", "qwen3", "gemma2"}) {
            std::string json = "{\"model_type\":\"" + family + "\"," + kSizes + "}";
            const std::size_t at = json.find(key.toStdString());
            json.replace(at, key.toStdString().size(), "other");
            const std::string message = refusalOf([&] { (void)shapeFromHfConfig(json, "config.json", "x"); });
            VERIFY_REFUSAL(message, "config.json: '" + key.toStdString() + "' is missing");
        }
    }

    void contradictionsNameBothFields_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("reason");
        const auto add = [](const char* name, const char* json, const char* reason) { QTest::addRow("%s", name) << QByteArray(json) << QByteArray(reason); };
        add("class of another type", R"({"model_type":"llama","architectures":["Qwen2ForCausalLM"]})", "'architectures' says Qwen2ForCausalLM and 'model_type' says llama");
        add("planned: another type", R"({"model_type":"gemma2","architectures":["GemmaForCausalLM"]})", "'architectures' says GemmaForCausalLM and 'model_type' says gemma2");
        add("theta", R"({"model_type":"llama","rope_theta":5.0,"rope_parameters":{"rope_theta":1e6}})", "'rope_theta' is 5.0 in one place and 1000000.0 in another: the top and 'rope_parameters'");
        add("original context", R"({"model_type":"llama","original_max_position_embeddings":4096,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192}})",
            "'original_max_position_embeddings' is 4096 in one place and 8192 in another: the top and 'rope_scaling'");
        add("type", R"({"model_type":"llama","rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_type":"default"}})", "'rope_type' is \"linear\" in one place and \"default\" in another");
        add("factor", R"({"model_type":"llama","rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_type":"linear","factor":4}})", "'factor' is 2 in one place and 4 in another: 'rope_scaling' and 'rope_parameters'");
    }
    void contradictionsNameBothFields() { whatIsNotSupportedIsNamed(); }

    void equalKeysOfDifferentObjectsAreNoneTwice()
    {
        QVERIFY((shapeOf("llama", R"("x":[{"a":1},{"a":2}],"a":3,"architectures":null,"rope_scaling":{"type":"linear","factor":4})").ropeScaling
                 == RopeScaling{RopeScaling::Type::Linear, 4}));
    }

    void whatIsSaidTwiceMayAgree()
    {
        QVERIFY((shapeOf("llama", R"("rope_scaling":{"type":"linear","factor":4},"rope_parameters":{"rope_type":"linear","factor":4.0,"rope_theta":10000.0})").ropeScaling
                 == RopeScaling{RopeScaling::Type::Linear, 4}));
        QCOMPARE(shapeOf("llama", R"("architectures":["LLaMAForCausalLM"])").family, std::string("llama"));
        QCOMPARE(shapeOf("llama", R"("architectures":["YiForCausalLM"])").family, std::string("llama"));
        QCOMPARE(shapeOf("gemma3_text", R"("architectures":["Gemma3ForCausalLM"])").family, std::string("gemma3_text"));
    }

    void familiesOfPlansAreReadWithTheirParts()
    {
        const ModelShape gemma3 = shapeOf("gemma3", R"("text_config":{"model_type":"gemma3_text","hidden_size":2560,"intermediate_size":10240,"num_hidden_layers":34,"sliding_window":1024,"rope_scaling":{"factor":8.0,"rope_type":"linear"}})");
        QCOMPARE(gemma3.parameterCount(), std::uint64_t{3'880'263'168});  // the text part of google/gemma-3-4b-pt
        QCOMPARE(gemma3.family, std::string("gemma3_text"));
        QVERIFY(gemma3.slidingWindow == 1024 && gemma3.slidingPeriod == 6 && gemma3.normsPerLayer == 4 && gemma3.tiedHead);
        const ModelShape phi = shapeOf("phi3", R"("hidden_size":3072,"hidden_act":"silu","partial_rotary_factor":0.75,"rope_scaling":{"type":"longrope","long_factor":[1]})");
        QVERIFY(!runnableFamily(phi) && phi.ropeScaling.type == RopeScaling::Type::None && phi.headSize == 96);
        const ModelShape olmo = shapeOf("olmo2", "");
        QVERIFY(olmo.qkNorm && olmo.qkNormWholeWidth && olmo.normAfter);
        QCOMPARE(shapeOf("gemma2", R"("layer_types":["sliding_attention","sliding_attention","full_attention"])").slidingPeriod, std::int64_t{3});
        QCOMPARE(shapeOf("gemma2", R"("sliding_window":null)").slidingPeriod, std::int64_t{0});
        QVERIFY(runnableFamily(shapeOf("llama", "")) && shapeOf("llama", "").normsPerLayer == 2);
    }

    void deepNestingIsRefused()
    {
        const std::string deep = "{\"model_type\":\"llama\",\"x\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
        VERIFY_REFUSAL(refusalOf([&] { (void)shapeFromHfConfig(deep, "config.json", "x"); }), "nested deeper than 64");
    }

    void namesComeFromTheFolder()
    {
        QCOMPARE(modelNameOf("/m/Qwen2.5-0.5B"), std::string("Qwen2.5-0.5B"));
        QCOMPARE(modelNameOf("/m/Qwen2.5-0.5B/"), std::string("Qwen2.5-0.5B"));
        QCOMPARE(modelNameOf("/m/tiny/config.json"), std::string("tiny"));
        QCOMPARE(modelNameOf("/m/llama-3.2-1b.json"), std::string("llama-3.2-1b"));
        QCOMPARE(modelNameOf("/c/models--Qwen--Qwen3-0.6B/snapshots/abcdef"), std::string("Qwen3-0.6B"));
        QCOMPARE(modelNameOf("/c/models--Qwen--Qwen3-0.6B/snapshots/abcdef/config.json"), std::string("Qwen3-0.6B"));
    }

    void theLicenceIsReadFromTheCard()
    {
        QCOMPARE(licenceOfCardText("---\nlicense: apache-2.0\n---\n").value_or("-"), std::string("apache-2.0"));
        QCOMPARE(licenceOfCardText("---\r\nlicense: other\r\nlicense_name: \"llama3.2\"\r\n---\r\n").value_or("-"), std::string("llama3.2"));
        QCOMPARE(licenceOfCardText("# Title\nlicense: mit\n").value_or("-"), std::string("-"));
        QCOMPARE(licenceOfCardText("---\ntags: x\n---\nlicense: mit\n").value_or("-"), std::string("-"));
        QCOMPARE(licenceOfCardText("").value_or("-"), std::string("-"));
    }
};

QTEST_GUILESS_MAIN(TestHfConfig)
#include "tst_hf_config.moc"
