// SPDX-License-Identifier: GPL-3.0-or-later
// Module patterns against Python's `re` as PEFT calls it, and the patterns that are refused.
#include "engine/base/error.h"
#include "engine/spec/module_pattern.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QProcess>
#include <QtTest/QtTest>

using namespace lorikeet;

namespace {

const QStringList kPaths{"model.layers.0.self_attn.q_proj",
                         "model.layers.1.self_attn.k_proj",
                         "model.layers.10.self_attn.v_proj",
                         "model.layers.11.self_attn.o_proj",
                         "model.layers.21.mlp.gate_proj",
                         "model.layers.3.mlp.up_proj",
                         "model.layers.127.mlp.down_proj",
                         "q_proj",
                         "xq_proj",
                         "a.b",
                         "a-b.c_d",
                         "lm_head",
                         ""};

const QStringList kPatterns{"q_proj", "proj", "self_attn.q_proj", "self_attn\\.q_proj", "selfXattn.q_proj", ".*_proj", "[qkv]_proj",
                            "[^qkv]_proj", "(q|k)_proj", "(?:q|k|up)_proj", "layers.1.self_attn.k_proj", "layers\\.1\\..*", "layers.1.*",
                            "layers.[0-9].mlp.*", "layers.(1[0-9]|2[0-9]).*", "\\d+.self_attn.\\w+", "model", "model.layers.\\d+\\.mlp\\.(gate|up)_proj",
                            "^model.*q_proj", "^q_proj$", "q_proj$", ".*", ".+", "q?_proj", "(up|down)?_proj", "up_proj|down_proj",
                            "l.{4}s.\\d{2}.self_attn.*", "\\d{1,2}.self_attn.[a-z_]+", "layers.\\d{3,}.*", "(\\w+\\.)+q_proj", "(a|b)*", "b",
                            "[a-c]", "[]x]_d", "c_d", "a-b.c_d", "[-a]-b.c_d", "\\D+", "\\S*head", "lm_hea[\\w]", "(x|)q_proj", "x*?q_proj",
                            ".*?\\.down_proj", "(?:lm_)?head", "k_proj$|q_proj^", "\\W*b", "[\\d.]+", "(self_attn|mlp)\\.(q|down)_proj"};

}  // namespace

class TestModulePattern : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void patternsMatchWhatPeftMatches()
    {
        QProcess python;
        python.start(LORIKEET_PYTHON, {LORIKEET_SOURCE_DIR "/tests/parity/module_patterns.py"});
        QVERIFY2(python.waitForStarted(), "the Python with the oracles is missing");
        python.write(QJsonDocument(QJsonObject{{"patterns", QJsonArray::fromStringList(kPatterns)}, {"paths", QJsonArray::fromStringList(kPaths)}})
                         .toJson());
        python.closeWriteChannel();
        QVERIFY(python.waitForFinished(60000));
        QVERIFY2(python.exitCode() == 0, python.readAllStandardError().constData());
        const QJsonArray expected = QJsonDocument::fromJson(python.readAllStandardOutput()).array();
        QCOMPARE(expected.size(), kPatterns.size());
        int matches = 0;
        for (int p = 0; p < kPatterns.size(); ++p) {
            const ModulePattern pattern(kPatterns[p].toStdString());
            for (int i = 0; i < kPaths.size(); ++i) {
                const bool wanted = expected[p].toArray()[i].toBool();
                matches += wanted;
                QVERIFY2(pattern.matchesEndOf(kPaths[i].toStdString()) == wanted,
                         qPrintable(QStringLiteral("%1 on \"%2\": PEFT says %3").arg(kPatterns[p], kPaths[i]).arg(wanted)));
            }
        }
        QVERIFY(matches > 100);
    }

    void malformedAndForeignPatternsAreRefusedWithTheirColumn_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* text, const char* said) { QTest::newRow(text) << text << said; };
        row("", "0 characters");
        row("(q_proj", "not closed");
        row("q_proj)", "column 7: a ')'");
        row("[qk", "not closed");
        row("*q", "nothing to repeat");
        row("q**", "a repeat of a repeat");
        row("q*+", "a repeat of a repeat");
        row("q\\", "at the end");
        row("(q)\\1", "'\\1' is not supported");
        row("\\bq", "'\\b' is not supported");
        row("(?=q)", "groups are supported");
        row("(?P<x>q)", "groups are supported");
        row("q{2", "expected {m} or {m,n}");
        row("q{3,2}", "m not above n");
        row("q{999999999999}", "numbers up to 255");
        row("[z-a]", "backwards");
        row("[\\d-z]", "backwards or has a class");
        row("^*", "cannot be repeated");
        row("((a*)*)*", "nested more than 2 deep");
        row("\xC3\xBC_proj", "ASCII");
    }
    void malformedAndForeignPatternsAreRefusedWithTheirColumn()
    {
        QFETCH(QString, text);
        QFETCH(QString, said);
        try {
            const ModulePattern pattern(text.toStdString());
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Usage);
            QVERIFY(!error.hint().empty());
            QVERIFY2(QString::fromStdString(error.message()).contains(said), error.what());
        }
    }

    void longAndDeepPatternsAreRefused()
    {
        QVERIFY_EXCEPTION_THROWN(ModulePattern(std::string(257, 'a')), Error);
        QVERIFY_EXCEPTION_THROWN(ModulePattern(std::string(100, '(') + "a" + std::string(100, ')')), Error);
        QVERIFY(ModulePattern(std::string(256, 'a')).matchesEndOf("a") == false);
    }

    void noPatternTakesExponentialTime()
    {
        QElapsedTimer timer;
        timer.start();
        const std::string path(200, 'a');
        QVERIFY(!ModulePattern("(a*a*)*b").matchesEndOf(path));
        QVERIFY(!ModulePattern("(a|aa|aaa)*b").matchesEndOf(path));
        QVERIFY(!ModulePattern("(.{0,255}){0,255}b").matchesEndOf(path));
        QVERIFY(ModulePattern("(a|aa)+").matchesEndOf(path));
        QVERIFY2(timer.elapsed() < 2000, "a linear matcher needs milliseconds");
    }

    void aPathOf256CharactersOrMoreMatchesNothing()
    {
        QVERIFY(ModulePattern("a*").matchesEndOf(std::string(255, 'a')));
        QVERIFY(!ModulePattern("a*").matchesEndOf(std::string(256, 'a')));
    }
};

QTEST_GUILESS_MAIN(TestModulePattern)
#include "tst_module_pattern.moc"
