// SPDX-License-Identifier: GPL-3.0-or-later
// Quantised matrices in planned memory: their views, and filling them from rows in fp32 as they come from the file.
#pragma once

#include "engine/formats/model_source.h"
#include "engine/kernels/dequantise.h"
#include "engine/model/planned_memory.h"
#include "engine/spec/model_shape.h"

#include <functional>
#include <span>

namespace lorikeet::model {

/// The buffers of one linear map's weight. `ids` must be of a quantised one.
[[nodiscard]] kernels::QuantMat quantisedMat(PlannedMemory& memory, const plan::LinearWeights& ids, Linear linear, const ModelShape& shape);

/// Fills rows [first, first + count) of a matrix in fp32.
using ReadRows = std::function<void(std::int64_t first, std::int64_t count, std::span<float> rows)>;

/// Where weights are going while they are loaded, and the room for what is on its way.
struct LoadRoom {
    kernels::Context* context = nullptr;  ///< of the device, or of the CPU for weights that stay on the host
    Mat staging;                          ///< fp32
    Mat scales;                           ///< fp32, for scales that are quantised themselves
};

/// Quantises a matrix row block by row block through the staging: beside the codes never more than that is in memory. On a device it
/// happens on the host. @throws Error{BadInput} for a value that is not finite, and what `read` throws.
void fillQuantised(const LoadRoom& room, const kernels::QuantMat& matrix, const ReadRows& read);

/// Copies codes and scales that the file holds just as they are planned; false, with nothing written, when it holds the matrix otherwise.
/// @throws Error{BadInput} from the file.
[[nodiscard]] bool copyQuantised(kernels::Context& context, const kernels::QuantMat& matrix, const formats::ModelSource& source, ParamId id);

}  // namespace lorikeet::model
