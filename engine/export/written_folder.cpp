// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/export/written_folder.h"

#include "engine/base/hash.h"

#include <algorithm>

namespace lorikeet::exporting {

WrittenFolder putInPlace(AtomicFolder& folder, const char* weights, std::size_t tensors, const std::stop_token& stop, const FolderCheck& check)
{
    WrittenFolder written;
    written.tensors = tensors;
    written.sha256 = sha256OfFile(folder.staging() / weights, stop);
    if (check)
        check(folder.staging());
    for (const auto& entry : std::filesystem::directory_iterator(folder.staging())) {
        written.files.push_back(utf8(entry.path().filename()));
        written.bytes += entry.file_size();
    }
    std::sort(written.files.begin(), written.files.end());
    throwIfStopped(stop);
    folder.commit();
    return written;
}

}  // namespace lorikeet::exporting
