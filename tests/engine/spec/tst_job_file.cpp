// SPDX-License-Identifier: GPL-3.0-or-later
// Job files: every version reads, what is written reads back, and every mistake is named with its place.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/spec/job.h"
#include "engine/spec/job_fields.h"
#include "engine/spec/job_migration.h"

#include <nlohmann/json.hpp>

#include <QtCore/QDir>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

#include <array>

using namespace lorikeet;
using Json = nlohmann::ordered_json;

namespace {

const std::string kFixtures = LORIKEET_SOURCE_DIR "/tests/engine/spec/fixtures/";

QString refusal(const std::string& text)
{
    try {
        static_cast<void>(parseJob(text, "j.lorikeet.json"));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::Usage || error.hint().empty() || !error.message().starts_with("j.lorikeet.json: "))
            return "wrong kind of error: " + QString(error.what());
        return QString::fromStdString(error.what());
    }
    return "accepted";
}

}  // namespace

class TestJobFile : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void version1IsRead()
    {
        const Job job = parseJob(readTextFile(kFixtures + "job_v1.lorikeet.json", 1 << 20), "fixture");
        QCOMPARE(job.model.path, std::string("models/tiny"));
        QCOMPARE(job.data.format, std::string("sharegpt"));
        QCOMPARE(job.data.validationFraction, 0.125);
        QCOMPARE(job.data.shuffle, false);
        QCOMPARE(job.data.trainOn, std::string("last_assistant"));
        QCOMPARE(job.recipe.rank, std::int64_t{8});
        QCOMPARE(job.recipe.alpha, 12.5);
        QCOMPARE(job.recipe.targets, (std::vector<std::string>{"q", "v_proj", "down"}));
        QCOMPARE(job.recipe.rankPattern.at("down_proj"), std::int64_t{32});
        QCOMPARE(job.recipe.alphaPattern.at("v_proj"), 3.5);
        QCOMPARE(job.recipe.recompute, std::string("0-9:1,10-27:3"));
        QCOMPARE(job.recipe.adamEps, 1e-7);
        QCOMPARE(job.recipe.seed, std::int64_t{7});
        QCOMPARE(job.run.device, std::string("cuda:1"));
        QCOMPARE(job.run.saveEvery, std::int64_t{50});
    }

    void version2IsRead()
    {
        const Job job = parseJob(readTextFile(kFixtures + "job_v2.lorikeet.json", 1 << 20), "fixture");
        QCOMPARE(job.recipe.method, std::string("lora"));
        QCOMPARE(job.recipe.quantization, std::string("nf4"));
        QCOMPARE(job.recipe.doubleQuantization, false);
        QCOMPARE(job.recipe.optimizer, std::string("adamw_8bit"));
        QCOMPARE(job.recipe.momentum, 0.8);
        QCOMPARE(job.recipe.loraplusRatio, 8.0);
        QCOMPARE(job.run.samplePrompt, std::string("What is VRAM?"));
        QCOMPARE(job.run.sampleTokens, std::int64_t{32});
    }

    void version3IsRead()
    {
        const Job job = parseJob(readTextFile(kFixtures + "job_v3.lorikeet.json", 1 << 20), "fixture");
        QCOMPARE(job.recipe.alsoTrain, (std::vector<std::string>{"embeddings", "norms"}));
    }

    void version4IsRead()
    {
        const Job job = parseJob(readTextFile(kFixtures + "job_v4.lorikeet.json", 1 << 20), "fixture");
        QCOMPARE(job.recipe.addedTokens, (std::vector<std::string>{"<tool>", "a, b"}));
    }

    void theFixtureOfAVersionHasEveryFieldOfThatVersion()
    {
        for (int version = 1; version <= kJobVersion; ++version) {
            const Json document = Json::parse(readTextFile(kFixtures + "job_v" + std::to_string(version) + ".lorikeet.json", 1 << 20));
            for (const JobField& field : jobFields()) {
                const auto dot = field.key.find('.');
                const Json& section = document.at(field.key.substr(0, dot));
                QVERIFY2(field.sinceVersion > version || section.contains(field.key.substr(dot + 1)), field.key.c_str());
            }
        }
    }

    void theLowestVersionThatSufficesIsWritten()
    {
        const auto versionOf = [](const Job& job) { return Json::parse(writeJob(job)).at("lorikeet_job").get<int>(); };
        Job job;
        QCOMPARE(versionOf(job), 1);
        job.recipe.optimizer = "lion";  // an old key with a newer choice
        QCOMPARE(versionOf(job), 2);
        job.recipe.optimizer = "adamw";
        job.recipe.quantization = "int8";
        QCOMPARE(versionOf(job), 2);
        job.recipe.alsoTrain = {"norms"};
        QCOMPARE(versionOf(job), 3);
        job.recipe.alsoTrain.clear();
        job.recipe.dora = true;
        QCOMPARE(versionOf(job), 3);
        job.recipe.addedTokens = {"<tool>"};
        QCOMPARE(versionOf(job), 4);
    }

    void everyOlderVersionHasOneStepAndOneFixture()
    {
        QCOMPARE(jobMigrations().size(), std::size_t{kJobVersion - 1});
        for (int version = 1; version <= kJobVersion; ++version) {
            const std::string text = readTextFile(kFixtures + "job_v" + std::to_string(version) + ".lorikeet.json", 1 << 20);
            QCOMPARE(Json::parse(text).at("lorikeet_job").get<int>(), version);
            static_cast<void>(parseJob(text, "fixture"));
        }
    }

    void whatIsWrittenReadsBackTheSame_data()
    {
        QTest::addColumn<int>("version");
        for (int version = 1; version <= kJobVersion; ++version)
            QTest::addRow("%d", version) << version;
    }
    void whatIsWrittenReadsBackTheSame()
    {
        QFETCH(int, version);
        const std::string fixture = readTextFile(kFixtures + "job_v" + std::to_string(version) + ".lorikeet.json", 1 << 20);
        const std::string written = writeJob(parseJob(fixture, "fixture"));
        QCOMPARE(writeJob(parseJob(written, "written")), written);
        // Nothing of the file is lost or changed on the way.
        QCOMPARE(nlohmann::json::parse(written), nlohmann::json::parse(fixture));
    }

    void aFreshJobIsWrittenInTheOrderOfTheSections()
    {
        const Json document = Json::parse(writeJob(Job{}));
        std::vector<std::string> keys;
        for (const auto& [key, value] : document.items())
            keys.push_back(key);
        QCOMPARE(keys, (std::vector<std::string>{"lorikeet_job", "model", "data", "recipe", "run"}));
        QCOMPARE(document.at("lorikeet_job").get<int>(), 1);
        QCOMPARE(document.at("recipe").at("learning_rate").dump(), std::string("0.0002"));
        QVERIFY(!document.at("recipe").contains("rank_pattern"));
    }

    void aSectionOrAFieldThatIsLeftOutHasItsDefault()
    {
        const Job job = parseJob(R"({"lorikeet_job": 1, "recipe": {"rank": 4}})", "j");
        QCOMPARE(job.recipe.rank, std::int64_t{4});
        QCOMPARE(job.recipe.context, Job{}.recipe.context);
        QVERIFY(job.model.path.empty());
    }

    void recomputeAndTargetsTakeTheirShortForms()
    {
        const Job job = parseJob(R"({"lorikeet_job": 1, "recipe": {"recompute": 3, "targets": "q, v"}})", "j");
        QCOMPARE(job.recipe.recompute, std::string("3"));
        QCOMPARE(job.recipe.targets, (std::vector<std::string>{"q", "v"}));
    }

    void mistakesAreNamed_data()
    {
        QTest::addColumn<QString>("body");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* name, const char* body, const char* said) { QTest::newRow(name) << body << said; };
        row("empty file", "", "not valid JSON");
        row("not an object", "[1]", "one JSON array, expected an object");
        row("no version", R"({"model": {}})", "\"lorikeet_job\" is missing");
        row("version as text", R"({"lorikeet_job": "1"})", "expected a whole number from 1 to 4");
        row("version 0", R"({"lorikeet_job": 0})", "expected a whole number from 1");
        row("huge version", R"({"lorikeet_job": 99999999999999999999})", "expected a whole number from 1");
        row("newer version", R"({"lorikeet_job": 5})", "format version 5, this program reads versions up to 4 (a newer Lorikeet wrote it");
        row("field of a newer version", R"({"lorikeet_job": 1, "recipe": {"quantization": "nf4"}})", "came with format version 2");
        row("missing comma", "{\"lorikeet_job\": 1\n \"model\": {}}", "line 2, column 8");
        row("unknown key", R"({"lorikeet_job": 1, "recipe": {"learning_rat": 1}})", "\"recipe.learning_rat\", did you mean \"recipe.learning_rate\"?");
        row("word of another trainer", R"({"lorikeet_job": 1, "recipe": {"lora_alpha": 1}})", "did you mean \"recipe.alpha\"?");
        row("wrong section", R"({"lorikeet_job": 1, "run": {"seed": 1}})", "\"run.seed\", did you mean \"recipe.seed\"?");
        row("unknown section", R"({"lorikeet_job": 1, "recipie": {}})", "\"recipie\", did you mean \"recipe\"?");
        row("field without section", R"({"lorikeet_job": 1, "rank": 8})", "\"rank\", did you mean \"recipe.rank\"?");
        row("nothing near", R"({"lorikeet_job": 1, "recipe": {"zzzzzz": 8}})", "unknown key \"recipe.zzzzzz\" (lorikeet-cli job fields");
        row("section as list", R"({"lorikeet_job": 1, "data": []})", "\"data\" is a JSON array, expected an object");
        row("twice", R"({"lorikeet_job": 1, "recipe": {"rank": 8, "rank": 16}})", "the key \"rank\" stands twice");
        row("section twice", R"({"lorikeet_job": 1, "run": {}, "run": {}})", "the key \"run\" stands twice");
        row("fraction for a count", R"({"lorikeet_job": 1, "recipe": {"rank": 8.5}})", "recipe.rank is 8.5, expected a whole number from 1 to 1024");
        row("text for a number", R"({"lorikeet_job": 1, "recipe": {"rank": "8"}})", "recipe.rank is \"8\", expected a whole number");
        row("out of range", R"({"lorikeet_job": 1, "recipe": {"context": 4}})", "recipe.context is 4, expected a whole number from 8 to 1048576 tokens");
        row("beyond 64 bits", R"({"lorikeet_job": 1, "recipe": {"seed": 18446744073709551615}})", "recipe.seed is 18446744073709551615, expected");
        row("beyond a double", R"({"lorikeet_job": 1, "recipe": {"alpha": 1e999}})", "not valid JSON");
        row("negative", R"({"lorikeet_job": 1, "run": {"threads": -1}})", "run.threads is -1, expected a whole number from 0 to 1024 threads");
        row("number for a switch", R"({"lorikeet_job": 1, "data": {"shuffle": 1}})", "data.shuffle is 1, expected true or false");
        row("unknown choice", R"({"lorikeet_job": 1, "recipe": {"schedule": "cosin"}})",
            "recipe.schedule is \"cosin\", expected cosine, linear or constant; did you mean \"cosine\"?");
        row("null", R"({"lorikeet_job": 1, "model": {"path": null}})", "model.path is null, expected text");
        row("control character", R"({"lorikeet_job": 1, "model": {"path": "a\u0000b"}})", "without control characters");
        row("unknown target", R"({"lorikeet_job": 1, "recipe": {"targets": ["q", "qq"]}})", "no module \"qq\"");
        row("no target", R"({"lorikeet_job": 1, "recipe": {"targets": []}})", "recipe.targets is empty");
        row("target as number", R"({"lorikeet_job": 1, "recipe": {"targets": 3}})", "recipe.targets is 3");
        row("pattern value", R"({"lorikeet_job": 1, "recipe": {"rank_pattern": {"q_proj": 0}}})", "recipe.rank_pattern.q_proj is 0");
        row("pattern key", R"({"lorikeet_job": 1, "recipe": {"rank_pattern": {"q**": 1}}})", "module pattern \"q**\"");
        row("level", R"({"lorikeet_job": 1, "recipe": {"recompute": 4}})", "recipe.recompute is 4, expected a whole number from 0 to 3");
        row("device", R"({"lorikeet_job": 1, "run": {"device": "cuda"}})", "run.device is \"cuda\", expected auto");
        row("deep", R"({"lorikeet_job": 1, "run": [[[[[[[[[[[[]]]]]]]]]]]]})", "nested more than 8 deep");
    }
    void mistakesAreNamed()
    {
        QFETCH(QString, body);
        QFETCH(QString, said);
        const QString found = refusal(body.toStdString());
        QVERIFY2(found.contains(said), qPrintable(found));
    }

    void invalidUtf8AndHugeFilesAreRefused()
    {
        QVERIFY(refusal("{\"lorikeet_job\": 1, \"model\": {\"path\": \"\xff\"}}").contains("not valid JSON"));
        QVERIFY(refusal("{\"lorikeet_job\": 1" + std::string(2 << 20, ' ') + "}").contains("expected at most 1048576"));
        QVERIFY(refusal(std::string(500000, '[')).contains("nested more than 8 deep"));
        Job job;
        job.model.path = "\xff";
        QVERIFY_EXCEPTION_THROWN(static_cast<void>(writeJob(job)), Error);
    }

    void everyTruncatedFileIsRefused()
    {
        const std::string text = readTextFile(kFixtures + "job_v1.lorikeet.json", 1 << 20);
        const std::size_t whole = text.find_last_of('}') + 1;
        for (std::size_t length = 0; length < whole; ++length)
            QVERIFY2(refusal(text.substr(0, length)).contains("not valid JSON"), qPrintable(QString::number(length)));
    }

    void aFileWithOneChangedByteIsRefusedOrReadsBack()
    {
        const std::string text = readTextFile(kFixtures + "job_v1.lorikeet.json", 1 << 20);
        int accepted = 0;
        int refused = 0;
        for (std::size_t at = 0; at < text.size(); ++at)
            for (const char byte : {'0', '9', '"', '}', ',', '-', ' ', '\0', '\xff'}) {
                std::string changed = text;
                changed[at] = byte;
                try {
                    const std::string written = writeJob(parseJob(changed, "changed"));
                    QCOMPARE(writeJob(parseJob(written, "written")), written);
                    ++accepted;
                } catch (const Error& error) {
                    QVERIFY2(error.code() == ErrorCode::Usage, error.what());
                    ++refused;
                }
            }
        QVERIFY(accepted > 100 && refused > 1000);
    }

    void stepsFromOlderVersionsRunInOrderAndEachOnce()
    {
        const std::array<JobMigration, 2> steps{
            JobMigration{1, [](Json& document) { document["trace"] = document.value("trace", "") + "a"; }},
            JobMigration{2, [](Json& document) { document["trace"] = document.value("trace", "") + "b"; }}};
        Json old = {{"lorikeet_job", 1}};
        migrateJob(old, steps, 3);
        QCOMPARE(old.at("trace").get<std::string>(), std::string("ab"));
        QCOMPARE(old.at("lorikeet_job").get<int>(), 3);
        Json newer = {{"lorikeet_job", 2}};
        migrateJob(newer, steps, 3);
        QCOMPARE(newer.at("trace").get<std::string>(), std::string("b"));
        Json gap = {{"lorikeet_job", 1}};
        QVERIFY_EXCEPTION_THROWN(migrateJob(gap, std::span(steps).subspan(1), 3), Error);
        Json future = {{"lorikeet_job", 4}};
        QVERIFY_EXCEPTION_THROWN(migrateJob(future, steps, 3), Error);
    }

    void relativePathsCountFromTheFolderOfTheFile()
    {
        const QTemporaryDir folder;
        const std::filesystem::path root = pathFromUtf8(folder.path().toStdString());
        writeFileAtomically(root / "j.lorikeet.json", readTextFile(kFixtures + "job_v1.lorikeet.json", 1 << 20));
        const Job job = loadJobFile(root / "j.lorikeet.json");
        QCOMPARE(job.model.path, utf8(root / "models/tiny"));
        QCOMPARE(job.data.path, utf8(root.parent_path() / "rows.jsonl"));
        QCOMPARE(job.data.validationPath, utf8(root / "held-out.jsonl"));
        QCOMPARE(job.recipe.initAdapter, utf8(root / "adapters/first"));
    }

    void aFileNameWithoutFolderCountsFromTheCurrentOne()
    {
        const QTemporaryDir folder;
        const QString before = QDir::currentPath();
        QDir::setCurrent(folder.path());
        const auto restore = qScopeGuard([&] { QDir::setCurrent(before); });
        writeFileAtomically("j.json", R"({"lorikeet_job": 1, "data": {"path": "rows.jsonl"}})");
        const auto here = std::filesystem::current_path();
        QCOMPARE(loadJobFile("j.json").data.path, utf8(here / "rows.jsonl"));
    }

    void starterBlueprintsAbsoluteAndEmptyPathsStay()
    {
        Job job;
        job.model.path = "starter";
        resolvePaths(job, "/somewhere");
        QCOMPARE(job.model.path, std::string("starter"));
        QVERIFY(job.data.path.empty() && job.recipe.initAdapter.empty());
        job.model.path = "blueprint:Qwen3-0.6B";
        resolvePaths(job, "/somewhere");
        QCOMPARE(job.model.path, std::string("blueprint:Qwen3-0.6B"));
        const std::string absolute = utf8(std::filesystem::current_path() / "model");
        job.model.path = absolute;
        resolvePaths(job, "/somewhere");
        QCOMPARE(job.model.path, absolute);
    }

    void aMissingFileIsAUsageErrorWithItsName()
    {
        try {
            static_cast<void>(loadJobFile("no/such/job.lorikeet.json"));
            QFAIL("read");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Usage);
            QVERIFY2(error.message().find("job.lorikeet.json") != std::string::npos, error.what());
        }
    }
};

QTEST_GUILESS_MAIN(TestJobFile)
#include "tst_job_file.moc"
