// SPDX-License-Identifier: GPL-3.0-or-later
// Reading tokenizer folders: small pipelines by hand, roles of tokens, and every kind of damage.
#include "tests/engine/tokenizer/oracle.h"
#include "tests/engine/tokenizer/small_tokenizer.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/tokenizer/tokenizer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <functional>
#include <thread>

using namespace lorikeet::tokenizer;
using namespace lorikeet::tokenizer::testing;

using Change = std::function<void(nlohmann::json&)>;
Q_DECLARE_METATYPE(Change)

class TestTokenizerJson : public QObject {
    Q_OBJECT
    QTemporaryDir m_root;
    int m_count = 0;

    std::filesystem::path folder()
    {
        const std::filesystem::path path = m_root.filePath(QString::number(m_count++)).toStdString();
        lorikeet::makeFolders(path);
        return path;
    }
    std::unique_ptr<Tokenizer> load(const std::string& text, const std::string& config = {}, const std::string& generation = {})
    {
        const auto path = folder();
        lorikeet::writeFileAtomically(path / "tokenizer.json", text);
        if (!config.empty()) {
            lorikeet::writeFileAtomically(path / "tokenizer_config.json", config);
        }
        if (!generation.empty()) {
            lorikeet::writeFileAtomically(path / "generation_config.json", generation);
        }
        return loadTokenizer(path);
    }
    /// The message of the refusal; fails the test when there is none.
    std::string refusal(const std::string& text, const std::string& config = {}, const std::string& generation = {})
    {
        try {
            (void)load(text, config, generation);
        } catch (const lorikeet::Error& e) {
            return e.code() == lorikeet::ErrorCode::BadInput && !e.hint().empty() ? e.message() : "wrong code, or no next step: " + e.message();
        }
        return "it was accepted";
    }

    static void row(const char* name, const char* part, Change change)
    {
        QTest::newRow(name) << change << QString::fromUtf8(part);
    }
    static void addModelDamage()
    {
        row("no model", "tokenizer.json.model", [](auto& j) { j.erase("model"); });
        row("unigram", "\"Unigram\"", [](auto& j) { j["model"] = {{"type", "Unigram"}, {"vocab", nlohmann::json::array()}}; });
        row("model is a number", "model", [](auto& j) { j["model"] = 3; });
        row("vocab is a list", "model.vocab", [](auto& j) { j["model"]["vocab"] = nlohmann::json::array(); });
        row("id is text", "model.vocab", [](auto& j) { j["model"]["vocab"]["a"] = "1"; });
        row("id below zero", "model.vocab", [](auto& j) { j["model"]["vocab"]["a"] = -1; });
        row("id is a fraction", "model.vocab", [](auto& j) { j["model"]["vocab"]["a"] = 1.5; });
        row("id far too large", "model.vocab", [](auto& j) { j["model"]["vocab"]["a"] = 4000000000U; });
        row("id beyond 64 bits", "model.vocab", [](auto& j) { j["model"]["vocab"]["a"] = 18446744073709551615ULL; });
        row("two tokens with one id", "same id 2", [](auto& j) { j["model"]["vocab"]["a"] = 2; });
        row("merge of an unknown token", "\"z\"", [](auto& j) { j["model"]["merges"].push_back("z a"); });
        row("merge into an unknown token", "\"cc\"", [](auto& j) { j["model"]["merges"].push_back("c c"); });
        row("merge of three", "merges[2]", [](auto& j) { j["model"]["merges"].push_back("a b c"); });
        row("merge is a number", "merges[0]", [](auto& j) { j["model"]["merges"][0] = 5; });
        row("no merges", "model.merges", [](auto& j) { j["model"].erase("merges"); });
        row("unk not in the vocabulary", "unk_token", [](auto& j) { j["model"]["unk_token"] = "<?>"; });
        row("suffix beside byte fallback", "byte_fallback", [](auto& j) { j["model"]["end_of_word_suffix"] = "</w>"; });
        row("merge shorter than the prefix", "merge 0", [](auto& j) { j["model"]["byte_fallback"] = false; j["model"]["continuing_subword_prefix"] = "##"; });
        row("dropout is text", "dropout", [](auto& j) { j["model"]["dropout"] = "0.1"; });
    }
    static void addComponentDamage()
    {
        row("normalizer", "\"Nmt\"", [](auto& j) { j["normalizer"] = {{"type", "Nmt"}}; });
        row("nested normalizer", "normalizers[0]", [](auto& j) { j["normalizer"]["normalizers"][0] = {{"type", "StripAccents"}}; });
        row("pre-tokenizer", "\"UnicodeScripts\"", [](auto& j) { j["pre_tokenizer"] = {{"type", "UnicodeScripts"}}; });
        row("pieces of no length", "length", [](auto& j) { j["pre_tokenizer"] = {{"type", "FixedLength"}, {"length", 0}}; });
        row("pre-tokenizer without type", "pre_tokenizer.type", [](auto& j) { j["pre_tokenizer"] = {{"pattern", "x"}}; });
        row("decoder", "\"WordPiece\"", [](auto& j) { j["decoder"] = {{"type", "WordPiece"}}; });
        row("post-processor", "\"Sideways\"", [](auto& j) { j["post_processor"] = {{"type", "Sideways"}}; });
        row("post-processor without tokens", "cls", [](auto& j) { j["post_processor"] = {{"type", "RobertaProcessing"}}; });
        row("broken pattern", "Split", [](auto& j) {
            j["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "(a"}}}, {"behavior", "Isolated"}, {"invert", false}};
        });
        row("huge pattern", "Split", [](auto& j) {
            j["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", std::string(2 << 20, 'a')}}}, {"behavior", "Isolated"}};
        });
        row("behavior", "\"Sideways\"", [](auto& j) {
            j["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Sideways"}, {"invert", false}};
        });
        row("metaspace contradiction", "prepend_scheme", [](auto& j) {
            j["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "first"}, {"add_prefix_space", false}};
        });
        row("strip of two characters", "one character", [](auto& j) {
            j["decoder"] = {{"type", "Strip"}, {"content", "ab"}, {"start", 1}, {"stop", 0}};
        });
    }
    static void addTokenDamage()
    {
        row("added id twice", "id 8 appears twice", [](auto& j) { j["added_tokens"].push_back(j["added_tokens"][1]); j["added_tokens"][2]["content"] = "x"; });
        row("added content twice", "appears twice", [](auto& j) { j["added_tokens"].push_back(j["added_tokens"][1]); j["added_tokens"][2]["id"] = 9; });
        row("added id of another token", "\"b\"", [](auto& j) { j["added_tokens"][1]["id"] = 2; });
        row("added id not that of the vocabulary", "<unk>", [](auto& j) { j["added_tokens"][0]["id"] = 12; });
        row("added id is text", "added_tokens[1].id", [](auto& j) { j["added_tokens"][1]["id"] = "8"; });
        row("added token too long", "4097 bytes", [](auto& j) { j["added_tokens"][1]["content"] = std::string(4097, 'x'); });
        row("added tokens without flag", "special", [](auto& j) { j["added_tokens"][1].erase("special"); });
        row("version", "\"9.0\"", [](auto& j) { j["version"] = "9.0"; });
        row("sequence without end", "Sequence", [](auto& j) {
            nlohmann::json inner = {{"type", "NFC"}};
            for (int i = 0; i < 1000; ++i) {
                inner = {{"type", "Sequence"}, {"normalizers", nlohmann::json::array({inner})}};
            }
            j["normalizer"] = inner;
        });
        row("list instead of object", "object", [](auto& j) { j = nlohmann::json::array({1, 2}); });
    }

private Q_SLOTS:
    void mergesUnknownCharactersAndSpecialTokensByHand()
    {
        const auto tokenizer = load(smallTokenizer().dump());
        const auto parse = [&](const char* text) { return tokenizer->encode(text, SpecialTokens::Parse); };
        QCOMPARE(parse("abc"), (std::vector<TokenId>{5}));
        QCOMPARE(parse("ab abcb"), (std::vector<TokenId>{4, 6, 5, 2}));
        QCOMPARE(parse("1"), (std::vector<TokenId>{7}));
        QCOMPARE(parse("axyb"), (std::vector<TokenId>{1, 0, 2}));  // a run of unknown characters is one token
        QCOMPARE(parse("a<end>b"), (std::vector<TokenId>{1, 8, 2}));
        QCOMPARE(tokenizer->encode("<end>", SpecialTokens::AsText), (std::vector<TokenId>{0}));
        QVERIFY(parse("").empty());
        const Encoding encoding = tokenizer->encodeWithSpans("é abc<end>", SpecialTokens::Parse);
        QCOMPARE(encoding.ids, (std::vector<TokenId>{0, 6, 5, 8}));
        QCOMPARE(encoding.spans, (Spans{{0, 2}, {2, 3}, {3, 6}, {6, 11}}));
        QCOMPARE(tokenizer->decode(std::vector<TokenId>{4, 6, 7, 8, 99, -1}, false), std::string("ab 1<end>"));
        QCOMPARE(tokenizer->decode(std::vector<TokenId>{4, 6, 7, 8}, true), std::string("ab 1"));
        QCOMPARE(tokenizer->pieceText(6), std::string("\u2581"));
        QCOMPARE(tokenizer->pieceText(99), std::string());
        QCOMPARE(tokenizer->vocabSize(), std::size_t{9});
    }

    void textThatIsNotUtf8IsRefusedWithThePlace()
    {
        const auto tokenizer = load(smallTokenizer().dump());
        for (const std::string bad : {"ab\xff", "\xc0\x80", "\xed\xa0\x80", "ab\xe2\x82", "\xf4\x90\x80\x80"}) {
            try {
                (void)tokenizer->encode(bad, SpecialTokens::Parse);
                QFAIL("accepted");
            } catch (const lorikeet::Error& e) {
                QCOMPARE(e.code(), lorikeet::ErrorCode::BadInput);
                QVERIFY(e.message().find("byte " + std::to_string(bad.find_first_of("\xff\xc0\xed\xe2\xf4"))) != std::string::npos);
            }
        }
    }

    void rolesComeFromTheFilesBeside()
    {
        auto tokenizer = load(smallTokenizer().dump());
        QCOMPARE(tokenizer->eos(), std::optional<TokenId>(8));  // from the template
        QVERIFY(tokenizer->addsEos() && !tokenizer->addsBos() && !tokenizer->bos());
        QCOMPARE(tokenizer->unk(), std::optional<TokenId>(0));
        QCOMPARE(tokenizer->stopIds(), std::vector<TokenId>{8});

        tokenizer = load(smallTokenizer().dump(),
                         R"({"bos_token": {"content": "abc"}, "eos_token": "c", "pad_token": "nowhere", "add_eos_token": false,
                             "add_bos_token": true,
                             "added_tokens_decoder": {"9": {"content": "<tool>", "special": false, "normalized": false, "lstrip": true}}})",
                         R"({"eos_token_id": [3, 8, 5]})");
        QCOMPARE(tokenizer->bos(), std::optional<TokenId>(5));
        QCOMPARE(tokenizer->eos(), std::optional<TokenId>(3));
        QVERIFY(!tokenizer->pad());
        QVERIFY(tokenizer->addsBos() && !tokenizer->addsEos());
        QCOMPARE(tokenizer->stopIds(), (std::vector<TokenId>{3, 8, 5}));
        QCOMPARE(tokenizer->idOf("<tool>"), std::optional<TokenId>(9));
        QCOMPARE(tokenizer->encode("a  <tool>", SpecialTokens::AsText), (std::vector<TokenId>{1, 9}));
        // Named special tokens become added tokens, as in transformers: "abc" is cut out before the model.
        QCOMPARE(tokenizer->encode("aabc", SpecialTokens::Parse), (std::vector<TokenId>{1, 5}));
        QCOMPARE(tokenizer->decode(std::vector<TokenId>{1, 5}, true), std::string("a"));
        for (const char* config : {R"({"additional_special_tokens": ["ab"]})", R"({"extra_special_tokens": {"image_token": "ab"}})"}) {
            tokenizer = load(smallTokenizer().dump(), config);
            QCOMPARE(tokenizer->encode("abc", SpecialTokens::Parse), (std::vector<TokenId>{4, 3}));
            QCOMPARE(tokenizer->encode("abc", SpecialTokens::AsText), (std::vector<TokenId>{5}));
        }
    }

    void damageIsRefusedByNameOfFileAndField_data()
    {
        QTest::addColumn<Change>("change");
        QTest::addColumn<QString>("part");
        addModelDamage();
        addComponentDamage();
        addTokenDamage();
    }
    void damageIsRefusedByNameOfFileAndField()
    {
        QFETCH(Change, change);
        QFETCH(QString, part);
        nlohmann::json json = smallTokenizer();
        change(json);
        const std::string message = refusal(json.dump());
        QVERIFY2(message.find("tokenizer.json") != std::string::npos, message.c_str());
        QVERIFY2(message.find(part.toStdString()) != std::string::npos, message.c_str());
    }

    void brokenJsonIsRefusedWithTheFile()
    {
        const std::string good = smallTokenizer().dump();
        for (std::size_t cut = 0; cut < good.size(); cut += 7) {
            QVERIFY(refusal(good.substr(0, cut)).find("tokenizer.json") != std::string::npos);
        }
        QVERIFY(refusal(std::string(100000, '[')).find("not valid JSON") != std::string::npos);
        QVERIFY(refusal("{\"version\": \"1.0\xff\"}").find("not valid JSON") != std::string::npos);
        QVERIFY(refusal(good, "{").find("tokenizer_config.json") != std::string::npos);
        QVERIFY(refusal(good, R"({"bos_token": 7})").find("tokenizer_config.json.bos_token") != std::string::npos);
        QVERIFY(refusal(good, R"({"added_tokens_decoder": {"x": {"content": "a"}}})").find("added_tokens_decoder.x") != std::string::npos);
        QVERIFY(refusal(good, R"({"added_tokens_decoder": {"2": {"content": "<t>", "special": true}}})").find("<t>") != std::string::npos);
        QVERIFY(refusal(good, "{}", R"({"eos_token_id": "8"})").find("generation_config.json.eos_token_id") != std::string::npos);
        QVERIFY(refusal(good, "{}", R"({"eos_token_id": [-8]})").find("generation_config.json.eos_token_id[0]") != std::string::npos);
    }

    void aFolderWithoutTokenizerSaysWhatIsMissing()
    {
        try {
            (void)loadTokenizer(folder());
            QFAIL("accepted");
        } catch (const lorikeet::Error& e) {
            QVERIFY(e.message().find("neither tokenizer.json nor tokenizer.model") != std::string::npos);
        }
    }

    void damageInAnOldFolderIsRefusedWithItsPlace_data()
    {
        QTest::addColumn<QByteArray>("vocab");
        QTest::addColumn<QByteArray>("merges");
        QTest::addColumn<QByteArray>("config");
        QTest::addColumn<QByteArray>("part");
        QTest::newRow("merge of three") << QByteArray(R"({"a": 0})") << QByteArray("#version: 0.2\na b c\n") << QByteArray("{}")
                                        << QByteArray("merges.txt: line 2");
        QTest::newRow("merge of an unknown token") << QByteArray(R"({"a": 0})") << QByteArray("a z\n") << QByteArray("{}") << QByteArray("\"z\"");
        QTest::newRow("vocabulary is a list") << QByteArray("[]") << QByteArray() << QByteArray("{}") << QByteArray("vocab.json");
        QTest::newRow("id is text") << QByteArray(R"({"a": "0"})") << QByteArray() << QByteArray("{}") << QByteArray("vocab.json.\"a\"");
        QTest::newRow("huge id") << QByteArray(R"({"a": 4000000000})") << QByteArray() << QByteArray("{}") << QByteArray("vocab.json.\"a\"");
        QTest::newRow("another class") << QByteArray(R"({"a": 0})") << QByteArray() << QByteArray(R"({"tokenizer_class": "XTokenizer"})")
                                       << QByteArray("\"XTokenizer\"");
    }
    void damageInAnOldFolderIsRefusedWithItsPlace()
    {
        QFETCH(QByteArray, vocab);
        QFETCH(QByteArray, merges);
        QFETCH(QByteArray, config);
        QFETCH(QByteArray, part);
        const auto path = folder();
        lorikeet::writeFileAtomically(path / "vocab.json", vocab.toStdString());
        lorikeet::writeFileAtomically(path / "merges.txt", merges.toStdString());
        lorikeet::writeFileAtomically(path / "tokenizer_config.json", config.toStdString());
        try {
            (void)loadTokenizer(path);
            QFAIL("accepted");
        } catch (const lorikeet::Error& e) {
            QCOMPARE(e.code(), lorikeet::ErrorCode::BadInput);
            QVERIFY2(e.message().find(part.toStdString()) != std::string::npos, e.message().c_str());
        }
    }

    void aPatternThatBacktracksWithoutEndGivesUp()
    {
        nlohmann::json json = smallTokenizer();
        json["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "(a|a|aa)+$x"}}}, {"behavior", "Isolated"}, {"invert", false}};
        const auto tokenizer = load(json.dump());
        QElapsedTimer timer;
        timer.start();
        try {
            (void)tokenizer->encode(std::string(4000, 'a'), SpecialTokens::Parse);
        } catch (const lorikeet::Error& e) {
            QCOMPARE(e.code(), lorikeet::ErrorCode::BadInput);
        }
        QVERIFY(timer.elapsed() < 60000);
    }

    void severalThreadsEncodeAndDecodeAtOnce()
    {
        const auto tokenizer = load(smallTokenizer().dump());
        const std::string text = "abcab c1abcxx<end>b";
        const auto expected = tokenizer->encode(text, SpecialTokens::Parse);
        std::atomic<int> wrong{0};
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 2000; ++i) {
                    wrong += tokenizer->encode(text, SpecialTokens::Parse) != expected;
                    wrong += tokenizer->decode(expected, false).empty();
                }
            });
        }
        threads.clear();
        QCOMPARE(wrong.load(), 0);
    }
};

QTEST_GUILESS_MAIN(TestTokenizerJson)
#include "tst_tokenizer_json.moc"
