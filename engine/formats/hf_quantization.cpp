// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_quantization.h"

#include <nlohmann/json.hpp>

namespace lorikeet::formats {

namespace {

constexpr const char* kOtherWeights = "choose the bf16 or fp16 version of the model, or one quantised by bitsandbytes to nf4 or int8";

}  // namespace

void requireReadableQuantization(const JsonFields& config)
{
    const nlohmann::json* object = config.object("quantization_config");
    if (object == nullptr)
        return;
    const JsonFields fields(*object, config.where() + ": quantization_config");
    const bool isSwitched = fields.has("load_in_4bit") || fields.has("load_in_8bit");
    const std::string method = fields.text("quant_method").value_or(isSwitched ? "bitsandbytes" : "unknown");
    if (method != "bitsandbytes")
        config.refuse("the weights are quantised (" + method + "), which is not read", kOtherWeights);
    const bool four = fields.boolean("load_in_4bit").value_or(false);
    const bool eight = fields.boolean("load_in_8bit").value_or(false);
    if (four == eight)
        fields.refuse(std::string(four ? "both" : "neither") + " of 'load_in_4bit' and 'load_in_8bit' " + (four ? "are true" : "is true"), kOtherWeights);
    const std::string type = fields.text("bnb_4bit_quant_type").value_or("fp4");
    if (four && type != "nf4")
        fields.refuse("the weights are quantised to '" + type + "', which is not read", kOtherWeights);
}

}  // namespace lorikeet::formats
