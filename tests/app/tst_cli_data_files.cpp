// SPDX-License-Identifier: GPL-3.0-or-later
// The same conversations as JSON Lines, as a table and compressed: the same counts, the same run, and the hash of the file as it lies there.
#include "tests/app/cli_process.h"

#include <QTest>

#include <zlib.h>

namespace lorikeet::test {

class TestCliDataFiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void inspectSaysWhatItTook_data();
    void inspectSaysWhatItTook();
    void theSameRowsGiveTheSameRun_data();
    void theSameRowsGiveTheSameRun();
    void aCutFileIsRefusedByEveryVerb();

private:
    CliResult cli(const QStringList& arguments) { return runCli(m_folder.path(), arguments); }
    [[nodiscard]] QString at(const QString& name) const { return m_folder.filePath(name); }
    /// The losses of a short run on `data`, as they are printed.
    QStringList losses(const QString& data, const QString& out);
    static void files();

    QTemporaryDir m_folder;
    QStringList m_losses;
};

namespace {

bool writeGzip(const QString& path, const QByteArray& text)
{
    const gzFile file = gzopen(path.toUtf8().constData(), "wb");
    const bool written = file && gzwrite(file, text.constData(), static_cast<unsigned>(text.size())) == text.size();
    return file && gzclose(file) == Z_OK && written;
}

QByteArray quoted(QByteArray cell)
{
    return '"' + cell.replace("\"", "\"\"") + '"';
}

/// Each row's list of messages as JSON text in a column, as people export it.
QByteArray asTable(const QByteArray& rows)
{
    QByteArray table = "id;messages\r\n";
    int id = 0;
    for (const QByteArray& line : rows.trimmed().split('\n'))
        table += QByteArray::number(++id) + ';'
            + quoted(QJsonDocument(QJsonDocument::fromJson(line).object()["messages"].toArray()).toJson(QJsonDocument::Indented)) + "\r\n";
    return table;
}

}  // namespace

void TestCliDataFiles::initTestCase()
{
    const QString problem = makeTinyJob(m_folder.path());
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    const QByteArray table = asTable(tinyRows());
    QVERIFY(writeFile(at("rows.csv"), table) && writeGzip(at("rows.csv.gz"), table) && writeGzip(at("rows.jsonl.gz"), tinyRows()));
    m_losses = losses("data.jsonl", "run");
    QCOMPARE(m_losses.size(), qsizetype{4});
}

QStringList TestCliDataFiles::losses(const QString& data, const QString& out)
{
    const CliResult result = cli({"train", "job.lorikeet.json", "--out", out, "--json", "--set", "recipe.max_steps=4", "--set", "data.path=" + data});
    if (result.code != 0)
        qWarning("%s", result.err.constData());
    QStringList found;
    for (const QJsonObject& event : result.objects())
        if (event["event"].toString() == "step")
            found << QString::number(event["loss"].toDouble(), 'g', 17);
    return found;
}

void TestCliDataFiles::files()
{
    QTest::addColumn<QString>("data");
    QTest::addColumn<QString>("layout");
    QTest::newRow("table") << "rows.csv" << "table with semicolons";
    QTest::newRow("compressed table") << "rows.csv.gz" << "table with semicolons, gzip";
    QTest::newRow("compressed lines") << "rows.jsonl.gz" << "JSON Lines, gzip";
}

void TestCliDataFiles::inspectSaysWhatItTook_data()
{
    files();
}

void TestCliDataFiles::inspectSaysWhatItTook()
{
    QFETCH(QString, data);
    QFETCH(QString, layout);
    const CliResult result = cli({"inspect", data, "--json"});
    QVERIFY2(result.code == 0, result.err);
    const QJsonObject found = result.objects().value(0);
    QCOMPARE(found["kind"].toString(), "data");
    QCOMPARE(found["layout"].toString(), layout);
    QCOMPARE(found["format"].toString(), "messages");
    QCOMPARE(found["rows"].toInt(), 48);
    QVERIFY(cli({"inspect", data}).out.contains(layout.toUtf8()));
}

void TestCliDataFiles::theSameRowsGiveTheSameRun_data()
{
    files();
}

void TestCliDataFiles::theSameRowsGiveTheSameRun()
{
    QFETCH(QString, data);
    const QString out = "run-" + data;
    QCOMPARE(losses(data, out), m_losses);
    const QJsonObject run = QJsonDocument::fromJson(readFile(at(out + "/run.json"))).object();
    // One hash over the hashes of all data files, here of one.
    const QByteArray expected = QCryptographicHash::hash(sha256(at(data)), QCryptographicHash::Sha256).toHex();
    QCOMPARE(run["hashes"].toObject()["data"].toString().toUtf8(), expected);
}

void TestCliDataFiles::aCutFileIsRefusedByEveryVerb()
{
    const QByteArray whole = readFile(at("rows.csv.gz"));
    QVERIFY(writeFile(at("cut.csv.gz"), whole.first(whole.size() - 9)));
    const QString place = "of " + QString::number(whole.size() - 9);
    for (const QStringList& arguments : {QStringList{"inspect", "cut.csv.gz"},
                                         {"train", "job.lorikeet.json", "--out", "run-cut", "--set", "data.path=cut.csv.gz"}}) {
        const CliResult result = cli(arguments);
        QCOMPARE(result.code, 3);
        QVERIFY2(result.err.contains("cut.csv.gz") && result.err.contains(place.toUtf8()) && result.err.contains("gzip data end before they are complete"), result.err);
    }
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestCliDataFiles)
#include "tst_cli_data_files.moc"
