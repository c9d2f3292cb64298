// SPDX-License-Identifier: GPL-3.0-or-later
// What is refused says where (line and column, in characters) and why.
#include <QtTest>

#include "tests/engine/tokenizer/jinja/rendering.h"

using namespace lorikeet::jinja;
using lorikeet::jinja::testing::refusal;

class TestErrors : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusalsNameThePlace_data()
    {
        QTest::addColumn<QString>("source");
        QTest::addColumn<QString>("message");
        const auto row = [](const char* source, const char* message) { QTest::newRow(source) << source << message; };
        row("a\nb {{ x | nosuch }}", "test, template line 2, column 10: filter 'nosuch' is not supported");
        row("{{ x is nosuch }}", "test, template line 1, column 9: test 'nosuch' is not supported");
        row("{% if true %}{{ x | nosuch }}{% endif %}", "test, template line 1, column 21: filter 'nosuch' is not supported");
        row("üü {% include 'a' %}", "test, template line 1, column 7: statement 'include' is not supported");
        row("{% extends 'a' %}", "test, template line 1, column 4: statement 'extends' is not supported");
        row("{% frobnicate %}", "test, template line 1, column 4: unknown tag 'frobnicate'");
        row("{% endif %}", "test, template line 1, column 4: 'endif' has no beginning, or another block is still open");
        row("a {{ 1", "test, template line 1, column 3: the expression that begins here is not closed with '}}'");
        row("a {% if x", "test, template line 1, column 3: the tag that begins here is not closed with '%}'");
        row("\n\n{# x", "test, template line 3, column 1: the comment that begins here is not closed");
        row("{% raw %}{{", "test, template line 1, column 1: the raw block that begins here is not closed");
        row("{{ 'abc }}", "test, template line 1, column 4: the string that begins here is not closed");
        row("{% if x %}a", "test, template line 1, column 12: the template ends where 'endif' is expected");
        row("{{ (1 }}", "test, template line 1, column 7: unexpected '}', expected ')'");
        row("{{ 1 ? 2 }}", "test, template line 1, column 6: unexpected character '?'");
        row("{{ 1 + }}", "test, template line 1, column 8: unexpected '}}'");
        row("{% break %}", "test, template line 1, column 4: 'break' stands outside of a loop");
        row("{% for loop in x %}{% endfor %}", "test, template line 1, column 8: the variable 'loop' cannot be assigned inside a loop");
        row("{{ missing.name }}", "test, template line 1, column 12: 'missing' is undefined");
        row("{{ missing() }}", "test, template line 1, column 11: 'missing' is undefined");
        row("x\n  {{ 'a' + 1 }}", "test, template line 2, column 10: unsupported operand types for +: 'str' and 'int'");
        row("{{ [1].append(2) }}", "test, template line 1, column 14: access to attribute 'append' of a 'list' object is unsafe");
        row("{{ 1 / 0 }}", "test, template line 1, column 6: division by zero");
        row("{{ 9223372036854775807 + 1 }}", "test, template line 1, column 24: an integer does not fit into 64 bits");
        row("{{ 99999999999999999999 }}", "test, template line 1, column 4: the integer 99999999999999999999 does not fit into 64 bits");
        row("{% for a, b in [[1]] %}{% endfor %}", "test, template line 1, column 4: expected 2 values to unpack, found 1");
        row("{{ 'a' | indent(width='x', nosuch=1) }}", "test, template line 1, column 10: indent() has no parameter 'nosuch'");
        row("{{ missing | tojson }}", "test, template line 1, column 14: Object of type Undefined is not JSON serializable");
        row("{{ raise_exception('Only user and assistant roles!') }}", "Only user and assistant roles!");
        row("{{ raise_exception('no system' if missing) }}", "the template refuses the conversation and gives no reason");
    }

    void refusalsNameThePlace()
    {
        QFETCH(QString, source);
        QFETCH(QString, message);
        QCOMPARE(QString::fromStdString(refusal(source.toStdString())), message);
    }

    void unknownFiltersInABranchNotTakenAreAllowed()
    {
        QCOMPARE(lorikeet::jinja::testing::render("{% if false %}{{ 1 | nosuch }}{% endif %}ok").text.bytes(), std::string("ok"));
    }

    void invalidUtf8IsRefused()
    {
        QCOMPARE(refusal("a\xff" "b"), std::string("template 'test' is not valid UTF-8"));
        QCOMPARE(refusal("a\xc0\xaf" "b"), std::string("template 'test' is not valid UTF-8"));
        QCOMPARE(refusal("a\xed\xa0\x80" "b"), std::string("template 'test' is not valid UTF-8"));
    }

    void sourcesAboveOneMebibyteAreRefused()
    {
        QVERIFY(refusal(std::string(std::size_t{1} << 20, 'x')).empty());
        QVERIFY(refusal(std::string((std::size_t{1} << 20) + 1, 'x')).find("at most 1048576 are read") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TestErrors)
#include "tst_errors.moc"
