// SPDX-License-Identifier: GPL-3.0-or-later
// Errors carry what, where and the next step; broken promises name their line; a stop request becomes an Error.
#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/base/error.h"
#include "engine/base/progress.h"

#include <QtTest>

#include <limits>
#include <set>
#include <type_traits>

using namespace lorikeet;

class TestError : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void textIsMessageThenHint();
    void everyCodeHasItsExitCodeAndName_data();
    void everyCodeHasItsExitCodeAndName();
    void namesAreDistinct();
    void brokenPromiseNamesConditionAndPlace();
    void keptPromiseDoesNotEvaluateItsDetail();
    void stopRequestBecomesCancelled();
    void checkedArithmeticSeesOverflow();
};

void TestError::textIsMessageThenHint()
{
    const Error withHint(ErrorCode::BadInput, "cannot open x", "check the path");
    QCOMPARE(QString(withHint.what()), QString("cannot open x (check the path)"));
    QCOMPARE(withHint.message(), std::string("cannot open x"));
    QCOMPARE(withHint.hint(), std::string("check the path"));
    QVERIFY(withHint.code() == ErrorCode::BadInput);
    QCOMPARE(QString(Error(ErrorCode::Cancelled, "stopped on request", {}).what()), QString("stopped on request"));
    // Whoever refuses something must think of the next step: there is no way to leave it out.
    static_assert(!std::is_constructible_v<Error, ErrorCode, std::string>);
    try {
        throw Error(ErrorCode::Target, "a", "b");
    } catch (const std::exception& caught) {
        QCOMPARE(QString(caught.what()), QString("a (b)"));
    }
}

void TestError::everyCodeHasItsExitCodeAndName_data()
{
    QTest::addColumn<int>("code");
    QTest::addColumn<int>("exitCode");
    const auto row = [](const char* name, ErrorCode code, int exitCode) { QTest::newRow(name) << static_cast<int>(code) << exitCode; };
    row("usage", ErrorCode::Usage, 2);
    row("bad_input", ErrorCode::BadInput, 3);
    row("does_not_fit", ErrorCode::DoesNotFit, 4);
    row("target", ErrorCode::Target, 1);
    row("device", ErrorCode::Device, 1);
    row("network", ErrorCode::Network, 1);
    row("cancelled", ErrorCode::Cancelled, 130);
    row("run_failed", ErrorCode::RunFailed, 1);
    row("internal", ErrorCode::Internal, 1);
}

void TestError::everyCodeHasItsExitCodeAndName()
{
    QFETCH(int, code);
    QFETCH(int, exitCode);
    QCOMPARE(exitCodeOf(static_cast<ErrorCode>(code)), exitCode);
    QCOMPARE(std::string(nameOf(static_cast<ErrorCode>(code))), std::string(QTest::currentDataTag()));
}

void TestError::namesAreDistinct()
{
    std::set<std::string_view> names;
    for (int code = 0; code <= static_cast<int>(ErrorCode::Internal); ++code)
        names.insert(nameOf(static_cast<ErrorCode>(code)));
    QCOMPARE(static_cast<int>(names.size()), static_cast<int>(ErrorCode::Internal) + 1);
}

void TestError::brokenPromiseNamesConditionAndPlace()
{
    const int line = __LINE__ + 2;
    try {
        LORIKEET_CHECK(1 + 1 == 3, "sums are off");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Internal);
        const QString text(error.what());
        QVERIFY2(text.contains("sums are off"), error.what());
        QVERIFY2(text.contains("1 + 1 == 3"), error.what());
        QVERIFY2(text.contains("engine/base/tst_error.cpp:" + QString::number(line)), error.what());
        return;
    }
    QFAIL("a broken promise was not noticed");
}

void TestError::keptPromiseDoesNotEvaluateItsDetail()
{
    bool evaluated = false;
    const auto detail = [&evaluated] {
        evaluated = true;
        return std::string("detail");
    };
    LORIKEET_CHECK(true, detail());
    QVERIFY(!evaluated);
    QVERIFY_EXCEPTION_THROWN(LORIKEET_CHECK(false, detail()), Error);
    QVERIFY(evaluated);
}

void TestError::stopRequestBecomesCancelled()
{
    std::stop_source source;
    throwIfStopped({});
    throwIfStopped(source.get_token());
    source.request_stop();
    try {
        throwIfStopped(source.get_token());
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Cancelled);
        return;
    }
    QFAIL("a stop request was not noticed");
}

void TestError::checkedArithmeticSeesOverflow()
{
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    QVERIFY(checkedMul(0, kMost) == 0U);
    QVERIFY(checkedMul(kMost, 1) == kMost);
    QVERIFY(checkedMul(std::uint64_t{1} << 32, (std::uint64_t{1} << 32) - 1) == kMost - ((std::uint64_t{1} << 32) - 1));
    QVERIFY(!checkedMul(std::uint64_t{1} << 32, std::uint64_t{1} << 32));
    QVERIFY(checkedAdd(kMost - 1, 1) == kMost);
    QVERIFY(!checkedAdd(kMost, 1));
    QVERIFY(checkedAlign(65, 64) == 128U);
    QVERIFY(checkedAlign(64, 64) == 64U);
    QVERIFY(!checkedAlign(kMost, 64));
}

QTEST_GUILESS_MAIN(TestError)
#include "tst_error.moc"
