// SPDX-License-Identifier: GPL-3.0-or-later
// GGUF tokenizer fields by hand: roles, special tokens, and fields that contradict each other.
#include "tests/engine/tokenizer/oracle.h"

#include "engine/base/error.h"
#include "engine/tokenizer/gguf_tokenizer.h"

#include <QtTest>

#include <cmath>
#include <functional>

using namespace lorikeet::tokenizer;

using Change = std::function<void(GgufTokenizer&)>;
Q_DECLARE_METATYPE(Change)

class TestGgufTokenizer : public QObject {
    Q_OBJECT

    static GgufTokenizer byteLevel()
    {
        GgufTokenizer fields;
        fields.source = "model.gguf";
        fields.model = "gpt2";
        fields.pre = "gpt-2";
        fields.tokens = {"<|end|>", "a", "b", "ab", "Ġ", "Ġab", "<tool>", "<|turn|>"};
        fields.tokenTypes = {3, 1, 1, 1, 1, 1, 4, 3};
        fields.merges = {"a b", "Ġ ab"};
        fields.eos = 0;
        fields.eot = 7;
        return fields;
    }
    /// "▁" prefix, pieces by score; "bc" is better than "ab".
    static GgufTokenizer scored()
    {
        GgufTokenizer fields;
        fields.source = "model.gguf";
        fields.model = "llama";
        fields.tokens = {"<unk>", "<s>", "</s>", "<0x41>", "▁", "a", "b", "c", "ab", "bc", "▁a", "abc", "<▁user>"};
        fields.tokenTypes = {2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1, 4};
        fields.scores = {0, 0, 0, 0, -4, -5, -6, -7, -2, -1, -3, -8, 0};
        fields.bos = 1;
        fields.eos = 2;
        return fields;
    }

private Q_SLOTS:
    void byteLevelFieldsGiveTokensAndRoles()
    {
        const auto tokenizer = tokenizerFromGguf(byteLevel());
        QCOMPARE(tokenizer->encode("ab ab<tool><|turn|>", SpecialTokens::Parse), (std::vector<TokenId>{3, 5, 6, 7}));
        QVERIFY(!tokenizer->addsBos());
        QCOMPARE(tokenizer->stopIds(), (std::vector<TokenId>{0, 7}));
        QCOMPARE(tokenizer->decode(std::vector<TokenId>{3, 5, 6, 7}, true), std::string("ab ab<tool>"));
    }

    void scoredPiecesMergeBestScoreFirst()
    {
        const auto tokenizer = tokenizerFromGguf(scored());
        // "▁abc": bc (-1) before ab (-2); then ▁a (-3) before a+bc = abc (-8).
        QCOMPARE(tokenizer->encode("abc", SpecialTokens::Parse), (std::vector<TokenId>{10, 9}));
        QCOMPARE(tokenizer->encode("A?", SpecialTokens::Parse), (std::vector<TokenId>{4, 3, 0}));
        // A user-defined piece spells its blank as U+2581; each part gets a prefix of its own.
        QCOMPARE(tokenizer->encode("a< user>a", SpecialTokens::AsText), (std::vector<TokenId>{10, 12, 10}));
        QVERIFY(tokenizer->addsBos());
        QCOMPARE(tokenizer->unk(), std::optional<TokenId>(0));
        GgufTokenizer bare = scored();
        bare.addSpacePrefix = false;
        bare.addBos = false;
        QCOMPARE(tokenizerFromGguf(bare)->encode("abc", SpecialTokens::Parse), (std::vector<TokenId>{11}));
        QVERIFY(!tokenizerFromGguf(bare)->addsBos());
    }

    void contradictoryFieldsAreRefusedByKey_data()
    {
        QTest::addColumn<bool>("isScored");
        QTest::addColumn<Change>("change");
        QTest::addColumn<QString>("part");
        const auto row = [](const char* name, bool isScored, const char* part, Change change) {
            QTest::newRow(name) << isScored << change << QString::fromUtf8(part);
        };
        row("model", false, "tokenizer.ggml.model: \"bert\"", [](auto& f) { f.model = "bert"; });
        row("pre", false, "tokenizer.ggml.pre: \"default\"", [](auto& f) { f.pre = "default"; });
        row("no tokens", false, "tokenizer.ggml.tokens", [](auto& f) { f.tokens.clear(); });
        row("empty token", false, "token 2", [](auto& f) { f.tokens[2].clear(); });
        row("token is not UTF-8", true, "token 5", [](auto& f) { f.tokens[5] = "\xff"; });
        row("token twice", false, "ids 1 and 2", [](auto& f) { f.tokens[2] = "a"; });
        row("types too short", false, "token_type", [](auto& f) { f.tokenTypes.pop_back(); });
        row("scores too short", true, "scores", [](auto& f) { f.scores.pop_back(); });
        row("score is not a number", true, "score of token 8", [](auto& f) { f.scores[8] = std::nanf(""); });
        row("piece too long", true, "token 8 has 1025 bytes", [](auto& f) { f.tokens[8] = std::string(1025, 'a'); });
        row("bos out of range", true, "bos_token_id: is 13", [](auto& f) { f.bos = 13; });
        row("eos below zero", false, "eos_token_id: is -1", [](auto& f) { f.eos = -1; });
        row("unk out of range", true, "unknown_token_id", [](auto& f) { f.unk = 1 << 30; });
        row("merge without blank", false, "merge 0", [](auto& f) { f.merges[0] = "ab"; });
        row("merge of an unknown token", false, "\"z\"", [](auto& f) { f.merges[0] = "a z"; });
    }
    void contradictoryFieldsAreRefusedByKey()
    {
        QFETCH(bool, isScored);
        QFETCH(Change, change);
        QFETCH(QString, part);
        GgufTokenizer fields = isScored ? scored() : byteLevel();
        change(fields);
        const std::vector<std::function<void()>> attempts = {[&] { (void)tokenizerFromGguf(fields); },
                                                             [&] { (void)tokenizerJsonFromGguf(fields); }};
        for (const auto& attempt : attempts) {
            try {
                attempt();
                QFAIL("accepted");
            } catch (const lorikeet::Error& e) {
                QCOMPARE(e.code(), lorikeet::ErrorCode::BadInput);
                QVERIFY(!e.hint().empty());
                QVERIFY2(e.message().find("model.gguf") != std::string::npos, e.what());
                QVERIFY2(e.message().find(part.toStdString()) != std::string::npos, e.what());
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestGgufTokenizer)
#include "tst_gguf_tokenizer.moc"
