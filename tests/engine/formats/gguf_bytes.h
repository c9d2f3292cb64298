// SPDX-License-Identifier: GPL-3.0-or-later
// Makes small GGUF files for tests, piece by piece, so that any piece can lie.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace lorikeet::formats {

/// Little-endian bytes of a scalar.
template <typename T>
std::string le(T value)
{
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

inline std::string ggufText(const std::string& text) { return le<std::uint64_t>(text.size()) + text; }

/// Builds a file; every number can be overridden after the fact.
struct GgufBytes {
    struct Tensor {
        std::string name;
        std::vector<std::uint64_t> dimensions;  ///< innermost first, as in the file
        std::uint32_t type = 0;
        std::string data;
        std::uint64_t offset = UINT64_MAX;  ///< UINT64_MAX: the right one
    };

    std::string magic = "GGUF";
    std::uint32_t version = 3;
    std::uint64_t tensorCount = UINT64_MAX;  ///< UINT64_MAX: the right one
    std::uint64_t valueCount = UINT64_MAX;
    std::vector<std::string> values;  ///< key, type and value, encoded
    std::vector<Tensor> tensors;
    std::uint64_t alignment = 32;

    void addU32(const std::string& key, std::uint32_t value) { values.push_back(ggufText(key) + le(std::uint32_t{4}) + le(value)); }
    void addF32(const std::string& key, float value) { values.push_back(ggufText(key) + le(std::uint32_t{6}) + le(value)); }
    void addBool(const std::string& key, bool value) { values.push_back(ggufText(key) + le(std::uint32_t{7}) + std::string(1, value ? '\1' : '\0')); }
    void addText(const std::string& key, const std::string& value) { values.push_back(ggufText(key) + le(std::uint32_t{8}) + ggufText(value)); }
    void addTexts(const std::string& key, const std::vector<std::string>& list)
    {
        std::string bytes = ggufText(key) + le(std::uint32_t{9}) + le(std::uint32_t{8}) + le<std::uint64_t>(list.size());
        for (const std::string& text : list)
            bytes += ggufText(text);
        values.push_back(bytes);
    }
    /// A value of any type, already encoded.
    void addRaw(const std::string& key, std::uint32_t type, const std::string& bytes) { values.push_back(ggufText(key) + le(type) + bytes); }

    [[nodiscard]] std::string header() const
    {
        std::string bytes = magic + le(version) + le(tensorCount == UINT64_MAX ? std::uint64_t{tensors.size()} : tensorCount)
                          + le(valueCount == UINT64_MAX ? std::uint64_t{values.size()} : valueCount);
        for (const std::string& value : values)
            bytes += value;
        std::uint64_t offset = 0;
        for (const Tensor& tensor : tensors) {
            bytes += ggufText(tensor.name) + le<std::uint32_t>(static_cast<std::uint32_t>(tensor.dimensions.size()));
            for (const std::uint64_t size : tensor.dimensions)
                bytes += le(size);
            bytes += le(tensor.type) + le(tensor.offset == UINT64_MAX ? offset : tensor.offset);
            offset = padded(offset + tensor.data.size());
        }
        return bytes;
    }

    [[nodiscard]] std::string bytes() const
    {
        std::string all = header();
        all.resize(padded(all.size()));
        for (const Tensor& tensor : tensors) {
            all += tensor.data;
            all.resize(padded(all.size()));
        }
        return all;
    }

    [[nodiscard]] std::uint64_t padded(std::uint64_t size) const { return (size + alignment - 1) / alignment * alignment; }
};

inline std::string floats(std::size_t count, float first = 0, float step = 1)
{
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i)
        bytes += le(first + step * static_cast<float>(i));
    return bytes;
}

/// A complete small llama model: 1 layer, hidden 8, 2 heads of 4, 1 kv head, MLP 16, vocabulary 4, tied head, with a tokenizer.
inline GgufBytes smallLlama()
{
    GgufBytes file;
    file.addText("general.architecture", "llama");
    file.addText("general.license", "apache-2.0");
    file.addU32("llama.block_count", 1);
    file.addU32("llama.context_length", 64);
    file.addU32("llama.embedding_length", 8);
    file.addU32("llama.feed_forward_length", 16);
    file.addU32("llama.attention.head_count", 2);
    file.addU32("llama.attention.head_count_kv", 1);
    file.addU32("llama.rope.dimension_count", 4);
    file.addF32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    file.addF32("llama.rope.freq_base", 10000);
    file.addText("tokenizer.ggml.model", "gpt2");
    file.addTexts("tokenizer.ggml.tokens", {"a", "b", "ab", "<e>"});
    file.addRaw("tokenizer.ggml.token_type", 9,
                le(std::uint32_t{5}) + le(std::uint64_t{4}) + le(std::int32_t{1}) + le(std::int32_t{1}) + le(std::int32_t{1}) + le(std::int32_t{3}));
    file.addTexts("tokenizer.ggml.merges", {"a b"});
    file.addU32("tokenizer.ggml.eos_token_id", 3);
    const auto add = [&](const std::string& name, std::vector<std::uint64_t> dimensions) {
        std::size_t count = 1;
        for (const std::uint64_t size : dimensions)
            count *= size;
        file.tensors.push_back({name, std::move(dimensions), 0, floats(count, static_cast<float>(file.tensors.size()) * 1000)});
    };
    add("token_embd.weight", {8, 4});
    add("blk.0.attn_norm.weight", {8});
    add("blk.0.attn_q.weight", {8, 8});
    add("blk.0.attn_k.weight", {8, 4});
    add("blk.0.attn_v.weight", {8, 4});
    add("blk.0.attn_output.weight", {8, 8});
    add("blk.0.ffn_norm.weight", {8});
    add("blk.0.ffn_gate.weight", {8, 16});
    add("blk.0.ffn_up.weight", {8, 16});
    add("blk.0.ffn_down.weight", {16, 8});
    add("output_norm.weight", {8});
    return file;
}

}  // namespace lorikeet::formats
