// SPDX-License-Identifier: GPL-3.0-or-later
// The memory of a run as one list: every buffer with its category, owner, bytes, lifetime and place. The window draws it, the engine
// allocates exactly it, the tracker measures it.
#pragma once

#include "engine/plan/layout.h"
#include "engine/plan/program.h"
#include "engine/spec/dtype.h"
#include "engine/spec/run_event.h"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::plan {

/// The five colours of the memory budget (product.md).
enum class Category : std::uint8_t { Weights, Activations, Gradients, Optimizer, Buffers };
inline constexpr std::array<Category, 5> kCategories{Category::Weights, Category::Activations, Category::Gradients,
                                                     Category::Optimizer, Category::Buffers};
/// "weights", "activations", "gradients", "optimizer", "buffers".
[[nodiscard]] std::string_view nameOf(Category category) noexcept;

/// Where a buffer lies.
enum class Space : std::uint8_t { Device, Host };

/// Sizes of a buffer: [elements] or [rows, columns]. Without memory of its own: a plan has thousands of them, and the solver makes hundreds of plans.
class Dims {
public:
    Dims() = default;
    /// @throws the internal error of LORIKEET_CHECK for more than two
    Dims(std::initializer_list<std::int64_t> sizes);

    [[nodiscard]] std::size_t size() const noexcept { return m_count; }
    [[nodiscard]] bool empty() const noexcept { return m_count == 0; }
    [[nodiscard]] std::int64_t back() const noexcept { return m_sizes[m_count - 1]; }
    [[nodiscard]] std::int64_t operator[](std::size_t i) const noexcept { return m_sizes[i]; }
    [[nodiscard]] const std::int64_t* begin() const noexcept { return m_sizes.data(); }
    [[nodiscard]] const std::int64_t* end() const noexcept { return m_sizes.data() + m_count; }

private:
    std::array<std::int64_t, 2> m_sizes{};
    std::size_t m_count = 0;
};

/// One buffer of the run. `first` and `last` are the program points between which its content matters, both included.
struct Buffer {
    std::string name;  ///< "layer.3.gate_proj.weight", "train.logits"
    Category category = Category::Buffers;
    std::string_view term;  ///< the line of the budget it counts in: "weights of the layers"
    int layer = -1;         ///< owner, or -1
    DType dtype = DType::F32;
    Dims shape;
    std::uint64_t bytes = 0;
    PointIndex first = 0;
    PointIndex last = 0;
    Space space = Space::Device;
    std::uint64_t offset = 0;  ///< in the arena of its space

    [[nodiscard]] std::int64_t elements() const noexcept;
};

/// One line of the budget: a family of buffers, or something no buffer can own. The terms of a category add up to it exactly.
struct Term {
    Category category = Category::Buffers;
    std::string name;     ///< "weights of the layers"
    std::string formula;  ///< this job's numbers: "30 layers x 1,024 tokens x (576 + 2 x 1,536) x 2 B"; its value is `bytes`
    std::string sentence;
    std::uint64_t bytes = 0;  ///< live at the peak point
    bool estimate = false;    ///< a catalogue constant, not a planned buffer
    std::uint64_t lowBytes = 0;   ///< spread of an estimate; both equal `bytes` where it is exact
    std::uint64_t highBytes = 0;
};

enum class Verdict : std::uint8_t { Fits, Tight, DoesNotFit };
/// "fits", "tight", "does not fit".
[[nodiscard]] std::string_view nameOf(Verdict verdict) noexcept;

/// What a device and its host can give; zero for the host: not known, or the same memory.
struct Room {
    std::uint64_t device = 0;
    std::uint64_t host = 0;
    bool shared = false;  ///< what lies on the host takes the device's memory
};
/// A verdict in bytes: "10.7 GiB stay free", "3.10 GiB too much", "12.0 GiB of host memory too much".
[[nodiscard]] std::string roomText(std::uint64_t deviceBytes, std::uint64_t hostBytes, const Room& room);

/// The result of planning one rank of a run.
struct MemoryPlan {
    Program program;
    std::vector<Buffer> buffers;
    Layout layout;                   ///< which buffer plays which part; the engine resolves these once
    std::uint64_t arenaBytes = 0;    ///< device arena
    std::uint64_t hostBytes = 0;     ///< host arena (0 on a CPU device: everything is in the device arena)
    std::uint64_t externalBytes = 0; ///< what no buffer owns: context, libraries
    std::uint64_t lowerBoundBytes = 0;  ///< largest sum of live bytes: no packing can be smaller
    PointIndex peakPoint = 0;
    CategoryBytes categoryBytes{};   ///< add up to totalBytes(): live at the peak, slack and context counted as buffers
    std::vector<Term> terms;
    std::vector<Term> hostTerms;   ///< of the host arena, at its own peak; add up to hostBytes
    std::vector<Term> deductions;  ///< what the device has beyond capacityBytes: other programs, the driver's share
    Verdict verdict = Verdict::Fits;
    std::uint64_t capacityBytes = 0;  ///< what the device can give this run
    std::uint64_t hostCapacityBytes = 0;  ///< what the host can give beside a device; 0: not known
    bool sharesHost = false;         ///< both arenas lie in the same memory
    std::string deviceId;

    [[nodiscard]] std::uint64_t totalBytes() const noexcept { return arenaBytes + externalBytes; }
    [[nodiscard]] const Buffer& buffer(BufferId id) const;
    /// Bytes live at a point by category (without context).
    [[nodiscard]] CategoryBytes liveAt(PointIndex point) const;
    [[nodiscard]] std::string roomText() const { return plan::roomText(totalBytes(), hostBytes, {capacityBytes, hostCapacityBytes, sharesHost}); }
};

}  // namespace lorikeet::plan
