// SPDX-License-Identifier: GPL-3.0-or-later
// Hostile templates: each ends with an Error, or renders, within 100 ms of processor time, and none takes the program down.
#include <QtTest>

#include <ctime>

#include "tests/engine/tokenizer/jinja/rendering.h"

using namespace lorikeet::jinja;
using lorikeet::jinja::testing::refusal;
using lorikeet::jinja::testing::render;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kAllowedMs = 3000;
#else
constexpr double kAllowedMs = 100;
#endif

std::string times(const std::string& text, int count)
{
    std::string out;
    for (int i = 0; i < count; ++i)
        out += text;
    return out;
}

std::string nested(const std::string& open, const std::string& inner, const std::string& close, int depth)
{
    return times(open, depth) + inner + times(close, depth);
}

/// "{% set ns.x = ... %}" a hundred thousand times over.
std::string chained(const std::string& start, const std::string& next)
{
    return "{% set ns = namespace(x=" + start + ") %}{% for i in range(100000) %}{% set ns.x = " + next + " %}{% endfor %}";
}

std::string onText(const std::string& make, const std::string& use)
{
    return "{% set s = " + make + " %}{% for i in range(100000) %}{% set y = " + use + " %}{% endfor %}";
}

void mustRefuse(const std::string& source)
{
    const std::clock_t start = std::clock();
    const std::string message = refusal(source, {{"x", 1}, {"l", {1}}});
    const double ms = 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    QVERIFY2(!message.empty(), "rendered");
    QVERIFY2(ms < kAllowedMs, qPrintable(QStringLiteral("%1 ms: %2").arg(ms).arg(QString::fromStdString(message.substr(0, 100)))));
}

}  // namespace

class TestLimits : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void hostileTemplatesAreRefusedQuickly_data()
    {
        QTest::addColumn<std::string>("source");
        const auto row = [](const char* name, std::string source) { QTest::newRow(name) << std::move(source); };
        row("a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
        row("two macros that call each other", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}");
        row("a macro deep in an expression", "{% macro m(x) %}{{ ((((m(x + 1)))) ~ 'a') | upper }}{% endmacro %}{{ m(1) }}");
        row("a loop that calls itself", "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}");
        row("range of a billion", "{% for i in range(10**9) %}x{% endfor %}");
        row("nested loops", "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}");
        row("text times a billion", "{{ 'a' * 10**9 }}");
        row("text times thirty million", "{{ 'a' * 30000000 }}");
        row("list times a billion", "{{ ([0] * 10**9) | length }}");
        row("doubled text", chained("'aaaaaaaaaaaaaaaa'", "ns.x ~ ns.x"));
        row("doubled list", chained("[1]", "ns.x + ns.x"));
        row("replace bomb", "{% set s = 'a' * 1000000 %}{{ s | replace('a', s) }}");
        row("replace of nothing", "{% set s = 'a' * 1000000 %}{{ s | replace('', s) }}");
        row("join bomb", "{% set s = 'a' * 100000 %}{{ range(100000) | join(s) }}");
        row("parentheses", "{{ " + nested("(", "1", ")", 100000) + " }}");
        row("brackets", "{{ " + nested("[", "1", "]", 100000) + " }}");
        row("braces", "{{ " + nested("{1:", "1", "}", 100000) + " }}");
        row("not not not", "{{ " + times("not ", 100000) + "1 }}");
        row("minus minus minus", "{{ " + times("-", 100000) + "1 }}");
        row("nested ifs", nested("{% if 1 %}", "", "{% endif %}", 20000));
        row("nested loops in the source", nested("{% for i in [1] %}", "", "{% endfor %}", 10000));
        row("a long sum", "{{ 1" + times(" + 1", 200000) + " }}");
        row("a long chain of filters", "{{ 1" + times(" | string", 100000) + " }}");
        row("a long chain of attributes", "{{ x" + times(".a", 100000) + " }}");
        row("a long chain of calls", "{{ x" + times("()", 100000) + " }}");
        row("a long chain of ands", "{{ 1" + times(" and 1", 100000) + " }}");
        row("a long chain of conditions", "{{ 1" + times(" if 1 else 1", 50000) + " }}");
        row("unclosed tag", "{% if 1");
        row("unclosed string", "{{ 'abc");
        row("unclosed raw blocks", times("{% raw %}x", 1000));
        row("invalid UTF-8", "a{{ 'b\xff' }}");
    }

    void hostileTemplatesAreRefusedQuickly()
    {
        QFETCH(std::string, source);
        mustRefuse(source);
    }

    void valuesThatNestAreRefused_data()
    {
        QTest::addColumn<std::string>("source");
        const auto row = [](const char* name, std::string source) { QTest::newRow(name) << std::move(source); };
        row("lists in lists", chained("[]", "[ns.x]"));
        row("dicts in dicts", chained("{}", "{'a': ns.x}"));
        row("generators in generators", chained("[]", "[ns.x] | select"));
        row("cyclers in cyclers", chained("1", "cycler(ns.x)"));
        row("methods of methods", chained("[]", "[ns.x].index"));
        row("a namespace that prints itself", "{% set ns = namespace() %}{% set ns.s = [ns] %}{{ ns }}");
        row("a shared tree printed", chained("[1]", "[ns.x, ns.x]") + "{{ ns.x }}");
        row("shared trees compared", "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}");
        row("a shared tree hashed", "{% set ns = namespace(x=(1,)) %}{% for i in range(100) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}");
    }

    void valuesThatNestAreRefused()
    {
        QFETCH(std::string, source);
        mustRefuse(source);
    }

    void hugeCountsAreRefused_data()
    {
        QTest::addColumn<std::string>("source");
        const auto row = [](const char* name, std::string source) { QTest::newRow(name) << std::move(source); };
        row("a center of a billion", "{{ 'x' | center(10**9) }}");
        row("an indent of a billion", "{{ 'x' | indent(10**9, true) }}");
        row("a width of a billion", "{{ '%1000000000d' % 1 }}");
        row("a precision of a billion", "{{ '%.1000000000f' % 1 }}");
        row("a star width of a billion", "{{ '%*d' % (10**9, 1) }}");
        row("a format width of a billion", "{{ '{:1000000000}'.format(1) }}");
        row("a power of a billion", "{{ 2 ** 10**9 }}");
        row("a batch of a billion", "{{ [1] | batch(10**9, 0) | list }}");
        row("slices of a billion", "{{ [1] | slice(10**9) | list }}");
    }

    void hugeCountsAreRefused()
    {
        QFETCH(std::string, source);
        mustRefuse(source);
    }

    void repeatedWorkIsRefused_data()
    {
        QTest::addColumn<std::string>("source");
        const auto row = [](const char* name, std::string source) { QTest::newRow(name) << std::move(source); };
        row("many sorts", "{% for i in range(100) %}{{ range(100000) | sort | length }}{% endfor %}");
        row("many splits", onText("'a,' * 100000", "s.split(',')"));
        row("many searches", onText("'ab' * 100000", "'abb' in s"));
        row("many comparisons", "{% set b = 'a' * 1000000 %}" + onText("'a' * 999999 ~ 'a'", "s == b"));
        row("many list comparisons", "{% set b = [0] * 100000 %}" + onText("[0] * 100000", "s == b"));
        row("many list orders", "{% set b = [0] * 100000 %}" + onText("[0] * 100000", "s < b"));
        row("many upper cases", onText("'a' * 100000", "s | upper"));
        row("many indices into unicode", onText("'\u00e9' * 100000", "s[99999]"));
        row("many slices of unicode", onText("'\u00e9' * 100000", "s[99990:]"));
        row("many reversals", onText("'\u00e9' * 100000", "s[::-1]"));
        row("many strips", onText("' ' * 100000", "s.strip()"));
        row("many counts", onText("'a' * 100000", "s.count('b')"));
        row("many starts", onText("'\u00e9' * 100000", "s.startswith('a', 99999)"));
        row("many classes", onText("'a' * 100000", "s.isalpha()"));
        row("many floats", onText("'1' * 100000", "s | float"));
        row("many dumps", onText("'a' * 100000", "s | tojson"));
        row("many representations", onText("['a' * 100000]", "s | string"));
        row("many arguments", "{% macro m() %}{% endmacro %}{% for i in range(100000) %}{{ m(*range(100000)) }}{% endfor %}");
        row("many parameters", "{% macro m(" + [] { std::string names = "a"; for (int i = 0; i < 30000; ++i) names += ",a" + std::to_string(i); return names; }() + ") %}{% endmacro %}");
        row("many variables", [] { std::string sets; for (int i = 0; i < 30000; ++i) sets += "{% set v" + std::to_string(i) + " = 1 %}"; return sets; }());
    }

    void repeatedWorkIsRefused()
    {
        QFETCH(std::string, source);
        mustRefuse(source);
    }

    void heavyButHonestTemplatesRender_data()
    {
        QTest::addColumn<std::string>("source");
        const auto row = [](const char* name, std::string source) { QTest::newRow(name) << std::move(source); };
        row("a needle of half the hay", "{% set s = 'a' * 200000 %}{% set t = 'a' * 100000 ~ 'b' %}{{ s.find(t) }}{{ s.rfind(t) }}{{ s.count(t) }}{{ t in s }}");
        row("strip of many characters", "{% set s = 'a' * 100000 %}{% set t = 'b' * 99999 ~ 'a' %}{{ s.strip(t) }}");
        row("a chain of namespaces", "{% set ns = namespace(x=1) %}{% for i in range(20000) %}{% set ns.x = namespace(p=ns.x) %}{% endfor %}");
        row("a chain of macros", "{% set ns = namespace(x=none) %}{% macro w(p) %}{% macro q() %}{{ p }}{% endmacro %}{% set ns.x = q %}{% endmacro %}"
                                 "{% for i in range(10000) %}{% set _ = w(ns.x) %}{% endfor %}");
        row("a loop that outlives its rounds", "{% set ns = namespace() %}{% for i in [1, 2] if i %}{% set ns.l = loop %}{% endfor %}{{ ns.l.last }}");
        row("a namespace that holds itself", "{% set ns = namespace() %}{% set ns.s = ns %}{{ ns.s.s is sameas ns }}");
        row("an empty list times a billion", "{{ [] * 88888888888 }}{{ () * 88888888888 }}{{ '' * 88888888888 }}");
        row("many tags", times("{{ 1 }}", 50000));
        row("many branches", "{% if 0 %}" + times("{% elif 0 %}", 20000) + "{% endif %}");
    }

    void heavyButHonestTemplatesRender()
    {
        QFETCH(std::string, source);
        const std::clock_t start = std::clock();
        const std::string message = refusal(source);
        const double ms = 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
        QCOMPARE(message, std::string());
        QVERIFY2(ms < kAllowedMs, qPrintable(QString::number(ms)));
    }
};

QTEST_GUILESS_MAIN(TestLimits)
#include "tst_limits.moc"
