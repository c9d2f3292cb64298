// SPDX-License-Identifier: GPL-3.0-or-later
// Checks JSON against the part of JSON Schema (draft 2020-12) that the catalogue's schemas use. A keyword it does not know is an error,
// so that no rule of a schema is silently skipped.
#pragma once

#include <nlohmann/json.hpp>

#include <regex>
#include <set>
#include <string>
#include <vector>

namespace lorikeet::plan {

class JsonSchema {
public:
    explicit JsonSchema(nlohmann::json root) : m_root(std::move(root)) {}

    /// "place: what is wrong", one for each violation.
    [[nodiscard]] std::vector<std::string> violations(const nlohmann::json& value)
    {
        m_found.clear();
        check(m_root, value, "$");
        return m_found;
    }

private:
    void report(const std::string& place, const std::string& what) { m_found.push_back(place + ": " + what); }

    static bool isOfType(const nlohmann::json& value, const std::string& type)
    {
        if (type == "object")
            return value.is_object();
        if (type == "array")
            return value.is_array();
        if (type == "string")
            return value.is_string();
        if (type == "boolean")
            return value.is_boolean();
        if (type == "integer")
            return value.is_number_integer();
        return type == "number" && value.is_number();
    }

    void checkNumbersAndTexts(const nlohmann::json& schema, const nlohmann::json& value, const std::string& place)
    {
        if (value.is_number()) {
            const double number = value.get<double>();
            if (schema.contains("minimum") && number < schema.at("minimum").get<double>())
                report(place, value.dump() + " is below the minimum");
            if (schema.contains("maximum") && number > schema.at("maximum").get<double>())
                report(place, value.dump() + " is above the maximum");
            if (schema.contains("exclusiveMinimum") && number <= schema.at("exclusiveMinimum").get<double>())
                report(place, value.dump() + " is not above the minimum");
        }
        if (!value.is_string())
            return;
        const auto text = value.get<std::string>();
        if (text.size() < schema.value("minLength", std::size_t{0}) || text.size() > schema.value("maxLength", std::size_t{1} << 20))
            report(place, "the text is too short or too long");
        if (schema.contains("pattern") && !std::regex_search(text, std::regex(schema.at("pattern").get<std::string>())))
            report(place, "\"" + text + "\" does not match");
    }

    void checkObject(const nlohmann::json& schema, const nlohmann::json& value, const std::string& place)
    {
        for (const auto& key : schema.value("required", nlohmann::json::array()))
            if (!value.contains(key.get<std::string>()))
                report(place, key.get<std::string>() + " is missing");
        const nlohmann::json properties = schema.value("properties", nlohmann::json::object());
        for (const auto& [key, member] : value.items()) {
            if (properties.contains(key))
                check(properties.at(key), member, place + "." + key);
            else if (schema.contains("additionalProperties") && schema.at("additionalProperties").is_object())
                check(schema.at("additionalProperties"), member, place + "." + key);
            else if (schema.contains("additionalProperties") && !schema.at("additionalProperties").get<bool>())
                report(place, key + " is not allowed");
        }
    }

    void check(const nlohmann::json& schema, const nlohmann::json& value, const std::string& place)
    {
        static const std::set<std::string> known{"$schema", "$defs", "$ref", "title", "description", "type", "properties", "additionalProperties",
                                                 "required", "items", "minItems", "enum", "const", "minimum", "maximum", "exclusiveMinimum",
                                                 "minLength", "maxLength", "pattern"};
        for (const auto& [keyword, rule] : schema.items())
            if (!known.contains(keyword))
                report(place, "the schema uses " + keyword + ", which is not checked");
        if (schema.contains("$ref"))
            return check(m_root.at(nlohmann::json::json_pointer(schema.at("$ref").get<std::string>().substr(1))), value, place);
        if (schema.contains("type") && !isOfType(value, schema.at("type").get<std::string>()))
            return report(place, value.dump().substr(0, 60) + " is not of type " + schema.at("type").get<std::string>());
        if (schema.contains("const") && value != schema.at("const"))
            report(place, value.dump() + " is not " + schema.at("const").dump());
        if (schema.contains("enum") && std::find(schema.at("enum").begin(), schema.at("enum").end(), value) == schema.at("enum").end())
            report(place, value.dump() + " is none of the words");
        checkNumbersAndTexts(schema, value, place);
        if (value.is_object())
            checkObject(schema, value, place);
        if (!value.is_array())
            return;
        if (value.size() < schema.value("minItems", std::size_t{0}))
            report(place, "the list is too short");
        for (std::size_t i = 0; schema.contains("items") && i < value.size(); ++i)
            check(schema.at("items"), value[i], place + "[" + std::to_string(i) + "]");
    }

    nlohmann::json m_root;
    std::vector<std::string> m_found;
};

}  // namespace lorikeet::plan
