// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/export/adapter_folder.h"

#include "engine/base/files.h"
#include "engine/base/hash.h"
#include "engine/generate/model_text.h"
#include "engine/lora/peft_folder.h"

#include <nlohmann/json.hpp>

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

WrittenFolder writeAdapterFolder(const std::filesystem::path& target, bool replaceExisting, const AdapterContent& content,
                                 const std::stop_token& stop, const FolderCheck& check)
{
    throwIfStopped(stop);
    AtomicFolder folder(target, replaceExisting);
    const formats::ModelSource& source = *content.source;
    lora::writePeft(folder.staging(), lora::peftConfigOf(content.job, baseNameOf(source)), content.slots, content.flat);
    generate::writeTokenizerFiles(source, folder.staging());
    if (source.format() == "gguf")
        writeBaseNote(folder.staging(), source, stop);

    const std::size_t tensors = lora::verifyPeft(folder.staging(), source.shape(), content.slots, content.flat);
    return putInPlace(folder, "adapter_model.safetensors", tensors, stop, check);
}

}  // namespace lorikeet::exporting
