// SPDX-License-Identifier: GPL-3.0-or-later
// What this machine has and what works here.
#pragma once

#include <string>
#include <vector>

namespace lorikeet::api {

struct DoctorLine {
    enum class State { Good, Note, Problem };
    std::string topic;  ///< "processor", "memory", "LibTorch", "oneDNN", "OpenMP", "CUDA driver", "starter model"
    State state = State::Good;
    std::string finding;
    std::string advice;  ///< empty when nothing is to be done
};

/// Looks at hardware and libraries and runs one small product of each kind. Takes about a second.
[[nodiscard]] std::vector<DoctorLine> doctor();

/// Version of the program and of the libraries it runs with: {"lorikeet", "0.1.0"}, {"libtorch", "2.11.0"}, ...
struct LibraryVersion {
    std::string name;
    std::string version;
};
[[nodiscard]] std::vector<LibraryVersion> libraryVersions();

}  // namespace lorikeet::api
