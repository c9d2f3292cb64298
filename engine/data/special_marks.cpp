// SPDX-License-Identifier: GPL-3.0-or-later
// Marks go in before rendering and come out after it, with every position moved along.
#include "engine/data/special_marks.h"

#include <algorithm>

namespace lorikeet::data {

namespace {

using Json = nlohmann::ordered_json;

/// Calls `visit` for every string below `value` but those under the key "role".
template <typename JsonType, typename Visit>
void forEachText(JsonType& value, const Visit& visit)
{
    if (value.is_string()) {
        visit(value);
    } else if (value.is_array()) {
        for (auto& element : value)
            forEachText(element, visit);
    } else if (value.is_object()) {
        for (auto item = value.begin(); item != value.end(); ++item)
            if (item.key() != "role")
                forEachText(item.value(), visit);
    }
}

/// Longest special token that starts at `at`, or an empty view.
std::string_view specialAt(std::string_view text, std::size_t at, const std::vector<std::string>& specials)
{
    std::string_view best;
    for (const std::string& special : specials)
        if (special.size() > best.size() && text.substr(at).starts_with(special))
            best = special;
    return best;
}

std::string marked(std::string_view text, const std::vector<std::string>& specials)
{
    std::string result;
    for (std::size_t i = 0; i < text.size();) {
        const std::string_view special = specialAt(text, i, specials);
        if (special.empty()) {
            result += text[i++];
            continue;
        }
        // Behind the first character too: the spelling is broken up, whatever looks for it.
        std::size_t first = 1;
        while (first < special.size() && (static_cast<unsigned char>(special[first]) & 0xC0) == 0x80)
            ++first;
        result.append(kSpecialMark).append(special.substr(0, first)).append(kSpecialMark).append(special.substr(first));
        i += special.size();
    }
    return result;
}

}  // namespace

bool spellsSpecial(const Json& messages, const std::vector<std::string>& specials)
{
    bool found = false;
    forEachText(messages, [&](const Json& value) {
        const std::string& text = value.get_ref<const std::string&>();
        found = found || std::ranges::any_of(specials, [&](const std::string& special) { return text.find(special) != std::string::npos; });
    });
    return found;
}

bool containsMark(const Json& messages)
{
    bool found = false;
    forEachText(messages, [&](const Json& value) { found = found || value.get_ref<const std::string&>().find(kSpecialMark) != std::string::npos; });
    return found;
}

void markSpecials(Json& messages, const std::vector<std::string>& specials)
{
    forEachText(messages, [&](Json& value) { value = marked(value.get_ref<const std::string&>(), specials); });
}

std::vector<std::size_t> removeMarks(std::string& text, const std::vector<std::size_t*>& offsets)
{
    std::vector<std::size_t> marks;
    std::string clean;
    clean.reserve(text.size());
    auto next = offsets.begin();
    for (std::size_t i = 0;;) {
        for (; next != offsets.end() && **next <= i; ++next)
            **next = clean.size();
        if (i >= text.size())
            break;
        if (std::string_view(text).substr(i).starts_with(kSpecialMark)) {
            marks.push_back(clean.size());
            i += kSpecialMark.size();
        } else {
            clean += text[i++];
        }
    }
    text = std::move(clean);
    return marks;
}

}  // namespace lorikeet::data
