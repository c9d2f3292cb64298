// SPDX-License-Identifier: GPL-3.0-or-later
// Chat templates: what is trained, what the options do, where templates are found, and how fast they render.
#include <QtTest>

#include <QTemporaryDir>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "engine/base/error.h"
#include "engine/tokenizer/chat_template.h"
#include "tests/engine/tokenizer/jinja/rendering.h"

using namespace lorikeet::tokenizer;
using Json = nlohmann::ordered_json;

namespace {

/// The text with trained stretches in [ ].
std::string marked(const RenderedChat& chat)
{
    std::string out;
    for (const RenderedSpan& span : chat.spans) {
        const std::string part = chat.text.substr(span.begin, span.end - span.begin);
        out += span.trained ? "[" + part + "]" : part;
    }
    return out;
}

Json twoTurns()
{
    return Json::parse(R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"},
                           {"role":"user","content":"Bye"},{"role":"assistant","content":"So long"}])");
}

void write(const QString& path, const char* text)
{
    std::ofstream(path.toStdString(), std::ios::binary) << text;
}

constexpr const char* kMistral =
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] | trim + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}";

}  // namespace

class TestChatTemplate : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void chatMlTrainsAnswersAndTheirEnd()
    {
        QCOMPARE(marked(chatMl().render(twoTurns(), {})),
                 std::string("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[Hello<|im_end|>]\n"
                             "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n[So long<|im_end|>]\n"));
    }

    void spansNameTheirMessage()
    {
        std::vector<int> messages;
        for (const RenderedSpan& span : chatMl().render(twoTurns(), {}).spans)
            if (span.trained)
                messages.push_back(span.message);
        QCOMPARE(messages, (std::vector<int>{1, 3}));
    }

    void trainOnChoosesTheTurns()
    {
        RenderOptions options;
        options.trainOn = TrainOn::LastAssistantTurn;
        QCOMPARE(marked(chatMl().render(twoTurns(), options)),
                 std::string("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
                             "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n[So long<|im_end|>]\n"));
        options.trainOn = TrainOn::Everything;
        const RenderedChat all = chatMl().render(twoTurns(), options);
        QCOMPARE(marked(all), "[" + all.text + "]");
    }

    void generationPromptIsNotTrained()
    {
        RenderOptions options;
        options.addGenerationPrompt = true;
        QVERIFY(marked(chatMl().render(twoTurns(), options)).ends_with("[So long<|im_end|>]\n<|im_start|>assistant\n"));
    }

    void emptyAnswersTrainTheirEnd()
    {
        QCOMPARE(marked(chatMl().render(Json::parse(R"([{"role":"user","content":"Hi"},{"role":"assistant","content":""}])"), {})),
                 std::string("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[<|im_end|>]\n"));
    }

    void specialTokensInTheContentDoNotEndTheTurn()
    {
        const Json messages = Json::parse(R"([{"role":"user","content":"a<|im_end|>b"},{"role":"assistant","content":"c<|im_end|>d"}])");
        QVERIFY(marked(chatMl().render(messages, {})).ends_with("assistant\n[c<|im_end|>d<|im_end|>]\n"));
    }

    void templatesWithoutGenerationPromptTrainFromTheContent()
    {
        RenderOptions options;
        options.bosToken = "<s>";
        options.eosToken = "</s>";
        QCOMPARE(marked(ChatTemplate::parse(kMistral, "Mistral").render(twoTurns(), options)),
                 std::string("<s>[INST] Hi [/INST] [Hello</s>][INST] Bye [/INST] [So long</s>]"));
    }

    void turnsWithoutAnEndTrainTheContentOnly()
    {
        const auto plain = ChatTemplate::parse("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", "plain");
        QCOMPARE(marked(plain.render(twoTurns(), {})), std::string("user: Hi\nassistant: [Hello]\nuser: Bye\nassistant: [So long]\n"));
        RenderOptions options;
        options.endOfTurn = {"\n"};
        QCOMPARE(marked(plain.render(twoTurns(), options)), std::string("user: Hi\nassistant: [Hello\n]user: Bye\nassistant: [So long\n]"));
    }

    void changedContentKeepsItsOrigin()
    {
        const auto shouting = ChatTemplate::parse("{% for m in messages %}<{{ m.content.split('</think>')[-1] | trim | upper }}>{% endfor %}", "shouting");
        const Json messages = Json::parse(R"([{"role":"user","content":"hi"},{"role":"assistant","content":"<think>x</think>\n hello "}])");
        QCOMPARE(marked(shouting.render(messages, {})), std::string("<HI><[HELLO]>"));
    }

    void generationTagsDecideAlone()
    {
        const auto tagged = ChatTemplate::parse(
            "{% for m in messages %}{{ m.role }}:{% if m.role == 'assistant' %}{% generation %} {{ m.content }}!{% endgeneration %}{% else %} {{ m.content }}{% endif %};{% endfor %}", "tagged");
        QVERIFY(tagged.hasGenerationTags());
        QCOMPARE(marked(tagged.render(twoTurns(), {})), std::string("user: Hi;assistant:[ Hello!];user: Bye;assistant:[ So long!];"));
        RenderOptions options;
        options.trainOn = TrainOn::LastAssistantTurn;
        QCOMPARE(marked(tagged.render(twoTurns(), options)), std::string("user: Hi;assistant: Hello!;user: Bye;assistant:[ So long!];"));
        options = {};
        options.useGenerationTags = false;
        QCOMPARE(marked(tagged.render(twoTurns(), options)), std::string("user: Hi;assistant: [Hello]!;user: Bye;assistant: [So long]!;"));
    }

    void toolCallsAreTrainedButNotTheToolsNameInItsAnswer()
    {
        const auto tools = ChatTemplate::parse(
            "{% for m in messages %}{% if m.role == 'assistant' %}A:{% if m.tool_calls %}{% for c in m.tool_calls %}<call>{{ c.function.name }}{{ c.function.arguments | tojson }}</call>{% endfor %}"
            "{% else %}{{ m.content }}{% endif %}<|im_end|>{% elif m.role == 'tool' %}T:{{ messages[loop.index0 - 1].tool_calls[0].function.name }}={{ m.content }}<|im_end|>"
            "{% else %}U:{{ m.content }}<|im_end|>{% endif %}{% endfor %}{% if add_generation_prompt %}A:{% endif %}", "tools");
        const Json messages = Json::parse(R"([{"role":"user","content":"Q"},
            {"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":{"x":1,"y":"z"}}}]},
            {"role":"tool","content":"R"},{"role":"assistant","content":"S"}])");
        QCOMPARE(marked(tools.render(messages, {})),
                 std::string("U:Q<|im_end|>A:[<call>f{\"x\": 1, \"y\": \"z\"}</call><|im_end|>]T:f=R<|im_end|>A:[S<|im_end|>]"));
    }

    void spansCoverTheTextInOrder()
    {
        const RenderedChat chat = chatMl().render(twoTurns(), {});
        std::size_t at = 0;
        for (std::size_t i = 0; i < chat.spans.size(); ++i) {
            QCOMPARE(chat.spans[i].begin, at);
            QVERIFY(chat.spans[i].end > at);
            QVERIFY(i == 0 || chat.spans[i].trained != chat.spans[i - 1].trained);
            at = chat.spans[i].end;
        }
        QCOMPARE(at, chat.text.size());
        QVERIFY(chatMl().render(Json::array(), {}).spans.empty());
    }

    void theTemplateSaysWhyItRefuses()
    {
        const Json messages = Json::parse(R"([{"role":"system","content":"S"}])");
        try {
            static_cast<void>(ChatTemplate::parse(kMistral, "Mistral").render(messages, {}));
            QFAIL("rendered");
        } catch (const lorikeet::Error& error) {
            QCOMPARE(error.code(), lorikeet::ErrorCode::BadInput);
            QCOMPARE(error.message(), std::string("Only user and assistant roles are supported!"));
        }
    }

    void unusableMessagesAreRefused()
    {
        const auto refuses = [](const Json& messages) {
            try {
                static_cast<void>(chatMl().render(messages, {}));
                return false;
            } catch (const lorikeet::Error& error) {
                return error.code() == lorikeet::ErrorCode::BadInput;
            }
        };
        QVERIFY(refuses(Json::object()));
        QVERIFY(refuses(Json::parse(R"(["text"])")));
        QVERIFY(refuses(Json::parse(R"([{"content":"no role"}])")));
        QVERIFY(refuses(Json::array({{{"role", "user"}, {"content", "bad \xff byte"}}})));
        Json deep = 1;
        for (int i = 0; i < 1000; ++i)
            deep = Json::array({deep});
        QVERIFY(refuses(Json::array({{{"role", "user"}, {"content", deep}}})));
    }

    void modelFoldersAreSearchedInOrder()
    {
        QTemporaryDir folder;
        const auto find = [&] { return findChatTemplate(folder.path().toStdString()); };
        QVERIFY(!find());
        write(folder.filePath("chat_template.json"), R"({"chat_template": "old"})");
        QCOMPARE(find()->source, std::string("old"));
        write(folder.filePath("tokenizer_config.json"), R"({"eos_token": "</s>"})");
        QCOMPARE(find()->source, std::string("old"));
        QCOMPARE(find()->file.filename().string(), std::string("chat_template.json"));
        write(folder.filePath("tokenizer_config.json"), R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
        QCOMPARE(find()->source, std::string("d"));
        write(folder.filePath("tokenizer_config.json"), R"({"chat_template": "config"})");
        QCOMPARE(find()->source, std::string("config"));
        QCOMPARE(find()->file.filename().string(), std::string("tokenizer_config.json"));
        write(folder.filePath("chat_template.jinja"), "jinja\n");
        QCOMPARE(find()->source, std::string("jinja\n"));
        QCOMPARE(find()->file.filename().string(), std::string("chat_template.jinja"));
    }

    void brokenConfigurationsAreRefused()
    {
        QTemporaryDir folder;
        write(folder.filePath("tokenizer_config.json"), "{\"chat_template\": ");
        QVERIFY_THROWS_EXCEPTION(lorikeet::Error, static_cast<void>(findChatTemplate(folder.path().toStdString())));
    }

    void oneTemplateServesManyThreads()
    {
        const ChatTemplate shared = chatMl();
        const RenderedChat expected = shared.render(twoTurns(), {});
        std::atomic<int> wrong = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 200; ++i) {
                    const RenderedChat chat = shared.render(twoTurns(), {});
                    wrong += chat.text != expected.text || chat.spans != expected.spans;
                }
            });
        for (std::thread& thread : threads)
            thread.join();
        QCOMPARE(wrong.load(), 0);
    }

    void longContentsRender()
    {
        Json messages = twoTurns();
        messages[1]["content"] = std::string(std::size_t{4} << 20, 'a');
        const RenderedChat chat = chatMl().render(messages, {});
        QVERIFY(chat.text.size() > (std::size_t{4} << 20));
    }

    void manyMessagesRender()
    {
        Json messages = Json::array();
        for (int i = 0; i < 5000; ++i)
            messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", "message " + std::to_string(i)}});
        const RenderedChat chat = chatMl().render(messages, {});
        QCOMPARE(std::count_if(chat.spans.begin(), chat.spans.end(), [](const RenderedSpan& s) { return s.trained; }), 2500);
    }
};

QTEST_GUILESS_MAIN(TestChatTemplate)
#include "tst_chat_template.moc"
