// SPDX-License-Identifier: GPL-3.0-or-later
// Safetensors files: header and the bytes of every tensor.
#include "engine/formats/safetensors_reader.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const lorikeet::fuzz::ScratchFolder folder;
    const auto path = folder.write("model.safetensors", lorikeet::fuzz::textOf(data, size));
    lorikeet::fuzz::answerOrRefuse([&] {
        const lorikeet::formats::SafetensorsFile file(path);
        for (const auto& [name, tensor] : file.tensors()) {
            std::vector<std::byte> bytes(tensor.bytes);  // a header may not promise more than the file holds
            file.read(name, 0, bytes);
        }
    });
    return 0;
}
