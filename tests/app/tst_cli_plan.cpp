// SPDX-License-Identifier: GPL-3.0-or-later
// `lorikeet-cli plan` and the questions around it: what it prints, what its JSON holds, what --apply writes.
#include "tests/app/cli_process.h"

#include <QMap>
#include <QTest>

#include <algorithm>
#include <iterator>

namespace lorikeet::test {

class TestCliPlan : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void allBlueprintsAreListed();
    void everyLineExplainsItself();
    void theForecastIsPartOfThePlan();
    void theForecastKnowsTheRunWhenItReadsTheData();
    void waysToFitCanBeApplied();
    void anAppliedJobKeepsItsPlaceForPaths();
    void roomIsOfferedWhereItFits();
    void aSeriesIsPrintedThreeWays_data();
    void aSeriesIsPrintedThreeWays();
    void theSmallestCardIsNamed();
    void theLongestContextIsThatOfThePlan();
    void hostMemoryOfAWayIsSaid();
    void leversAreNamedByTheirQuality();
    void modelsThatNothingRunsAreSaidToBeForPlanningOnly_data();
    void modelsThatNothingRunsAreSaidToBeForPlanningOnly();
    void aCheckSaysThatNothingRunsTheModel();
    void fieldsThatDoNothingAreSaidWherever_data();
    void fieldsThatDoNothingAreSaidWherever();
    void onlyCudaDevicesHaveAnAttentionLibrary();
    void theBenchTimesTheAnswers();
    void wrongQuestionsEndWithTwo_data();
    void wrongQuestionsEndWithTwo();

private:
    CliResult cli(const QStringList& arguments) { return runCli(m_folder.path(), arguments); }
    /// The one object of a call that must succeed.
    QJsonObject object(const QStringList& arguments)
    {
        const CliResult result = cli(arguments);
        if (result.code != 0)
            qWarning("%s", result.err.constData());
        return result.code == 0 ? result.objects().value(0) : QJsonObject();
    }
    [[nodiscard]] QString at(const char* name) const { return m_folder.filePath(QString::fromUtf8(name)); }

    QTemporaryDir m_folder;
};

void TestCliPlan::initTestCase()
{
    const QString problem = makeTinyJob(m_folder.path());
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    const CliResult made = cli({"job", "new", "--model", "blueprint:Llama-3.1-8B", "--data", "data.jsonl", "-o", "large.lorikeet.json", "--set",
                                "recipe.context=2048", "recipe.micro_batch=4", "run.device=RTX 4090"});
    QVERIFY2(made.code == 0, made.err);
}

void TestCliPlan::allBlueprintsAreListed()
{
    const QJsonArray catalogue = QJsonDocument::fromJson(readFile(LORIKEET_SOURCE_DIR "/resources/catalogue/blueprints.json")).object()["blueprints"].toArray();
    QVERIFY(catalogue.size() > 10);
    const CliResult listed = cli({"inspect", "blueprint:", "--json"});
    QVERIFY2(listed.code == 0, listed.err);
    const QList<QJsonObject> lines = listed.objects();
    QCOMPARE(lines.size(), catalogue.size());
    const CliResult human = cli({"inspect", "blueprint:"});
    for (qsizetype i = 0; i < lines.size(); ++i) {
        const QJsonObject entry = catalogue[i].toObject();
        const QString path = "blueprint:" + entry["name"].toString();
        QCOMPARE(lines[i]["path"].toString(), path);
        QCOMPARE(lines[i]["licence"], entry["licence"]);
        QVERIFY(lines[i]["shape"].toObject()["parameters"].toInteger() > 0);
        QVERIFY2(human.out.contains(path.toUtf8() + ' '), qPrintable(path));
    }
    const QJsonObject one = object({"inspect", lines.constLast()["path"].toString(), "--json"});
    QCOMPARE(one["shape"], lines.constLast()["shape"]);
    QCOMPARE(one["licence"], lines.constLast()["licence"]);
    // Who mistypes a name is told where the names stand.
    const CliResult mistyped = cli({"inspect", "blueprint:Lama-3.1-8B"});
    QVERIFY2(mistyped.code == 3 && mistyped.err.contains("blueprint:Llama-3.1-8B") && mistyped.err.contains("inspect blueprint:"), mistyped.err);
}

void TestCliPlan::everyLineExplainsItself()
{
    const QJsonObject plan = object({"plan", "large.lorikeet.json", "--json"});
    const CliResult human = cli({"plan", "large.lorikeet.json", "--explain"});
    QCOMPARE(human.code, 0);
    QVERIFY(plan["terms"].toArray().size() > 8);
    for (const char* list : {"terms", "host_terms", "deductions"})
        for (const QJsonValue& value : plan[QString::fromUtf8(list)].toArray()) {
            const QJsonObject term = value.toObject();
            QVERIFY2(human.out.contains(term["sentence"].toString().toUtf8()), qPrintable(term["name"].toString()));
            QVERIFY(human.out.contains(term["formula"].toString().toUtf8()));
            QVERIFY(term["low_bytes"].toDouble() <= term["bytes"].toDouble() && term["bytes"].toDouble() <= term["high_bytes"].toDouble());
        }
    QVERIFY(!cli({"plan", "large.lorikeet.json"}).out.contains("The embedding table"));
}

void TestCliPlan::theForecastIsPartOfThePlan()
{
    const QJsonObject forecast = object({"plan", "large.lorikeet.json", "--json"})["forecast"].toObject();
    QCOMPARE(forecast["known"].toBool(), true);
    QVERIFY(forecast["tokens_per_second_low"].toDouble() < forecast["tokens_per_second"].toDouble());
    QVERIFY(forecast["tokens_per_second"].toDouble() < forecast["tokens_per_second_high"].toDouble());
    QCOMPARE(forecast["tokens_per_step"].toInt(), 4 * 2048);
    QVERIFY(cli({"plan", "large.lorikeet.json"}).out.contains("tokens/s"));
    const QJsonObject here = object({"plan", "job.lorikeet.json", "--json", "--device", "cpu"})["forecast"].toObject();
    QVERIFY2(here["basis"].toString().contains("measured"), qPrintable(here["basis"].toString()));
}

void TestCliPlan::theForecastKnowsTheRunWhenItReadsTheData()
{
    const QJsonObject forecast = object({"plan", "job.lorikeet.json", "--json", "--with-data", "--device", "cpu"})["forecast"].toObject();
    QVERIFY(forecast["run_seconds"].toDouble() > 0);
    QVERIFY(!object({"plan", "job.lorikeet.json", "--json"})["forecast"].toObject().contains("run_seconds"));
}

void TestCliPlan::waysToFitCanBeApplied()
{
    const QJsonObject answer = object({"plan", "large.lorikeet.json", "--fit", "--json", "--apply", "-o", "fitted.lorikeet.json"});
    QCOMPARE(answer["verdict"].toString(), "does not fit");
    const QJsonArray ways = answer["ways"].toArray();
    QVERIFY(ways.size() >= 2);
    const QJsonObject first = ways.at(0).toObject();
    QVERIFY(first["bytes_saved"].toDouble() > 0 && first["slowdown"].toDouble() > 0);
    QCOMPARE(first["quality"].toString(), "neutral");
    const QJsonObject plan = object({"plan", "fitted.lorikeet.json", "--json"});
    QVERIFY(plan["verdict"].toString() != "does not fit");
    QCOMPARE(plan["total_bytes"].toDouble(), first["total_bytes"].toDouble());
    const CliResult human = cli({"plan", "large.lorikeet.json", "--fit"});
    for (const QJsonValue& way : ways)
        QVERIFY2(human.out.contains(way.toObject()["summary"].toString().toUtf8()), human.out);
    QCOMPARE(cli({"plan", "large.lorikeet.json", "--fit", "--apply", "-o", "fitted.lorikeet.json"}).code, 1);
    const CliResult second = cli({"plan", "large.lorikeet.json", "--fit", "--apply", "--way", "2", "-o", "fitted.lorikeet.json", "--force"});
    QVERIFY2(second.code == 0, second.err);
    QCOMPARE(object({"plan", "fitted.lorikeet.json", "--json"})["total_bytes"].toDouble(), ways.at(1).toObject()["total_bytes"].toDouble());
}

void TestCliPlan::anAppliedJobKeepsItsPlaceForPaths()
{
    QVERIFY(QDir(m_folder.path()).mkpath("deep"));
    const CliResult result = cli({"plan", "large.lorikeet.json", "--fit", "--apply", "-o", "deep/fitted.lorikeet.json"});
    QVERIFY2(result.code == 0, result.err);
    const QJsonObject job = QJsonDocument::fromJson(readFile(at("deep/fitted.lorikeet.json"))).object();
    QCOMPARE(job["model"].toObject()["path"].toString(), "blueprint:Llama-3.1-8B");
    QCOMPARE(job["data"].toObject()["path"].toString(), "../data.jsonl");
}

void TestCliPlan::roomIsOfferedWhereItFits()
{
    const QJsonObject answer = object({"plan", "large.lorikeet.json", "--fit", "--json", "--device", "H100 SXM", "--set", "recipe.recompute=3"});
    QCOMPARE(answer["verdict"].toString(), "fits");
    QVERIFY(!answer["ways"].toArray().isEmpty());
    for (const QJsonValue& way : answer["ways"].toArray())
        QVERIFY(way.toObject()["bytes_saved"].toDouble() < 0);
}

void TestCliPlan::aSeriesIsPrintedThreeWays_data()
{
    QTest::addColumn<QString>("axis");
    for (const char* axis : {"context", "micro_batch", "rank", "recompute", "method"})
        QTest::newRow(axis) << QString::fromUtf8(axis);
}

void TestCliPlan::aSeriesIsPrintedThreeWays()
{
    QFETCH(QString, axis);
    const QJsonArray points = object({"plan", "large.lorikeet.json", "--what-if", axis, "--json"})["points"].toArray();
    QVERIFY(points.size() >= 4);
    const QList<QByteArray> lines = cli({"plan", "large.lorikeet.json", "--what-if", axis, "--csv"}).out.trimmed().split('\n');
    QCOMPARE(lines.size(), points.size() + 1);
    QVERIFY(lines.first().startsWith(axis.toUtf8() + ",label,"));
    for (int i = 0; i < points.size(); ++i)
        QVERIFY2(lines.at(i + 1).contains("," + QByteArray::number(static_cast<qint64>(points.at(i).toObject()["total_bytes"].toDouble())) + ","), lines.at(i + 1));
    const CliResult human = cli({"plan", "large.lorikeet.json", "--what-if", axis});
    QCOMPARE(human.out.count('\n'), points.size() + 2);
    QVERIFY(human.out.contains("\n* "));
}

void TestCliPlan::theSmallestCardIsNamed()
{
    const QJsonObject answer = object({"plan", "large.lorikeet.json", "--smallest-card", "--json"});
    QVERIFY(answer["cards"].toArray().size() > 50);
    const QString card = answer["as_it_is"].toString();
    QVERIFY(!card.isEmpty());
    QVERIFY(object({"plan", "large.lorikeet.json", "--json", "--device", card})["verdict"].toString() != "does not fit");
    const QString smaller = answer["with_levers"].toString();
    QVERIFY(!smaller.isEmpty());
    QCOMPARE(object({"plan", "large.lorikeet.json", "--json", "--device", smaller})["verdict"].toString(), "does not fit");
    const CliResult human = cli({"plan", "large.lorikeet.json", "--smallest-card"});
    QVERIFY2(human.out.contains(card.toUtf8()) && human.out.contains(smaller.toUtf8()), human.out);
}

void TestCliPlan::theLongestContextIsThatOfThePlan()
{
    const QStringList gentle{"--set", "recipe.micro_batch=1", "recipe.recompute=3"};
    const QJsonObject answer = object(QStringList{"plan", "large.lorikeet.json", "--longest-context", "--json"} + gentle);
    const qint64 context = static_cast<qint64>(answer["context"].toDouble());
    QVERIFY(context > 64 && context % 64 == 0);
    const auto verdictAt = [&](qint64 tokens) {
        return object(QStringList{"plan", "large.lorikeet.json", "--json"} + gentle + QStringList{QStringLiteral("recipe.context=%1").arg(tokens)})["verdict"].toString();
    };
    QVERIFY(verdictAt(context) != "does not fit");
    QCOMPARE(verdictAt(context + 64), "does not fit");
}

void TestCliPlan::hostMemoryOfAWayIsSaid()
{
    const QStringList question{"plan", "large.lorikeet.json", "--fit", "--device", "RTX 3060 12GB"};
    const QJsonArray ways = object(question + QStringList{"--json"})["ways"].toArray();
    const QList<QByteArray> lines = cli(question).out.split('\n');
    int hosted = 0;
    for (const QJsonValue& value : ways) {
        const QJsonObject way = value.toObject();
        const auto found = std::ranges::find_if(lines, [&](const QByteArray& line) { return line.endsWith(". " + way["summary"].toString().toUtf8()); });
        QVERIFY2(found != lines.end(), qPrintable(way["summary"].toString()));
        const QByteArray figures = *std::next(found);
        const double host = way["host_bytes"].toDouble();
        QCOMPARE(figures.contains("in host memory"), host > 0);
        if (host > 0)
            QVERIFY2(figures.contains(", " + QByteArray::number(host / (1 << 30), 'g', 3) + " GiB in host memory, "), figures);
        hosted += host > 0 ? 1 : 0;
    }
    QVERIFY(hosted > 0);
}

void TestCliPlan::leversAreNamedByTheirQuality()
{
    const QMap<QString, QByteArray> words{{"neutral", "with neutral levers, which learn the same: "}, {"bounded", "with bounded levers, which learn nearly the same: "}};
    QStringList seen;
    for (const char* field : {"recipe.context=2048", "recipe.rank=64", "recipe.rank=256"}) {
        const QStringList question{"plan", "large.lorikeet.json", "--smallest-card", "--set", field};
        const QString quality = object(question + QStringList{"--json"})["way"].toObject()["quality"].toString();
        const CliResult human = cli(question);
        QVERIFY2(words.contains(quality) && human.out.contains('\n' + words[quality]), human.out);
        seen << quality;
    }
    QVERIFY2(seen.contains("neutral") && seen.contains("bounded"), qPrintable(seen.join(' ')));
}

void TestCliPlan::modelsThatNothingRunsAreSaidToBeForPlanningOnly_data()
{
    QTest::addColumn<QStringList>("question");
    QTest::newRow("budget") << QStringList{};
    QTest::newRow("budget on a processor") << QStringList{"--device", "cpu"};
    QTest::newRow("budget on a T4") << QStringList{"--device", "T4"};
    QTest::newRow("fit") << QStringList{"--fit"};
    QTest::newRow("series") << QStringList{"--what-if", "rank"};
    QTest::newRow("card") << QStringList{"--smallest-card"};
    QTest::newRow("context") << QStringList{"--longest-context"};
}

void TestCliPlan::modelsThatNothingRunsAreSaidToBeForPlanningOnly()
{
    QFETCH(QStringList, question);
    const QByteArray said = "plan only: Lorikeet cannot run gemma2 models yet, on any device\n";
    const QStringList gemma{"--set", "model.path=blueprint:Gemma-2-2B", "recipe.quantization=nf4"};
    const CliResult human = cli(QStringList{"plan", "large.lorikeet.json"} + question + gemma);
    QVERIFY2(human.code == 0 && human.out.contains(said), human.out + human.err);
    QCOMPARE(object(QStringList{"plan", "large.lorikeet.json", "--json"} + question + gemma)["runnable"], QJsonValue(false));
    const CliResult runs = cli(QStringList{"plan", "large.lorikeet.json"} + question);
    QVERIFY2(runs.code == 0 && !runs.out.contains("on any device"), runs.out + runs.err);
    QCOMPARE(object(QStringList{"plan", "large.lorikeet.json", "--json"} + question)["runnable"], QJsonValue(true));
}

void TestCliPlan::aCheckSaysThatNothingRunsTheModel()
{
    const CliResult result = cli({"job", "check", "large.lorikeet.json", "--set", "model.path=blueprint:Gemma-2-2B"});
    QCOMPARE(result.code, 3);
    QVERIFY2(result.out.contains("blueprint:Gemma-2-2B is a gemma2 model: it can be planned for, not run"), result.out);
}

void TestCliPlan::fieldsThatDoNothingAreSaidWherever_data()
{
    QTest::addColumn<QStringList>("fields");
    QTest::addColumn<bool>("refused");
    QTest::addColumn<QByteArray>("said");
    QTest::newRow("full with a list") << QStringList{"recipe.method=full", "recipe.also_train=head", "recipe.learning_rate=1e-5", "recipe.max_steps=1"} << false
                                      << QByteArray("recipe.also_train: full fine-tuning trains every weight anyway: the list does nothing");
    QTest::newRow("pattern") << QStringList{"recipe.rank_pattern={\"zzz\":4}"} << true << QByteArray("recipe.rank_pattern: \"zzz\" matches no module of any layer");
    QTest::newRow("too many tokens at once") << QStringList{"recipe.context=1048576", "recipe.micro_batch=4096"} << true
                                             << QByteArray("recipe.micro_batch: a micro-batch of 4096 x 1048576 tokens is more than the 2147483647 that one product can have");
    QTest::newRow("alpha pattern") << QStringList{"recipe.alpha_pattern={\"zzz\":4}"} << true << QByteArray("recipe.alpha_pattern: \"zzz\" matches no module of any layer");
    QTest::newRow("layer that is not there") << QStringList{"recipe.rank_pattern={\"layers.77.mlp.up_proj\":4}"} << true
                                             << QByteArray("recipe.rank_pattern has \"layers.77.mlp.up_proj\", which matches no module of this model's");
}

void TestCliPlan::fieldsThatDoNothingAreSaidWherever()
{
    QFETCH(QStringList, fields);
    QFETCH(bool, refused);
    QFETCH(QByteArray, said);
    const QList<QStringList> verbs{{"job", "check", "job.lorikeet.json"}, {"plan", "job.lorikeet.json"}, {"plan", "job.lorikeet.json", "--fit", "--device", "RTX 4090"},
                                   {"train", "job.lorikeet.json", "--out", m_folder.filePath(QString("said-") + QTest::currentDataTag())}};
    for (const QStringList& verb : verbs) {
        const CliResult result = cli(verb + QStringList{"--set"} + fields);
        QVERIFY2((result.code != 0) == refused, result.out + result.err);
        QVERIFY2((result.out + result.err).contains(said), result.out + result.err);
        if (refused)
            QCOMPARE(result.code, 2);
    }
}

void TestCliPlan::onlyCudaDevicesHaveAnAttentionLibrary()
{
    const auto lines = [&](const char* device) {
        QStringList names;
        for (const QJsonValue& term : object({"plan", "large.lorikeet.json", "--json", "--device", QString::fromUtf8(device)})["terms"].toArray())
            names << term.toObject()["name"].toString();
        return names;
    };
    const QString pool = QStringLiteral("attention library's pool");
    QVERIFY(lines("RTX 4090").contains(pool));
    for (const char* device : {"TPU v5p", "Apple M2 Ultra", "MI300X"})
        QVERIFY2(!lines(device).isEmpty() && !lines(device).contains(pool), device);
}

void TestCliPlan::theBenchTimesTheAnswers()
{
    const CliResult result = cli({"bench", "plan", "blueprint:SmolLM2-135M", "blueprint:Llama-3.1-70B", "--rounds", "2", "--json"});
    QVERIFY2(result.code == 0, result.err);
    QCOMPARE(result.objects().size(), 2);
    QCOMPARE(result.objects().value(0)["layers"].toInt(), 30);
    QCOMPARE(result.objects().value(1)["layers"].toInt(), 80);
    for (const QJsonObject& times : result.objects())
        QVERIFY(times["plan_ms"].toDouble() > 0 && times["fit_ms"].toDouble() > times["plan_ms"].toDouble() && times["what_if_ms"].toDouble() > 0);
    QCOMPARE(cli({"bench", "plan", "blueprint:none"}).code, 3);
    QCOMPARE(cli({"bench", "plan", "--device", "RTX 9999"}).code, 2);
}

void TestCliPlan::wrongQuestionsEndWithTwo_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QByteArray>("said");
    QTest::newRow("axis") << QStringList{"--what-if", "colour"} << QByteArray("micro_batch");
    QTest::newRow("apply alone") << QStringList{"--apply"} << QByteArray("--fit");
    QTest::newRow("apply without a target") << QStringList{"--fit", "--apply"} << QByteArray("-o");
    QTest::newRow("csv alone") << QStringList{"--csv"} << QByteArray("--what-if");
    QTest::newRow("two questions") << QStringList{"--fit", "--smallest-card"} << QByteArray("--smallest-card");
    QTest::newRow("no such way") << QStringList{"--fit", "--apply", "--way", "99", "-o", "x.lorikeet.json"} << QByteArray("--way");
}

void TestCliPlan::wrongQuestionsEndWithTwo()
{
    QFETCH(QStringList, arguments);
    QFETCH(QByteArray, said);
    const CliResult result = cli(QStringList{"plan", "large.lorikeet.json"} + arguments);
    QCOMPARE(result.code, 2);
    QVERIFY2(result.err.contains(said), result.err);
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestCliPlan)
#include "tst_cli_plan.moc"
