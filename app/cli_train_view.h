// SPDX-License-Identifier: GPL-3.0-or-later
// How a training run looks on standard output: a status line on a terminal, plain lines in a file, JSON lines for programs.
#pragma once

#include "app/cli_output.h"
#include "engine/spec/run_event.h"

#include <memory>

namespace lorikeet::app {

class TrainView {
public:
    virtual ~TrainView() = default;
    /// All @throws OutputClosed, Error{Target}.
    virtual void event(const RunEvent& event) = 0;
    virtual void memory(const MemoryMeasured& measured) = 0;
    virtual void progress(const Progress& progress) = 0;
};

/// One run event per line, as in events.jsonl, with "memory" and "progress" events between them.
[[nodiscard]] std::unique_ptr<TrainView> makeJsonView(Output& out);
/// For people.
[[nodiscard]] std::unique_ptr<TrainView> makePlainView(Output& out);

}  // namespace lorikeet::app
