// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.json pipelines against the real `tokenizers` package: ids, spans, decoded text, streamed text.
#include "tests/engine/tokenizer/oracle.h"

#include "engine/tokenizer/normalizer.h"
#include "engine/tokenizer/regex.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/unicode.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet::tokenizer;
using namespace lorikeet::tokenizer::testing;

class TestTokenizerJsonParity : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    nlohmann::json m_corpus;
    nlohmann::json m_changes;

    QString pathOf(const QString& name) const { return m_folder.filePath(name); }
    std::unique_ptr<Tokenizer> load(const QString& name) const { return loadTokenizer(pathOf(name).toStdString()); }
    static void addTokenizers()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"gpt2", "gpt2_prefix", "llama3", "qwen2", "smollm", "gpt4o", "deepseek", "llama2_legacy",
                                 "metaspace_first", "metaspace_always", "gemma", "falcon", "flags", "lower_nfkc", "nfd_fixed", "word_suffix", "word_prefix",
                                 "spelled_bytes", "legacy_gpt2", "legacy_prefix", "legacy_qwen2"}) {
            QTest::newRow(name) << QString::fromLatin1(name);
        }
    }

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY(m_folder.isValid());
        const QString failure = runOracle(QStringLiteral("tokenizer_oracle.py"), {m_folder.path()});
        QVERIFY2(failure.isEmpty(), qPrintable(failure));
        m_corpus = readJson(pathOf(QStringLiteral("corpus.json")));
        QVERIFY(m_corpus.size() >= 2000);
        m_changes = readJson(pathOf(QStringLiteral("changes.json")));
    }

    void classesOfEveryCodePointAreThoseOfTheOriginal()
    {
        const nlohmann::json classes = readJson(pathOf(QStringLiteral("classes.json")));
        QCOMPARE(classes.size(), std::size_t{11});
        for (const auto& [name, ranges] : classes.items()) {
            std::vector<bool> theirs(0x110000);
            for (const auto& range : ranges) {
                std::fill(theirs.begin() + range[0].get<int>(), theirs.begin() + range[1].get<int>() + 1, true);
            }
            std::unique_ptr<Regex> regex;
            if (name.front() == '\\') {
                regex = std::make_unique<Regex>(name, "class");
            }
            std::vector<ByteRange> matches;
            for (char32_t code = 1; code < 0x110000; ++code) {
                if (code >= 0xD800 && code <= 0xE000) {
                    continue;
                }
                matches.clear();
                if (regex) {
                    std::string character;
                    appendUtf8(character, code);
                    regex->findAll(character, matches);
                }
                const bool ours = regex ? !matches.empty() : name == "digits" ? isNumeric(code) : isPunctuation(code);
                QVERIFY2(ours == theirs[code], (name + " of " + std::to_string(static_cast<unsigned>(code))).c_str());
            }
        }
    }

    void everyCodePointIsNormalisedAsByTheOriginal_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"NFC", "NFD", "NFKC", "NFKD", "Lowercase"}) {
            QTest::newRow(name) << QString::fromLatin1(name);
        }
    }
    void everyCodePointIsNormalisedAsByTheOriginal()
    {
        QFETCH(QString, name);
        const nlohmann::json changes = m_changes[name.toStdString()];
        QVERIFY(changes.size() > 1000);
        const NormalizerSpec spec = name == QStringLiteral("Lowercase") ? NormalizerSpec(LowercaseSpec{})
            : name == QStringLiteral("NFD")                             ? NormalizerSpec(NormalFormSpec{NormalForm::Nfd})
            : name == QStringLiteral("NFKC")                            ? NormalizerSpec(NormalFormSpec{NormalForm::Nfkc})
            : name == QStringLiteral("NFKD")                            ? NormalizerSpec(NormalFormSpec{NormalForm::Nfkd})
                                                                        : NormalizerSpec(NormalFormSpec{NormalForm::Nfc});
        const NormalizerChain chain({spec}, "test");
        std::size_t changed = 0;
        for (char32_t code = 1; code < 0x110000; ++code) {
            if (code >= 0xD800 && code < 0xE000) {
                continue;
            }
            std::string character;
            appendUtf8(character, code);
            const std::string probe = "q" + character + "\u0323q\u0308" + character + " e" + character;
            const std::string ours = chain.normalized(probe);
            const auto theirs = changes.find(probe);
            changed += theirs != changes.end() ? 1 : 0;
            QVERIFY2(ours == (theirs == changes.end() ? probe : theirs->get<std::string>()), quoted(probe).c_str());
        }
        QCOMPARE(changed, changes.size());
    }

    void idsAndSpansAreThoseOfTheOriginal_data() { addTokenizers(); }
    void idsAndSpansAreThoseOfTheOriginal()
    {
        QFETCH(QString, name);
        const auto tokenizer = load(name);
        const nlohmann::json expected = readJson(pathOf(name + QStringLiteral("/expected.json")));
        QCOMPARE(expected["texts"].size(), m_corpus.size());
        for (std::size_t i = 0; i < m_corpus.size(); ++i) {
            const auto text = m_corpus[i].get<std::string>();
            const nlohmann::json& entry = expected["texts"][i];
            for (const bool plain : {false, true}) {
                const SpecialTokens special = plain ? SpecialTokens::AsText : SpecialTokens::Parse;
                const Encoding encoding = tokenizer->encodeWithSpans(text, special);
                std::string difference =
                    firstDifference(encoding.ids, entry[plain ? "plain" : "ids"].get<std::vector<TokenId>>());
                QVERIFY2(difference.empty(), (quoted(text) + "\nids\n" + difference).c_str());
                difference = firstDifference(encoding.spans, entry[plain ? "plainSpans" : "spans"].get<Spans>());
                QVERIFY2(difference.empty(), (quoted(text) + "\nspans\n" + difference).c_str());
                QCOMPARE(tokenizer->encode(text, special), encoding.ids);
            }
        }
    }

    void decodedTextIsThatOfTheOriginalAtOnceAndStreamed_data() { addTokenizers(); }
    void decodedTextIsThatOfTheOriginalAtOnceAndStreamed()
    {
        QFETCH(QString, name);
        const auto tokenizer = load(name);
        const nlohmann::json expected = readJson(pathOf(name + QStringLiteral("/expected.json")));
        for (const char* list : {"texts", "random"}) {
            for (const nlohmann::json& entry : expected[list]) {
                const auto ids = entry["ids"].get<std::vector<TokenId>>();
                for (const bool skip : {false, true}) {
                    const auto theirs = entry[skip ? "skipped" : "decoded"].get<std::string>();
                    const std::string ours = tokenizer->decode(ids, skip);
                    QVERIFY2(ours == theirs, (nlohmann::json(ids).dump() + "\nours   " + quoted(ours) + "\ntheirs " + quoted(theirs)).c_str());
                    QCOMPARE(streamed(*tokenizer, ids, skip), theirs);
                }
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestTokenizerJsonParity)
#include "tst_tokenizer_json_parity.moc"
