// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/export/adapter_folder.h"

#include "engine/base/files.h"
#include "engine/base/hash.h"
#include "engine/generate/model_text.h"
#include "engine/lora/peft_folder.h"

#include <nlohmann/json.hpp>

#include <map>
#include <utility>

namespace lorikeet::exporting {

namespace {

constexpr const char* kBaseNote = "lorikeet_base.json";

/// What PEFT calls the base: the folder for a Hugging Face model, the model's own name for a GGUF file.
std::string baseNameOf(const formats::ModelSource& source)
{
    return source.format() == "gguf" ? source.shape().name : utf8(source.path());
}

void writeBaseNote(const std::filesystem::path& folder, const formats::ModelSource& source, const std::stop_token& stop)
{
    const nlohmann::ordered_json note{{"lorikeet_base", 1},
                                      {"format", source.format()},
                                      {"file", utf8(source.path().filename())},
                                      {"sha256", sha256OfFile(source.path(), stop)},
                                      {"name", source.shape().name},
                                      {"architecture", source.shape().family}};
    writeFileAtomically(folder / kBaseNote, note.dump(2) + "\n");
}

}  // namespace

formats::ReadParameter trainedParameters(std::span<const plan::ParameterSlot> slots, std::function<void(std::int64_t, std::span<float>)> readMasters)
{
    std::map<ParamId, const plan::ParameterSlot*> byId;
    for (const plan::ParameterSlot& slot : slots)
        byId.emplace(slot.id, &slot);
    return [byId = std::move(byId), readMasters = std::move(readMasters)](ParamId id, std::int64_t first, std::int64_t, std::span<float> rows) {
        const plan::ParameterSlot& slot = *byId.at(id);
        // A vector is one row in the plan and one column in a file.
        readMasters(slot.offset + first * (formats::isVector(id.kind) ? 1 : slot.cols), rows);
    };
}

lora::TrainedModules trainedModules(std::span<const plan::ParameterSlot> slots, std::function<void(std::int64_t, std::span<float>)> readMasters)
{
    lora::TrainedModules modules;
    for (const plan::ParameterSlot& slot : slots)
        modules.ids.push_back(slot.id);
    if (!slots.empty())
        modules.read = trainedParameters(slots, std::move(readMasters));
    return modules;
}

WrittenFolder writeAdapterFolder(const std::filesystem::path& target, bool replaceExisting, const AdapterContent& content,
                                 const std::stop_token& stop, const FolderCheck& check)
{
    throwIfStopped(stop);
    AtomicFolder folder(target, replaceExisting);
    const formats::ModelSource& source = *content.source;
    const lora::PeftContent adapter{lora::peftConfigOf(content.job, baseNameOf(source)), source.shape(), content.slots, content.flat, content.modules};
    lora::writePeft(folder.staging(), adapter);
    generate::writeTokenizerFiles(source, folder.staging());
    if (source.format() == "gguf")
        writeBaseNote(folder.staging(), source, stop);

    const std::size_t tensors = lora::verifyPeft(folder.staging(), adapter);
    return putInPlace(folder, "adapter_model.safetensors", tensors, stop, check);
}

}  // namespace lorikeet::exporting
