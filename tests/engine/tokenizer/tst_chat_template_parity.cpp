// SPDX-License-Identifier: GPL-3.0-or-later
// Every chat template that trl and axolotl publish, with 23 conversations, against transformers, live: the text byte for byte, the
// mask of {% generation %} tags, and for templates without tags the mask read off the origin of the bytes against TRL's
// hand-made training variants.
#include <QtTest>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "engine/base/error.h"
#include "engine/tokenizer/chat_template.h"
#include "tests/engine/tokenizer/jinja/oracle_lines.h"
#include "tests/engine/tokenizer/jinja/rendering.h"

using namespace lorikeet::tokenizer;
using Json = nlohmann::ordered_json;

namespace {

/// Templates that we do not support, with the reason. None.
const std::map<std::string, std::string> kUnsupported = {};

/// What TRL trains and we do not, by template: all of it is text that the generation prompt already gives the model (or, for
/// phi3, an end-of-text after the end of turn). White space behind the end of turn is left out everywhere.
const std::map<std::string, std::set<std::string>> kTrainedByTrlOnly = {
    {"trl/deepseek_r1_distill.jinja", {"<｜Assistant｜>", "<｜tool▁outputs▁end｜>"}},
    {"trl/deepseekv3.jinja", {"<｜Assistant｜>"}},
    {"trl/glm4moe.jinja", {"\n<think></think>"}},
    {"trl/gptoss.jinja", {"<|start|>assistant"}},
    {"trl/muse_glimmer.jinja", {"<|start|>assistant"}},
    {"trl/nemotron_3_5_lightning.jinja", {"<think>", "<think>\n", "<think></think>"}},
    {"trl/nemotron_3_nano.jinja", {"<think>", "<think>\n", "<think></think>"}},
    {"trl/nemotron_3_super.jinja", {"<think>", "<think>\n", "<think></think>"}},
    {"trl/nemotron_3_ultra.jinja", {"<think>", "<think>\n", "<think></think>"}},
    {"trl/phi3.jinja", {"\n</s>"}},
    {"trl/phi3_5.jinja", {"\n</s>"}},
    {"trl/qwen3_5_nothink.jinja", {"<think>\n\n</think>\n\n"}},
    {"trl/qwen3_5_think.jinja", {"<think>\n"}},
    {"trl/qwen3_6.jinja", {"<think>\n"}},
    {"trl/qwen3_8.jinja", {"<think>\n", "<think>\n\n</think>\n\n"}},
};

/// Turns of which the template shows no byte (it ignores tool calls, or wants content parts and finds a string): TRL trains the
/// bare end of turn, we train nothing.
const std::map<std::string, std::string> kEmptyTurns = {
    {"trl/idefics3.jinja", " <end_of_utterance>\n"},      {"trl/smolvlm.jinja", " <end_of_utterance>\n"},
    {"trl/llama3.jinja", "<|eot_id|>"},                   {"trl/qwen2_5_vl.jinja", "<|im_end|>\n"},
    {"trl/nemotron_3_nano.jinja", "<think></think><|im_end|>\n"}, {"trl/nemotron_3_super.jinja", "<think></think><|im_end|>\n"},
    {"trl/nemotron_3_ultra.jinja", "<think></think><|im_end|>\n"}, {"trl/nemotron_3_5_lightning.jinja", "<think></think><|im_end|>\n"},
};

RenderOptions optionsFor(const Json& conversation, bool prompt)
{
    RenderOptions options;
    options.addGenerationPrompt = prompt;
    options.bosToken = "<s>";
    options.eosToken = "</s>";
    options.unkToken = "<unk>";
    options.padToken = "<pad>";
    options.now = lorikeet::jinja::testing::fixedTime();
    if (conversation.contains("tools"))
        options.tools = conversation.at("tools");
    if (conversation.contains("documents"))
        options.documents = conversation.at("documents");
    if (conversation.contains("vars"))
        options.variables = conversation.at("vars");
    return options;
}

std::string maskOf(const std::vector<RenderedSpan>& spans, std::size_t size)
{
    std::string mask(size, '.');
    for (const RenderedSpan& span : spans)
        if (span.trained)
            mask.replace(span.begin, span.end - span.begin, span.end - span.begin, 'x');
    return mask;
}

std::string maskOf(const Json& generations, std::size_t size)
{
    std::string mask(size, '.');
    for (const Json& generation : generations)
        for (std::size_t at = generation.at(0).get<std::size_t>(); at < std::min(generation.at(1).get<std::size_t>(), size); ++at)
            mask[at] = 'x';
    return mask;
}

bool isBlank(const std::string& text)
{
    return text.find_first_not_of(" \n") == std::string::npos;
}

}  // namespace

class TestChatTemplateParity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QString problem;
        const auto records = lorikeet::jinja::testing::oracleLines({QStringLiteral("templates")}, problem);
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        for (const Json& record : records) {
            if (record.at("kind") == "conversation")
                m_conversations.emplace(record.at("name"), record);
            else if (record.at("kind") == "template")
                m_templates.emplace(record.at("name"), record);
            else
                m_cases.push_back(record);
        }
        QVERIFY(m_templates.size() >= 100);
        QVERIFY(m_conversations.size() >= 8);
        QCOMPARE(m_cases.size(), m_templates.size() * m_conversations.size() * 2);
    }

    void textsAndMasksEqualTransformers()
    {
        std::set<std::string> disagree;
        int refused = 0;
        for (const Json& expected : m_cases) {
            const std::string name = expected.at("template");
            const std::string difference = compare(expected);
            refused += !expected.at("ok").get<bool>();
            if (difference.empty() || kUnsupported.contains(name))
                continue;
            if (disagree.insert(name).second)
                qWarning("%s, \"%s\": %s", name.c_str(), expected.at("conversation").get<std::string>().c_str(), difference.c_str());
        }
        qInfo("%zu of %zu templates agree in all of %zu cases (%d of them refused by both)", m_templates.size() - disagree.size() - kUnsupported.size(),
              m_templates.size(), m_cases.size(), refused);
        QVERIFY(disagree.empty());
    }

    void masksByOriginEqualTrlTrainingTemplates()
    {
        int compared = 0;
        int otherText = 0;
        int same = 0;
        std::set<std::string> families;
        for (const Json& golden : m_cases) {
            const std::string training = golden.at("template");
            const std::size_t suffix = training.find("_training.jinja");
            const std::string original = training.substr(0, suffix) + ".jinja";
            if (suffix == std::string::npos || !m_templates.contains(original) || !golden.at("ok").get<bool>())
                continue;
            const std::optional<RenderedChat> ours = rendered(original, golden);
            if (!ours || ours->text != golden.at("text").get<std::string>()) {
                ++otherText;  // the training variant was changed beyond its tags
                continue;
            }
            ++compared;
            families.insert(original);
            same += maskOf(ours->spans, ours->text.size()) == maskOf(golden.at("generations"), ours->text.size());
            const std::string difference = maskDifference(original, *ours, golden);
            QVERIFY2(difference.empty(), qPrintable(QString::fromStdString(original + ", \"" + golden.at("conversation").get<std::string>() + "\": " + difference)));
        }
        qInfo("%d masks of %zu families compared, %d equal to the byte, the others but for the listed text; %d cases render another text", compared,
              families.size(), same, otherText);
        QVERIFY(compared >= 1000);
        QVERIFY(families.size() >= 30);
    }

    void tenMessagesRenderWithinAMillisecond_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"trl/qwen2_5.jinja", "trl/qwen3.jinja", "trl/llama3_1.jinja", "axolotl/chatml.jinja"})
            QTest::newRow(name) << name;
    }

    void tenMessagesRenderWithinAMillisecond()
    {
        QFETCH(QString, name);
        const ChatTemplate chat = ChatTemplate::parse(m_templates.at(name.toStdString()).at("source"), name.toStdString());
        const Json& messages = m_conversations.at("ten messages").at("messages");
        const RenderOptions options = optionsFor(m_conversations.at("ten messages"), true);
        std::vector<double> ms;
        for (int i = 0; i < 101; ++i) {
            const auto start = std::chrono::steady_clock::now();
            QVERIFY(!chat.render(messages, options).text.empty());
            ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
        }
        std::sort(ms.begin(), ms.end());
        qInfo("%s: median %.3f ms with its mask", qPrintable(name), ms[50]);
#if !defined(__SANITIZE_ADDRESS__)
        // The promise is about the program, not about one instrumented at -O1.
        QVERIFY2(ms[50] < 1.0, qPrintable(QString::number(ms[50])));
#endif
    }

private:
    std::string compare(const Json& expected) const
    {
        const std::string name = expected.at("template");
        const Json& record = m_templates.at(name);
        const Json& conversation = m_conversations.at(expected.at("conversation"));
        try {
            const RenderedChat ours = ChatTemplate::parse(record.at("source"), name).render(conversation.at("messages"), optionsFor(conversation, expected.at("prompt")));
            if (!expected.at("ok").get<bool>())
                return "rendered, transformers: " + expected.at("error").get<std::string>();
            if (ours.text != expected.at("text").get<std::string>())
                return "ours " + Json(ours.text).dump() + ", transformers " + expected.at("text").dump();
            if (record.at("training").get<bool>() && maskOf(ours.spans, ours.text.size()) != maskOf(expected.at("generations"), ours.text.size()))
                return "another mask than transformers";
        } catch (const lorikeet::Error& error) {
            if (expected.at("ok").get<bool>())
                return error.message();
        }
        return {};
    }

    std::optional<RenderedChat> rendered(const std::string& name, const Json& expected) const
    {
        const Json& conversation = m_conversations.at(expected.at("conversation"));
        RenderOptions options = optionsFor(conversation, expected.at("prompt"));
        if (name == "trl/glm4moe.jinja")  // its generation_config.json lists the next role as the end of a turn
            options.endOfTurn = {"<|user|>", "<|observation|>"};
        try {
            return ChatTemplate::parse(m_templates.at(name).at("source"), name).render(conversation.at("messages"), options);
        } catch (const lorikeet::Error&) {
            return std::nullopt;
        }
    }

    /// We may train less than TRL, by the listed texts only, and never more.
    static std::string maskDifference(const std::string& name, const RenderedChat& ours, const Json& golden)
    {
        const std::string mine = maskOf(ours.spans, ours.text.size());
        const std::string theirs = maskOf(golden.at("generations"), ours.text.size());
        for (std::size_t at = 0; at < mine.size();) {
            std::size_t end = at + 1;
            while (end < mine.size() && mine[end] == mine[at] && theirs[end] == theirs[at])
                ++end;
            const std::string text = ours.text.substr(at, end - at);
            if (mine[at] == 'x' && theirs[at] == '.')
                return "trained by us only: " + text;
            const auto listed = kTrainedByTrlOnly.find(name);
            const auto empty = kEmptyTurns.find(name);
            const bool allowed = isBlank(text) || (listed != kTrainedByTrlOnly.end() && listed->second.contains(text))
                || (empty != kEmptyTurns.end() && empty->second == text);
            if (mine[at] == '.' && theirs[at] == 'x' && !allowed)
                return "trained by TRL only: " + text;
            at = end;
        }
        return {};
    }

    std::map<std::string, Json> m_conversations;
    std::map<std::string, Json> m_templates;
    std::vector<Json> m_cases;
};

QTEST_GUILESS_MAIN(TestChatTemplateParity)
#include "tst_chat_template_parity.moc"
