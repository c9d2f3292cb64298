// SPDX-License-Identifier: GPL-3.0-or-later
// Run events as JSON lines and back. Numbers that are not finite become null, as JSON has no word for them, and NaN when read.
#include "engine/spec/run_event.h"

#include "engine/base/error.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lorikeet {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::array<const char*, 5> kCategories{"weights", "activations", "gradients", "optimizer", "buffers"};
constexpr std::array<const char*, 6> kStates{"idle", "starting", "running", "paused", "stopping", "ended"};
constexpr std::array<const char*, 3> kStatuses{"done", "stopped", "failed"};
constexpr std::array<ErrorCode, 9> kErrorCodes{ErrorCode::Usage,  ErrorCode::BadInput,  ErrorCode::DoesNotFit,
                                               ErrorCode::Target, ErrorCode::Device,    ErrorCode::Network,
                                               ErrorCode::Cancelled, ErrorCode::RunFailed, ErrorCode::Internal};

constexpr const char* kDamaged = "the file was damaged or edited: take it from a copy of the run, or start the run anew";

[[noreturn]] void refuse(const std::string& what)
{
    throw Error(ErrorCode::BadInput, "not a run event of this program: " + what,
                kDamaged);
}

// ---- one visitor per direction: `fields` of an event names its keys once, a Writer or a Reader carries them over ----

class Writer {
public:
    explicit Writer(Json& line) : m_line(line) {}

    void field(const char* key, const double& value) { m_line[key] = std::isfinite(value) ? Json(value) : Json(nullptr); }
    template <typename T>
        requires(std::is_integral_v<T> || std::is_same_v<T, std::string>)
    void field(const char* key, const T& value)
    {
        m_line[key] = value;
    }
    void field(const char* key, const CategoryBytes& bytes)
    {
        Json& object = m_line[key] = Json::object();
        for (std::size_t i = 0; i < bytes.size(); ++i)
            object[kCategories[i]] = bytes[i];
    }
    template <typename T>
    void field(const char* key, const std::optional<T>& value)
    {
        if (value)
            field(key, *value);
    }
    template <typename Enum, std::size_t N>
    void word(const char* key, const Enum& value, const std::array<const char*, N>& words)
    {
        m_line[key] = words[static_cast<std::size_t>(value)];
    }
    void error(const RunEnded& event)
    {
        if (event.status == RunEnded::Status::Failed)
            m_line["error"] = {{"code", nameOf(event.errorCode)}, {"message", event.errorMessage}, {"hint", event.errorHint}};
    }

private:
    Json& m_line;
};

class Reader {
public:
    explicit Reader(const Json& line) : m_line(line) {}

    void field(const char* key, double& value) const
    {
        const Json& json = at(key);
        if (!json.is_null() && !json.is_number())
            refuse(std::string("\"") + key + "\" is not a number");
        value = json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
    }
    template <typename T>
        requires std::is_integral_v<T>
    void field(const char* key, T& value) const
    {
        value = whole<T>(at(key), key);
    }
    void field(const char* key, std::string& value) const
    {
        if (!at(key).is_string())
            refuse(std::string("\"") + key + "\" is not text");
        value = at(key).get<std::string>();
    }
    void field(const char* key, CategoryBytes& bytes) const
    {
        const Json& object = at(key);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            if (!object.is_object() || !object.contains(kCategories[i]))
                refuse(std::string("\"") + key + "\" lacks \"" + kCategories[i] + "\"");
            bytes[i] = whole<std::uint64_t>(object.at(kCategories[i]), kCategories[i]);
        }
    }
    template <typename T>
    void field(const char* key, std::optional<T>& value) const
    {
        if (m_line.contains(key))
            field(key, value.emplace());
    }
    template <typename Enum, std::size_t N>
    void word(const char* key, Enum& value, const std::array<const char*, N>& words) const
    {
        std::string text;
        field(key, text);
        for (std::size_t i = 0; i < N; ++i)
            if (text == words[i]) {
                value = static_cast<Enum>(i);
                return;
            }
        refuse(std::string("\"") + key + "\" is \"" + text + "\"");
    }
    void error(RunEnded& event) const
    {
        if (event.status != RunEnded::Status::Failed)
            return;
        const Reader inside(at("error"));
        std::string code;
        inside.field("code", code);
        inside.field("message", event.errorMessage);
        inside.field("hint", event.errorHint);
        for (const ErrorCode known : kErrorCodes)
            if (nameOf(known) == code) {
                event.errorCode = known;
                return;
            }
        refuse("there is no error code \"" + code + "\"");
    }

private:
    [[nodiscard]] const Json& at(const char* key) const
    {
        const auto found = m_line.find(key);
        if (found == m_line.end())
            refuse(std::string("\"") + key + "\" is missing");
        return *found;
    }
    template <typename T>
    static T whole(const Json& json, const char* key)
    {
        const bool negative = json.is_number_integer() && !json.is_number_unsigned();
        const bool fits = json.is_number_integer()
                       && (negative ? std::in_range<T>(json.get<std::int64_t>()) : std::in_range<T>(json.get<std::uint64_t>()));
        if (!fits)
            refuse(std::string("\"") + key + "\" is not a whole number in range");
        return json.get<T>();
    }

    const Json& m_line;
};

template <typename Visitor, typename Event>
void fields(Visitor& visit, Event& e)
{
    using T = std::remove_const_t<Event>;
    if constexpr (std::is_same_v<T, RunStarted>) {
        visit.field("total_steps", e.totalSteps);
        visit.field("first_step", e.firstStep);
        visit.field("train_rows", e.trainRows);
        visit.field("validation_rows", e.validationRows);
        visit.field("train_tokens", e.trainTokens);
        visit.field("supervised_tokens", e.supervisedTokens);
        visit.field("trainable_parameters", e.trainableParameters);
        visit.field("planned_bytes", e.plannedBytes);
        visit.field("device", e.device);
        visit.field("run_folder", e.runFolder);
    } else if constexpr (std::is_same_v<T, StepDone>) {
        visit.field("step", e.step);
        visit.field("epoch", e.epoch);
        visit.field("loss", e.loss);
        visit.field("lr", e.learningRate);
        visit.field("grad_norm", e.gradNorm);
        visit.field("tokens", e.tokens);
        visit.field("supervised_tokens", e.supervisedTokens);
        visit.field("total_tokens", e.totalTokens);
        visit.field("seconds", e.seconds);
        visit.field("tok_s", e.tokensPerSecond);
        visit.field("eta_seconds", e.etaSeconds);
    } else if constexpr (std::is_same_v<T, EvalDone>) {
        visit.field("step", e.step);
        visit.field("loss", e.loss);
        visit.field("supervised_tokens", e.supervisedTokens);
        visit.field("seconds", e.seconds);
    } else if constexpr (std::is_same_v<T, SampleDone>) {
        visit.field("step", e.step);
        visit.field("prompt", e.prompt);
        visit.field("text", e.text);
        visit.field("tokens", e.tokens);
        visit.field("seconds", e.seconds);
    } else if constexpr (std::is_same_v<T, MemoryMeasured>) {
        visit.field("step", e.step);
        visit.field("phase", e.phase);
        visit.field("live_bytes", e.liveBytes);
        visit.field("arena_bytes", e.arenaBytes);
        visit.field("resident_bytes", e.residentBytes);
    } else if constexpr (std::is_same_v<T, CheckpointSaved>) {
        visit.field("step", e.step);
        visit.field("folder", e.folder);
    } else if constexpr (std::is_same_v<T, StateChanged>) {
        visit.word("state", e.state, kStates);
    } else if constexpr (std::is_same_v<T, PhaseProgress>) {
        visit.field("stage", e.progress.stage);
        visit.field("done", e.progress.done);
        visit.field("total", e.progress.total);
        visit.field("unit", e.progress.unit);
    } else if constexpr (std::is_same_v<T, RunNotice>) {
        visit.field("message", e.message);
    } else {
        visit.word("status", e.status, kStatuses);
        visit.field("step", e.step);
        visit.field("seconds", e.seconds);
        visit.field("validation_loss_before", e.validationLossBefore);
        visit.field("validation_loss_after", e.validationLossAfter);
        visit.field("adapter_folder", e.adapterFolder);
        visit.field("model_folder", e.modelFolder);
        visit.error(e);
    }
}

/// Names of the alternatives of RunEvent, in their order.
constexpr std::array<std::string_view, std::variant_size_v<RunEvent>> kEventNames{
    "started", "step", "eval", "sample", "memory", "checkpoint", "state", "progress", "notice", "ended"};

template <std::size_t I = 0>
RunEvent readEvent(std::string_view name, const Reader& reader)
{
    if constexpr (I == kEventNames.size()) {
        refuse("there is no event \"" + std::string(name) + "\"");
    } else {
        if (name != kEventNames[I])
            return readEvent<I + 1>(name, reader);
        std::variant_alternative_t<I, RunEvent> event;
        fields(reader, event);
        return event;
    }
}

}  // namespace

Json toJson(const RunEvent& event)
{
    Json line;
    line["v"] = kEventVersion;
    line["event"] = kEventNames[event.index()];
    Writer writer(line);
    std::visit([&writer](const auto& alternative) { fields(writer, alternative); }, event);
    return line;
}

RunEvent runEventFromJson(const Json& line)
{
    if (!line.is_object())
        refuse(std::string("the line is a JSON ") + line.type_name());
    const Reader reader(line);
    int version = 0;
    reader.field("v", version);
    if (version != kEventVersion)
        throw Error(ErrorCode::BadInput, "the run event has format version " + std::to_string(version) + ", this program reads version "
                                             + std::to_string(kEventVersion),
                    version > kEventVersion ? "a newer Lorikeet wrote it; update this one" : kDamaged);
    std::string name;
    reader.field("event", name);
    return readEvent(name, reader);
}

}  // namespace lorikeet
