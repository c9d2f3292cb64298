// SPDX-License-Identifier: GPL-3.0-or-later
// What cannot be used is refused with the right exit code, a message that names the place, and nothing half-written.
#include "tests/app/cli_process.h"

#include <QTest>

#include <functional>

namespace lorikeet::test {

/// Damages a copy of the tiny job's folder.
using Damage = std::function<void(const QString& folder)>;

class TestCliBadInput : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void trainingRefuses_data();
    void trainingRefuses();
    void inspectSaysWhy_data();
    void inspectSaysWhy();
    void tokensThatAreNone_data();
    void tokensThatAreNone();
    void aReadOnlyTargetIsNamed();
    void aFullDiskLeavesNothingHalf();
    void anExistingRunIsNotOverwritten();
    void anInputThatCannotBeTokenisedIsNamed();
    void everyVerbSaysWhatToDoNext_data();
    void everyVerbSaysWhatToDoNext();

private:
    [[nodiscard]] static QString copyOf(const QString& from, const QString& to);

    QTemporaryDir m_folder;
};

namespace {

void replaceIn(const QString& path, const QByteArray& before, const QByteArray& after)
{
    QByteArray text = readFile(path);
    QVERIFY2(text.contains(before), before);
    QVERIFY(writeFile(path, text.replace(before, after)));
}

Damage data(const QByteArray& rows)
{
    return [rows](const QString& folder) { QVERIFY(writeFile(folder + "/data.jsonl", rows)); };
}

}  // namespace

QString TestCliBadInput::copyOf(const QString& from, const QString& to)
{
    QProcess copy;
    copy.start("cp", {"-r", from, to});
    return copy.waitForFinished() && copy.exitCode() == 0 ? QString() : QString::fromUtf8(copy.readAllStandardError());
}

void TestCliBadInput::initTestCase()
{
    QVERIFY(QDir(m_folder.path()).mkpath("good"));
    const QString problem = makeTinyJob(m_folder.filePath("good"), {"recipe.max_steps=2"});
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
}

void TestCliBadInput::trainingRefuses_data()
{
    QTest::addColumn<Damage>("damage");
    QTest::addColumn<QStringList>("more");
    QTest::addColumn<int>("code");
    QTest::addColumn<QByteArray>("said");
    const auto row = [](const char* name, const Damage& damage, int code, const QByteArray& said, const QStringList& more = {}) {
        QTest::newRow(name) << damage << more << code << said;
    };
    row("truncated safetensors", [](const QString& f) { QVERIFY(QFile::resize(f + "/model/model.safetensors", 200000)); }, 3, "model.safetensors");
    row("lying safetensors header", [](const QString& f) { QVERIFY(writeFile(f + "/model/model.safetensors", QByteArray(64, '\xff'))); }, 3, "model.safetensors");
    row("pickle only", [](const QString& f) {
        QVERIFY(QFile::rename(f + "/model/model.safetensors", f + "/model/pytorch_model.bin")); }, 3, "pickle");
    row("unknown architecture", [](const QString& f) { replaceIn(f + "/model/config.json", "\"llama\"", "\"mamba\""); }, 3, "mamba");
    row("model missing", [](const QString& f) { QVERIFY(QDir(f + "/model").removeRecursively()); }, 3, "model");
    row("no tokenizer", [](const QString& f) { QVERIFY(QFile::remove(f + "/model/tokenizer.json")); }, 3, "tokenizer");
    row("JSON broken at row 3", data(tinyRows().split('\n').mid(0, 2).join('\n') + "\n{\"messages\": [\n"), 3, "3");
    row("empty data", data(""), 3, "data.jsonl");
    row("nothing to learn", data("{\"messages\":[{\"role\":\"user\",\"content\":\"only a question\"}]}\n"), 3, "data.jsonl");
    row("invalid UTF-8", data("{\"text\":\"caf\xe9\"}\n"), 3, "UTF-8");
    row("unknown format", data("{\"colour\":\"red\"}\n"), 3, "colour");
    row("data missing", [](const QString& f) { QVERIFY(QFile::remove(f + "/data.jsonl")); }, 3, "data.jsonl");
    row("template error", [](const QString& f) { QVERIFY(writeFile(f + "/model/chat_template.jinja", "{{ messages[0] | no_such_filter }}")); }, 3, "no_such_filter");
    row("template error of tokenizer_config.json", [](const QString& f) {
        QVERIFY(QFile::remove(f + "/model/chat_template.jinja") || !QFile::exists(f + "/model/chat_template.jinja"));
        QVERIFY(writeFile(f + "/model/tokenizer_config.json", "{\"chat_template\": \"{% if %}\"}")); }, 3, "model/tokenizer_config.json, template line 1, column 7");
    row("layers of config.json", [](const QString& f) { replaceIn(f + "/model/config.json", "\"num_hidden_layers\": ", "\"num_hidden_layers\": -"); }, 3, "num_hidden_layers");
    row("job is a list", [](const QString& f) { QVERIFY(writeFile(f + "/job.lorikeet.json", "[]")); }, 2, "expected an object");
    row("section is a list", [](const QString& f) { QVERIFY(writeFile(f + "/job.lorikeet.json", "{\"lorikeet_job\": 1, \"recipe\": []}")); }, 2, "expected an object");
    row("version 0", [](const QString& f) { replaceIn(f + "/job.lorikeet.json", "\"lorikeet_job\": 1", "\"lorikeet_job\": 0"); }, 2, "expected a whole number from 1");
    row("rank out of range", {}, 2, "recipe.rank is 0, expected a whole number from 1 to 1024", {"recipe.rank=0"});
    row("dropout out of range", {}, 2, "recipe.dropout is 2", {"recipe.dropout=2"});
    row("word that is none", {}, 2, "recipe.packing", {"recipe.packing=maybe"});
    row("unknown key", [](const QString& f) { replaceIn(f + "/job.lorikeet.json", "\"rank\"", "\"rnak\""); }, 2, "did you mean \"recipe.rank\"");
    row("newer job", [](const QString& f) { replaceIn(f + "/job.lorikeet.json", "\"lorikeet_job\": 1", "\"lorikeet_job\": 99"); }, 2, "99");
    row("job not JSON", [](const QString& f) { QVERIFY(writeFile(f + "/job.lorikeet.json", "{\n  \"lorikeet_job\": 1,\n")); }, 2, "line 3");
    row("context beyond the model", {}, 2, "recipe.context", {"recipe.context=4096"});
    row("target that is none", {}, 2, "recipe.targets", {"recipe.targets=qq"});
    // No machine has this much memory, and no data need be that long.
    row("does not fit", [](const QString& f) { replaceIn(f + "/model/config.json", "\"max_position_embeddings\": 512", "\"max_position_embeddings\": 65536"); },
        4, "needs", {"recipe.micro_batch=4096", "recipe.context=65536", "recipe.recompute=0"});
}

void TestCliBadInput::trainingRefuses()
{
    QFETCH(Damage, damage);
    QFETCH(QStringList, more);
    QFETCH(int, code);
    QFETCH(QByteArray, said);
    QTemporaryDir scratch;
    const QString folder = scratch.filePath("job");
    const QString problem = copyOf(m_folder.filePath("good"), folder);
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    if (damage)
        damage(folder);
    QStringList arguments{"train", "job.lorikeet.json", "--out", "run"};
    for (const QString& set : more)
        arguments << "--set" << set;
    const CliResult result = runCli(folder, arguments);
    QVERIFY2(!result.crashed, result.err);
    QVERIFY2(result.code == code, result.err + result.out);
    QVERIFY2(result.err.contains(said), result.err);
    QVERIFY(result.err.startsWith("lorikeet-cli: "));
    QVERIFY2(result.errorWithoutNextStep().isEmpty(), result.errorWithoutNextStep());
    QVERIFY2(!QFile::exists(folder + "/run/run.json"), "a refused run leaves no run folder");
}

void TestCliBadInput::inspectSaysWhy_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("nothing there") << QByteArray("nothing") << QByteArray();
    QTest::newRow("not a GGUF") << QByteArray("x.gguf") << QByteArray("hello");
    QTest::newRow("data of no format") << QByteArray("x.jsonl") << QByteArray("{\"a\":1}\n");
    QTest::newRow("empty data") << QByteArray("y.jsonl") << QByteArray("\n");
    QTest::newRow("one row is no JSON") << QByteArray("z.jsonl") << QByteArray("{\"text\":\"a\"}\n{\"text\":\n");
    QTest::newRow("pickle") << QByteArray("pytorch_model.bin") << QByteArray("PK");
}

void TestCliBadInput::inspectSaysWhy()
{
    QFETCH(QByteArray, name);
    QFETCH(QByteArray, bytes);
    QTemporaryDir scratch;
    if (!bytes.isEmpty())
        QVERIFY(writeFile(scratch.filePath(QString::fromUtf8(name)), bytes));
    const CliResult result = runCli(scratch.path(), {"inspect", QString::fromUtf8(name)});
    QVERIFY2(result.code == 3, result.err);
    QVERIFY2(result.err.contains(name), result.err);
    QVERIFY2(result.errorWithoutNextStep().isEmpty(), result.errorWithoutNextStep());
}

void TestCliBadInput::tokensThatAreNone_data()
{
    QTest::addColumn<QString>("tokens");
    QTest::newRow("nothing") << "";
    QTest::newRow("a word") << "one";
    QTest::newRow("a comma at the end") << "1,";
    QTest::newRow("two commas") << "1,,2";
    QTest::newRow("a half") << "1.5";
    QTest::newRow("too large") << "99999999999";
}

void TestCliBadInput::tokensThatAreNone()
{
    QFETCH(QString, tokens);
    QTemporaryDir scratch;
    const CliResult result = runCli(scratch.path(), {"logits", m_folder.filePath("good/model"), "--tokens", tokens, "-o", "l.safetensors"});
    QVERIFY2(result.code == 2, result.err);
    QVERIFY2(result.err.contains("--tokens"), result.err);
    QVERIFY2(result.errorWithoutNextStep().isEmpty(), result.errorWithoutNextStep());
    QVERIFY(!QFile::exists(scratch.filePath("l.safetensors")));
}

void TestCliBadInput::aReadOnlyTargetIsNamed()
{
    // A file where a folder should be stops root too, unlike permissions.
    const QString folder = m_folder.filePath("good");
    QVERIFY(writeFile(folder + "/blocked", "x"));
    const CliResult train = runCli(folder, {"train", "job.lorikeet.json", "--out", "blocked/run"});
    QVERIFY2(train.code == 1, train.err);
    QVERIFY2(train.err.contains("blocked"), train.err);
    const CliResult logits = runCli(folder, {"logits", "model", "--tokens", "1", "-o", "blocked/l.safetensors"});
    QVERIFY2(logits.code == 1, logits.err);
    QVERIFY(QFile::remove(folder + "/blocked"));
}

void TestCliBadInput::aFullDiskLeavesNothingHalf()
{
    // The limit of file sizes stands in for a full disk: both refuse a write in the middle of a file.
    const QString folder = m_folder.filePath("good");
    const auto refusedForSpace = [&](int blocks, const QString& command) {
        QProcess shell;
        shell.setWorkingDirectory(folder);
        shell.setProcessEnvironment(cliEnvironment(folder));
        shell.start("bash", {"-c", QString("trap '' XFSZ; ulimit -f %1; \"$0\" %2").arg(blocks).arg(command), cliPath()});
        const bool ended = shell.waitForFinished(120000) && shell.exitStatus() == QProcess::NormalExit;
        const QByteArray err = shell.readAllStandardError();
        const bool good = ended && shell.exitCode() == 1 && err.contains("cannot write") && err.contains("free some space");
        if (!good)
            qWarning("%s exit code %d", err.constData(), shell.exitCode());
        return good;
    };
    QVERIFY(refusedForSpace(20, "train job.lorikeet.json --out full --set recipe.rank=32"));
    QVERIFY(QDir(folder + "/full/checkpoints").entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot).isEmpty());
    QVERIFY(!QFile::exists(folder + "/full/adapter"));
    const CliResult again = runCli(folder, {"train", "job.lorikeet.json", "--out", "full", "--set", "recipe.rank=32", "--resume"});
    QVERIFY2(again.code == 0, again.err);
    const QStringList before = QDir(folder).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
    QVERIFY(refusedForSpace(20, "export full --to peft -o adapter-of-full"));
    QVERIFY(refusedForSpace(1, "logits model --tokens 1,2,3 -o l.safetensors"));
    QVERIFY(refusedForSpace(0, "job new --model model --data data.jsonl -o new.lorikeet.json"));
    QCOMPARE(QDir(folder).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot), before);
}

void TestCliBadInput::anExistingRunIsNotOverwritten()
{
    const QString folder = m_folder.filePath("good");
    QCOMPARE(runCli(folder, {"train", "job.lorikeet.json", "--out", "run"}).code, 0);
    const QByteArray before = sha256(folder + "/run/events.jsonl");
    const CliResult again = runCli(folder, {"train", "job.lorikeet.json", "--out", "run"});
    QVERIFY2(again.code == 1, again.err);
    QVERIFY2(again.err.contains("--resume"), again.err);
    QCOMPARE(sha256(folder + "/run/events.jsonl"), before);
}

void TestCliBadInput::anInputThatCannotBeTokenisedIsNamed()
{
    const QString folder = m_folder.filePath("good");
    const CliResult notARow = runCli(folder, {"tokenize", "model", "--chat"}, "hello");
    QVERIFY2(notARow.code == 3, notARow.err);
    const CliResult latin = runCli(folder, {"tokenize", "model", "--json"}, "caf\xe9");
    QVERIFY2(latin.code == 3, latin.out + latin.err);
    QVERIFY2(latin.err.contains("UTF-8"), latin.err);
}

void TestCliBadInput::everyVerbSaysWhatToDoNext_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("code");
    const auto row = [](const QStringList& arguments, int code) { QTest::newRow(qPrintable(arguments.join(' '))) << arguments << code; };
    row({}, 2);
    row({"trian"}, 2);
    row({"train"}, 2);
    row({"train", "nothing.lorikeet.json"}, 2);
    row({"job", "new", "--model", "model", "--data", "data.jsonl", "-o", "job.lorikeet.json"}, 1);
    row({"job", "new", "--model", "model", "--data", "data.jsonl", "--set", "recipe.rank"}, 2);
    row({"plan", "job.lorikeet.json", "--device", "Voodoo 2"}, 2);
    row({"plan", "job.lorikeet.json", "--what-if", "weather"}, 2);
    row({"plan", "job.lorikeet.json", "--fit", "--apply", "-o", "fitted.lorikeet.json"}, 2);
    row({"generate", "model", "--prompt", "x", "--max-tokens", "0"}, 2);
    row({"generate", "model", "--prompt", "x", "--top-p", "2"}, 2);
    row({"generate", "nothing", "--prompt", "x"}, 3);
    row({"generate", "model", "--adapter", "nothing", "--prompt", "x"}, 3);
    row({"logits", "model", "--tokens", "1,999999", "-o", "l.safetensors"}, 2);
    row({"logits", "model", "--tokens", QString("1,").repeated(600) + "1", "-o", "l.safetensors"}, 2);
    row({"export", "nothing", "--to", "peft", "-o", "out"}, 3);
    row({"export", ".", "--to", "onnx", "-o", "out"}, 2);
    row({"inspect", "blueprint:nothing"}, 3);
    row({"tokenize", "nothing"}, 3);
    row({"tokenize", "model", "--chat"}, 3);
    row({"bench", "step", "nothing"}, 3);
    row({"bench", "ops", "model", "--steps", "0"}, 2);
}

void TestCliBadInput::everyVerbSaysWhatToDoNext()
{
    QFETCH(QStringList, arguments);
    QFETCH(int, code);
    const CliResult result = runCli(m_folder.filePath("good"), arguments);
    QVERIFY2(!result.crashed && result.code == code, result.err + result.out);
    QVERIFY2(result.err.contains("lorikeet-cli: "), result.err);
    QVERIFY2(result.errorWithoutNextStep().isEmpty(), result.errorWithoutNextStep());
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestCliBadInput)
#include "tst_cli_bad_input.moc"
