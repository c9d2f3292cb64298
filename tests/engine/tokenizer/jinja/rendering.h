// SPDX-License-Identifier: GPL-3.0-or-later
// Short ways to render a template in a test.
#pragma once

#include <ctime>
#include <string>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/tokenizer/jinja/json_text.h"
#include "engine/tokenizer/jinja/template.h"

namespace lorikeet::jinja::testing {

/// Friday, 26 July 2024, 15:04:05, which is what the oracle's strftime_now sees.
inline std::tm fixedTime()
{
    std::tm time{};
    time.tm_year = 124;
    time.tm_mon = 6;
    time.tm_mday = 26;
    time.tm_hour = 15;
    time.tm_min = 4;
    time.tm_sec = 5;
    time.tm_wday = 5;
    time.tm_yday = 207;
    return time;
}

inline Rendering render(const std::string& source, const nlohmann::ordered_json& variables = nlohmann::ordered_json::object())
{
    std::unordered_map<std::string, Value> values;
    for (const auto& [name, value] : variables.items())
        values.emplace(name, valueOf(value, kTemplateText));
    return Template(source, "test").render(std::move(values), fixedTime());
}

/// The message of the Error that parsing or rendering throws, or "" when it does not.
inline std::string refusal(const std::string& source, const nlohmann::ordered_json& variables = nlohmann::ordered_json::object())
{
    try {
        static_cast<void>(render(source, variables));
        return {};
    } catch (const Error& error) {
        return error.code() == ErrorCode::BadInput && !error.hint().empty() ? error.message() : "wrong code, or no next step";
    }
}

}  // namespace lorikeet::jinja::testing
