// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/start_file.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/hash.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/formats/safetensors_writer.h"

namespace lorikeet::train {

namespace {

constexpr const char* kFile = "start.safetensors";
constexpr const char* kTensor = "masters";

}  // namespace

std::string writeStart(const std::filesystem::path& runFolder, std::span<const float> masters)
{
    const std::filesystem::path path = runFolder / kFile;
    formats::writeSafetensors(path, {{kTensor, formats::SafeType::F32, {masters.size()}}},
                              [&](const formats::SafeEntry&, const formats::AppendBytes& append) { append(std::as_bytes(masters)); });
    return sha256OfFile(path);
}

void readStart(const std::filesystem::path& runFolder, const std::string& sha256, std::span<float> masters)
{
    const std::filesystem::path path = runFolder / kFile;
    if (!std::filesystem::exists(path) || sha256OfFile(path) != sha256)
        throw Error(ErrorCode::BadInput, utf8(path) + " is missing or damaged: it holds what the adapter started from, and the frozen weights are the rest",
                    "restore the file, or start the run anew without --resume");
    const formats::SafetensorsFile file(path);
    const formats::SafeTensor* tensor = file.find(kTensor);
    if (tensor == nullptr || tensor->bytes != masters.size_bytes())
        throw Error(ErrorCode::BadInput, utf8(path) + " does not hold the " + std::to_string(masters.size()) + " values of this job's adapter",
                    "start the run anew without --resume");
    file.read(*tensor, 0, std::as_writable_bytes(masters));
}

}  // namespace lorikeet::train
