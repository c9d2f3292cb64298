// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/gguf_config.h"

#include "engine/base/error.h"
#include "engine/formats/gguf_dequant.h"
#include "engine/formats/json_text.h"
#include "engine/formats/parameters.h"
#include "engine/formats/rope_divisors.h"

#include <algorithm>
#include <array>
#include <span>

namespace lorikeet::formats {

namespace {

/// Metadata under "<architecture>.".
class ArchFields {
public:
    ArchFields(const GgufFile& file, std::string arch) : m_file(file), m_arch(std::move(arch)) {}

    [[nodiscard]] std::string key(const char* field) const { return m_arch + "." + field; }
    [[nodiscard]] std::int64_t required(const char* field) const { return requiredUniform(field); }
    [[nodiscard]] std::optional<std::int64_t> integer(const char* field) const { return uniform(field); }
    [[nodiscard]] std::optional<double> number(const char* field) const { return m_file.number(key(field)); }
    [[nodiscard]] std::optional<std::string> text(const char* field) const { return m_file.text(key(field)); }
    [[nodiscard]] std::optional<bool> boolean(const char* field) const { return m_file.boolean(key(field)); }

private:
    /// Some converters write one value per layer; all must be equal, since the plan has one kind of block.
    [[nodiscard]] std::optional<std::int64_t> uniform(const char* field) const
    {
        const GgufValue* value = m_file.value(key(field));
        if (const auto* naturals = value == nullptr ? nullptr : std::get_if<std::vector<std::uint64_t>>(value))
            return allEqual(*naturals, field);
        if (const auto* wholes = value == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(value))
            return allEqual(*wholes, field);
        return m_file.integer(key(field));
    }

    template <typename T>
    [[nodiscard]] std::int64_t allEqual(const std::vector<T>& values, const char* field) const
    {
        if (values.empty() || std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end())
            m_file.refuse("'" + key(field) + "' differs from layer to layer", kOtherModel);
        return static_cast<std::int64_t>(values.front());
    }

    [[nodiscard]] std::int64_t requiredUniform(const char* field) const
    {
        const auto value = uniform(field);
        return value ? *value : m_file.requiredInteger(key(field));
    }

    const GgufFile& m_file;
    std::string m_arch;
};

/// "SmolLM2-135M-Instruct" of "SmolLM2-135M-Instruct.Q4_1": general.name is often the name of a training run.
std::string nameWithoutType(const std::string& stem)
{
    const auto cut = stem.find_last_of(".-");
    if (cut == std::string::npos || cut == 0)
        return stem;
    const std::string ending = stem.substr(cut + 1);
    for (const char* type : {"Q2_", "Q3_", "Q4_", "Q5_", "Q6_", "Q8_", "IQ", "F16", "f16", "F32", "f32", "BF16", "bf16", "q4_", "q5_", "q8_"}) {
        if (ending.starts_with(type))
            return stem.substr(0, cut);
    }
    return stem;
}

std::string architectureOf(const GgufFile& file)
{
    const std::string arch = file.text("general.architecture").value_or("");
    const std::string type = file.text("general.type").value_or("model");
    if (type != "model")
        file.refuse("the file holds a '" + type + "', not a model", "choose the GGUF file of the base model");
    if (file.integer("split.count").value_or(1) > 1)
        file.refuse("the file is one part of a split model", "join the parts first: llama-gguf-split --merge");
    constexpr std::array kSupported{"llama", "qwen2", "qwen3", "granite", "smollm3"};
    if (std::find(kSupported.begin(), kSupported.end(), arch) == kSupported.end())
        file.refuse("architecture '" + arch + "' is not supported",
                    "supported are llama (Llama, Mistral, SmolLM2), qwen2, qwen3, granite and smollm3: choose a model of one of them");
    return arch;
}

void readCounts(const GgufFile& file, const ArchFields& fields, ModelShape& shape)
{
    shape.layers = fields.required("block_count");
    shape.hidden = fields.required("embedding_length");
    shape.mlp = fields.required("feed_forward_length");
    shape.heads = fields.required("attention.head_count");
    shape.kvHeads = fields.integer("attention.head_count_kv").value_or(shape.heads);
    shape.maxContext = fields.required("context_length");
    if (shape.heads <= 0)
        file.refuse("'" + fields.key("attention.head_count") + "' is " + std::to_string(shape.heads));
    shape.headSize = fields.integer("attention.key_length").value_or(shape.hidden / shape.heads);
    const std::int64_t valueSize = fields.integer("attention.value_length").value_or(shape.headSize);
    if (valueSize != shape.headSize)
        file.refuse("values of " + std::to_string(valueSize) + " beside keys of " + std::to_string(shape.headSize)
                    + " elements per head are not supported", kOtherModel);
    const std::int64_t rotary = fields.integer("rope.dimension_count").value_or(shape.headSize);
    if (rotary != shape.headSize)
        file.refuse("rotary positions over " + std::to_string(rotary) + " of " + std::to_string(shape.headSize)
                    + " elements per head are not supported", kOtherModel);
    if (fields.integer("expert_count").value_or(0) > 0)
        file.refuse("mixture-of-experts models are not supported", kOtherModel);
    if (!fields.boolean("attention.causal").value_or(true))
        file.refuse("the model's attention is not causal", "choose a language model that generates text");
    shape.slidingWindow = std::max<std::int64_t>(0, fields.integer("attention.sliding_window").value_or(0));
}

void readPositions(const GgufFile& file, const ArchFields& fields, ModelShape& shape)
{
    const auto eps = fields.number("attention.layer_norm_rms_epsilon");
    if (!eps)
        file.refuse("metadata '" + fields.key("attention.layer_norm_rms_epsilon") + "' is missing");
    shape.normEps = *eps;
    shape.ropeTheta = fields.number("rope.freq_base").value_or(10000.0);
    const std::string type = fields.text("rope.scaling.type").value_or("none");
    const double factor = fields.number("rope.scaling.factor").value_or(fields.number("rope.scale_linear").value_or(1.0));
    if (type != "none" && type != "linear" && type != "")
        file.refuse("position scaling of type '" + type + "' is not supported", "supported are linear and llama3: choose a model with one of them");
    if (type != "none" && factor != 1.0)
        shape.ropeScaling = {RopeScaling::Type::Linear, factor};
}

/// rope_freqs.weight: [headSize / 2] divisors in fp32.
void readRopeTensor(const GgufFile& file, ModelShape& shape)
{
    for (const char* name : {"rope_factors_long.weight", "rope_factors_short.weight"}) {
        if (file.find(name) != nullptr)
            file.refuse("position scaling of type 'longrope' is not supported", "supported are linear and llama3: choose a model with one of them");
    }
    const GgufTensor* tensor = file.find("rope_freqs.weight");
    if (tensor == nullptr)
        return;
    const std::vector<std::int64_t> expected{shape.headSize / 2};
    if (tensor->shape != expected || tensor->type->id != 0)
        file.refuse("rope_freqs.weight is not a vector of " + std::to_string(shape.headSize / 2) + " fp32 divisors");
    std::vector<float> divisors(static_cast<std::size_t>(shape.headSize / 2));
    file.file().readExact(tensor->offset, std::as_writable_bytes(std::span(divisors)));
    const auto scaling = recoverRopeScaling(divisors, shape.ropeTheta, shape.headSize);
    if (!scaling)
        file.refuse("rope_freqs.weight holds divisors that are not of the llama3 kind", kOtherModel);
    if (scaling->type == RopeScaling::Type::None)
        return;
    if (shape.ropeScaling.type != RopeScaling::Type::None)
        file.refuse("the file has both rope_freqs.weight and linear position scaling", kOtherModel);
    shape.ropeScaling = *scaling;
}

bool hasInFirstLayer(const GgufFile& file, ParamId id) { return file.find(ggufNameOf(id)) != nullptr; }

/// A multiplier that is absent or 0 is none, as llama.cpp takes it.
void readMultipliers(const ArchFields& fields, ModelShape& shape)
{
    if (shape.family == "smollm3")
        shape.noRopePeriod = 4;  // not in the metadata: llama.cpp has it fixed
    if (shape.family != "granite")
        return;
    const auto orOne = [&](const char* field) {
        const double value = fields.number(field).value_or(0.0);
        return value == 0.0 ? 1.0 : value;
    };
    shape.embeddingScale = orOne("embedding_scale");
    shape.residualScale = orOne("residual_scale");
    shape.logitDivisor = orOne("logit_scale");
    shape.attentionMultiplier = fields.number("attention.scale").value_or(0.0);
}

void readQuirks(const GgufFile& file, ModelShape& shape)
{
    shape.qkvBias = hasInFirstLayer(file, biasId(0, Linear::Q));
    shape.outBias = hasInFirstLayer(file, biasId(0, Linear::O));
    shape.mlpBias = hasInFirstLayer(file, biasId(0, Linear::Gate));
    shape.qkNorm = shape.family == "qwen3";
    shape.tiedHead = file.find("output.weight") == nullptr;
    if (shape.family == "qwen2")
        shape.qkvBias = true;
}

/// The table's type when it is a plain one; quantised tensors are widened to fp32.
void readTable(const GgufFile& file, ModelShape& shape)
{
    const GgufTensor* table = file.find("token_embd.weight");
    if (table == nullptr || table->shape.size() != 2)
        file.refuse("the embedding table token_embd.weight is missing", "the file is not a complete model");
    shape.vocab = table->shape[0];
    const GgufTensor* weight = file.find(ggufNameOf(weightId(0, Linear::Q)));
    const std::uint32_t type = weight == nullptr ? table->type->id : weight->type->id;
    shape.storage = type == 1 ? DType::F16 : type == 30 ? DType::BF16 : DType::F32;
}

}  // namespace

GgufModel readGgufModel(const GgufFile& file)
{
    const std::string arch = architectureOf(file);
    const ArchFields fields(file, arch);
    GgufModel model;
    ModelShape& shape = model.shape;
    shape.family = arch;
    shape.name = nameWithoutType(utf8(file.file().path().stem()));
    readCounts(file, fields, shape);
    readPositions(file, fields, shape);
    readTable(file, shape);
    readQuirks(file, shape);
    readMultipliers(fields, shape);
    const std::string where = utf8(file.file().path());
    validateShape(shape, where);
    readRopeTensor(file, shape);
    validateShape(shape, where);
    model.permutedQk = arch == "llama" || arch == "granite" || arch == "smollm3";
    return model;
}

}  // namespace lorikeet::formats
