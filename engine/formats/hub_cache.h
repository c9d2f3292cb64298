// SPDX-License-Identifier: GPL-3.0-or-later
// A model in the cache of Hugging Face's hub: models--ORG--NAME/ holds refs/main (the name of a revision), snapshots/REVISION/ (links to
// files) and blobs/ (the files).
#pragma once

#include <filesystem>

namespace lorikeet::formats {

/// The snapshot that `folder` stands for: the one of refs/main, else the only one. Any folder without snapshots/, or with a config.json of
/// its own, is given back as it is. @throws Error{BadInput} when the revision of refs/main is not there, when there is no snapshot, or when
/// there are several without a refs/main, with their names.
[[nodiscard]] std::filesystem::path hubSnapshot(const std::filesystem::path& folder);

}  // namespace lorikeet::formats
