// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/bnb_quant_state.h"

#include "engine/base/checked.h"
#include "engine/base/error.h"
#include "engine/formats/json_text.h"
#include "engine/spec/quantization.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace lorikeet::formats {

namespace {

constexpr std::uint64_t kMostElements = std::uint64_t{1} << 40U;
constexpr const char* kOtherFormat = "use a checkpoint in the default settings of bitsandbytes (nf4, blocks of 64), or the model unquantised";

void requireText(const JsonFields& fields, const char* key, const std::string& expected)
{
    const std::string found = fields.text(key).value_or("");
    if (found != expected)
        fields.refuse(std::string("'") + key + "' is '" + found + "', expected '" + expected + "'", kOtherFormat);
}

void requireBlock(const JsonFields& fields, const char* key, std::int64_t expected)
{
    const auto found = fields.integer(key);
    if (found != expected)
        fields.refuse(std::string("'") + key + "' is " + (found ? std::to_string(*found) : "missing") + ", expected " + std::to_string(expected), kOtherFormat);
}

DType dtypeIn(const JsonFields& fields)
{
    const std::string name = fields.text("dtype").value_or("");
    if (name == "bfloat16")
        return DType::BF16;
    if (name == "float16")
        return DType::F16;
    if (name != "float32")
        fields.refuse("'dtype' is '" + name + "', expected bfloat16, float16 or float32");
    return DType::F32;
}

void readShape(const JsonFields& fields, BnbQuantState& state)
{
    const nlohmann::json* shape = fields.find("shape");
    const auto isSize = [](const nlohmann::json& size) { return size.is_number_unsigned() && size.get<std::uint64_t>() > 0; };
    if (shape == nullptr || !shape->is_array() || shape->size() != 2 || !isSize((*shape)[0]) || !isSize((*shape)[1]))
        fields.refuse("'shape' is " + (shape == nullptr ? "missing" : shape->dump().substr(0, 80)) + ", expected two positive sizes");
    const auto rows = (*shape)[0].get<std::uint64_t>();
    const auto cols = (*shape)[1].get<std::uint64_t>();
    const auto elements = checkedMul(rows, cols);
    if (!elements || *elements > kMostElements)
        fields.refuse("'shape' is " + shape->dump() + ", more than 2^40 elements");
    state.rows = static_cast<std::int64_t>(rows);
    state.cols = static_cast<std::int64_t>(cols);
}

void readNested(const JsonFields& fields, BnbQuantState& state)
{
    state.nested = fields.has("nested_blocksize") || fields.has("nested_offset") || fields.has("nested_dtype");
    if (!state.nested)
        return;
    requireBlock(fields, "nested_blocksize", kDoubleQuantBlock);
    requireText(fields, "nested_dtype", "float32");
    const auto offset = fields.number("nested_offset");
    if (!offset)
        fields.refuse("'nested_offset' is missing");
    state.nestedOffset = static_cast<float>(*offset);
    if (!std::isfinite(state.nestedOffset))
        fields.refuse("'nested_offset' is not a finite fp32 number");
}

}  // namespace

BnbQuantState parseBnbQuantState(std::string_view json, const std::string& where)
{
    if (json.size() > kBnbStateLimit)
        throw Error(ErrorCode::BadInput, where + ": the quantisation state has " + std::to_string(json.size()) + " bytes, expected at most "
                                             + std::to_string(kBnbStateLimit), kOtherFormat);
    const nlohmann::json content = parseJsonObject(json, where);
    const JsonFields fields(content, where);
    BnbQuantState state;
    requireText(fields, "quant_type", "nf4");
    requireBlock(fields, "blocksize", kNf4Block);
    state.dtype = dtypeIn(fields);
    readShape(fields, state);
    readNested(fields, state);
    return state;
}

}  // namespace lorikeet::formats
