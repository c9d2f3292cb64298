// SPDX-License-Identifier: GPL-3.0-or-later
// From GGUF metadata to ModelShape: architectures llama (Llama, Mistral, SmolLM2), qwen2, qwen3, granite, smollm3.
#pragma once

#include "engine/formats/gguf_reader.h"
#include "engine/spec/model_shape.h"

#include <cstdint>

namespace lorikeet::formats {

struct GgufModel {
    ModelShape shape;
    /// True for arch llama, granite and smollm3: the rows of q and k are stored interleaved per head (see ggufRowOf).
    bool permutedQk = false;
};

/// Shape and quirks. The head is tied when there is no output.weight; biases are found by name; rope_freqs.weight becomes
/// RopeScaling::Llama3. Not checked here: that every tensor is there (openModelSource does). @throws Error{BadInput} for an unknown
/// architecture, a missing or odd value, mixture of experts, partial rotary, scaling types other than linear and llama3.
[[nodiscard]] GgufModel readGgufModel(const GgufFile& file);

/// Where llama.cpp's converter puts row `row` (half-split layout: the pair of row i is i + headSize / 2) of a q or k matrix or bias:
/// pairs lie next to each other in the file.
[[nodiscard]] constexpr std::int64_t ggufRowOf(std::int64_t row, std::int64_t headSize) noexcept
{
    const std::int64_t half = headSize / 2;
    const std::int64_t inHead = row % headSize;
    return row - inHead + 2 * (inHead % half) + inHead / half;
}

/// The inverse of ggufRowOf.
[[nodiscard]] constexpr std::int64_t hfRowOf(std::int64_t fileRow, std::int64_t headSize) noexcept
{
    const std::int64_t inHead = fileRow % headSize;
    return fileRow - inHead + (inHead % 2) * (headSize / 2) + inHead / 2;
}

}  // namespace lorikeet::formats
