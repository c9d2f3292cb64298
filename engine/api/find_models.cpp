// SPDX-License-Identifier: GPL-3.0-or-later
// Looking for models where other programs keep them.
#include "engine/api/models.h"

#include "engine/api/guarded.h"
#include "engine/base/error.h"
#include "engine/base/files.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace lorikeet::api {

namespace {

namespace fs = std::filesystem;

fs::path fromEnvironment(const char* name)
{
    const char* value = std::getenv(name);
    return value && *value ? pathFromUtf8(value) : fs::path{};
}

fs::path home()
{
    const fs::path posix = fromEnvironment("HOME");
    return posix.empty() ? fromEnvironment("USERPROFILE") : posix;
}

/// $HF_HUB_CACHE, else $HF_HOME/hub, else huggingface/hub beside our own cache folder.
fs::path hubCache()
{
    if (const fs::path chosen = fromEnvironment("HF_HUB_CACHE"); !chosen.empty())
        return chosen;
    if (const fs::path chosen = fromEnvironment("HF_HOME"); !chosen.empty())
        return chosen / "hub";
    return cacheFolder().parent_path() / "huggingface" / "hub";
}

bool isGguf(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    char magic[4] = {};
    return file.read(magic, sizeof magic) && std::equal(magic, magic + 4, "GGUF");
}

/// "org/name" of "models--org--name", else the file or folder name.
std::string displayName(const fs::path& path)
{
    constexpr std::string_view kPrefix = "models--";
    for (const fs::path& part : path) {
        std::string name = utf8(part);
        if (!name.starts_with(kPrefix))
            continue;
        name.erase(0, kPrefix.size());
        if (const auto at = name.find("--"); at != std::string::npos)
            name.replace(at, 2, "/");
        return name;
    }
    return utf8(path.filename());
}

class Finder {
public:
    Finder(const std::stop_token& stop, const ProgressFn& progress) : m_stop(stop), m_progress(progress) {}

    /// Walks a tree: folders with a config.json and GGUF files are candidates. Ollama's blobs have no extension.
    void walk(const fs::path& root, bool blobs)
    {
        std::error_code error;
        fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, error);
        for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
            throwIfStopped(m_stop);
            if (it.depth() > kDeepest)
                it.disable_recursion_pending();
            const fs::path& path = it->path();
            if (path.filename() == "config.json")
                add(path.parent_path());
            else if (path.extension() == ".gguf" || (blobs && it->is_regular_file(error) && isGguf(path)))
                add(path);
        }
    }
    std::vector<FoundModel> take() { return std::move(m_found); }

private:
    static constexpr int kDeepest = 6;

    void add(const fs::path& path)
    {
        FoundModel found;
        found.path = path;
        found.name = displayName(path);
        try {
            found.info = inspectModel(utf8(path));
        } catch (const std::exception& error) {
            found.problem = error.what();
        }
        m_found.push_back(std::move(found));
        if (m_progress)
            m_progress({"looking for models", m_found.size(), 0, "models"});
    }

    const std::stop_token& m_stop;
    const ProgressFn& m_progress;
    std::vector<FoundModel> m_found;
};

}  // namespace

std::vector<FoundModel> findModels(const std::vector<fs::path>& extraFolders, const std::stop_token& stop, const ProgressFn& progress)
{
    return guarded([&] {
        Finder finder(stop, progress);
        finder.walk(hubCache(), false);
        if (const fs::path chosen = fromEnvironment("OLLAMA_MODELS"); !chosen.empty())
            finder.walk(chosen / "blobs", true);
        else
            finder.walk(home() / ".ollama" / "models" / "blobs", true);
        for (const char* folder : {".lmstudio/models", ".cache/lm-studio/models"})
            finder.walk(home() / folder, false);
        for (const fs::path& folder : extraFolders)
            finder.walk(folder, false);
        return finder.take();
    });
}

}  // namespace lorikeet::api
