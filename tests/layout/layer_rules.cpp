// SPDX-License-Identifier: GPL-3.0-or-later
// The tables of the layers and the checks over them.
#include "tests/layout/layer_rules.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

namespace lorikeet::layout {

namespace {

/// Room -> rooms that it may use. Lowest first; the order of the design's "Dependency direction".
const std::map<std::string, std::set<std::string>>& allowedEdges()
{
    static const std::map<std::string, std::set<std::string>> table = [] {
        std::map<std::string, std::set<std::string>> edges;
        edges["base"] = {};
        edges["spec"] = {"base"};
        edges["plan"] = {"spec", "base"};
        edges["tensor"] = {"spec", "base"};
        const auto above = [&edges](const std::vector<std::string>& rooms, std::set<std::string> uses) {
            for (const auto& used : std::set<std::string>(uses))
                uses.insert(edges.at(used).begin(), edges.at(used).end());
            for (const auto& room : rooms)
                edges[room] = uses;
        };
        above({"formats", "hardware"}, {"tensor"});
        above({"tokenizer", "quant"}, {"formats", "hardware"});
        above({"kernels"}, {"formats", "hardware", "plan"});
        above({"lora", "data"}, {"quant", "kernels", "tokenizer"});
        above({"model"}, {"lora", "data"});
        above({"generate"}, {"model"});
        above({"train", "export"}, {"generate"});
        above({"api"}, {"train", "export"});
        edges["ui"] = {"api", "plan", "spec", "base"};
        edges["app"] = {"ui", "api", "plan", "spec", "base"};
        return edges;
    }();
    return table;
}

const std::set<std::string> kTorchRooms{"tensor", "kernels", "quant", "model", "lora", "train", "generate", "export"};
const std::set<std::string> kTorchFreeRooms{"base", "spec", "plan", "formats", "tokenizer", "data", "ui", "app"};

bool isHeader(std::string_view path)
{
    return endsWithAny(path, {".h", ".cuh", ".hpp"});
}

/// x_cuda.cu, x_cuda.cpp, x_cuda.h and everything that only nvcc compiles.
bool isCudaFile(std::string_view path)
{
    return endsWithAny(path, {".cu", ".cuh", "_cuda.cpp", "_cuda.h"});
}

bool isCudaHeader(std::string_view target)
{
    return startsWithAny(target, {"cuda", "cublas", "curand", "cusparse", "cusolver", "cudnn", "nccl", "nvml", "nvrtc", "cub/", "thrust/",
                                  "cute/", "cutlass/", "ATen/cuda/", "ATen/native/cuda/", "c10/cuda/", "torch/csrc/cuda"});
}

bool isQtHeader(std::string_view target)
{
    const bool capital = target.size() > 1 && target[0] == 'Q' && std::isalpha(static_cast<unsigned char>(target[1])) != 0;
    return capital || startsWithAny(target, {"qt", "qcustomplot"});
}

bool isSystemHeader(std::string_view target)
{
    static const std::set<std::string_view> names{
        "unistd.h", "fcntl.h",    "dlfcn.h",  "pwd.h",     "grp.h",       "sched.h",   "signal.h", "csignal", "pthread.h", "poll.h",
        "dirent.h", "termios.h",  "netdb.h",  "spawn.h",   "syslog.h",    "utime.h",   "glob.h",   "ftw.h",   "malloc.h",  "link.h",
        "windows.h", "Windows.h", "winsock2.h", "io.h",    "direct.h",    "process.h", "psapi.h",  "bcrypt.h", "shlobj.h", "conio.h",
    };
    return names.contains(target) || startsWithAny(target, {"sys/", "linux/", "arpa/", "netinet/", "net/", "asm/", "mach/"});
}

/// Foreign headers that belong to one corner of the program.
struct Owner {
    std::vector<std::string> headers;
    std::vector<std::string> files;  ///< starts of the paths that may include them
};
const std::vector<Owner>& owners()
{
    static const std::vector<Owner> table{
        {{"oneapi/dnnl", "dnnl"}, {"engine/kernels/"}},
        {{"oniguruma.h", "sentencepiece", "utf8proc"}, {"engine/tokenizer/"}},
        {{"zlib.h", "zstd"}, {"engine/data/"}},
        {{"CLI/", "CLI11"}, {"app/cli_"}},
        {{"openssl/"}, {"engine/base/"}},
        {{"qcustomplot"}, {"ui/"}},
    };
    return table;
}

/// Why `path` may not include `target` which lies outside the project, or nothing.
std::optional<std::string> foreignViolation(const std::string& path, const std::string& target)
{
    const std::string room = roomOf(path);
    const bool inEngine = path.starts_with("engine/");
    if (target == "torch/torch.h" || target == "torch/all.h" || target == "torch/extension.h" || target == "ATen/ATen.h")
        return "is never included: it costs 20 s and 1 GB in every file";
    if (isCudaHeader(target) && !isCudaFile(path))
        return "is for *_cuda.* and .cu files only";
    if (isTorchHeader(target)) {
        const bool allowedHere = kTorchRooms.contains(room) || (room == "hardware" && isCudaFile(path));
        if (!allowedHere)
            return "LibTorch is not for this room";
        if (isHeader(path) && room != "tensor" && !isCudaFile(path))
            return "our headers see at most a forward declaration of at::Tensor";
    }
    if (isQtHeader(target) && inEngine)
        return "no Qt in the engine";
    if (isQtHeader(target) && path.starts_with("app/cli_"))
        return "no Qt in the command line program";
    if (isSystemHeader(target) && room != "base")
        return "the operating system is called in engine/base only";
    for (const auto& owner : owners()) {
        if (startsWithAny(target, owner.headers) && !startsWithAny(path, owner.files))
            return "belongs to " + owner.files.front();
    }
    return std::nullopt;
}

/// Why `path` may not include the project's file `target`, or nothing.
std::optional<std::string> edgeViolation(const std::string& path, const std::string& target)
{
    const std::string from = roomOf(path);
    const std::string to = roomOf(target);
    if (!isRoom(to))
        return "is in no room of the design";
    if (!mayUse(from, to))
        return from + " may not use " + to;
    if (path.starts_with("app/cli_") && to == "ui")
        return "the command line program has no window";
    return std::nullopt;
}

bool isProjectPath(std::string_view target)
{
    return startsWithAny(target, {"engine/", "ui/", "app/"});
}

/// Names that moc, uic and rcc make: quoted, without a folder.
bool isGenerated(const std::string& path, std::string_view target)
{
    return (path.starts_with("ui/") || path.starts_with("app/")) && (target.starts_with("ui_") || target.ends_with(".moc"));
}

/// A file that may not reach LibTorch reaches it through other headers.
void addReachViolations(const SourceTree& tree, const std::string& path, std::vector<std::string>& found)
{
    bool sawDnnl = false;
    for (const auto& include : includesOf(tree.at(path)))
        sawDnnl = sawDnnl || startsWithAny(include.target, {"oneapi/dnnl", "dnnl"});
    if (!isTorchFree(roomOf(path)) && !sawDnnl)
        return;
    for (const auto& reached : reachableFrom(tree, path)) {
        for (const auto& include : includesOf(tree.at(reached))) {
            if (reached != path && isTorchHeader(include.target))
                found.push_back(path + ": reaches LibTorch through " + reached);
            if (reached == path && sawDnnl && isTorchHeader(include.target))
                found.push_back(path + ": oneDNN and LibTorch in one file");
        }
    }
}

}  // namespace

std::string roomOf(const std::string& path)
{
    const std::size_t slash = path.find('/');
    const std::string top = path.substr(0, slash);
    if (top == "ui" || top == "app")
        return top;
    if (top != "engine" || slash == std::string::npos)
        return {};
    return path.substr(slash + 1, path.find('/', slash + 1) - slash - 1);
}

bool isRoom(const std::string& name)
{
    return allowedEdges().contains(name);
}

bool mayUse(const std::string& from, const std::string& to)
{
    const auto at = allowedEdges().find(from);
    return from == to || (at != allowedEdges().end() && at->second.contains(to));
}

bool isTorchFree(const std::string& room)
{
    return kTorchFreeRooms.contains(room);
}

bool isTorchHeader(const std::string& target)
{
    return startsWithAny(target, {"ATen/", "c10/", "torch/", "caffe2/"});
}

std::vector<std::string> reachableFrom(const SourceTree& tree, const std::string& path)
{
    std::vector<std::string> order{path};
    std::set<std::string> seen{path};
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto file = tree.find(order[i]);
        if (file == tree.end())
            continue;
        for (const auto& include : includesOf(file->second)) {
            if (tree.contains(include.target) && seen.insert(include.target).second)
                order.push_back(include.target);
        }
    }
    return order;
}

std::vector<std::string> includeViolations(const SourceTree& tree)
{
    std::vector<std::string> found;
    for (const auto& [path, text] : tree) {
        if (!isRoom(roomOf(path))) {
            found.push_back(path + ": lies in no room of the design");
            continue;
        }
        for (const auto& include : includesOf(text)) {
            std::optional<std::string> wrong;
            if (isProjectPath(include.target))
                wrong = edgeViolation(path, include.target);
            else if (!include.angled && !isGenerated(path, include.target) && !foreignViolation(path, include.target))
                wrong = "is not written from the top of the project";
            else
                wrong = foreignViolation(path, include.target);
            if (wrong)
                found.push_back(path + ":" + std::to_string(include.line) + ": " + include.target + ": " + *wrong);
        }
        addReachViolations(tree, path, found);
    }
    return found;
}

}  // namespace lorikeet::layout
