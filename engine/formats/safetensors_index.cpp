// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/safetensors_index.h"

#include "engine/base/error.h"
#include "engine/formats/json_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace lorikeet::formats {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

bool isFile(const fs::path& path)
{
    std::error_code error;
    return fs::is_regular_file(path, error);
}

/// First file of the folder that holds pickled weights, which are never opened: unpickling runs code of the file's author.
fs::path pickleIn(const fs::path& folder)
{
    constexpr std::array kEndings{".bin", ".pt", ".pth", ".ckpt"};
    std::vector<fs::path> found;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        const std::string ending = utf8(entry.path().extension());
        const std::string name = utf8(entry.path().filename());
        const bool isPickle = std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
        if ((isPickle && name != "training_args.bin") || name == "pytorch_model.bin.index.json")
            found.push_back(entry.path().filename());
    }
    return found.empty() ? fs::path() : *std::min_element(found.begin(), found.end());
}

[[noreturn]] void refuseWithoutWeights(const fs::path& folder)
{
    const fs::path pickle = pickleIn(folder);
    if (!pickle.empty())
        throw Error(ErrorCode::BadInput,
                    utf8(folder) + ": the weights are stored as pickle (" + utf8(pickle)
                        + "), which can run code when it is opened; expected " + kSingle,
                    "convert them in Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(new_folder), or take a "
                    "safetensors version of the model");
    throw Error(ErrorCode::BadInput, utf8(folder) + ": no weights, expected " + kSingle + " or " + kIndex,
                "download the model completely");
}

/// A plain file name: no folder, no drive, nothing that leaves the folder.
bool isPlainName(const std::string& name)
{
    return !name.empty() && name != "." && name != ".." && name.find_first_of("/\\:") == std::string::npos
        && name.find('\0') == std::string::npos;
}

/// tensor -> shard of the index file.
std::map<std::string, std::string> readWeightMap(const fs::path& index)
{
    const nlohmann::json content = readJsonObject(index);
    const JsonFields fields(content, utf8(index));
    const nlohmann::json* map = fields.object("weight_map");
    if (map == nullptr || map->empty())
        fields.refuse("there is no 'weight_map', expected {tensor: file}");
    std::map<std::string, std::string> shards;
    for (const auto& [tensor, shard] : map->items()) {
        if (!shard.is_string() || !isPlainName(shard.get<std::string>()))
            fields.refuse("the shard of tensor '" + tensor + "' is " + shard.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)
                          + ", expected a plain file name");
        shards.emplace(tensor, shard.get<std::string>());
    }
    return shards;
}

}  // namespace

SafetensorsFolder::SafetensorsFolder(const fs::path& folder)
{
    // Like transformers: one whole file goes before an index.
    if (isFile(folder / kSingle))
        addFile(folder / kSingle);
    else if (isFile(folder / kIndex))
        openIndex(folder, folder / kIndex);
    else
        refuseWithoutWeights(folder);
}

void SafetensorsFolder::openIndex(const fs::path& folder, const fs::path& index)
{
    const std::map<std::string, std::string> weightMap = readWeightMap(index);
    m_paths.push_back(index);
    std::set<std::string> shards;
    for (const auto& [tensor, shard] : weightMap)
        shards.insert(shard);
    for (const std::string& shard : shards) {
        if (!isFile(folder / pathFromUtf8(shard)))
            throw Error(ErrorCode::BadInput, utf8(folder) + ": the shard '" + shard + "' named by " + kIndex + " is missing",
                        "download the model again; " + std::to_string(shards.size()) + " shards belong to it");
        addFile(folder / pathFromUtf8(shard));
    }
    for (const auto& [tensor, shard] : weightMap) {
        const SafetensorsLocation location = find(tensor);
        if (location.tensor == nullptr || location.file->path().filename() != pathFromUtf8(shard))
            throw Error(ErrorCode::BadInput, utf8(index) + ": tensor '" + tensor + "' is not in the shard '" + shard + "'",
                        "the index and the shards do not belong together; download the model again");
    }
    for (const auto& [tensor, location] : m_tensors) {
        if (!weightMap.contains(tensor))
            throw Error(ErrorCode::BadInput, utf8(location.file->path()) + ": tensor '" + tensor + "' is not in " + kIndex,
                        "the index and the shards do not belong together; download the model again");
    }
}

void SafetensorsFolder::addFile(const fs::path& path)
{
    m_files.push_back(std::make_unique<SafetensorsFile>(path));
    m_paths.push_back(path);
    const SafetensorsFile& file = *m_files.back();
    for (const auto& [name, tensor] : file.tensors()) {
        const auto [entry, isNew] = m_tensors.emplace(name, SafetensorsLocation{&file, &tensor});
        if (!isNew)
            throw Error(ErrorCode::BadInput, utf8(path) + ": tensor '" + name + "' is also in "
                                                 + utf8(entry->second.file->path().filename()),
                        "two of the folder's files do not belong together: download the model again into an empty folder");
    }
}

SafetensorsLocation SafetensorsFolder::find(std::string_view name) const
{
    const auto found = m_tensors.find(name);
    return found == m_tensors.end() ? SafetensorsLocation{} : found->second;
}

std::uint64_t SafetensorsFolder::bytes() const noexcept
{
    std::uint64_t sum = 0;
    for (const auto& file : m_files)
        sum += file->fileBytes();
    return sum;
}

bool hasSafetensors(const fs::path& folder) { return isFile(folder / kSingle) || isFile(folder / kIndex); }

}  // namespace lorikeet::formats
