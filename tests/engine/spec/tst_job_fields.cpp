// SPDX-License-Identifier: GPL-3.0-or-later
// The field table: sound in itself, the same as the README, and readable from the text of --set.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/spec/job_fields.h"
#include "engine/spec/job_fields_markdown.h"
#include "engine/spec/job_words.h"

#include <nlohmann/json.hpp>

#include <QtTest/QtTest>

#include <set>

using namespace lorikeet;
using Json = nlohmann::ordered_json;
using Type = JobField::Type;

namespace {

bool isNumeric(const JobField& field)
{
    return field.type == Type::Integer || field.type == Type::Number || field.type == Type::IntegerMap || field.type == Type::NumberMap;
}

/// A value of the field that is not its default.
Json otherValue(const JobField& field)
{
    const Json value = field.get(Job{});
    switch (field.type) {
    case Type::Integer: return value.get<std::int64_t>() == field.maximum ? Json(field.minimum) : Json(value.get<std::int64_t>() + 1);
    case Type::Number: return Json((value.get<double>() + field.maximum) / 2);
    case Type::Boolean: return Json(!value.get<bool>());
    case Type::Choice: return Json(field.choices.back() == value ? field.choices.front() : field.choices.back());
    case Type::TextList: return field.choices.empty() ? Json({"q", "down_proj"}) : Json({field.choices.front(), field.choices.back()});
    case Type::IntegerMap: return Json({{"q_proj", 3}});
    case Type::NumberMap: return Json({{"q_proj", 0.5}});
    case Type::Text: return field.key == "recipe.recompute" ? Json("0-3:2") : Json("RTX 4090");
    case Type::Path: return Json("some/path");
    }
    return {};
}

QString refusal(const char* key, const std::string& text)
{
    Job job;
    try {
        setJobField(job, key, text);
    } catch (const Error& error) {
        return error.code() == ErrorCode::Usage && !error.hint().empty() ? QString::fromStdString(error.what()) : "wrong code, or no next step";
    }
    return "accepted";
}

}  // namespace

class TestJobFields : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theTableHasTheKeysOfTheFormat()
    {
        const std::vector<std::string> expected{
            "model.path", "data.path", "data.format", "data.validation_fraction", "data.validation_path", "data.shuffle", "data.train_on",
            "recipe.method", "recipe.rank", "recipe.alpha", "recipe.dropout", "recipe.targets", "recipe.rslora", "recipe.rank_pattern", "recipe.alpha_pattern",
            "recipe.init_adapter", "recipe.adapter_init", "recipe.dora", "recipe.also_train", "recipe.added_tokens", "recipe.context", "recipe.overlong", "recipe.packing", "recipe.micro_batch", "recipe.accumulation",
            "recipe.epochs", "recipe.max_steps", "recipe.learning_rate", "recipe.schedule", "recipe.warmup_ratio", "recipe.weight_decay",
            "recipe.adam_beta1", "recipe.adam_beta2", "recipe.adam_eps", "recipe.max_grad_norm", "recipe.optimizer", "recipe.momentum",
            "recipe.loraplus_ratio", "recipe.precision", "recipe.quantization", "recipe.double_quantization", "recipe.recompute", "recipe.offload_activations",
            "recipe.offload_layers", "recipe.offload_embedding", "recipe.loss_chunk", "recipe.seed", "run.device", "run.threads", "run.eval_every", "run.save_every",
            "run.sample_prompt", "run.sample_tokens"};
        std::vector<std::string> keys;
        for (const JobField& field : jobFields())
            keys.push_back(field.key);
        QCOMPARE(keys, expected);
    }

    void everyFieldHasWordsAndASensibleRangeInsideTheAllowedOne()
    {
        std::set<std::string> labels;
        for (const JobField& field : jobFields()) {
            const char* key = field.key.c_str();
            QVERIFY2(!field.label.empty() && labels.insert(field.label).second, key);
            QVERIFY2(field.help.size() > 60 && field.help.back() == '.', key);
            QVERIFY2(field.sinceVersion >= 1 && field.sinceVersion <= kJobVersion, key);
            QVERIFY2(field.type == Type::TextList || (field.type == Type::Choice) == !field.choices.empty(), key);
            QCOMPARE(findJobField(field.key), &field);
            if (isNumeric(field)) {
                QVERIFY2(field.minimum < field.maximum, key);
                QVERIFY2(field.minimum <= field.sensibleMinimum && field.sensibleMinimum < field.sensibleMaximum, key);
                QVERIFY2(field.sensibleMaximum <= field.maximum, key);
            }
        }
    }

    void defaultsAreAcceptedAndSensible()
    {
        for (const JobField& field : jobFields()) {
            Job job;
            const Json value = field.get(job);
            field.set(job, value);
            QCOMPARE(field.get(job), value);
            if (field.type == Type::Integer || field.type == Type::Number)
                QVERIFY2(value.get<double>() >= field.sensibleMinimum && value.get<double>() <= field.sensibleMaximum, field.key.c_str());
        }
    }

    void everyFieldSurvivesTheFileAndTouchesNoOther()
    {
        for (const JobField& field : jobFields()) {
            Job job;
            const Json value = otherValue(field);
            field.set(job, value);
            const Job read = parseJob(writeJob(job), "round trip");
            QCOMPARE(field.get(read), value);
            QVERIFY2(field.choices.size() == 1 || field.get(read) != field.get(Job{}), field.key.c_str());
            for (const JobField& other : jobFields())
                if (&other != &field)
                    QVERIFY2(other.get(read) == other.get(Job{}), (field.key + " changed " + other.key).c_str());
        }
    }

    void valuesJustOutsideTheRangeAreRefusedAndTheEndsAccepted()
    {
        for (const JobField& field : jobFields()) {
            if (field.type != Type::Integer && field.type != Type::Number)
                continue;
            Job job;
            for (const double end : {field.minimum, field.maximum}) {
                field.set(job, Json(end));
                QCOMPARE(field.get(job).get<double>(), end);
            }
            const double step = std::max(1.0, field.maximum * 1e-9);
            QVERIFY_EXCEPTION_THROWN(field.set(job, Json(field.minimum - step)), Error);
            QVERIFY_EXCEPTION_THROWN(field.set(job, Json(field.maximum + step)), Error);
            QVERIFY_EXCEPTION_THROWN(field.set(job, Json(std::numeric_limits<double>::quiet_NaN())), Error);
            QVERIFY_EXCEPTION_THROWN(field.set(job, Json("1")), Error);
            QVERIFY_EXCEPTION_THROWN(field.set(job, Json(true)), Error);
        }
    }

    void aRefusedValueChangesNothing()
    {
        Job job;
        QVERIFY_EXCEPTION_THROWN(setJobField(job, "recipe.rank_pattern", "q_proj:8,down_proj:0"), Error);
        QVERIFY(job.recipe.rankPattern.empty());
        QVERIFY_EXCEPTION_THROWN(setJobField(job, "recipe.targets", "q,zz"), Error);
        QCOMPARE(job.recipe.targets, Job{}.recipe.targets);
    }

    void valuesAreReadFromTheTextOfSet_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("json");
        const auto row = [](const char* key, const char* text, const char* json) {
            QTest::newRow(qPrintable(QString("%1=%2").arg(key, text))) << key << text << json;
        };
        row("recipe.rank", "8", "8");
        row("recipe.rank", "1e2", "100");
        row("recipe.learning_rate", "2e-4", "0.0002");
        row("recipe.learning_rate", "0", "0.0");
        row("recipe.packing", "false", "false");
        row("recipe.schedule", "linear", R"("linear")");
        row("recipe.targets", "q,v", R"(["q","v"])");
        row("recipe.targets", " q , v_proj", R"(["q","v_proj"])");
        row("recipe.targets", R"(["q","v"])", R"(["q","v"])");
        row("recipe.targets", "all", R"(["all"])");
        row("recipe.also_train", "norms,embeddings", R"(["embeddings","norms"])");
        row("recipe.also_train", "", "[]");
        row("recipe.added_tokens", "<a>,<b>", R"(["<a>","<b>"])");
        row("recipe.added_tokens", R"(["a, b"," c"])", R"(["a, b"," c"])");
        row("recipe.added_tokens", "", "[]");
        row("recipe.rank_pattern", "q_proj:8,down_proj:32", R"({"down_proj":32,"q_proj":8})");
        row("recipe.rank_pattern", R"({"(q|k)_proj":8})", R"({"(q|k)_proj":8})");
        row("recipe.rank_pattern", "(?:q|k)_proj:4", R"({"(?:q|k)_proj":4})");
        row("recipe.rank_pattern", "", "{}");
        row("recipe.alpha_pattern", "q_proj:0.5", R"({"q_proj":0.5})");
        row("recipe.recompute", "2", R"("2")");
        row("recipe.recompute", "0-9:1,10-27:3", R"("0-9:1,10-27:3")");
        row("model.path", "a folder/model", R"("a folder/model")");
        row("model.path", R"("quoted\u00e9")", "\"quoted\xC3\xA9\"");
        row("run.device", "RTX 4090", R"("RTX 4090")");
        row("run.device", "cuda:0", R"("cuda:0")");
        row("recipe.seed", "9007199254740991", "9007199254740991");
    }
    void valuesAreReadFromTheTextOfSet()
    {
        QFETCH(QString, key);
        QFETCH(QString, text);
        QFETCH(QString, json);
        Job job;
        setJobField(job, key.toStdString(), text.toStdString());
        QCOMPARE(QString::fromStdString(findJobField(key.toStdString())->get(job).dump()), json);
    }

    void faultyTextOfSetIsRefused_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* key, const char* text, const char* said) {
            QTest::newRow(qPrintable(QString("%1=%2").arg(key, text))) << key << text << said;
        };
        row("recipe.rnk", "8", "did you mean \"recipe.rank\"?");
        row("rank", "8", "did you mean \"recipe.rank\"?");
        row("lr", "8", "did you mean \"recipe.learning_rate\"?");
        row("recipe.rank", "", "not a number");
        row("recipe.rank", "8x", "not a number");
        row("recipe.rank", "0x8", "not a number");
        row("recipe.rank", " 8", "not a number");
        row("recipe.rank", "1,024", "not a number");
        row("recipe.alpha", "nan", "expected a number");
        row("recipe.alpha", "inf", "expected a number");
        row("recipe.alpha", "1e999", "not a number");
        row("recipe.alpha", "0,5", "not a number");
        row("recipe.packing", "yes", "expected true or false");
        row("recipe.schedule", "", "expected cosine, linear or constant");
        row("recipe.targets", "[\"q\"", "not valid JSON");
        row("recipe.targets", "", "no module \"\"");
        row("recipe.also_train", "norm", "expected embeddings, head or norms; did you mean \"norms\"?");
        row("recipe.added_tokens", "<a>,,<b>", "has an empty token");
        row("recipe.added_tokens", "<a>,<b>,<a>", "has \"<a>\" twice");
        row("recipe.added_tokens", std::string(257, 'a').c_str(), "a token has 257 bytes, expected at most 256");
        row("recipe.added_tokens", nlohmann::json(std::vector<std::string>(4097, "a")).dump().c_str(), "has 4097 tokens, expected at most 4096");
        row("recipe.rank_pattern", "q_proj", "no ':' between module and value");
        row("recipe.rank_pattern", "q_proj:x", "\"x\" is not a number");
        row("recipe.rank_pattern", ":8", "a module pattern has 0 characters");
        row("recipe.rank_pattern", "{", "not valid JSON");
        row("run.device", "cuda:", "expected auto, cpu, cuda:N");
        row("run.device", "cuda:x", "expected auto, cpu, cuda:N");
        row("model.path", "\xff", "not valid UTF-8");
    }
    void faultyTextOfSetIsRefused()
    {
        QFETCH(QString, key);
        QFETCH(QString, text);
        QFETCH(QString, said);
        const std::string bytes = said == "not valid UTF-8" ? std::string("\xff") : text.toStdString();
        const QString found = refusal(qPrintable(key), bytes);
        QVERIFY2(found.contains(said), qPrintable(found));
    }

    void aMapOfPatternsHasABoundedSize()
    {
        Json patterns = Json::object();
        for (int i = 0; i < 256; ++i)
            patterns["layers." + std::to_string(i) + ".mlp.up_proj"] = 8;
        Job job;
        findJobField("recipe.rank_pattern")->set(job, patterns);
        QCOMPARE(job.recipe.rankPattern.size(), std::size_t{256});
        patterns["q_proj"] = 8;
        QVERIFY_EXCEPTION_THROWN(findJobField("recipe.rank_pattern")->set(job, patterns), Error);
    }

    void numbersDoNotDependOnTheLocale()
    {
        const std::string before = setlocale(LC_ALL, nullptr);
        const auto restore = qScopeGuard([&] { setlocale(LC_ALL, before.c_str()); });
        // Debian has no German locale by default: C.UTF-8 stands in where it is missing, and the text form is checked anyway.
        if (setlocale(LC_ALL, "de_DE.UTF-8") == nullptr)
            setlocale(LC_ALL, "C.UTF-8");
        Job job;
        setJobField(job, "recipe.alpha", "0.5");
        QCOMPARE(job.recipe.alpha, 0.5);
        QVERIFY(writeJob(job).find("\"alpha\": 0.5") != std::string::npos);
        QCOMPARE(parseJob(writeJob(job), "j").recipe.alpha, 0.5);
    }

    void suggestionsAreNearOrAbsent()
    {
        QCOMPARE(suggestJobKey("recipe.micro_bacth"), std::optional<std::string>("recipe.micro_batch"));
        QCOMPARE(suggestJobKey("model.pth"), std::optional<std::string>("model.path"));
        QCOMPARE(suggestJobKey("recipe.gradient_accumulation_steps"), std::optional<std::string>("recipe.accumulation"));
        QCOMPARE(suggestJobKey("xyzzy"), std::nullopt);
        QCOMPARE(suggestJobKey(""), std::nullopt);
        QCOMPARE(suggestJobKey(std::string(100000, 'a')), std::nullopt);
    }

    void editDistanceCountsSwapsAsOne()
    {
        QCOMPARE(editDistance("rank", "rank"), std::size_t{0});
        QCOMPARE(editDistance("rank", "rnak"), std::size_t{1});
        QCOMPARE(editDistance("", "abc"), std::size_t{3});
        QCOMPARE(editDistance("kitten", "sitting"), std::size_t{3});
    }

    void theReadmeHasTheTable()
    {
        QVERIFY2(std::filesystem::exists(LORIKEET_SOURCE_DIR "/README.md"), "README.md is missing");
        const std::string readme = readTextFile(LORIKEET_SOURCE_DIR "/README.md", 1 << 22);
        const std::string opening = "<!-- job-fields -->\n";
        const auto begin = readme.find(opening);
        const auto end = readme.find("<!-- /job-fields -->");
        QVERIFY2(begin != std::string::npos && end != std::string::npos, "README.md lacks the markers of the field table");
        const std::string found = readme.substr(begin + opening.size(), end - begin - opening.size());
        const std::string expected = jobFieldsMarkdown();
        if (found != expected) {
            const std::string path = LORIKEET_BINARY_DIR "/job_fields.md";
            writeFileAtomically(path, expected);
            QFAIL(("the table of README.md is not that of the program; put the text of " + path + " between the markers").c_str());
        }
    }
};

QTEST_GUILESS_MAIN(TestJobFields)
#include "tst_job_fields.moc"
