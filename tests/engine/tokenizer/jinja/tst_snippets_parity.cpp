// SPDX-License-Identifier: GPL-3.0-or-later
// Expressions and statements of snippets.json against the real Jinja2, live: the same text, or both refuse.
#include <QtTest>

#include "tests/engine/tokenizer/jinja/oracle_lines.h"
#include "tests/engine/tokenizer/jinja/rendering.h"

using namespace lorikeet::jinja;

class TestSnippetsParity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void snippetsRenderAsJinjaDoes()
    {
        const QString file = QStringLiteral(LORIKEET_SOURCE_DIR "/tests/engine/tokenizer/jinja/snippets.json");
        QString problem;
        const auto records = testing::oracleLines({QStringLiteral("snippets"), file}, problem);
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        QVERIFY(records.size() >= 900);
        std::ifstream stream(file.toStdString());
        const auto variables = nlohmann::ordered_json::parse(stream).at("vars");
        int agree = 0;
        for (const auto& record : records) {
            const std::string source = record.at("source");
            std::optional<std::string> ours;
            std::string error;
            try {
                ours = testing::render(source, variables).text.bytes();
            } catch (const lorikeet::Error& refused) {
                error = refused.message();
            }
            const bool expected = record.at("ok");
            if (expected == ours.has_value() && (!expected || *ours == record.at("text").get<std::string>())) {
                ++agree;
                continue;
            }
            qWarning("%s\n  Jinja2: %s\n  ours:   %s", source.c_str(), (expected ? record.at("text") : record.at("error")).dump().c_str(),
                     ours ? nlohmann::json(*ours).dump().c_str() : error.c_str());
        }
        qInfo("%d of %zu snippets agree with Jinja2", agree, records.size());
        QCOMPARE(static_cast<std::size_t>(agree), records.size());
    }
};

QTEST_GUILESS_MAIN(TestSnippetsParity)
#include "tst_snippets_parity.moc"
