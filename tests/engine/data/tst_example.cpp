// SPDX-License-Identifier: GPL-3.0-or-later
// What is trained in a row: masks of conversations, prompts and text; pasted special tokens; documents longer than the context.
// Tokens are bytes here, so that every expectation can be written down: [brackets] are trained, {S}{E} BOS and EOS, {s}{e} turn marks.
#include "engine/data/example.h"

#include "byte_tokenizer.h"
#include "data_files.h"

using namespace lorikeet;
using namespace lorikeet::data;
using Json = nlohmann::ordered_json;

class TestExample : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void conversationsAreMasked_data();
    void conversationsAreMasked();
    void generationTagsDecideAlone();
    void pastedSpecialTokensStayText();
    void ordinaryTextIsEncodedInOnePiece();
    void rawTextGetsItsEnds_data();
    void rawTextGetsItsEnds();
    void aTokenThatTouchesATrainedByteIsTrained();
    void refusalsOfTheTemplateAreThoseOfTheRow();
    void withoutATemplateConversationsAreRefused();
    void spansCoverTheText();
    void longRowsAreFitted_data();
    void longRowsAreFitted();
    void splittingLosesNothingButFirstTargets();
    void unknownWordsForTrainOnAreRefused();
};

namespace {

const char* const kChatMl = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
                            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

tokenizer::ChatTemplate chatMlTemplate()
{
    return tokenizer::ChatTemplate::parse(kChatMl, "test");
}

Conversation chatOf(std::initializer_list<std::pair<const char*, const char*>> turns, std::size_t promptMessages = 0)
{
    Conversation chat;
    for (const auto& [role, content] : turns)
        chat.messages.push_back({{"role", role}, {"content", content}});
    chat.promptMessages = promptMessages;
    return chat;
}

QString shownRow(const TokenizedRow& row)
{
    static const ByteTokenizer tokenizer;
    return QString::fromStdString(row.refused ? "refused: " + row.problem : shown(row.tokens, row.lossMask, tokenizer)).replace('\n', '/');
}

QString shownChat(const Conversation& chat, const std::string& trainOn = "assistant")
{
    const ByteTokenizer tokenizer;
    const auto chatTemplate = chatMlTemplate();
    return shownRow(Tokenization(tokenizer, &chatTemplate, trainOn).tokenize(chat));
}

/// A row of `length` tokens 0, 1, 2 ... of which those in [begin, end) are trained.
TokenizedRow rowOf(std::size_t length, std::size_t begin, std::size_t end)
{
    TokenizedRow row;
    for (std::size_t i = 0; i < length; ++i) {
        row.tokens.push_back(static_cast<std::int32_t>(i));
        row.lossMask.push_back(i >= begin && i < end);
    }
    return row;
}

}  // namespace

void TestExample::conversationsAreMasked_data()
{
    QTest::addColumn<QString>("trainOn");
    QTest::addColumn<int>("promptMessages");
    QTest::addColumn<QString>("shown");
    QTest::newRow("assistant") << "assistant" << 0 << "{s}user/u1{e}/{s}assistant/[a1{e}]/{s}user/u2{e}/{s}assistant/[a2{e}]/";
    QTest::newRow("last assistant") << "last_assistant" << 0 << "{s}user/u1{e}/{s}assistant/a1{e}/{s}user/u2{e}/{s}assistant/[a2{e}]/";
    QTest::newRow("all") << "all" << 0 << "[{s}user/u1{e}/{s}assistant/a1{e}/{s}user/u2{e}/{s}assistant/a2{e}/]";
    QTest::newRow("completion") << "assistant" << 3 << "{s}user/u1{e}/{s}assistant/a1{e}/{s}user/u2{e}/{s}assistant/[a2{e}]/";
    QTest::newRow("completion of several messages") << "assistant" << 1 << "{s}user/u1{e}/{s}assistant/[a1{e}]/{s}user/u2{e}/{s}assistant/[a2{e}]/";
    QTest::newRow("all, with a prompt") << "all" << 3 << "[{s}user/u1{e}/{s}assistant/a1{e}/{s}user/u2{e}/{s}assistant/a2{e}/]";
}

void TestExample::conversationsAreMasked()
{
    QFETCH(QString, trainOn);
    QFETCH(int, promptMessages);
    QFETCH(QString, shown);
    const Conversation chat = chatOf({{"user", "u1"}, {"assistant", "a1"}, {"user", "u2"}, {"assistant", "a2"}}, static_cast<std::size_t>(promptMessages));
    QCOMPARE(shownChat(chat, trainOn.toStdString()), shown);
}

void TestExample::generationTagsDecideAlone()
{
    const ByteTokenizer tokenizer;
    const auto chatTemplate = tokenizer::ChatTemplate::parse(
        "{% for m in messages %}{% if m.role == 'assistant' %}A:{% generation %}{{ m.content }};{% endgeneration %}!{% else %}U:{{ m.content }};{% endif %}{% endfor %}",
        "tags");
    const Tokenization tokenization(tokenizer, &chatTemplate, "assistant");
    QCOMPARE(shownRow(tokenization.tokenize(chatOf({{"user", "u"}, {"assistant", "a"}, {"user", "v"}, {"assistant", "b"}}))),
             QString("U:u;A:[a;]!U:v;A:[b;]!"));
}

void TestExample::pastedSpecialTokensStayText()
{
    const Conversation chat = chatOf({{"user", "what is <|im_end|>?"}, {"assistant", "<|im_start|> begins, é<|im_end|> ends"}});
    const QString shown = shownChat(chat);
    QCOMPARE(shown, QString("{s}user/what is <|im_end|>?{e}/{s}assistant/[<|im_start|> begins, é<|im_end|> ends{e}]/"));
    const ByteTokenizer tokenizer;
    const auto chatTemplate = chatMlTemplate();
    const TokenizedRow row = Tokenization(tokenizer, &chatTemplate, "assistant").tokenize(chat);
    QVERIFY(row.specialsAsText);
    QCOMPARE(std::ranges::count(row.tokens, ByteTokenizer::kEnd), std::ptrdiff_t{2});
    QCOMPARE(std::ranges::count(row.tokens, ByteTokenizer::kStart), std::ptrdiff_t{2});
    // The same text without the template's own marks is untouched by the detour.
    QVERIFY(QString::fromStdString(row.text).contains("what is <|im_end|>?"));
    QCOMPARE(shownChat(chatOf({{"user", "</s><s>"}, {"assistant", "a"}})), QString("{s}user/</s><s>{e}/{s}assistant/[a{e}]/"));
    QVERIFY(shownChat(chatOf({{"user", "\U0010FFFE"}, {"assistant", "a"}})).startsWith("refused: the text contains the noncharacter"));
}

void TestExample::ordinaryTextIsEncodedInOnePiece()
{
    const ByteTokenizer tokenizer;
    const auto chatTemplate = chatMlTemplate();
    const TokenizedRow row = Tokenization(tokenizer, &chatTemplate, "assistant").tokenize(chatOf({{"user", "a < b |im_end|>"}, {"assistant", "x"}}));
    QVERIFY(!row.specialsAsText);
    QVERIFY(row.tokens == tokenizer.encode(row.text, tokenizer::SpecialTokens::Parse));
}

void TestExample::rawTextGetsItsEnds_data()
{
    QTest::addColumn<bool>("addsBos");
    QTest::addColumn<QString>("prompt");
    QTest::addColumn<QString>("completion");
    QTest::addColumn<QString>("trainOn");
    QTest::addColumn<QString>("shown");
    QTest::newRow("text") << false << "" << "ab" << "assistant" << "[ab{E}]";
    QTest::newRow("text with BOS") << true << "" << "ab" << "assistant" << "{S}[ab{E}]";
    QTest::newRow("no second BOS or EOS") << true << "" << "<s>ab</s>" << "assistant" << "[{S}ab{E}]";
    QTest::newRow("text in the template's own tokens") << false << "" << "<|im_start|>x<|im_end|>" << "assistant" << "[{s}x{e}{E}]";
    QTest::newRow("prompt") << false << "p:" << " c" << "assistant" << "p:[ c{E}]";
    QTest::newRow("prompt with BOS") << true << "p:" << " c" << "assistant" << "{S}p:[ c{E}]";
    QTest::newRow("prompt, all") << true << "p:" << " c" << "all" << "{S}[p: c{E}]";
    QTest::newRow("empty prompt") << false << "" << "c</s>" << "last_assistant" << "[c{E}]";
}

void TestExample::rawTextGetsItsEnds()
{
    QFETCH(bool, addsBos);
    QFETCH(QString, prompt);
    QFETCH(QString, completion);
    QFETCH(QString, trainOn);
    QFETCH(QString, shown);
    const ByteTokenizer tokenizer(addsBos);
    const Tokenization tokenization(tokenizer, nullptr, trainOn.toStdString());
    const Sample sample = prompt.isEmpty() && trainOn == "assistant" ? Sample(PlainText{completion.toStdString()})
                                                                     : Sample(PromptCompletion{prompt.toStdString(), completion.toStdString()});
    QCOMPARE(shownRow(tokenization.tokenize(sample)), shown);
}

void TestExample::aTokenThatTouchesATrainedByteIsTrained()
{
    // "<s>" lies half in the prompt and half in the completion: one token, trained.
    const ByteTokenizer tokenizer;
    const Tokenization tokenization(tokenizer, nullptr, "assistant");
    QCOMPARE(shownRow(tokenization.tokenize(PromptCompletion{"a<", "s>b"})), QString("a[{S}b{E}]"));
}

void TestExample::refusalsOfTheTemplateAreThoseOfTheRow()
{
    const ByteTokenizer tokenizer;
    const auto chatTemplate = tokenizer::ChatTemplate::parse(
        "{% if messages[0].role != 'user' %}{{ raise_exception('roles must alternate') }}{% endif %}{{ messages[0].content }}", "strict");
    const TokenizedRow row = Tokenization(tokenizer, &chatTemplate, "assistant").tokenize(chatOf({{"assistant", "a"}}));
    QVERIFY(row.refused == DropReason::TemplateRefused);
    QVERIFY2(row.problem.find("roles must alternate") != std::string::npos, row.problem.c_str());
}

void TestExample::withoutATemplateConversationsAreRefused()
{
    const ByteTokenizer tokenizer;
    const TokenizedRow row = Tokenization(tokenizer, nullptr, "assistant").tokenize(chatOf({{"user", "u"}, {"assistant", "a"}}));
    QVERIFY(row.refused == DropReason::TemplateRefused);
}

void TestExample::spansCoverTheText()
{
    const ByteTokenizer tokenizer(true);
    const auto chatTemplate = chatMlTemplate();
    const Tokenization tokenization(tokenizer, &chatTemplate, "assistant");
    for (const Sample& sample : {Sample(chatOf({{"user", "see <|im_end|> and é"}, {"assistant", "ok"}})), Sample(PlainText{"x</s>y"})}) {
        const TokenizedRow row = tokenization.tokenize(sample);
        QCOMPARE(row.spans.size(), row.tokens.size());
        std::uint32_t at = 0;
        for (const auto& [begin, end] : row.spans) {
            QCOMPARE(begin, at);
            at = end;
        }
        QCOMPARE(static_cast<std::size_t>(at), row.text.size());
    }
}

void TestExample::longRowsAreFitted_data()
{
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("begin");
    QTest::addColumn<int>("end");
    QTest::addColumn<QString>("overlong");
    QTest::addColumn<QVector<int>>("lengths");
    QTest::addColumn<QString>("dropped");
    QTest::newRow("fits") << 10 << 5 << 10 << "cut" << QVector<int>{10} << "";
    QTest::newRow("fits when dropping") << 10 << 5 << 10 << "drop" << QVector<int>{10} << "";
    QTest::newRow("cut") << 11 << 5 << 11 << "cut" << QVector<int>{10} << "";
    QTest::newRow("dropped") << 11 << 5 << 11 << "drop" << QVector<int>{} << "too_long";
    QTest::newRow("split") << 25 << 0 << 25 << "split" << QVector<int>{10, 10, 5} << "";
    QTest::newRow("split, first piece without targets") << 25 << 12 << 25 << "split" << QVector<int>{10, 5} << "";
    QTest::newRow("split, a last piece of one token teaches nothing") << 21 << 0 << 21 << "split" << QVector<int>{10, 10} << "";
    QTest::newRow("nothing to learn") << 10 << 0 << 0 << "cut" << QVector<int>{} << "nothing_to_learn";
    QTest::newRow("only the first token") << 10 << 0 << 1 << "cut" << QVector<int>{} << "nothing_to_learn";
    QTest::newRow("behind the cut") << 20 << 10 << 20 << "cut" << QVector<int>{} << "nothing_left_after_cut";
    QTest::newRow("only first tokens of pieces") << 20 << 10 << 11 << "split" << QVector<int>{} << "nothing_left_after_cut";
    QTest::newRow("empty") << 0 << 0 << 0 << "cut" << QVector<int>{} << "nothing_to_learn";
}

void TestExample::longRowsAreFitted()
{
    QFETCH(int, length);
    QFETCH(int, begin);
    QFETCH(int, end);
    QFETCH(QString, overlong);
    QFETCH(QVector<int>, lengths);
    QFETCH(QString, dropped);
    const FittedRow fitted = fitIntoContext(rowOf(static_cast<std::size_t>(length), static_cast<std::size_t>(begin), static_cast<std::size_t>(end)), 10,
                                            overlong.toStdString());
    QVector<int> found;
    for (const Example& example : fitted.examples)
        found.push_back(static_cast<int>(example.tokens.size()));
    QCOMPARE(found, lengths);
    QCOMPARE(fitted.dropped ? QString::fromUtf8(nameOf(*fitted.dropped).data()) : QString(), dropped);
    QCOMPARE(fitted.cut, overlong == "cut" && length > 10);
}

void TestExample::splittingLosesNothingButFirstTargets()
{
    const FittedRow fitted = fitIntoContext(rowOf(95, 3, 90), 10, "split");
    std::vector<std::int32_t> tokens;
    std::int64_t supervised = 0;
    for (const Example& example : fitted.examples) {
        tokens.insert(tokens.end(), example.tokens.begin(), example.tokens.end());
        supervised += example.supervised();
    }
    QCOMPARE(fitted.emptyPieces, std::int64_t{1});  // tokens 90 .. 94 are not trained
    QVERIFY(tokens == rowOf(90, 0, 0).tokens);
    QCOMPARE(supervised, std::int64_t{87 - 8});  // 87 trained, 8 of them first in their piece
}

void TestExample::unknownWordsForTrainOnAreRefused()
{
    const ByteTokenizer tokenizer;
    QVERIFY(refuses(ErrorCode::Usage, {"train_on", "user"}, [&] { Tokenization(tokenizer, nullptr, "user"); }));
}

QTEST_GUILESS_MAIN(TestExample)
#include "tst_example.moc"
