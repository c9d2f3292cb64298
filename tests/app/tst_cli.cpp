// SPDX-License-Identifier: GPL-3.0-or-later
// Every verb of lorikeet-cli on a tiny model: what it prints, what its JSON lines hold, how it ends.
#include "tests/app/cli_process.h"

#include <QTest>

namespace lorikeet::test {

class TestCli : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void helpAndVersionEndWithZero();
    void wrongCommandLinesEndWithTwo_data();
    void wrongCommandLinesEndWithTwo();
    void aNewJobCountsItsPathsFromItsOwnFolder();
    void anExistingJobFileIsNotReplaced();
    void aSoundJobIsReady();
    void everyFieldOfAJobIsListed();
    void thePlanAddsUp();
    void aPlanThatDoesNotFitEndsWithZero();
    void blueprintsAndCardsCanBePlannedFor();
    void trainingSpeaksInEvents();
    void withoutATerminalTrainingPrintsPlainLines();
    void theExportIsVerifiedAndLoadable();
    void whatLiesAtAPathIsRecognised_data();
    void whatLiesAtAPathIsRecognised();
    void tokensAreThoseOfTheTokenizer();
    void aConversationShowsWhatIsTrained();
    void answersAreTheSameTwice();
    void logitsAreWrittenAsSafetensors();
    void theBenchAccountsForTheStep();
    void theTextBenchCountsWhatTokenizeCounts();
    void theDoctorKnowsTheMachine();
    void aClosedPipeEndsQuietly();
    void aFullTargetOfOutputIsSaid();

private:
    CliResult cli(const QStringList& arguments, const QByteArray& input = {}) { return runCli(m_folder.path(), arguments, input); }
    [[nodiscard]] QString at(const char* name) const { return m_folder.filePath(QString::fromUtf8(name)); }

    QTemporaryDir m_folder;
};

void TestCli::initTestCase()
{
    const QString problem = makeTinyJob(m_folder.path());
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    const CliResult trained = cli({"train", "job.lorikeet.json", "--out", "run", "--set", "recipe.max_steps=4"});
    QVERIFY2(trained.code == 0, trained.err);
}

void TestCli::helpAndVersionEndWithZero()
{
    const CliResult help = cli({"--help"});
    QCOMPARE(help.code, 0);
    for (const char* verb : {"job", "plan", "train", "export", "generate", "inspect", "tokenize", "logits", "bench", "doctor"}) {
        QVERIFY2(help.out.contains(verb), verb);
        QCOMPARE(cli({QString::fromUtf8(verb), "--help"}).code, 0);
    }
    QVERIFY(cli({"--version"}).out.startsWith("lorikeet-cli "));
}

void TestCli::wrongCommandLinesEndWithTwo_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QByteArray>("said");
    QTest::newRow("no verb") << QStringList{} << QByteArray("--help");
    QTest::newRow("verb") << QStringList{"trian"} << QByteArray("did you mean \"train\"");
    QTest::newRow("option") << QStringList{"plan", "job.lorikeet.json", "--jsn"} << QByteArray("did you mean \"--json\"");
    QTest::newRow("field") << QStringList{"plan", "job.lorikeet.json", "--set", "recipe.rnak=8"} << QByteArray("recipe.rank");
    QTest::newRow("value") << QStringList{"plan", "job.lorikeet.json", "--set", "recipe.rank=many"} << QByteArray("recipe.rank");
    QTest::newRow("range") << QStringList{"plan", "job.lorikeet.json", "--set", "recipe.rank=-1"} << QByteArray("recipe.rank");
    QTest::newRow("no equals sign") << QStringList{"plan", "job.lorikeet.json", "--set", "recipe.rank"} << QByteArray("key=value");
    QTest::newRow("device") << QStringList{"plan", "job.lorikeet.json", "--device", "RTX 409"} << QByteArray("RTX 4090");
    QTest::newRow("job missing") << QStringList{"plan", "nothing.lorikeet.json"} << QByteArray("nothing.lorikeet.json");
    QTest::newRow("temperature") << QStringList{"generate", "model", "--prompt", "x", "--temperature", "nan"} << QByteArray("--temperature");
    QTest::newRow("token") << QStringList{"logits", "model", "--tokens", "1,999999", "-o", "x.safetensors"} << QByteArray("999999");
    QTest::newRow("kind of export") << QStringList{"export", "run", "--to", "gguf", "-o", "y"} << QByteArray("gguf");
}

void TestCli::wrongCommandLinesEndWithTwo()
{
    QFETCH(QStringList, arguments);
    QFETCH(QByteArray, said);
    const CliResult result = cli(arguments);
    QCOMPARE(result.code, 2);
    QVERIFY2(result.err.contains(said), result.err);
    QVERIFY2(result.out.isEmpty(), result.out);
}

void TestCli::aNewJobCountsItsPathsFromItsOwnFolder()
{
    QVERIFY(QDir(m_folder.path()).mkpath("jobs/deep"));
    const CliResult made = cli({"job", "new", "--model", "model", "--data", "data.jsonl", "-o", "jobs/deep/j.lorikeet.json", "--set", "recipe.rank=8",
                                "recipe.alpha=16"});
    QVERIFY2(made.code == 0, made.err);
    const QJsonObject job = QJsonDocument::fromJson(readFile(at("jobs/deep/j.lorikeet.json"))).object();
    QCOMPARE(job["lorikeet_job"].toInt(), 1);
    QCOMPARE(job["model"].toObject()["path"].toString(), "../../model");
    QCOMPARE(job["data"].toObject()["path"].toString(), "../../data.jsonl");
    QCOMPARE(job["recipe"].toObject()["rank"].toInt(), 8);
    QCOMPARE(job["recipe"].toObject()["alpha"].toDouble(), 16.0);
    QCOMPARE(cli({"plan", "jobs/deep/j.lorikeet.json"}).code, 0);
}

void TestCli::anExistingJobFileIsNotReplaced()
{
    const QByteArray before = readFile(at("job.lorikeet.json"));
    const QStringList arguments{"job", "new", "--model", "starter", "--data", "data.jsonl", "-o", "job.lorikeet.json"};
    const CliResult refused = cli(arguments);
    QCOMPARE(refused.code, 1);
    QVERIFY(refused.err.contains("--force"));
    QCOMPARE(readFile(at("job.lorikeet.json")), before);
}

void TestCli::aSoundJobIsReady()
{
    const CliResult result = cli({"job", "check", "job.lorikeet.json", "--json"});
    QVERIFY2(result.code == 0, result.out + result.err);
    const QJsonObject check = result.objects().value(0);
    QCOMPARE(check["v"].toInt(), 1);
    QCOMPARE(check["ok"].toBool(), true);
    QCOMPARE(check["data"].toObject()["train_rows"].toInt(), 43);
    QCOMPARE(check["data"].toObject()["validation_rows"].toInt(), 5);
    QCOMPARE(check["plan"].toObject()["verdict"].toString(), "fits");
}

void TestCli::everyFieldOfAJobIsListed()
{
    const CliResult table = cli({"job", "fields"});
    const QList<QJsonObject> fields = cli({"job", "fields", "--json"}).objects();
    QVERIFY(fields.size() >= 30);
    for (const QJsonObject& field : fields) {
        QVERIFY(!field["help"].toString().isEmpty());
        const QString name = field["key"].toString().section('.', 1);
        QVERIFY2(table.out.contains(name.toUtf8()), qPrintable(name));
    }
}

void TestCli::thePlanAddsUp()
{
    const CliResult result = cli({"plan", "job.lorikeet.json", "--json", "--buffers"});
    QCOMPARE(result.code, 0);
    const QJsonObject plan = result.objects().value(0);
    const QJsonObject categories = plan["categories"].toObject();
    QCOMPARE(categories.keys(), (QStringList{"activations", "buffers", "gradients", "optimizer", "weights"}));
    double byCategory = 0;
    for (const QJsonValue& bytes : categories)
        byCategory += bytes.toDouble();
    double byTerm = 0;
    for (const QJsonValue& term : plan["terms"].toArray())
        byTerm += term.toObject()["bytes"].toDouble();
    QCOMPARE(byCategory, plan["total_bytes"].toDouble());
    QCOMPARE(byTerm, plan["total_bytes"].toDouble());
    QCOMPARE(plan["verdict"].toString(), "fits");
    QVERIFY(plan.contains("host_bytes"));
    QVERIFY(plan["buffers"].toArray().size() > 20);
    const CliResult human = cli({"plan", "job.lorikeet.json"});
    for (const char* word : {"weights", "activations", "gradients", "optimizer", "buffers", "fits"})
        QVERIFY2(human.out.contains(word), word);
}

void TestCli::aPlanThatDoesNotFitEndsWithZero()
{
    const CliResult result = cli({"plan", "job.lorikeet.json", "--json", "--set", "recipe.micro_batch=4096", "recipe.context=512", "--device", "RTX 4060"});
    QVERIFY2(result.code == 0, result.err);
    QVERIFY(QStringList({"does not fit", "tight", "fits"}).contains(result.objects().value(0)["verdict"].toString()));
    const CliResult large = cli({"plan", "job.lorikeet.json", "--json", "--set", "model.path=blueprint:Llama-3.1-8B", "--device", "RTX 4060"});
    QVERIFY2(large.code == 0, large.err);
    QCOMPARE(large.objects().value(0)["verdict"].toString(), "does not fit");
}

void TestCli::blueprintsAndCardsCanBePlannedFor()
{
    const CliResult made = cli({"job", "new", "--model", "blueprint:Qwen3-0.6B", "--data", "data.jsonl"});
    QCOMPARE(made.code, 0);
    QVERIFY(writeFile(at("b.lorikeet.json"), made.out));
    const CliResult plan = cli({"plan", "b.lorikeet.json", "--device", "RTX 4090", "--json"});
    QVERIFY2(plan.code == 0, plan.err);
    QCOMPARE(plan.objects().value(0)["device"].toString(), "RTX 4090");
    const CliResult train = cli({"train", "b.lorikeet.json", "--out", "b"});
    QCOMPARE(train.code, 3);
    QVERIFY2(train.err.contains("without weights"), train.err);
    QVERIFY(!QFile::exists(at("b/run.json")));
}

void TestCli::trainingSpeaksInEvents()
{
    const CliResult result = cli({"train", "job.lorikeet.json", "--out", "run-json", "--json", "--set", "recipe.max_steps=6"});
    QVERIFY2(result.code == 0, result.err);
    QMap<QString, int> seen;
    int steps = 0;
    for (const QJsonObject& event : result.objects()) {
        QCOMPARE(event["v"].toInt(), 1);
        ++seen[event["event"].toString()];
        if (event["event"].toString() != "step")
            continue;
        QCOMPARE(event["step"].toInt(), ++steps);
        for (const char* key : {"loss", "lr", "grad_norm", "tokens", "tok_s", "eta_seconds", "supervised_tokens", "total_tokens"})
            QVERIFY2(event[QLatin1String(key)].isDouble(), key);
    }
    QCOMPARE(steps, 6);
    for (const char* kind : {"started", "eval", "memory", "checkpoint", "state", "ended"})
        QVERIFY2(seen[QLatin1String(kind)] > 0, kind);
    const QJsonObject last = result.objects().constLast();
    QCOMPARE(last["event"].toString(), "ended");
    QCOMPARE(last["status"].toString(), "done");
    QVERIFY(QFile::exists(last["adapter_folder"].toString() + "/adapter_model.safetensors"));
    for (const char* file : {"run.json", "events.jsonl", "checkpoints/step-6/manifest.json"})
        QVERIFY2(QFile::exists(at("run-json/") + QLatin1String(file)), file);
}

void TestCli::withoutATerminalTrainingPrintsPlainLines()
{
    const CliResult result = cli({"train", "job.lorikeet.json", "--out", "run-plain", "--set", "recipe.max_steps=3"});
    QCOMPARE(result.code, 0);
    QVERIFY2(!result.out.contains('\r') && !result.out.contains('\x1b'), result.out);
    for (const char* word : {"step 3/3", "tok/s", "ETA", "planned", "validation loss", "adapter: "})
        QVERIFY2(result.out.contains(word), result.out);
}

void TestCli::theExportIsVerifiedAndLoadable()
{
    const CliResult result = cli({"export", "run", "--to", "peft", "-o", "adapter", "--json"});
    QVERIFY2(result.code == 0, result.err);
    const QJsonObject report = result.objects().value(0);
    QCOMPARE(report["sha256"].toString().toUtf8(), sha256(at("adapter/adapter_model.safetensors")));
    QVERIFY(report["checks"].toArray().size() >= 2);
    for (const QJsonValue& check : report["checks"].toArray())
        QVERIFY(check.toObject()["passed"].toBool());
    const CliResult again = cli({"export", "run", "--to", "peft", "-o", "adapter"});
    QCOMPARE(again.code, 1);
    QVERIFY2(again.err.contains("already exists"), again.err);
    QCOMPARE(cli({"export", "run", "--to", "peft", "-o", "adapter", "--force"}).code, 0);
    QCOMPARE(cli({"generate", "model", "--adapter", "adapter", "--prompt", "What is 3?", "--max-tokens", "4"}).code, 0);
}

void TestCli::whatLiesAtAPathIsRecognised_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("kind");
    QTest::newRow("model folder") << "model" << "model";
    QTest::newRow("configuration") << "model/config.json" << "model";
    QTest::newRow("blueprint") << "blueprint:Qwen3-0.6B" << "model";
    QTest::newRow("data") << "data.jsonl" << "data";
    QTest::newRow("adapter") << "run/adapter" << "adapter";
    QTest::newRow("run") << "run" << "run";
}

void TestCli::whatLiesAtAPathIsRecognised()
{
    QFETCH(QString, path);
    QFETCH(QString, kind);
    const CliResult result = cli({"inspect", path, "--json"});
    QVERIFY2(result.code == 0, result.err);
    const QJsonObject found = result.objects().value(0);
    QCOMPARE(found["v"].toInt(), 1);
    QCOMPARE(found["kind"].toString(), kind);
    QCOMPARE(found["path"].toString(), path);
    const CliResult human = cli({"inspect", path});
    QCOMPARE(human.code, 0);
    QVERIFY(human.out.size() > 60);
}

void TestCli::tokensAreThoseOfTheTokenizer()
{
    const CliResult one = cli({"tokenize", "model", "--json"}, "A warp \xc3\xa9\n");
    QVERIFY2(one.code == 0, one.err);
    const QJsonObject tokens = one.objects().value(0);
    const auto count = tokens["ids"].toArray().size();
    QVERIFY(count > 2);
    QCOMPARE(tokens["pieces"].toArray().size(), count);
    QCOMPARE(tokens["mask"].toArray().size(), count);
    const CliResult lines = cli({"tokenize", "model", "--json", "--lines"}, "\"A warp \\u00e9\\n\"\n\"\"\n");
    QVERIFY2(lines.code == 0, lines.err);
    QCOMPARE(lines.objects().size(), 2);
    QCOMPARE(lines.objects().value(0), tokens);
    QVERIFY(lines.objects().value(1)["ids"].toArray().isEmpty());
    const CliResult broken = cli({"tokenize", "model", "--lines"}, "\"good\"\nnot json\n");
    QCOMPARE(broken.code, 3);
    QVERIFY2(broken.err.contains("line 2"), broken.err);
}

void TestCli::aConversationShowsWhatIsTrained()
{
    const QByteArray row = tinyRows().split('\n').constFirst();
    const CliResult result = cli({"tokenize", "model", "--chat", "--json"}, row);
    QVERIFY2(result.code == 0, result.err);
    const QJsonObject tokens = result.objects().value(0);
    QByteArray trained;
    for (qsizetype i = 0; i < tokens["ids"].toArray().size(); ++i)
        if (tokens["mask"].toArray()[i].toBool())
            trained += tokens["pieces"].toArray()[i].toString().toUtf8();
    // The answer and its end token, nothing of the question. U+0120 is the blank of byte-level BPE.
    QCOMPARE(trained.replace("\xc4\xa0", " "), QByteArray("The number is 3, a short answer.<|im_end|>"));
}

void TestCli::answersAreTheSameTwice()
{
    const QStringList arguments{"generate", "model", "--prompt", "What is 3?", "--max-tokens", "12", "--temperature", "0.8", "--seed", "5", "--json"};
    const CliResult first = cli(arguments);
    QVERIFY2(first.code == 0, first.err);
    QVERIFY(!first.objects().value(0)["tokens"].toArray().isEmpty());
    QCOMPARE(cli(arguments).objects().value(0)["tokens"], first.objects().value(0)["tokens"]);
    QVERIFY(first.objects().value(0)["adapter_sha256"].isNull());
    QStringList trained = arguments;
    trained << "--adapter" << "run/adapter";
    const CliResult withAdapter = cli(trained);
    QCOMPARE(withAdapter.objects().value(0)["adapter_sha256"].toString().toUtf8(), sha256(at("run/adapter/adapter_model.safetensors")));
}

void TestCli::logitsAreWrittenAsSafetensors()
{
    const CliResult result = cli({"logits", "model", "--tokens", "1,2,3", "-o", "logits.safetensors", "--json"});
    QVERIFY2(result.code == 0, result.err);
    const QByteArray file = readFile(at("logits.safetensors"));
    QVERIFY(file.contains("\"logits\""));
    const QJsonArray shape = result.objects().value(0)["shape"].toArray();
    QCOMPARE(shape[0].toInt(), 3);
    quint64 header = 0;
    std::memcpy(&header, file.constData(), sizeof header);
    QCOMPARE(file.size(), static_cast<qsizetype>(8 + header) + qsizetype{3} * shape[1].toInt() * 4);
}

/// The ops and the parts of the step are the same time cut in two ways, and none of it is longer than the step.
void TestCli::theBenchAccountsForTheStep()
{
    const CliResult result = cli({"bench", "step", "model", "--set", "recipe.precision=fp32", "recipe.context=32", "recipe.micro_batch=2",
                                  "--steps", "3", "--warmup", "1", "--trace", "trace.json", "--json"});
    QVERIFY2(result.code == 0, result.out + result.err);
    const QJsonObject bench = result.objects().value(0);
    double step = 0;
    for (const QJsonValue& seconds : bench["step_seconds"].toArray())
        step += seconds.toDouble() / 3;
    const auto sum = [&](const char* list) {
        double seconds = 0;
        for (const QJsonValue& one : bench[QLatin1String(list)].toArray())
            seconds += one.toObject()["seconds_per_step"].toDouble();
        return seconds;
    };
    QVERIFY(sum("ops") > 0 && sum("ops") <= step);
    QVERIFY(std::abs(sum("ops") - sum("parts")) <= 1e-9 * step);
    double calls = 0;
    for (const QJsonValue& op : bench["ops"].toArray())
        calls += op.toObject()["calls_per_step"].toDouble();
    QFile trace(at("trace.json"));
    QVERIFY(trace.open(QIODevice::ReadOnly));
    QCOMPARE(QJsonDocument::fromJson(trace.readAll()).object()["traceEvents"].toArray().size(), static_cast<qsizetype>(calls + 0.5));
    QCOMPARE(cli({"bench", "ops", "model", "--steps", "0"}).code, 2);
}

void TestCli::theTextBenchCountsWhatTokenizeCounts()
{
    const QList<QByteArray> rows = tinyRows().split('\n').first(2);
    qsizetype tokens = 0;
    for (const QByteArray& row : rows)
        tokens += cli({"tokenize", "model", "--chat", "--json"}, row).objects().value(0)["ids"].toArray().size();
    QVERIFY(tokens > 0 && writeFile(at("two.jsonl"), rows.join('\n')));
    const CliResult result = cli({"bench", "text", "model", "--data", "two.jsonl", "--json"});
    QVERIFY2(result.code == 0, result.err);
    const QJsonObject bench = result.objects().value(0);
    QCOMPARE(bench["rows"].toInt(), 2);
    QCOMPARE(bench["tokens"].toInt(), static_cast<int>(tokens));
    for (const char* stage : {"open_s", "read_s", "template_s", "tokenise_s", "data_step_s"})
        QVERIFY2(bench[QLatin1String(stage)].toDouble() > 0, stage);
    QCOMPARE(cli({"bench", "text", "model", "--data", "none.jsonl"}).code, 3);
}

void TestCli::theDoctorKnowsTheMachine()
{
    const CliResult result = cli({"doctor", "--json"});
    QVERIFY2(result.code == 0, result.out + result.err);
    const QJsonObject report = result.objects().value(0);
    QVERIFY(report["works"].toBool());
    QCOMPARE(report["libraries"].toObject()["libtorch"].toString(), "2.11.0");
    QStringList topics;
    for (const QJsonValue& finding : report["findings"].toArray())
        topics << finding.toObject()["topic"].toString();
    QVERIFY(topics.contains("processor") && topics.contains("memory") && topics.contains("oneDNN"));
}

void TestCli::aClosedPipeEndsQuietly()
{
    QProcess shell;
    shell.setWorkingDirectory(m_folder.path());
    shell.setProcessEnvironment(cliEnvironment(m_folder.path()));
    shell.start("bash", {"-c", "\"$0\" train job.lorikeet.json --out run-pipe --json | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}", cliPath()});
    QVERIFY(shell.waitForFinished(120000));
    QCOMPARE(shell.readAllStandardOutput().trimmed(), QByteArray("0"));
    QVERIFY2(!shell.readAllStandardError().contains("error"), "a closed pipe is not worth a word");
    shell.start("bash", {"-c", "\"$0\" plan job.lorikeet.json --buffers | true; echo ${PIPESTATUS[0]}", cliPath()});
    QVERIFY(shell.waitForFinished(120000));
    QCOMPARE(shell.readAllStandardOutput().trimmed(), QByteArray("0"));
}

void TestCli::aFullTargetOfOutputIsSaid()
{
    QProcess shell;
    shell.setWorkingDirectory(m_folder.path());
    shell.setProcessEnvironment(cliEnvironment(m_folder.path()));
    shell.start("bash", {"-c", "\"$0\" plan job.lorikeet.json --json >/dev/full; echo $?", cliPath()});
    QVERIFY(shell.waitForFinished(120000));
    QCOMPARE(shell.readAllStandardOutput().trimmed(), QByteArray("1"));
    QVERIFY(shell.readAllStandardError().contains("standard output cannot be written"));
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestCli)
#include "tst_cli.moc"
