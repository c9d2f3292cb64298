// SPDX-License-Identifier: GPL-3.0-or-later
// Logits as files, from here and from the oracles, and how far they lie apart.
#pragma once

#include "engine/formats/safetensors_reader.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace lorikeet::test {

/// The tensor "logits" of a file, fp32.
inline std::vector<float> logitsIn(const std::filesystem::path& path)
{
    const formats::SafetensorsFile file(path);
    const formats::SafeTensor& tensor = file.tensors().at("logits");
    std::vector<float> values(tensor.bytes / sizeof(float));
    file.read(tensor, 0, std::as_writable_bytes(std::span(values)));
    return values;
}

/// Largest difference relative to the largest logit.
inline double difference(const std::vector<float>& ours, const std::vector<float>& theirs)
{
    if (ours.size() != theirs.size() || ours.empty())
        return 1e9;
    double most = 0;
    double scale = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        most = std::max(most, std::abs(static_cast<double>(ours[i]) - theirs[i]));
        scale = std::max(scale, std::abs(static_cast<double>(theirs[i])));
    }
    return most / scale;
}

}  // namespace lorikeet::test
