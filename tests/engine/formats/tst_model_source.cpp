// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/model_source.h"
#include "engine/formats/gguf_config.h"
#include "engine/formats/safetensors_writer.h"
#include "tests/engine/formats/gguf_bytes.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

#include <ctime>
#include <functional>
#include <thread>

using namespace lorikeet;
using namespace lorikeet::formats;

using Spoil = std::function<void(GgufBytes&)>;
Q_DECLARE_METATYPE(Spoil)

namespace {

const std::string kConfig = R"({"model_type":"llama","architectures":["LlamaForCausalLM"],"vocab_size":4,"hidden_size":8,"intermediate_size":16,
    "num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"max_position_embeddings":64,"tie_word_embeddings":true})";

std::vector<SafeEntry> entriesOf(const ModelShape& shape, SafeType type)
{
    std::vector<SafeEntry> entries;
    for (const ParamId id : parametersOf(shape)) {
        const auto dimensions = fileShapeOf(id, shape);
        entries.push_back({hfNameOf(id), type, {dimensions.begin(), dimensions.end()}});
    }
    return entries;
}

/// Element i of every tensor is i, as bf16 or fp32.
void appendCounting(const SafeEntry& entry, const AppendBytes& append)
{
    if (entry.type != SafeType::BF16 && entry.type != SafeType::F32)
        return append(std::vector<std::byte>(bytesOf(entry)));
    const std::size_t count = bytesOf(entry) * 8 / bitsOf(entry.type);
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(i));
        bytes += entry.type == SafeType::BF16 ? le(static_cast<std::uint16_t>(bits >> 16U)) : le(bits);
    }
    append(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

std::vector<float> rowsOf(const ModelSource& source, ParamId id, std::int64_t first, std::int64_t count)
{
    std::vector<float> values(static_cast<std::size_t>(count * shapeOf(id, source.shape())[1]));
    source.readRows(id, first, count, values);
    return values;
}

GgufBytes::Tensor& tensorOf(GgufBytes& file, const std::string& name)
{
    for (GgufBytes::Tensor& tensor : file.tensors) {
        if (tensor.name == name)
            return tensor;
    }
    throw std::logic_error("no tensor " + name);
}

}  // namespace

class TestModelSource : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_dir;
    std::filesystem::path folder() { return m_dir->path().toStdString(); }
    std::filesystem::path gguf(const GgufBytes& file) { return writeBytes(folder() / "m.gguf", file.bytes()); }
    ModelShape writeFolder(SafeType type)
    {
        writeBytes(folder() / "config.json", kConfig);
        const ModelShape shape = openModelSource(folder() / "config.json")->shape();
        writeSafetensors(folder() / "model.safetensors", entriesOf(shape, type), appendCounting);
        return shape;
    }

private Q_SLOTS:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }

    void aGgufFileOpens()
    {
        const auto source = openModelSource(gguf(smallLlama()));
        const ModelShape& shape = source->shape();
        QCOMPARE(source->format(), std::string("gguf"));
        QVERIFY(source->hasWeights());
        QCOMPARE(shape.layers, std::int64_t{1});
        QCOMPARE(shape.headSize, std::int64_t{4});
        QCOMPARE(shape.vocab, std::int64_t{4});
        QVERIFY(shape.tiedHead && !shape.qkvBias && !shape.qkNorm);
        QVERIFY(shape.normEps == 1e-5);
        QVERIFY(shape.storage == DType::F32);
        QCOMPARE(*source->licence(), std::string("apache-2.0"));
        QCOMPARE(source->ggufTokenizer()->tokens.size(), std::size_t{4});
        QCOMPARE(source->files().size(), std::size_t{1});
    }

    void rowsOfQAndKAreUnPermuted()
    {
        const auto source = openModelSource(gguf(smallLlama()));
        // convert_hf_to_gguf.py: reshape(heads, 2, size / 2, in).swapaxes(1, 2): file rows of a head of 4 are rows 0 2 1 3
        const std::vector<float> k = rowsOf(*source, weightId(0, Linear::K), 0, 4);
        const int fileRow[] = {0, 2, 1, 3};
        for (std::size_t row = 0; row < 4; ++row) {
            for (std::size_t column = 0; column < 8; ++column)
                QCOMPARE(k[row * 8 + column], 3000.0F + static_cast<float>(fileRow[row] * 8) + static_cast<float>(column));
        }
        const std::vector<float> v = rowsOf(*source, weightId(0, Linear::V), 0, 4);
        for (std::size_t i = 0; i < v.size(); ++i)
            QCOMPARE(v[i], 4000.0F + static_cast<float>(i));
    }

    void anyRangeOfRowsEqualsThatPartOfTheWhole()
    {
        const auto source = openModelSource(gguf(smallLlama()));
        for (const ParamId id : parametersOf(source->shape())) {
            const auto [rows, columns] = shapeOf(id, source->shape());
            const std::vector<float> all = rowsOf(*source, id, 0, rows);
            for (std::int64_t first = 0; first <= rows; ++first) {
                for (std::int64_t count = 0; count <= rows - first; ++count) {
                    const std::vector<float> part = rowsOf(*source, id, first, count);
                    QVERIFY(std::equal(part.begin(), part.end(), all.begin() + first * columns));
                }
            }
        }
    }

    void rowMapsAreInverse()
    {
        for (const std::int64_t size : {2, 4, 64, 128}) {
            for (std::int64_t row = 0; row < 3 * size; ++row)
                QCOMPARE(hfRowOf(ggufRowOf(row, size), size), row);
        }
        QCOMPARE(ggufRowOf(1, 64), std::int64_t{2});
        QCOMPARE(ggufRowOf(32, 64), std::int64_t{1});
    }

    void rawReadsAreOnlyForPlainRows()
    {
        const auto source = openModelSource(gguf(smallLlama()));
        std::vector<float> table(32);
        QVERIFY(source->readRaw(embeddingId(), DType::F32, std::as_writable_bytes(std::span(table))));
        QCOMPARE(table[31], 31.0F);
        QVERIFY(!source->readRaw(embeddingId(), DType::BF16, std::as_writable_bytes(std::span(table))));
        QVERIFY(!source->readRaw(weightId(0, Linear::K), DType::F32, std::as_writable_bytes(std::span(table))));
    }

    void otherArchitecturesAreNotPermuted()
    {
        GgufBytes file = smallLlama();
        for (std::string& value : file.values) {
            for (std::size_t at = value.find("llama"); at != std::string::npos; at = value.find("llama"))
                value.replace(at, 5, "qwen2");
        }
        for (const auto& [name, size] : {std::pair{"q", 8}, {"k", 4}, {"v", 4}})
            file.tensors.push_back({std::string("blk.0.attn_") + name + ".bias", {static_cast<std::uint64_t>(size)}, 0, floats(static_cast<std::size_t>(size))});
        const auto source = openModelSource(gguf(file));
        QCOMPARE(source->shape().family, std::string("qwen2"));
        QVERIFY(source->shape().qkvBias);
        QCOMPARE(rowsOf(*source, weightId(0, Linear::K), 1, 1)[0], 3008.0F);
        QCOMPARE(rowsOf(*source, biasId(0, Linear::K), 1, 2)[1], 2.0F);
    }

    void ggufFilesThatAreNotOurModelsAreRefused_data()
    {
        QTest::addColumn<Spoil>("spoil");
        QTest::addColumn<QByteArray>("reason");
        const auto add = [](const char* name, Spoil spoil, const char* reason) { QTest::addRow("%s", name) << std::move(spoil) << QByteArray(reason); };
        add("unknown architecture", [](GgufBytes& f) { f.values[0] = ""; f.addText("general.architecture", "gemma2"); f.values.erase(f.values.begin()); },
            "architecture 'gemma2' is not supported");
        add("adapter", [](GgufBytes& f) { f.addText("general.type", "adapter"); }, "holds a 'adapter'");
        add("part of a split", [](GgufBytes& f) { f.addU32("split.count", 3); }, "one part of a split");
        add("experts", [](GgufBytes& f) { f.addU32("llama.expert_count", 8); }, "mixture-of-experts");
        add("partial rotary", [](GgufBytes& f) { f.values.erase(f.values.begin() + 8); f.addU32("llama.rope.dimension_count", 2); }, "2 of 4");
        add("yarn", [](GgufBytes& f) { f.addText("llama.rope.scaling.type", "yarn"); }, "type 'yarn'");
        add("longrope tensors", [](GgufBytes& f) { f.tensors.push_back({"rope_factors_long.weight", {2}, 0, floats(2)}); }, "longrope");
        add("odd divisors", [](GgufBytes& f) { f.tensors.push_back({"rope_freqs.weight", {2}, 0, floats(2, 3, -1)}); }, "not of the llama3 kind");
        add("divisors of a wrong length", [](GgufBytes& f) { f.tensors.push_back({"rope_freqs.weight", {3}, 0, floats(3, 1, 0)}); }, "not a vector of 2");
        add("value size differs", [](GgufBytes& f) { f.addU32("llama.attention.value_length", 8); }, "values of 8 beside keys of 4");
        add("no layers", [](GgufBytes& f) { f.values.erase(f.values.begin() + 2); }, "'llama.block_count' is missing");
        add("layers lie", [](GgufBytes& f) { f.values[2] = ggufText("llama.block_count") + le(std::uint32_t{4}) + le(std::uint32_t{2}); },
            "tensor 'blk.1.attn_norm.weight' is missing");
        add("too many layers", [](GgufBytes& f) { f.values[2] = ggufText("llama.block_count") + le(std::uint32_t{4}) + le(std::uint32_t{4000000000}); },
            "number of layers is 4000000000");
        add("no heads", [](GgufBytes& f) { f.values[6] = ggufText("llama.attention.head_count") + le(std::uint32_t{4}) + le(std::uint32_t{0}); }, "is 0");
        add("heads by layer", [](GgufBytes& f) { f.values[6] = ggufText("llama.attention.head_count") + le(std::uint32_t{9}) + le(std::uint32_t{4}) + le(std::uint64_t{2}) + le(std::uint32_t{2}) + le(std::uint32_t{1}); },
            "differs from layer to layer");
        add("missing tensor", [](GgufBytes& f) { f.tensors.pop_back(); }, "tensor 'output_norm.weight' is missing");
        add("no table", [](GgufBytes& f) { f.tensors.erase(f.tensors.begin()); }, "token_embd.weight is missing");
        add("wrong shape", [](GgufBytes& f) { tensorOf(f, "blk.0.attn_k.weight").dimensions = {4, 8}; }, "has the shape [8, 4], expected [4, 8]");
        add("unknown tensor", [](GgufBytes& f) { f.tensors.push_back({"blk.0.attn_sinks.weight", {2}, 0, floats(2)}); }, "'blk.0.attn_sinks.weight' has no place");
        add("a type that is not read", [](GgufBytes& f) {
            f.tensors[0] = {"token_embd.weight", {8, 4}, 28, std::string(256, '\0')};
        }, "stored as F64, which is not read");
    }
    void ggufFilesThatAreNotOurModelsAreRefused()
    {
        QFETCH(Spoil, spoil);
        QFETCH(QByteArray, reason);
        GgufBytes file = smallLlama();
        spoil(file);
        const auto path = gguf(file);
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(path); }), reason.toStdString());
    }

    void aFolderOpens_data()
    {
        QTest::addColumn<int>("type");
        QTest::addRow("bf16") << static_cast<int>(SafeType::BF16);
        QTest::addRow("fp32") << static_cast<int>(SafeType::F32);
    }
    void aFolderOpens()
    {
        QFETCH(int, type);
        writeFolder(static_cast<SafeType>(type));
        writeBytes(folder() / "README.md", "---\nlanguage: en\nlicense: \"mit\"\n---\n# Model\n");
        const auto source = openModelSource(folder());
        QCOMPARE(source->format(), std::string("safetensors"));
        QVERIFY(source->shape().storage == (type == static_cast<int>(SafeType::BF16) ? DType::BF16 : DType::F32));
        QCOMPARE(*source->licence(), std::string("mit"));
        QCOMPARE(source->files().size(), std::size_t{2});
        const std::vector<float> rows = rowsOf(*source, weightId(0, Linear::Gate), 3, 2);
        for (std::size_t i = 0; i < rows.size(); ++i)
            QCOMPARE(rows[i], static_cast<float>(24 + i));
        std::vector<std::byte> raw(32 * bytesOf(source->shape().storage));
        QVERIFY(source->readRaw(embeddingId(), source->shape().storage, raw));
        QVERIFY(!source->readRaw(embeddingId(), DType::F16, raw));
    }

    void foldersWithForeignTensorsAreSorted()
    {
        const ModelShape shape = writeFolder(SafeType::BF16);
        std::vector<SafeEntry> entries = entriesOf(shape, SafeType::BF16);
        entries.push_back({"lm_head.weight", SafeType::BF16, {4, 8}});
        entries.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", SafeType::F32, {2}});
        writeSafetensors(folder() / "model.safetensors", entries, appendCounting);
        QCOMPARE(refusalOf([&] { (void)openModelSource(folder()); }), std::string("accepted"));
        entries.push_back({"model.layers.0.self_attn.q_norm.weight", SafeType::BF16, {4}});
        writeSafetensors(folder() / "model.safetensors", entries, appendCounting);
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder()); }), "'model.layers.0.self_attn.q_norm.weight' has no place");
    }

    void foldersThatDoNotMatchTheirConfigurationAreRefused()
    {
        const ModelShape shape = writeFolder(SafeType::BF16);
        std::vector<SafeEntry> entries = entriesOf(shape, SafeType::BF16);
        entries.back().shape = {7};
        writeSafetensors(folder() / "model.safetensors", entries, appendCounting);
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder()); }), "has the shape [7], expected [8]");
        entries.pop_back();
        writeSafetensors(folder() / "model.safetensors", entries, appendCounting);
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder()); }), "tensor 'model.norm.weight' is missing");
        entries = entriesOf(shape, SafeType::BF16);
        entries.back().type = SafeType::F64;
        writeSafetensors(folder() / "model.safetensors", entries, appendCounting);
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder()); }), "stored as F64");
    }

    void aBareConfigurationHasNoWeights()
    {
        writeBytes(folder() / "tiny.json", kConfig);
        const auto source = openModelSource(folder() / "tiny.json");
        QVERIFY(!source->hasWeights());
        QCOMPARE(source->format(), std::string("config"));
        QCOMPARE(source->shape().name, std::string("tiny"));
        std::vector<float> row(8);
        VERIFY_REFUSAL(refusalOf([&] { source->readRows(embeddingId(), 0, 1, row); }), "without weights");
        VERIFY_REFUSAL(refusalOf([&] { (void)source->tensor(embeddingId()); }), "without weights");
    }

    /// Its weights are not looked at: what they are called and how they are fused is nobody's business here.
    void aFolderOfAFamilyThatIsOnlyPlannedForIsItsConfiguration()
    {
        writeBytes(folder() / "config.json", R"({"model_type":"gemma2","architectures":["Gemma2ForCausalLM"],"vocab_size":4,"hidden_size":8,"intermediate_size":16,
"num_hidden_layers":2,"num_attention_heads":8})");
        writeBytes(folder() / "model.safetensors", "not looked at");
        const auto source = openModelSource(folder());
        QVERIFY(!source->hasWeights());
        QCOMPARE(source->shape().family, std::string("gemma2"));
        QVERIFY(!runnableFamily(source->shape()));
    }

    void otherThingsSayWhatToOpen()
    {
        writeBytes(folder() / "model.bin", "x");
        writeBytes(folder() / "model.safetensors", "x");
        writeBytes(folder() / "notes.txt", "hello");
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder() / "model.bin"); }), "pickle");
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder() / "model.safetensors"); }), "expected its folder");
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder() / "notes.txt"); }), "not a model file");
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder() / "absent"); }), "no such file");
        VERIFY_REFUSAL(refusalOf([&] { (void)openModelSource(folder()); }), "no config.json");
    }

    void aQuestionForAParameterTheModelLacksIsRefused()
    {
        const auto source = openModelSource(gguf(smallLlama()));
        VERIFY_REFUSAL(refusalOf([&] { (void)source->tensor(headId()); }), "no parameter 'output.weight'");
        std::vector<float> row(8);
        QVERIFY_THROWS_EXCEPTION(Error, source->readRows(embeddingId(), 4, 1, row));
        QVERIFY_THROWS_EXCEPTION(Error, source->readRows(embeddingId(), 0, 2, row));
    }

    void threadsMayReadAtOnce()
    {
        const auto source = openModelSource(gguf(smallLlama()));
        const std::vector<float> expected = rowsOf(*source, weightId(0, Linear::Q), 0, 8);
        std::atomic<int> wrong = 0;
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 4; ++i)
                threads.emplace_back([&] {
                    for (int turn = 0; turn < 200; ++turn)
                        wrong += rowsOf(*source, weightId(0, Linear::Q), 0, 8) == expected ? 0 : 1;
                });
        }
        QCOMPARE(wrong.load(), 0);
    }

    void theStarterModelOpensAndReadsFast()
    {
        // Processor time: what else the machine does is no business of the reader.
        const auto msSince = [](std::clock_t begin) { return 1000 * static_cast<qint64>(std::clock() - begin) / CLOCKS_PER_SEC; };
        const std::clock_t begin = std::clock();
        const auto source = openModelSource(LORIKEET_STARTER_MODEL);
        const qint64 openMs = msSince(begin);
        const std::clock_t opened = std::clock();
        std::vector<float> target(static_cast<std::size_t>(elementCountOf(embeddingId(), source->shape())));
        std::uint64_t count = 0;
        for (const ParamId id : parametersOf(source->shape())) {
            const auto elements = static_cast<std::size_t>(elementCountOf(id, source->shape()));
            source->readRows(id, 0, shapeOf(id, source->shape())[0], std::span(target).first(elements));
            count += elements;
        }
        const qint64 readMs = msSince(opened);
        qInfo("open %lld ms, all weights as fp32 %lld ms", openMs, readMs);
        QCOMPARE(count, std::uint64_t{134515008});
        QCOMPARE(source->shape().name, std::string("SmolLM2-135M-Instruct"));
        QVERIFY2(openMs < 300 && readMs < 1000, "slower than the design allows");
    }
};

QTEST_GUILESS_MAIN(TestModelSource)
#include "tst_model_source.moc"
