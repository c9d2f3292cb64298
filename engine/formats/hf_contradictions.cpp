// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_contradictions.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <utility>

namespace lorikeet::formats {

namespace {

constexpr const char* kHint = "compare with the model's page, correct the file, or fetch it again";

std::string shown(const nlohmann::json& value) { return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace); }

/// The model type that a class is of: "LlamaForCausalLM", or "LLaMAForCausalLM" in old files, is "llama".
std::string typeOfClass(std::string name)
{
    constexpr std::string_view kEnd = "forcausallm";
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!name.ends_with(kEnd))
        return {};
    name.erase(name.size() - kEnd.size());
    return name == "gemma3" ? "gemma3_text" : name;
}

/// A class that nobody here knows may be the author's own name for this type.
void refuseOtherClass(const JsonFields& fields, const FamilyDefaults& family)
{
    std::string other;
    for (const std::string& name : fields.texts("architectures").value_or(std::vector<std::string>{})) {
        const std::string type = typeOfClass(name);
        if (type == family.family)
            return;
        if (isReadableType(type))
            other = name;
    }
    if (!other.empty())
        fields.refuse("'architectures' says " + other + " and 'model_type' says " + std::string(family.family), kHint);
}

void refuseDifferent(const JsonFields& fields, const char* key, const nlohmann::json* first, const nlohmann::json* second, const std::string& places)
{
    if (first != nullptr && second != nullptr && !first->is_null() && !second->is_null() && *first != *second)
        fields.refuse("'" + std::string(key) + "' is " + shown(*first) + " in one place and " + shown(*second) + " in another: " + places, kHint);
}

const nlohmann::json* typeOf(const JsonFields& rope) { return rope.find("rope_type") != nullptr ? rope.find("rope_type") : rope.find("type"); }

void refuseTwoPositions(const JsonFields& fields)
{
    const nlohmann::json* scaling = fields.object("rope_scaling");
    const nlohmann::json* parameters = fields.object("rope_parameters");
    for (const auto& [object, name] : {std::pair{scaling, "rope_scaling"}, std::pair{parameters, "rope_parameters"}}) {
        if (object == nullptr)
            continue;
        const JsonFields rope(*object, fields.where());
        for (const char* key : {"rope_theta", "original_max_position_embeddings", "partial_rotary_factor"})
            refuseDifferent(fields, key, fields.find(key), rope.find(key), std::string("the top and '") + name + "'");
    }
    if (scaling == nullptr || parameters == nullptr || scaling->empty() || parameters->empty())
        return;
    const JsonFields one(*scaling, fields.where());
    const JsonFields two(*parameters, fields.where());
    refuseDifferent(fields, "rope_type", typeOf(one), typeOf(two), "'rope_scaling' and 'rope_parameters'");
    for (const auto& [key, value] : scaling->items())
        refuseDifferent(fields, key.c_str(), &value, two.find(key.c_str()), "'rope_scaling' and 'rope_parameters'");
}

}  // namespace

void refuseContradictions(const JsonFields& fields, const FamilyDefaults& family)
{
    refuseOtherClass(fields, family);
    refuseTwoPositions(fields);
}

}  // namespace lorikeet::formats
