// SPDX-License-Identifier: GPL-3.0-or-later
// The parameters of a decoder as a closed list: identity, two-dimensional shape, Hugging Face and GGUF names.
//
// Legend: rows x columns, row-major. A vector of n elements (norm gain, bias) is n rows of 1 column, so that "rows [a, b)" means
// elements [a, b) for it and the row permutation of q and k applies to weights and biases alike.
#pragma once

#include "engine/spec/model_shape.h"
#include "engine/spec/param_id.h"

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::formats {

using lorikeet::ParamId;
using lorikeet::ParamKind;

[[nodiscard]] constexpr ParamId embeddingId() noexcept { return {ParamKind::Embedding, -1, Linear::Q}; }
[[nodiscard]] constexpr ParamId finalNormId() noexcept { return {ParamKind::FinalNorm, -1, Linear::Q}; }
[[nodiscard]] constexpr ParamId headId() noexcept { return {ParamKind::Head, -1, Linear::Q}; }
[[nodiscard]] constexpr ParamId normId(ParamKind kind, int layer) noexcept { return {kind, layer, Linear::Q}; }
[[nodiscard]] constexpr ParamId weightId(int layer, Linear linear) noexcept { return {ParamKind::LinearWeight, layer, linear}; }
[[nodiscard]] constexpr ParamId biasId(int layer, Linear linear) noexcept { return {ParamKind::LinearBias, layer, linear}; }

/// Rows [first, first + count) of a parameter in fp32, shaped as shapeOf() says.
using ReadParameter = std::function<void(ParamId id, std::int64_t first, std::int64_t count, std::span<float> rows)>;

/// Every parameter of the model, each once, in the order of the forward pass: embedding; per layer input norm, q k v (weight, bias),
/// q/k norm, o, mid norm, gate, up, down; final norm; head unless tied.
[[nodiscard]] std::vector<ParamId> parametersOf(const ModelShape& shape);

/// {rows, columns}; {n, 1} for a vector.
[[nodiscard]] std::array<std::int64_t, 2> shapeOf(ParamId id, const ModelShape& shape);

/// The dimensions as a file stores them, outermost first: {rows, columns}, or {n} for a vector.
[[nodiscard]] std::vector<std::int64_t> fileShapeOf(ParamId id, const ModelShape& shape);

/// rows * columns.
[[nodiscard]] std::int64_t elementCountOf(ParamId id, const ModelShape& shape);

/// "model.layers.3.self_attn.q_proj.weight".
[[nodiscard]] std::string hfNameOf(ParamId id);

/// "blk.3.attn_q.weight".
[[nodiscard]] std::string ggufNameOf(ParamId id);

/// True for norm gains and biases, which are vectors.
[[nodiscard]] bool isVector(ParamKind kind) noexcept;

}  // namespace lorikeet::formats
