// SPDX-License-Identifier: GPL-3.0-or-later
// Rows of every format in the common form, and the rows that have none, with the words that say why.
#include "engine/data/conversation.h"

#include <QtTest>

using namespace lorikeet::data;
using Json = nlohmann::ordered_json;

class TestConversation : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void rowsBecomeSamples_data();
    void rowsBecomeSamples();
    void badRowsSayWhy_data();
    void badRowsSayWhy();
    void anyJsonAtAnyPlaceIsSurvived();
};

namespace {

RowFormat formatNamed(const QString& name)
{
    return *formatFromName(name.toStdString());
}

/// The sample as one line: "user: a | assistant: b", "prompt -> completion" or the text.
QString lineOf(const Sample& sample)
{
    if (const auto* text = std::get_if<PlainText>(&sample))
        return QString::fromStdString(text->text);
    if (const auto* pair = std::get_if<PromptCompletion>(&sample))
        return QString::fromStdString(pair->prompt + " -> " + pair->completion);
    const auto& chat = std::get<Conversation>(sample);
    QStringList parts;
    for (std::size_t i = 0; i < chat.messages.size(); ++i) {
        const Json& message = chat.messages[i];
        std::string part = message.at("role").get<std::string>() + ": ";
        part += !message.contains("content") ? "" : message.at("content").is_null() ? "null" : message.at("content").get<std::string>();
        if (message.contains("tool_calls"))
            part += " " + message.at("tool_calls").dump();
        parts << (i < chat.promptMessages ? "(" + QString::fromStdString(part) + ")" : QString::fromStdString(part));
    }
    return parts.join(" | ") + (chat.tools.is_null() ? QString() : " tools " + QString::fromStdString(chat.tools.dump()));
}

}  // namespace

void TestConversation::rowsBecomeSamples_data()
{
    QTest::addColumn<QString>("format");
    QTest::addColumn<QString>("row");
    QTest::addColumn<QString>("line");
    QTest::newRow("messages") << "messages" << R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]})"
                              << "system: s | user: u | assistant: a";
    QTest::newRow("the assistant first") << "messages" << R"({"messages":[{"role":"assistant","content":"a"}]})" << "assistant: a";
    QTest::newRow("content parts") << "messages"
                                   << R"({"messages":[{"role":"user","content":[{"type":"text","text":"u1"},{"type":"text","text":" u2"}]},{"role":"assistant","content":["a"]}]})"
                                   << "user: u1 u2 | assistant: a";
    QTest::newRow("tool call with text arguments") << "messages"
                                                   << R"({"messages":[{"role":"user","content":"u"},{"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]}],"tools":"[{\"name\":\"f\"}]"})"
                                                   << R"(user: u | assistant: null [{"type":"function","function":{"name":"f","arguments":{"x":1}}}] tools [{"name":"f"}])";
    QTest::newRow("null tool calls") << "messages" << R"({"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a","tool_calls":null}],"tools":[]})"
                                     << "user: u | assistant: a";
    QTest::newRow("sharegpt") << "sharegpt" << R"({"system":"s","conversations":[{"from":"human","value":"u"},{"from":"gpt","value":"a"}]})" << "system: s | user: u | assistant: a";
    QTest::newRow("sharegpt tools") << "sharegpt"
                                    << R"({"conversations":[{"from":"human","value":"u"},{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{\"x\":1}}"},{"from":"observation","value":"o"},{"from":"gpt","value":"a"}]})"
                                    << R"(user: u | assistant:  [{"type":"function","function":{"name":"f","arguments":{"x":1}}}] | tool: o | assistant: a)";
    QTest::newRow("alpaca") << "alpaca" << R"({"instruction":"i","input":"","output":"o"})" << "user: i | assistant: o";
    QTest::newRow("alpaca with input") << "alpaca" << R"({"instruction":"i","input":"x","output":"o","system":"s"})" << "system: s | user: i\nx | assistant: o";
    QTest::newRow("alpaca with null input") << "alpaca" << R"({"instruction":"i","input":null,"output":"o","system":null,"history":null})" << "user: i | assistant: o";
    QTest::newRow("alpaca with history") << "alpaca" << R"({"instruction":"i","output":"o","history":[["u1","a1"]]})" << "user: u1 | assistant: a1 | user: i | assistant: o";
    QTest::newRow("alpaca, input alone") << "alpaca" << R"({"instruction":" ","input":"x","output":"o"})" << "user:  x | assistant: o";
    QTest::newRow("prompt and completion") << "prompt_completion" << R"({"prompt":"p","completion":" c"})" << "p ->  c";
    QTest::newRow("lists") << "prompt_completion" << R"({"prompt":[{"role":"user","content":"u"}],"completion":[{"role":"assistant","content":"a"}]})" << "(user: u) | assistant: a";
    QTest::newRow("text") << "text" << R"({"text":" t \n"})" << " t \n";
    QTest::newRow("bare text") << "text" << R"("t")" << "t";
}

void TestConversation::rowsBecomeSamples()
{
    QFETCH(QString, format);
    QFETCH(QString, row);
    QFETCH(QString, line);
    const SampleOrProblem result = toSample(Json::parse(row.toStdString()), formatNamed(format));
    QVERIFY2(result.sample, result.problem.c_str());
    QCOMPARE(lineOf(*result.sample), line);
}

void TestConversation::badRowsSayWhy_data()
{
    QTest::addColumn<QString>("format");
    QTest::addColumn<QString>("row");
    QTest::addColumn<QString>("problem");
    QTest::addColumn<bool>("isEmpty");
    const auto add = [](const char* name, const char* format, const char* row, const char* problem, bool isEmpty = false) {
        QTest::newRow(name) << QString(format) << QString(row) << QString(problem) << isEmpty;
    };
    add("other keys", "messages", R"({"text":"a"})", "there is no \"messages\"");
    add("not an object", "alpaca", "[1]", "the row is a list, an object was expected");
    add("a number as text", "text", "3", "the row is a number, an object was expected");
    add("no messages", "messages", R"({"messages":[]})", "\"messages\" is an empty list", true);
    add("encoded twice", "messages", R"({"messages":"[{\"role\":\"user\"}]"})", "\"messages\" is text that holds a JSON list (encoded twice?)");
    add("messages null", "messages", R"({"messages":null})", "\"messages\" is null, a list of messages was expected");
    add("message is text", "messages", R"({"messages":["hi"]})", "item 1 of \"messages\" is text, a message was expected");
    add("no role", "messages", R"({"messages":[{"content":"a"}]})", "item 1 of \"messages\" has no \"role\"");
    add("sharegpt item", "messages", R"({"messages":[{"from":"human","value":"a"}]})", "item 1 of \"messages\" has \"from\" and no \"role\" (format sharegpt?)");
    add("misspelt role", "messages", R"({"messages":[{"role":"user","content":"u"},{"role":"asistant","content":"a"}]})", "item 2 of \"messages\" has the unknown role \"asistant\"");
    add("null content", "messages", R"({"messages":[{"role":"user","content":null}]})", "item 1 of \"messages\": \"content\" is null");
    add("no content", "messages", R"({"messages":[{"role":"user"}]})", "item 1 of \"messages\" has no \"content\"");
    add("number as content", "messages", R"({"messages":[{"role":"user","content":3}]})", "item 1 of \"messages\": \"content\" is a number, text was expected");
    add("image", "messages", R"({"messages":[{"role":"user","content":[{"type":"image","url":"x"}]}]})",
        "item 1 of \"messages\": \"content\" holds a part that is not text (images and sound cannot be trained on)");
    add("no assistant", "messages", R"({"messages":[{"role":"user","content":"u"}]})", "there is no message of the assistant", true);
    add("blank answers", "messages", "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\" \\u200b\\u00a0\\n\"}]}",
        "every answer of the assistant is empty", true);
    add("unknown speaker", "sharegpt", R"({"conversations":[{"from":"martian","value":"a"}]})", "item 1 of \"conversations\" is from \"martian\", which is no known speaker");
    add("no value", "sharegpt", R"({"conversations":[{"from":"human"}]})", "item 1 of \"conversations\" has no \"value\"");
    add("no conversations", "sharegpt", R"({"text":"a"})", "there is no \"conversations\"");
    add("broken function call", "sharegpt", R"({"conversations":[{"from":"function_call","value":"call f"}]})",
        "item 1 of \"conversations\": the value of a function_call is a JSON object with \"name\" and \"arguments\"");
    add("tools that are no list", "messages", R"({"messages":[],"tools":{"a":1}})", "\"tools\" is not a list");
    add("no output", "alpaca", R"({"instruction":"i"})", "there is no \"output\"");
    add("output null", "alpaca", R"({"instruction":"i","output":null})", "\"output\" is null");
    add("output is a number", "alpaca", R"({"instruction":"i","output":42})", "\"output\" is a number, text was expected");
    add("blank output", "alpaca", R"({"instruction":"i","output":" "})", "\"output\" is empty", true);
    add("blank instruction", "alpaca", R"({"instruction":"","output":"o"})", "\"instruction\" and \"input\" are empty", true);
    add("odd history", "alpaca", R"({"instruction":"i","output":"o","history":[["u"]]})", "\"history\" holds something that is not a [user, assistant] pair of texts");
    add("blank completion", "prompt_completion", R"({"prompt":"p","completion":"\n"})", "\"completion\" is empty", true);
    add("mixed kinds", "prompt_completion", R"({"prompt":"p","completion":[]})", "\"completion\" is a list, text was expected");
    add("prompt list without an answer", "prompt_completion", R"({"prompt":[{"role":"assistant","content":"a"}],"completion":[{"role":"user","content":"u"}]})",
        "there is no message of the assistant", true);
    add("blank text", "text", R"({"text":"\ufeff \t"})", "the text is empty", true);
    add("object in text", "text", R"("{\"text\":\"a\"}")", "the row is text that holds a JSON object (encoded twice?)");
}

void TestConversation::badRowsSayWhy()
{
    QFETCH(QString, format);
    QFETCH(QString, row);
    QFETCH(QString, problem);
    QFETCH(bool, isEmpty);
    const SampleOrProblem result = toSample(Json::parse(row.toStdString()), formatNamed(format));
    QVERIFY(!result.sample);
    QCOMPARE(QString::fromStdString(result.problem), problem);
    QCOMPARE(result.isEmpty, isEmpty);
}

void TestConversation::anyJsonAtAnyPlaceIsSurvived()
{
    // Every value of a good row is replaced by every kind of JSON value; nothing may throw or crash.
    const std::vector<Json> oddities{nullptr, true, -1, 1.5, "", "text", "{", "[]", "{\"a\":1}", Json::array(), Json::object(), Json::array({nullptr}),
                                     Json::array({Json::array()}), Json::array({Json::object()})};
    const std::vector<std::pair<RowFormat, Json>> good{
        {RowFormat::Messages, Json::parse(R"({"messages":[{"role":"user","content":[{"type":"text","text":"u"}]},{"role":"assistant","content":"a","reasoning_content":"r","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"x":1}}}]}],"tools":[{"name":"f"}]})")},
        {RowFormat::ShareGpt, Json::parse(R"({"system":"s","tools":"[]","conversations":[{"from":"human","value":"u"},{"from":"function_call","value":"{\"name\":\"f\"}"}]})")},
        {RowFormat::Alpaca, Json::parse(R"({"instruction":"i","input":"x","output":"o","system":"s","history":[["u","a"]]})")},
        {RowFormat::PromptCompletion, Json::parse(R"({"prompt":[{"role":"user","content":"u"}],"completion":[{"role":"assistant","content":"a"}]})")},
        {RowFormat::Text, Json::parse(R"({"text":"t"})")}};
    int tried = 0;
    for (const auto& [format, row] : good) {
        QVERIFY(toSample(row, format).sample);
        const Json places = row.flatten();
        for (const auto& [place, unused] : places.items()) {
            for (Json::json_pointer at(place); ; at = at.parent_pointer()) {
                for (const Json& odd : oddities) {
                    Json changed = row;
                    changed[at] = odd;
                    const SampleOrProblem result = toSample(changed, format);
                    QVERIFY(result.sample.has_value() == result.problem.empty());
                    ++tried;
                }
                if (at.empty())
                    break;
            }
        }
    }
    QVERIFY(tried > 1000);
}

QTEST_GUILESS_MAIN(TestConversation)
#include "tst_conversation.moc"
