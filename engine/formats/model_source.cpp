// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/model_source.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/gguf_source.h"
#include "engine/formats/hf_config.h"
#include "engine/formats/hf_source.h"
#include "engine/formats/hub_cache.h"

#include <algorithm>
#include <array>

namespace lorikeet::formats {

namespace fs = std::filesystem;

namespace {

constexpr const char* kWhatToOpen = "open a Hugging Face folder with config.json and safetensors, or a .gguf file";

std::string lowerCase(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

bool beginsWithGgufMagic(const fs::path& path)
{
    const InputFile file(path);
    std::array<char, 4> magic{};
    if (file.size() < magic.size())
        return false;
    file.readExact(0, std::as_writable_bytes(std::span(magic)));
    return std::string_view(magic.data(), magic.size()) == "GGUF";
}

std::unique_ptr<ModelSource> openFolder(const fs::path& folder)
{
    std::error_code error;
    if (const fs::path config = folder / "config.json"; fs::is_regular_file(config, error)) {
        if (!runnableFamily(readHfConfig(config)))
            return std::make_unique<ConfigSource>(config);  // its weights cannot be used, so they are not looked at
        return std::make_unique<HfFolderSource>(folder);
    }
    std::string hint = kWhatToOpen;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        if (lowerCase(utf8(entry.path().extension())) == ".gguf")
            hint = "the folder holds GGUF files; open one of them: " + utf8(entry.path().filename());
    }
    if (fs::is_regular_file(folder / "adapter_config.json", error))
        hint = "the folder holds an adapter; open its base model, and give this folder as the adapter";
    throw Error(ErrorCode::BadInput, utf8(folder) + ": there is no config.json in this folder", hint);
}

std::unique_ptr<ModelSource> openFile(const fs::path& path)
{
    const std::string ending = lowerCase(utf8(path.extension()));
    if (ending == ".gguf" || beginsWithGgufMagic(path))
        return std::make_unique<GgufSource>(path);
    if (ending == ".json")
        return std::make_unique<ConfigSource>(path);
    if (ending == ".safetensors")
        throw Error(ErrorCode::BadInput, utf8(path) + ": one weight file is not a model, expected its folder", "open the folder it lies in");
    constexpr std::array kPickles{".bin", ".pt", ".pth", ".ckpt"};
    if (std::find(kPickles.begin(), kPickles.end(), ending) != kPickles.end())
        throw Error(ErrorCode::BadInput, utf8(path) + ": pickle weights are never opened, because they can run code", kWhatToOpen);
    throw Error(ErrorCode::BadInput, utf8(path) + ": not a model file", kWhatToOpen);
}

}  // namespace

void ModelSource::readQuantised(ParamId id, const QuantisedBytes& /*target*/) const
{
    LORIKEET_CHECK(false, hfNameOf(id) + " is not stored quantised");
}

std::unique_ptr<ModelSource> openModelSource(const fs::path& path)
{
    std::error_code error;
    if (fs::is_directory(path, error))
        return openFolder(hubSnapshot(path));
    if (!fs::exists(path, error))
        throw Error(ErrorCode::BadInput, utf8(path) + ": there is no such file or folder", kWhatToOpen);
    return openFile(path);
}

}  // namespace lorikeet::formats
