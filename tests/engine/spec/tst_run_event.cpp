// SPDX-License-Identifier: GPL-3.0-or-later
// Run events as lines: nothing is lost on the way, and lines that are no events are refused.
#include "engine/base/error.h"
#include "engine/spec/run_event.h"

#include <nlohmann/json.hpp>

#include <QtTest/QtTest>

#include <cmath>
#include <limits>
#include <set>

using namespace lorikeet;
using Json = nlohmann::ordered_json;

namespace {

/// One event of each kind, no two numbers alike.
std::vector<RunEvent> examples()
{
    RunEnded ended{RunEnded::Status::Done, 120, 84.5, 3.25, 1.75, "runs/1/adapter", std::nullopt, ErrorCode::Internal, "", ""};
    RunEnded full{RunEnded::Status::Done, 130, 84.75, 3.5, 1.5, "", "runs/2/model", ErrorCode::Internal, "", ""};
    RunEnded failed{RunEnded::Status::Failed, 7, 1.5, std::nullopt, std::nullopt, "", std::nullopt, ErrorCode::RunFailed, "the loss is not finite", "lower it"};
    return {RunStarted{120, 40, 150, 17, 30000, 12000, 4884480, {1, 2, 3, 4, std::uint64_t{1} << 63}, "cpu", "runs/\xC3\xBC"},
            StepDone{41, 1.25, 2.0625, 0.0002, 0.875, 1000, 400, 41000, 0.5, 2000.0, 39.5},
            EvalDone{50, 1.9, 333, 0.75},
            SampleDone{50, "What is VRAM?", "Memory of a GPU.", 6, 0.3125},
            MemoryMeasured{51, "evaluate", {9, 8, 7, 6, 5}, 35, 99},
            CheckpointSaved{60, "runs/1/checkpoints/step-60"},
            StateChanged{RunState::Paused},
            PhaseProgress{{"loading weights", 3, 272, "tensors"}},
            RunNotice{"3 rows were cut"},
            ended,
            full,
            failed};
}

QString refusal(const char* text)
{
    try {
        static_cast<void>(runEventFromJson(Json::parse(text)));
    } catch (const Error& error) {
        return error.code() == ErrorCode::BadInput && !error.hint().empty() ? QString::fromStdString(error.message()) : "wrong code, or no next step";
    }
    return "accepted";
}

}  // namespace

class TestRunEvent : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyEventSurvivesItsLine()
    {
        std::set<std::size_t> kinds;
        for (const RunEvent& event : examples()) {
            const std::string line = toJson(event).dump();
            const RunEvent read = runEventFromJson(Json::parse(line));
            kinds.insert(read.index());
            QCOMPARE(read.index(), event.index());
            QCOMPARE(toJson(read).dump(), line);
        }
        QCOMPARE(kinds.size(), std::variant_size_v<RunEvent>);
    }

    void theKeysOfAStepAreThoseOfTheSchema()
    {
        const Json line = toJson(examples()[1]);
        QCOMPARE(line.dump(),
                 std::string(R"({"v":1,"event":"step","step":41,"epoch":1.25,"loss":2.0625,"lr":0.0002,"grad_norm":0.875,"tokens":1000,)"
                             R"("supervised_tokens":400,"total_tokens":41000,"seconds":0.5,"tok_s":2000.0,"eta_seconds":39.5})"));
    }

    void valuesAreNotMixedUp()
    {
        const auto started = std::get<RunStarted>(runEventFromJson(toJson(examples()[0])));
        QCOMPARE(started.firstStep, std::int64_t{40});
        QCOMPARE(started.supervisedTokens, std::int64_t{12000});
        QCOMPARE(started.plannedBytes, (CategoryBytes{1, 2, 3, 4, std::uint64_t{1} << 63}));
        const auto ended = std::get<RunEnded>(runEventFromJson(toJson(examples()[9])));
        QCOMPARE(ended.validationLossBefore, std::optional(3.25));
        QCOMPARE(ended.validationLossAfter, std::optional(1.75));
        const auto full = std::get<RunEnded>(runEventFromJson(toJson(examples()[10])));
        QCOMPARE(full.modelFolder, std::optional<std::string>("runs/2/model"));
        const auto failed = std::get<RunEnded>(runEventFromJson(toJson(examples()[11])));
        QVERIFY(failed.status == RunEnded::Status::Failed && failed.errorCode == ErrorCode::RunFailed);
        QCOMPARE(failed.errorMessage, std::string("the loss is not finite"));
        QVERIFY(!failed.validationLossBefore);
        QCOMPARE(std::get<PhaseProgress>(runEventFromJson(toJson(examples()[7]))).progress.total, std::uint64_t{272});
    }

    void everyStateAndStatusHasAWord()
    {
        for (int i = 0; i <= static_cast<int>(RunState::Ended); ++i) {
            const auto state = static_cast<RunState>(i);
            QVERIFY(std::get<StateChanged>(runEventFromJson(toJson(StateChanged{state}))).state == state);
        }
        for (int i = 0; i <= static_cast<int>(ErrorCode::Internal); ++i) {
            RunEnded failed{RunEnded::Status::Failed};
            failed.errorCode = static_cast<ErrorCode>(i);
            QVERIFY(std::get<RunEnded>(runEventFromJson(toJson(failed))).errorCode == failed.errorCode);
        }
        QVERIFY(std::get<RunEnded>(runEventFromJson(toJson(RunEnded{RunEnded::Status::Stopped}))).status == RunEnded::Status::Stopped);
    }

    void aLossThatIsNotFiniteBecomesNull()
    {
        for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
            const Json line = Json::parse(toJson(EvalDone{1, bad, 2, 3}).dump());
            QVERIFY(line.at("loss").is_null());
            QVERIFY(std::isnan(std::get<EvalDone>(runEventFromJson(line)).loss));
        }
    }

    void doublesKeepEveryBit()
    {
        const double loss = 0.1 + 0.2;
        const Json line = Json::parse(toJson(EvalDone{1, loss, 2, 3}).dump());
        QCOMPARE(std::get<EvalDone>(runEventFromJson(line)).loss == loss, true);
    }

    void keysOfLaterProgramsAreIgnored()
    {
        const RunEvent event = runEventFromJson(Json::parse(R"({"v":1,"event":"notice","message":"m","later":[1]})"));
        QCOMPARE(std::get<RunNotice>(event).message, std::string("m"));
    }

    void otherLinesAreRefused_data()
    {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* line, const char* said) { QTest::newRow(line) << line << said; };
        row("[]", "the line is a JSON array");
        row("{}", "\"v\" is missing");
        row(R"({"v":2,"event":"notice","message":"m"})", "format version 2, this program reads version 1");
        row(R"({"v":0,"event":"notice","message":"m"})", "format version 0");
        row(R"({"v":"1","event":"notice"})", "\"v\" is not a whole number");
        row(R"({"v":1})", "\"event\" is missing");
        row(R"({"v":1,"event":"stp"})", "no event \"stp\"");
        row(R"({"v":1,"event":"notice"})", "\"message\" is missing");
        row(R"({"v":1,"event":"notice","message":3})", "\"message\" is not text");
        row(R"({"v":1,"event":"state","state":"asleep"})", "\"state\" is \"asleep\"");
        row(R"({"v":1,"event":"checkpoint","step":1.5,"folder":""})", "\"step\" is not a whole number");
        row(R"({"v":1,"event":"checkpoint","step":18446744073709551615,"folder":""})", "\"step\" is not a whole number in range");
        row(R"({"v":1,"event":"progress","stage":"s","done":-1,"total":2,"unit":"u"})", "\"done\" is not a whole number in range");
        row(R"({"v":1,"event":"eval","step":1,"loss":"2","supervised_tokens":1,"seconds":1})", "\"loss\" is not a number");
        row(R"({"v":1,"event":"memory","step":1,"phase":"train","live_bytes":{"weights":1},"arena_bytes":1,"resident_bytes":1})",
            "lacks \"activations\"");
        row(R"({"v":1,"event":"memory","step":1,"phase":"train","live_bytes":[1,2,3,4,5],"arena_bytes":1,"resident_bytes":1})", "lacks \"weights\"");
        row(R"({"v":1,"event":"ended","status":"failed","step":1,"seconds":1,"adapter_folder":""})", "\"error\" is missing");
        row(R"({"v":1,"event":"ended","status":"failed","step":1,"seconds":1,"adapter_folder":"","error":3})", "\"code\" is missing");
        row(R"({"v":1,"event":"ended","status":"failed","step":1,"seconds":1,"adapter_folder":"","error":{"code":"x","message":"","hint":""}})",
            "no error code \"x\"");
    }
    void otherLinesAreRefused()
    {
        QFETCH(QString, line);
        QFETCH(QString, said);
        const QString found = refusal(qPrintable(line));
        QVERIFY2(found.contains(said), qPrintable(found));
    }
};

QTEST_GUILESS_MAIN(TestRunEvent)
#include "tst_run_event.moc"
