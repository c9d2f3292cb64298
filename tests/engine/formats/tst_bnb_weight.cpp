// SPDX-License-Identifier: GPL-3.0-or-later
// Quantised weights in a model folder: a good one is read by hand-made numbers, damaged and hostile ones are refused by tensor.
#include "engine/formats/hf_config.h"
#include "engine/formats/model_source.h"
#include "engine/formats/safetensors_writer.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cstring>
#include <functional>
#include <limits>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

struct Part {
    SafeType type = SafeType::U8;
    std::vector<std::uint64_t> shape;
    std::string bytes;
};
using Parts = std::map<std::string, Part>;

const std::string kConfig = R"({"model_type":"llama","architectures":["LlamaForCausalLM"],"vocab_size":4,"hidden_size":8,"intermediate_size":24,
    "num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"max_position_embeddings":64,"tie_word_embeddings":true QUANT})";
const std::string kUp = "model.layers.0.mlp.up_proj.weight";    // 24 x 8: three blocks
const std::string kGate = "model.layers.0.mlp.gate_proj.weight";  // the same, doubly quantised
const std::string kDown = "model.layers.0.mlp.down_proj.weight";  // 8 x 24: int8
const std::string kDownStem = "model.layers.0.mlp.down_proj.";

std::string floats(const std::vector<float>& values)
{
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}
Part floatPart(const std::vector<float>& values) { return {SafeType::F32, {values.size()}, floats(values)}; }
Part bytePart(const std::string& bytes) { return {SafeType::U8, {bytes.size()}, bytes}; }
std::vector<float> listOf(const auto& values) { return {values.begin(), values.end()}; }

std::string nestedState() { return R"({"quant_type":"nf4","blocksize":64,"dtype":"float16","shape":[24,8],"nested_blocksize":256,"nested_dtype":"float32","nested_offset":0.5})"; }

/// Byte i of the codes of up and gate is i, value i of the int8 codes of down is i - 96.
Parts goodParts(const ModelShape& shape)
{
    Parts parts;
    for (const ParamId id : parametersOf(shape)) {
        const auto dimensions = fileShapeOf(id, shape);
        const auto count = static_cast<std::size_t>(elementCountOf(id, shape));
        parts[hfNameOf(id)] = {SafeType::F32, {dimensions.begin(), dimensions.end()}, floats(std::vector<float>(count, 1.0f))};
    }
    std::string codes;
    for (int i = 0; i < 96; ++i)
        codes += static_cast<char>(i);
    for (const std::string& name : {kUp, kGate}) {
        parts[name] = {SafeType::U8, {96, 1}, codes};
        parts[name + ".quant_map"] = floatPart(listOf(kNf4Code));
    }
    parts[kUp + ".absmax"] = floatPart({1.0f, 2.0f, 3.0f});
    parts[kUp + ".quant_state.bitsandbytes__nf4"] = bytePart(R"({"quant_type":"nf4","blocksize":64,"dtype":"float16","shape":[24,8]})");
    parts[kGate + ".absmax"] = bytePart(std::string("\0\x7f\xff", 3));
    parts[kGate + ".nested_absmax"] = floatPart({0.25f});
    parts[kGate + ".nested_quant_map"] = floatPart(listOf(kSignedMap));
    parts[kGate + ".quant_state.bitsandbytes__nf4"] = bytePart(nestedState());
    std::string numbers;
    for (int i = 0; i < 192; ++i)
        numbers += static_cast<char>(i - 96);
    parts[kDown] = {SafeType::I8, {8, 24}, numbers};
    parts[kDownStem + "SCB"] = floatPart({1, 2, 3, 4, 5, 6, 7, 8});
    parts[kDownStem + "weight_format"] = {SafeType::U8, {}, std::string(1, '\0')};
    return parts;
}

std::string configWith(const std::string& quantization)
{
    std::string config = kConfig;
    config.replace(config.find(" QUANT"), 6, quantization.empty() ? "" : ", \"quantization_config\":" + quantization);
    return config;
}

const std::string kNf4Config = R"({"quant_method":"bitsandbytes","load_in_4bit":true,"load_in_8bit":false,"bnb_4bit_quant_type":"nf4"})";

}  // namespace

using Spoil = std::function<void(Parts&)>;
Q_DECLARE_METATYPE(Spoil)

class TestBnbWeight : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_dir;
    std::filesystem::path folder() { return m_dir->path().toStdString(); }
    static ModelShape shape() { return shapeFromHfConfig(configWith(kNf4Config), "config", "m"); }
    std::unique_ptr<ModelSource> opened(const Parts& parts)
    {
        writeBytes(folder() / "config.json", configWith(kNf4Config));
        std::vector<SafeEntry> entries;
        for (const auto& [name, part] : parts)
            entries.push_back({name, part.type, part.shape});
        writeSafetensors(folder() / "model.safetensors", std::move(entries), [&](const SafeEntry& entry, const AppendBytes& append) {
            append(std::as_bytes(std::span(parts.at(entry.name).bytes)));
        });
        return openModelSource(folder());
    }

private Q_SLOTS:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }

    void aMixedFolderIsRead()
    {
        const auto source = opened(goodParts(shape()));
        QVERIFY(source->storedQuantization(weightId(0, Linear::Up)).kind == Quantization::Nf4);
        QVERIFY(!source->storedQuantization(weightId(0, Linear::Up)).doubleQuantization);
        QVERIFY(source->storedQuantization(weightId(0, Linear::Gate)).doubleQuantization);
        QVERIFY(source->storedQuantization(weightId(0, Linear::Gate)).sameMap);
        QVERIFY(source->storedQuantization(weightId(0, Linear::Down)).kind == Quantization::Int8);
        QVERIFY(source->storedQuantization(weightId(0, Linear::Q)).kind == Quantization::None);
        QVERIFY(source->storedQuantization(embeddingId()).kind == Quantization::None);
        QCOMPARE(source->tensor(weightId(0, Linear::Up)).type, std::string("NF4"));
        QCOMPARE(source->tensor(weightId(0, Linear::Down)).type, std::string("INT8"));
        QVERIFY(!source->tensor(weightId(0, Linear::Up)).dtype);
        QVERIFY(source->shape().storage == DType::F32);
    }

    void numbersAreCodeTimesScale()
    {
        const auto source = opened(goodParts(shape()));
        const float upScales[] = {1.0f, 2.0f, 3.0f};
        const float gateScales[] = {kSignedMap[0] * 0.25f + 0.5f, kSignedMap[127] * 0.25f + 0.5f, kSignedMap[255] * 0.25f + 0.5f};
        for (const std::int64_t first : {0, 1, 7, 8, 23}) {
            std::vector<float> up(static_cast<std::size_t>((24 - first) * 8));
            std::vector<float> gate(up.size());
            source->readRows(weightId(0, Linear::Up), first, 24 - first, up);
            source->readRows(weightId(0, Linear::Gate), first, 24 - first, gate);
            for (std::size_t i = 0; i < up.size(); ++i) {
                const std::size_t at = i + static_cast<std::size_t>(first * 8);
                const std::size_t code = at % 2 == 0 ? (at / 2) >> 4U : (at / 2) & 15U;
                QCOMPARE(up[i], kNf4Code[code] * upScales[at / 64]);
                QCOMPARE(gate[i], kNf4Code[code] * gateScales[at / 64]);
            }
        }
        std::vector<float> down(48);
        source->readRows(weightId(0, Linear::Down), 3, 2, down);
        for (std::size_t i = 0; i < down.size(); ++i)
            QCOMPARE(down[i], static_cast<float>(static_cast<int>(i) + 72 - 96) * (i < 24 ? 4.0f : 5.0f) * kInt8Step);
    }

    void aMapOfItsOwnIsNamedAndUsed()
    {
        Parts parts = goodParts(shape());
        std::vector<float> map = listOf(kSignedMap);
        map[255] = 0.9f;
        parts[kGate + ".nested_quant_map"] = floatPart(map);
        const auto source = opened(parts);
        QVERIFY(!source->storedQuantization(weightId(0, Linear::Gate)).sameMap);
        std::vector<float> last(8);
        source->readRows(weightId(0, Linear::Gate), 23, 1, last);  // codes 5 12 ... 5 15
        QCOMPARE(last[7], kNf4Code[15] * (0.9f * 0.25f + 0.5f));
    }

    void damagedPartsAreRefused_data()
    {
        QTest::addColumn<Spoil>("spoil");
        QTest::addColumn<QByteArray>("named");
        const auto row = [](const char* tag, const QByteArray& named, Spoil spoil) { QTest::newRow(tag) << std::move(spoil) << named; };
        row("no state", "bitsandbytes__nf4", [](Parts& p) { p.erase(kUp + ".quant_state.bitsandbytes__nf4"); });
        row("no scales", ".absmax", [](Parts& p) { p.erase(kUp + ".absmax"); });
        row("no map", ".quant_map", [](Parts& p) { p.erase(kUp + ".quant_map"); });
        row("no nested scales", ".nested_absmax", [](Parts& p) { p.erase(kGate + ".nested_absmax"); });
        row("no nested map", ".nested_quant_map", [](Parts& p) { p.erase(kGate + ".nested_quant_map"); });
        row("too few scales", "2 x F32, expected 3", [](Parts& p) { p[kUp + ".absmax"] = floatPart({1.0f, 2.0f}); });
        row("too many scales", "4 x F32, expected 3", [](Parts& p) { p[kUp + ".absmax"] = floatPart({1, 2, 3, 4}); });
        row("no scale at all", "0 x F32, expected 3", [](Parts& p) { p[kUp + ".absmax"] = floatPart({}); });
        row("plain scales in bytes", "3 x U8, expected 3 x F32", [](Parts& p) { p[kUp + ".absmax"] = bytePart("abc"); });
        row("nested scales in fp32", "3 x F32, expected 3 x U8", [](Parts& p) { p[kGate + ".absmax"] = floatPart({1, 2, 3}); });
        row("two nested scales", "2 x F32, expected 1", [](Parts& p) { p[kGate + ".nested_absmax"] = floatPart({1, 2}); });
        row("a short map", "15 x F32, expected 16", [](Parts& p) { p[kUp + ".quant_map"] = floatPart(std::vector<float>(15, 0.0f)); });
        row("another map", "other values than NF4", [](Parts& p) { p[kUp + ".quant_map"] = floatPart(std::vector<float>(16, 0.5f)); });
        row("a map of NaN", "other values than NF4", [](Parts& p) {
            p[kUp + ".quant_map"] = floatPart(std::vector<float>(16, std::numeric_limits<float>::quiet_NaN()));
        });
        row("a nested map of infinities", "not finite", [](Parts& p) {
            p[kGate + ".nested_quant_map"] = floatPart(std::vector<float>(256, std::numeric_limits<float>::infinity()));
        });
        row("too few codes", "95 bytes of codes, expected 96", [](Parts& p) { p[kUp] = {SafeType::U8, {95, 1}, std::string(95, 'x')}; });
        row("no codes", "0 bytes of codes", [](Parts& p) { p[kUp] = {SafeType::U8, {0, 1}, ""}; });
        row("another shape", "[8, 24] in its state, expected [24, 8]", [](Parts& p) {
            p[kUp + ".quant_state.bitsandbytes__nf4"] = bytePart(R"({"quant_type":"nf4","blocksize":64,"dtype":"float16","shape":[8,24]})");
        });
        row("blocks of 128", "blocksize", [](Parts& p) {
            p[kUp + ".quant_state.bitsandbytes__nf4"] = bytePart(R"({"quant_type":"nf4","blocksize":128,"dtype":"float16","shape":[24,8]})");
        });
        row("a state that is no JSON", "state", [](Parts& p) { p[kUp + ".quant_state.bitsandbytes__nf4"] = bytePart("\xff\xfe"); });
        row("a state without bytes", "state", [](Parts& p) { p[kUp + ".quant_state.bitsandbytes__nf4"] = bytePart(""); });
        row("a long state", "4096", [](Parts& p) { p[kUp + ".quant_state.bitsandbytes__nf4"] = bytePart(std::string(1 << 20, ' ')); });
        row("fp4", "fp4", [](Parts& p) { p[kUp + ".quant_state.bitsandbytes__fp4"] = bytePart("{}"); });
        row("int8 without scales", "SCB", [](Parts& p) { p.erase(kDownStem + "SCB"); });
        row("int8 with too few scales", "7 x F32, expected 8", [](Parts& p) { p[kDownStem + "SCB"] = floatPart(std::vector<float>(7, 1.0f)); });
        row("int8 of another shape", "another shape", [](Parts& p) { p[kDown].shape = {24, 8}; });
        row("shuffled int8", "layout 2", [](Parts& p) { p[kDownStem + "weight_format"].bytes = "\x02"; });
        row("a quantised embedding", "embed_tokens", [](Parts& p) { p["model.embed_tokens.weight"] = {SafeType::U8, {16, 1}, std::string(16, 'x')}; });
        row("a stray part", "q_proj.weight.absmax", [](Parts& p) { p["model.layers.0.self_attn.q_proj.weight.absmax"] = floatPart({1}); });
    }
    void damagedPartsAreRefused()
    {
        QFETCH(Spoil, spoil);
        QFETCH(QByteArray, named);
        Parts parts = goodParts(shape());
        spoil(parts);
        const std::string message = refusalOf([&] { (void)opened(parts); });
        VERIFY_REFUSAL(message, named.toStdString());
    }

    void scalesThatAreNotFiniteAreRefused_data()
    {
        QTest::addColumn<Spoil>("spoil");
        QTest::addColumn<int>("linear");
        const float bad = std::numeric_limits<float>::quiet_NaN();
        QTest::newRow("plain") << Spoil([bad](Parts& p) { p[kUp + ".absmax"] = floatPart({1, 2, bad}); }) << static_cast<int>(Linear::Up);
        QTest::newRow("nested") << Spoil([](Parts& p) { p[kGate + ".nested_absmax"] = floatPart({std::numeric_limits<float>::infinity()}); })
                                << static_cast<int>(Linear::Gate);
        QTest::newRow("int8") << Spoil([bad](Parts& p) { p[kDownStem + "SCB"] = floatPart({1, 2, 3, 4, 5, 6, 7, bad}); }) << static_cast<int>(Linear::Down);
    }
    void scalesThatAreNotFiniteAreRefused()
    {
        QFETCH(Spoil, spoil);
        QFETCH(int, linear);
        Parts parts = goodParts(shape());
        spoil(parts);
        const auto source = opened(parts);
        const ParamId id = weightId(0, static_cast<Linear>(linear));
        std::vector<float> values(192);
        VERIFY_REFUSAL(refusalOf([&] { source->readRows(id, 0, shapeOf(id, source->shape())[0], values); }), "not finite");
        const StoredQuantization stored = source->storedQuantization(id);
        const QuantizedSizes sizes = quantizedSizes(stored.kind, stored.doubleQuantization, shapeOf(id, source->shape())[0], shapeOf(id, source->shape())[1]);
        std::vector<std::uint8_t> codes(static_cast<std::size_t>(sizes.codes));
        std::vector<float> absmax(static_cast<std::size_t>(sizes.absmax));
        std::vector<float> nested(static_cast<std::size_t>(sizes.nested));
        float offset = 0;
        const std::span<std::byte> scales = std::as_writable_bytes(std::span(absmax)).first(absmax.size() * (stored.doubleQuantization ? 1 : 4));
        VERIFY_REFUSAL(refusalOf([&] { source->readQuantised(id, {codes, scales, nested, stored.doubleQuantization ? &offset : nullptr}); }), "not finite");
    }

    void configurationsSayWhatIsRead_data()
    {
        QTest::addColumn<QByteArray>("quantization");
        QTest::addColumn<QByteArray>("named");
        QTest::newRow("nf4") << QByteArray(kNf4Config.c_str()) << QByteArray("accepted");
        QTest::newRow("int8") << QByteArray(R"({"quant_method":"bitsandbytes","load_in_8bit":true})") << QByteArray("accepted");
        QTest::newRow("the first ones") << QByteArray(R"({"load_in_8bit":true,"load_in_4bit":false})") << QByteArray("accepted");
        QTest::newRow("null") << QByteArray("null") << QByteArray("accepted");
        QTest::newRow("gptq") << QByteArray(R"({"quant_method":"gptq","bits":4})") << QByteArray("quantised (gptq)");
        QTest::newRow("awq") << QByteArray(R"({"quant_method":"awq"})") << QByteArray("quantised (awq)");
        QTest::newRow("nobody") << QByteArray("{}") << QByteArray("quantised (unknown)");
        QTest::newRow("fp4") << QByteArray(R"({"quant_method":"bitsandbytes","load_in_4bit":true,"bnb_4bit_quant_type":"fp4"})") << QByteArray("'fp4'");
        QTest::newRow("fp4 by default") << QByteArray(R"({"quant_method":"bitsandbytes","load_in_4bit":true})") << QByteArray("'fp4'");
        QTest::newRow("both") << QByteArray(R"({"quant_method":"bitsandbytes","load_in_4bit":true,"load_in_8bit":true})") << QByteArray("both");
        QTest::newRow("neither") << QByteArray(R"({"quant_method":"bitsandbytes"})") << QByteArray("neither");
        QTest::newRow("a text") << QByteArray(R"("nf4")") << QByteArray("quantization_config");
        QTest::newRow("a number as method") << QByteArray(R"({"quant_method":4})") << QByteArray("quant_method");
        QTest::newRow("a text as switch") << QByteArray(R"({"quant_method":"bitsandbytes","load_in_4bit":"yes"})") << QByteArray("load_in_4bit");
    }
    void configurationsSayWhatIsRead()
    {
        QFETCH(QByteArray, quantization);
        QFETCH(QByteArray, named);
        const std::string message = refusalOf([&] { (void)shapeFromHfConfig(configWith(quantization.toStdString()), "config.json", "m"); });
        VERIFY_REFUSAL(message, named.toStdString());
    }
};

QTEST_GUILESS_MAIN(TestBnbWeight)
#include "tst_bnb_weight.moc"
