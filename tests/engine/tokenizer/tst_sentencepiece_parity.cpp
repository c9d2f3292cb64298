// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.model files and the scored pieces of "llama" GGUF files against the real `sentencepiece` package.
#include "tests/engine/tokenizer/oracle.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/tokenizer/gguf_tokenizer.h"
#include "engine/tokenizer/tokenizer.h"

#include <QDir>
#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet::tokenizer;
using namespace lorikeet::tokenizer::testing;

class TestSentencepieceParity : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    nlohmann::json m_corpus;

    QString pathOf(const QString& name) const { return m_folder.filePath(name); }
    void write(const QString& name, const std::string& text) const
    {
        lorikeet::writeFileAtomically(pathOf(name).toStdString(), text);
    }
    GgufTokenizer ggufFields() const
    {
        const nlohmann::json json = readJson(pathOf(QStringLiteral("bpe/gguf.json")));
        GgufTokenizer fields;
        fields.source = "test.gguf";
        fields.model = "llama";
        fields.tokens = json["tokens"].get<std::vector<std::string>>();
        fields.scores = json["scores"].get<std::vector<float>>();
        fields.tokenTypes = json["types"].get<std::vector<std::int32_t>>();
        fields.unk = 0;
        fields.bos = 1;
        fields.eos = 2;
        return fields;
    }

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY(m_folder.isValid());
        const QString failure = runOracle(QStringLiteral("sentencepiece_oracle.py"), {m_folder.path()});
        QVERIFY2(failure.isEmpty(), qPrintable(failure));
        m_corpus = readJson(pathOf(QStringLiteral("corpus.json")));
        QVERIFY(m_corpus.size() >= 2000);
    }

    void modelFilesGiveTheSameIdsSpansAndText_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"bpe", "unigram_nfkc", "bpe_bare"}) {
            QTest::newRow(name) << QString::fromLatin1(name);
        }
    }
    void modelFilesGiveTheSameIdsSpansAndText()
    {
        QFETCH(QString, name);
        const auto tokenizer = loadTokenizer(pathOf(name).toStdString());
        const nlohmann::json expected = readJson(pathOf(name + QStringLiteral("/expected.json")));
        for (std::size_t i = 0; i < m_corpus.size(); ++i) {
            const auto text = m_corpus[i].get<std::string>();
            const nlohmann::json& entry = expected["texts"][i];
            const Encoding encoding = tokenizer->encodeWithSpans(text, SpecialTokens::Parse);
            std::string difference = firstDifference(encoding.ids, entry["ids"].get<std::vector<TokenId>>());
            QVERIFY2(difference.empty(), (quoted(text) + "\nids\n" + difference).c_str());
            difference = firstDifference(encoding.spans, entry["spans"].get<Spans>());
            QVERIFY2(difference.empty(), (quoted(text) + "\nspans\n" + difference).c_str());
            QCOMPARE(tokenizer->encode(text, SpecialTokens::AsText), encoding.ids);
        }
        for (const char* list : {"texts", "random"}) {
            for (const nlohmann::json& entry : expected[list]) {
                const auto ids = entry["ids"].get<std::vector<TokenId>>();
                // The library writes its surface for the unknown piece; here that piece is a special token and keeps its name.
                if (std::find(ids.begin(), ids.end(), *tokenizer->unk()) != ids.end()) {
                    continue;
                }
                QCOMPARE(quoted(tokenizer->decode(ids, false)), quoted(entry["decoded"].get<std::string>()));
                QCOMPARE(streamed(*tokenizer, ids, false), entry["decoded"].get<std::string>());
            }
        }
    }

    void scoredPiecesOfGgufGiveTheSameIds()
    {
        const auto tokenizer = tokenizerFromGguf(ggufFields());
        const nlohmann::json expected = readJson(pathOf(QStringLiteral("bpe/expected.json")));
        for (std::size_t i = 0; i < m_corpus.size(); ++i) {
            const auto text = m_corpus[i].get<std::string>();
            const auto ids = expected["texts"][i]["ids"].get<std::vector<TokenId>>();
            const std::string difference = firstDifference(tokenizer->encode(text, SpecialTokens::Parse), ids);
            QVERIFY2(difference.empty(), (quoted(text) + "\n" + difference).c_str());
            QCOMPARE(quoted(tokenizer->decode(ids, false)), quoted(expected["texts"][i]["decoded"].get<std::string>()));
        }
    }

    void tokenizerJsonWrittenFromScoredPiecesLoadsInTransformersWithTheSameIds()
    {
        const GgufTokenizer fields = ggufFields();
        QVERIFY(QDir(m_folder.path()).mkpath(QStringLiteral("export")));
        write(QStringLiteral("export/tokenizer.json"), tokenizerJsonFromGguf(fields));
        write(QStringLiteral("export/tokenizer_config.json"), tokenizerConfigJsonFromGguf(fields));
        const QString out = pathOf(QStringLiteral("export.json"));
        const QString failure = runOracle(QStringLiteral("gguf_tokenizer_oracle.py"),
                                          {QStringLiteral("folder"), pathOf(QStringLiteral("export")),
                                           pathOf(QStringLiteral("corpus.json")), out});
        QVERIFY2(failure.isEmpty(), qPrintable(failure));
        const nlohmann::json loaded = readJson(out);
        const auto ours = tokenizerFromGguf(fields);
        for (std::size_t i = 0; i < m_corpus.size(); ++i) {
            const auto text = m_corpus[i].get<std::string>();
            const std::string difference = firstDifference(ours->encode(text, SpecialTokens::Parse),
                                                           loaded["texts"][i]["ids"].get<std::vector<TokenId>>());
            QVERIFY2(difference.empty(), (quoted(text) + "\n" + difference).c_str());
        }
        QCOMPARE(loaded["bos"].get<int>(), 1);
        QCOMPARE(loaded["withSpecial"][0].get<int>(), 1);  // add_bos_token: GGUF's default for these models
    }

    void specialTokensAroundTheModelAreCutOutAndEachPartGetsItsPrefix()
    {
        const auto tokenizer = loadTokenizer(pathOf(QStringLiteral("bpe")).toStdString());
        const auto hello = tokenizer->encode("hello", SpecialTokens::Parse);
        std::vector<TokenId> expected{1};
        expected.insert(expected.end(), hello.begin(), hello.end());
        expected.push_back(2);
        expected.insert(expected.end(), hello.begin(), hello.end());
        QCOMPARE(tokenizer->encode("<s>hello</s>hello", SpecialTokens::Parse), expected);
        QVERIFY(tokenizer->encode("<s>hello", SpecialTokens::AsText).front() != 1);
        QCOMPARE(tokenizer->decode(expected, false), std::string("<s>hello</s>hello"));
        QCOMPARE(tokenizer->decode(expected, true), std::string("hello hello"));
        QCOMPARE(tokenizer->bos(), std::optional<TokenId>(1));
        QCOMPARE(tokenizer->stopIds(), std::vector<TokenId>{2});
    }

    void onlyTheFirstPartGetsAPrefixWhenTheFolderSaysItIsNotLegacy()
    {
        QVERIFY(QDir(m_folder.path()).mkpath(QStringLiteral("new")));
        QVERIFY(QFile::copy(pathOf(QStringLiteral("bpe/tokenizer.model")), pathOf(QStringLiteral("new/tokenizer.model"))));
        write(QStringLiteral("new/tokenizer_config.json"), R"({"legacy": false, "added_tokens_decoder":
            {"1": {"content": "<s>", "special": true}, "9000": {"content": "<|user|>", "special": true}}})");
        const auto tokenizer = loadTokenizer(pathOf(QStringLiteral("new")).toStdString());
        const auto ids = tokenizer->encode("hello<|user|>hello", SpecialTokens::Parse);
        const auto mark = std::find(ids.begin(), ids.end(), 9000);
        QVERIFY(mark != ids.end());
        QVERIFY(tokenizer->pieceText(ids.front()).starts_with("\u2581"));
        QVERIFY(!tokenizer->pieceText(*(mark + 1)).starts_with("\u2581"));
        QCOMPARE(tokenizer->decode(ids, false), std::string("hello<|user|>hello"));
        QCOMPARE(tokenizer->vocabSize(), std::size_t{9001});
    }

    void damagedModelFilesAreRefused()
    {
        QFile good(pathOf(QStringLiteral("bpe/tokenizer.model")));
        QVERIFY(good.open(QIODevice::ReadOnly));
        const std::string bytes = good.readAll().toStdString();
        QVERIFY(QDir(m_folder.path()).mkpath(QStringLiteral("bad")));
        const auto refused = [&](const std::string& content) {
            write(QStringLiteral("bad/tokenizer.model"), content);
            try {
                (void)loadTokenizer(pathOf(QStringLiteral("bad")).toStdString())->encode("some text", SpecialTokens::Parse);
            } catch (const lorikeet::Error& e) {
                return e.code() == lorikeet::ErrorCode::BadInput && e.message().find("tokenizer.model") != std::string::npos;
            }
            return false;
        };
        QVERIFY(refused(""));
        QVERIFY(refused("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"));
        QVERIFY(refused(bytes.substr(0, bytes.size() / 2) + std::string(1, '\x0f')));
        QVERIFY(refused(std::string(64, '\xff')));
        // Flipped bytes must end in an Error or a working tokenizer, never in a crash.
        for (std::size_t i = 0; i < bytes.size(); i += 97) {
            std::string flipped = bytes;
            flipped[i] = static_cast<char>(flipped[i] ^ 0x55);
            (void)refused(flipped);
        }
    }
};

QTEST_GUILESS_MAIN(TestSentencepieceParity)
#include "tst_sentencepiece_parity.moc"
