// SPDX-License-Identifier: GPL-3.0-or-later
// The origin of bytes through every operation that a template can apply to a text.
#include <QtTest>

#include "tests/engine/tokenizer/jinja/rendering.h"

using namespace lorikeet::jinja;

namespace {

/// The output with every stretch that stems from source 1 in [ ] and from source 2 in { }.
std::string marked(const Text& text)
{
    std::string out;
    std::size_t at = 0;
    for (const TextSpan& span : text.spans()) {
        out += text.bytes().substr(at, span.begin - at);
        out += (span.source == 1 ? '[' : '{') + text.bytes().substr(span.begin, span.end - span.begin) + (span.source == 1 ? ']' : '}');
        at = span.end;
    }
    return out + text.bytes().substr(at);
}

}  // namespace

class TestText : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void originSurvivesOperations_data()
    {
        QTest::addColumn<QString>("source");
        QTest::addColumn<QString>("expected");
        const auto row = [](const char* source, const char* expected) { QTest::newRow(source) << source << expected; };
        row("{{ a }}", "[ Hi, you ]");
        row("x{{ a }}y", "x[ Hi, you ]y");
        row("{{ 'x' + a + 'y' + b }}", "x[ Hi, you ]y{Bö}");
        row("{{ a ~ b ~ a }}", "[ Hi, you ]{Bö}[ Hi, you ]");
        row("{{ a ~ a }}", "[ Hi, you  Hi, you ]");
        row("{{ a | trim }}", "[Hi, you]");
        row("{{ ('<' ~ a ~ '>').strip('<> ') }}", "[Hi, you]");
        row("{{ a.strip().split(', ')[1] }}", "[you]");
        row("{{ a.split() | join('-') }}", "[Hi,]-[you]");
        row("{{ a[1:3] }}", "[Hi]");
        row("{{ ('ab' ~ b)[1:3] }}", "b{B}");
        row("{{ ('ab' ~ b)[::-1] }}", "{öB}ba");
        row("{{ b[-1] }}", "{ö}");
        row("{{ a.replace('you', 'me') }}", "[ Hi, ]me[ ]");
        row("{{ 'x-y' | replace('-', b) }}", "x{Bö}y");
        row("{{ a | upper }}", "[ HI, YOU ]");
        row("{{ b.upper() }}", "{BÖ}");
        row("{{ '%s=%s' % ('k', b) }}", "k={Bö}");
        row("{{ '{}/{:>4}'.format(b, b) }}", "{Bö}/  {Bö}");
        row("{{ {'k': b} | tojson }}", "{\"k\": \"{Bö}\"}");
        row("{{ b | tojson(ensure_ascii=true) }}", "\"{B\\u00f6}\"");
        row("{{ [b, 1] }}", "['{Bö}', 1]");
        row("{{ (b ~ '\\nx') | indent(2) }}", "{Bö}\n  x");
        row("{{ b * 2 }}", "{BöBö}");
        row("{{ ('<' ~ b) | escape }}", "&lt;{Bö}");
        row("{% set s %}<{{ b }}>{% endset %}{{ s }}", "<{Bö}>");
        row("{% macro m(t) %}({{ t }}){% endmacro %}{{ m(b) }}", "({Bö})");
        row("{% filter upper %}x{{ b }}{% endfilter %}", "X{BÖ}");
        row("{% for c in b %}{{ c }}.{% endfor %}", "{B}.{ö}.");
        row("{% set n = namespace(o='') %}{% for w in [b, a] %}{% set n.o = n.o ~ w %}{% endfor %}{{ n.o }}", "{Bö}[ Hi, you ]");
        row("<{{ e }}>", "<[]>");
        row("<{{ e | trim }}|{{ (e ~ '') }}>", "<[]|[]>");
        row("{{ a.split('you')[0] }}", "[ Hi, ]");
        row("{{ a == ' Hi, you ' }}{{ a | length }}", "True9");
    }

    void originSurvivesOperations()
    {
        QFETCH(QString, source);
        QFETCH(QString, expected);
        std::unordered_map<std::string, Value> variables;
        variables.emplace("a", valueOf(" Hi, you ", 1));
        variables.emplace("b", valueOf("B\u00f6", 2));
        variables.emplace("e", valueOf("", 1));
        const Rendering rendering = Template(source.toStdString(), "test").render(std::move(variables), lorikeet::jinja::testing::fixedTime());
        QCOMPARE(QString::fromStdString(marked(rendering.text)), expected);
    }

    void spansStaySortedAndJoined()
    {
        Text text;
        text.append("ab", 1);
        text.append("cd", 1);
        text.append("--");
        text.append("ef", 2);
        QCOMPARE(text.spans().size(), std::size_t{2});
        QCOMPARE(text.spans()[0].end, 4u);
        QCOMPARE(text.sourceAt(3), 1);
        QCOMPARE(text.sourceAt(4), kTemplateText);
        QCOMPARE(text.sourceAt(7), 2);
        const Text part = text.slice(3, 7);
        QCOMPARE(QString::fromStdString(marked(part)), QStringLiteral("[d]--{e}"));
    }
};

QTEST_GUILESS_MAIN(TestText)
#include "tst_text.moc"
