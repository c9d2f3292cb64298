// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/gguf_reader.h"
#include "engine/formats/gguf_tokenizer.h"
#include "tests/engine/formats/gguf_bytes.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

#include <functional>

using namespace lorikeet;
using namespace lorikeet::formats;

Q_DECLARE_METATYPE(std::function<void(GgufBytes&)>)

using Spoil = std::function<void(GgufBytes&)>;

class TestGgufReader : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;
    std::filesystem::path write(const std::string& bytes) { return writeBytes(m_dir.filePath("x.gguf").toStdString(), bytes); }

private Q_SLOTS:
    void readsEveryTypeOfMetadata()
    {
        GgufBytes file;
        file.addRaw("u8", 0, le(std::uint8_t{200}));
        file.addRaw("i8", 1, le(std::int8_t{-5}));
        file.addRaw("u16", 2, le(std::uint16_t{60000}));
        file.addRaw("i16", 3, le(std::int16_t{-6}));
        file.addRaw("u32", 4, le(std::uint32_t{4000000000}));
        file.addRaw("i32", 5, le(std::int32_t{-7}));
        file.addRaw("f32", 6, le(1e-5F));
        file.addRaw("bool", 7, std::string(1, '\1'));
        file.addText("text", "t\xC3\xA4xt");
        file.addRaw("u64", 10, le(std::uint64_t{UINT64_MAX}));
        file.addRaw("i64", 11, le(std::int64_t{-8}));
        file.addRaw("f64", 12, le(0.1));
        file.addTexts("texts", {"", "b"});
        file.addRaw("flags", 9, le(std::uint32_t{7}) + le(std::uint64_t{2}) + std::string("\0\1", 2));
        file.addRaw("halves", 9, le(std::uint32_t{6}) + le(std::uint64_t{1}) + le(0.5F));
        file.addRaw("none", 9, le(std::uint32_t{5}) + le(std::uint64_t{0}));
        const GgufFile read(write(file.bytes()));
        QCOMPARE(*read.integer("u8"), std::int64_t{200});
        QCOMPARE(*read.integer("i8"), std::int64_t{-5});
        QCOMPARE(*read.integer("u16"), std::int64_t{60000});
        QCOMPARE(*read.integer("i16"), std::int64_t{-6});
        QCOMPARE(*read.integer("u32"), std::int64_t{4000000000});
        QCOMPARE(*read.integer("i32"), std::int64_t{-7});
        QVERIFY(*read.number("f32") == 1e-5);  // the number its writer meant, not its nearest fp32
        QVERIFY(*read.boolean("bool"));
        QCOMPARE(*read.text("text"), std::string("t\xC3\xA4xt"));
        QCOMPARE(*read.integer("i64"), std::int64_t{-8});
        QVERIFY(*read.number("f64") == 0.1);
        QVERIFY((std::get<std::vector<std::string>>(*read.value("texts")) == std::vector<std::string>{"", "b"}));
        QVERIFY((std::get<std::vector<std::uint8_t>>(*read.value("flags")) == std::vector<std::uint8_t>{0, 1}));
        QVERIFY((std::get<std::vector<double>>(*read.value("halves")) == std::vector<double>{0.5}));
        QVERIFY(std::get<std::vector<std::int64_t>>(*read.value("none")).empty());
        VERIFY_REFUSAL(refusalOf([&] { (void)read.integer("u64"); }), "'u64' is not an integer");
        VERIFY_REFUSAL(refusalOf([&] { (void)read.integer("text"); }), "'text' is not an integer");
        VERIFY_REFUSAL(refusalOf([&] { (void)read.number("text"); }), "'text' is not a number");
        VERIFY_REFUSAL(refusalOf([&] { (void)read.boolean("u8"); }), "'u8' is not true or false");
        VERIFY_REFUSAL(refusalOf([&] { (void)read.text("u8"); }), "'u8' is not a string");
        VERIFY_REFUSAL(refusalOf([&] { (void)read.requiredInteger("absent"); }), "'absent' is missing");
    }

    void findsTensorsWhereTheyLie()
    {
        GgufBytes file = smallLlama();
        const GgufFile read(write(file.bytes()));
        QCOMPARE(read.tensors().size(), file.tensors.size());
        const GgufTensor* k = read.find("blk.0.attn_k.weight");
        QVERIFY(k != nullptr);
        QVERIFY((k->shape == std::vector<std::int64_t>{4, 8}));
        float first = 0;
        read.file().readExact(k->offset, std::as_writable_bytes(std::span<float, 1>(&first, 1)));
        QCOMPARE(first, 3000.0F);
        QVERIFY(read.find("nothing") == nullptr);
    }

    void versionTwoAndOtherAlignmentsAreRead()
    {
        GgufBytes file = smallLlama();
        file.version = 2;
        file.alignment = 128;
        file.addU32("general.alignment", 128);
        const GgufFile read(write(file.bytes()));
        QCOMPARE(read.version(), std::uint32_t{2});
        for (const GgufTensor& tensor : read.tensors())
            QCOMPARE(tensor.offset % 128, std::uint64_t{0});
    }

    void aMissingPadAtTheEndIsNoDamage()
    {
        GgufBytes file = smallLlama();
        file.tensors.resize(2);
        file.tensors[1].dimensions = {3};
        file.tensors[1].data = floats(3);
        std::string bytes = file.bytes();
        bytes.resize(bytes.size() - 20);
        const auto path = write(bytes);
        QCOMPARE(refusalOf([&] { GgufFile{path}; }), std::string("accepted"));
    }

    void refusesMalformedFiles_data()
    {
        QTest::addColumn<Spoil>("spoil");
        QTest::addColumn<QByteArray>("reason");
        const auto add = [](const char* name, Spoil spoil, const char* reason) { QTest::addRow("%s", name) << std::move(spoil) << QByteArray(reason); };
        add("wrong magic", [](GgufBytes& f) { f.magic = "GGML"; }, "does not begin with 'GGUF'");
        add("version 0", [](GgufBytes& f) { f.version = 0; }, "GGUF version 0");
        add("version 1", [](GgufBytes& f) { f.version = 1; }, "GGUF version 1");
        add("version 4", [](GgufBytes& f) { f.version = 4; }, "GGUF version 4");
        add("big-endian", [](GgufBytes& f) { f.version = 0x03000000; }, "big-endian");
        add("huge tensor count", [](GgufBytes& f) { f.tensorCount = UINT64_MAX - 1; }, "tensors, at most");
        add("tensor count beyond the file", [](GgufBytes& f) { f.tensorCount = 65000; }, "tensor entries: 65000 announced");
        add("one tensor too many", [](GgufBytes& f) { f.tensorCount = f.tensors.size() + 1; }, "tensor");
        add("huge metadata count", [](GgufBytes& f) { f.valueCount = UINT64_MAX - 1; }, "metadata entries, at most");
        add("metadata count beyond the file", [](GgufBytes& f) { f.valueCount = 65000; }, "metadata entries: 65000 announced");
        add("one value too many", [](GgufBytes& f) { f.valueCount = f.values.size() + 1; }, "tensor name is");
        add("empty key", [](GgufBytes& f) { f.addU32("", 1); }, "empty key");
        add("key twice", [](GgufBytes& f) { f.addU32("general.license", 1); }, "'general.license' occurs twice");
        add("key too long", [](GgufBytes& f) { f.addU32(std::string(70000, 'k'), 1); }, "metadata key is 70000 bytes long");
        add("key length lies", [](GgufBytes& f) { f.values.push_back(le(std::uint64_t{60000}) + "k"); f.tensors.clear(); }, "metadata key");
        add("huge key length", [](GgufBytes& f) { f.values.push_back(le(UINT64_MAX) + "k"); }, "metadata key is 18446744073709551615");
        add("text length lies", [](GgufBytes& f) { f.addRaw("t", 8, le(std::uint64_t{1000000}) + "abc"); f.tensors.clear(); }, "string value: 1000000 announced");
        add("huge text length", [](GgufBytes& f) { f.addRaw("t", 8, le(UINT64_MAX)); }, "string value is 18446744073709551615");
        add("unknown value type", [](GgufBytes& f) { f.addRaw("t", 13, le(UINT64_MAX)); }, "'t' has the unknown type 13");
        add("huge value type", [](GgufBytes& f) { f.addRaw("t", UINT32_MAX, ""); }, "unknown type 4294967295");
        add("unknown element type", [](GgufBytes& f) { f.addRaw("t", 9, le(std::uint32_t{99}) + le(std::uint64_t{1})); }, "unknown type 99");
        add("array of arrays", [](GgufBytes& f) { f.addRaw("t", 9, le(std::uint32_t{9}) + le(std::uint64_t{1})); }, "array of arrays");
        add("huge array", [](GgufBytes& f) { f.addRaw("t", 9, le(std::uint32_t{4}) + le(UINT64_MAX)); }, "array 't' has 18446744073709551615");
        add("array beyond the file", [](GgufBytes& f) { f.addRaw("t", 9, le(std::uint32_t{4}) + le(std::uint64_t{1000000})); }, "1000000 announced");
        add("strings beyond the file", [](GgufBytes& f) { f.addRaw("t", 9, le(std::uint32_t{8}) + le(std::uint64_t{1000000})); }, "1000000 announced");
        add("string of an array lies", [](GgufBytes& f) { f.addRaw("t", 9, le(std::uint32_t{8}) + le(std::uint64_t{1}) + le(UINT64_MAX)); }, "string of an array");
        add("alignment 0", [](GgufBytes& f) { f.addU32("general.alignment", 0); }, "general.alignment is 0");
        add("alignment 3", [](GgufBytes& f) { f.addU32("general.alignment", 3); }, "general.alignment is 3");
        add("alignment is text", [](GgufBytes& f) { f.addText("general.alignment", "32"); }, "not an integer");
        add("negative alignment", [](GgufBytes& f) { f.addRaw("general.alignment", 5, le(std::int32_t{-32})); }, "general.alignment is -32");
        add("alignment 2^63", [](GgufBytes& f) { f.addRaw("general.alignment", 10, le(std::uint64_t{1} << 62U)); }, "general.alignment is");
        add("empty tensor name", [](GgufBytes& f) { f.tensors[1].name = ""; }, "empty name");
        add("tensor twice", [](GgufBytes& f) { f.tensors[1].name = f.tensors[0].name; }, "occurs twice");
        add("tensor name too long", [](GgufBytes& f) { f.tensors[1].name = std::string(64, 'n'); }, "tensor name is 64 bytes long");
        add("five dimensions", [](GgufBytes& f) { f.tensors[1].dimensions = {8, 1, 1, 1, 1}; }, "5 dimensions");
        add("a dimension of 0", [](GgufBytes& f) { f.tensors[1].dimensions = {8, 0}; }, "dimension of 0");
        add("a negative dimension", [](GgufBytes& f) { f.tensors[1].dimensions = {UINT64_MAX}; }, "dimension of 18446744073709551615");
        add("dimensions overflow", [](GgufBytes& f) { f.tensors[1].dimensions = {1ULL << 40U, 1ULL << 40U}; }, "overflow");
        add("bytes overflow", [](GgufBytes& f) { f.tensors[1].dimensions = {1ULL << 62U, 1}; }, "overflow");
        add("dimensions wrap around to a small number", [](GgufBytes& f) { f.tensors[1].dimensions = {1ULL << 32U, 1ULL << 32U, 2}; }, "overflow");
        add("unknown tensor type", [](GgufBytes& f) { f.tensors[1].type = 77; }, "unknown ggml type 77");
        add("removed tensor type", [](GgufBytes& f) { f.tensors[1].type = 4; }, "unknown ggml type 4");
        add("huge tensor type", [](GgufBytes& f) { f.tensors[1].type = UINT32_MAX; }, "unknown ggml type");
        add("rows are not whole blocks", [](GgufBytes& f) { f.tensors[1].type = 2; }, "not a multiple of the 32 of a Q4_0 block");
        add("offset not padded", [](GgufBytes& f) { f.tensors[1].offset = 4; }, "begins at offset 4, expected 128");
        add("overlap", [](GgufBytes& f) { f.tensors[1].offset = 0; }, "begins at offset 0, expected 128");
        add("hole", [](GgufBytes& f) { f.tensors[1].offset = 160; }, "begins at offset 160, expected 128");
        add("huge offset", [](GgufBytes& f) { f.tensors[0].offset = UINT64_MAX - 31; }, "expected 0");
        add("last tensor beyond the file", [](GgufBytes& f) { f.tensors.back().dimensions = {800}; }, "the file ends at byte");
        add("first tensor larger than the file", [](GgufBytes& f) { f.tensors.resize(1); f.tensors[0].dimensions = {1ULL << 50U}; }, "the file ends at byte");
    }
    void refusesMalformedFiles()
    {
        QFETCH(Spoil, spoil);
        QFETCH(QByteArray, reason);
        GgufBytes file = smallLlama();
        spoil(file);
        const auto path = write(file.bytes());
        const std::string message = refusalOf([&] { GgufFile{path}; });
        VERIFY_REFUSAL(message, reason.toStdString());
        VERIFY_REFUSAL(message, "x.gguf");
    }

    void refusesAFileThatEndsAnywhere()
    {
        const std::string whole = smallLlama().bytes();
        const auto path = write(whole);
        const std::size_t header = smallLlama().header().size();
        for (std::size_t length = whole.size() - 1; length > 0; length -= length > header + 40 ? 31 : 1) {
            std::filesystem::resize_file(path, length);
            QVERIFY2(refusalOf([&] { GgufFile{path}; }) != "accepted", qPrintable(QString::number(length)));
        }
    }

    void aFlippedBitNeverCrashes()
    {
        const std::string whole = smallLlama().bytes();
        const std::size_t header = smallLlama().header().size();
        for (std::size_t i = 0; i < header; i += 3) {
            std::string spoilt = whole;
            spoilt[i] = static_cast<char>(spoilt[i] ^ (1 << (i % 8)));
            const auto path = write(spoilt);
            const std::string message = refusalOf([&] { (void)readGgufTokenizer(GgufFile(path)); });
            QVERIFY(!message.starts_with("wrong code"));
        }
    }

    void readsTheTokenizer()
    {
        GgufBytes file = smallLlama();
        file.addBool("tokenizer.ggml.add_bos_token", false);
        file.addText("tokenizer.chat_template", "{{ x }}");
        file.addU32("tokenizer.ggml.bos_token_id", UINT32_MAX);
        const GgufTokenizer tokenizer = readGgufTokenizer(GgufFile(write(file.bytes())));
        QCOMPARE(tokenizer.model, std::string("gpt2"));
        QVERIFY((tokenizer.tokens == std::vector<std::string>{"a", "b", "ab", "<e>"}));
        QVERIFY((tokenizer.merges == std::vector<std::string>{"a b"}));
        QVERIFY(tokenizer.tokenTypes.back() == GgufTokenType::Control);
        QCOMPARE(*tokenizer.eosId, std::int64_t{3});
        QVERIFY(!tokenizer.bosId);
        QVERIFY(tokenizer.addBos && !*tokenizer.addBos);
        QVERIFY(!tokenizer.addEos);
        QCOMPARE(tokenizer.chatTemplate, std::string("{{ x }}"));
    }

    void refusesATokenizerThatContradictsItself_data()
    {
        QTest::addColumn<Spoil>("spoil");
        QTest::addColumn<QByteArray>("reason");
        const auto add = [](const char* name, Spoil spoil, const char* reason) { QTest::addRow("%s", name) << std::move(spoil) << QByteArray(reason); };
        add("id outside", [](GgufBytes& f) { f.addU32("tokenizer.ggml.bos_token_id", 4); }, "'tokenizer.ggml.bos_token_id' is 4");
        add("negative id", [](GgufBytes& f) { f.addRaw("tokenizer.ggml.bos_token_id", 5, le(std::int32_t{-7})); }, "is -7");
        add("scores too short", [](GgufBytes& f) { f.addRaw("tokenizer.ggml.scores", 9, le(std::uint32_t{6}) + le(std::uint64_t{1}) + le(0.F)); },
            "has 1 entries, expected 4");
        add("scores are text", [](GgufBytes& f) { f.addTexts("tokenizer.ggml.scores", {"a"}); }, "not a list of numbers");
        add("template is a number", [](GgufBytes& f) { f.addU32("tokenizer.chat_template", 1); }, "not a string");
    }
    void refusesATokenizerThatContradictsItself()
    {
        QFETCH(Spoil, spoil);
        QFETCH(QByteArray, reason);
        GgufBytes file = smallLlama();
        spoil(file);
        const GgufFile read(write(file.bytes()));
        VERIFY_REFUSAL(refusalOf([&] { (void)readGgufTokenizer(read); }), reason.toStdString());
    }

    void aFileWithoutTokenizerSaysSo()
    {
        GgufBytes file;
        file.addText("general.architecture", "llama");
        const GgufFile read(write(file.bytes()));
        VERIFY_REFUSAL(refusalOf([&] { (void)readGgufTokenizer(read); }), "no tokenizer");
    }
};

QTEST_GUILESS_MAIN(TestGgufReader)
#include "tst_gguf_reader.moc"
