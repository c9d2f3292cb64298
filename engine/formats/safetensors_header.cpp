// SPDX-License-Identifier: GPL-3.0-or-later
// The JSON header of a safetensors file, read event by event, because only so a key that occurs twice is seen.
#include "engine/base/checked.h"
#include "engine/base/error.h"
#include "engine/formats/safetensors_reader.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <tuple>

namespace lorikeet::formats {

using nlohmann::json;

namespace {

/// One entry while its fields arrive.
struct Draft {
    std::string name;
    std::optional<SafeType> type;
    std::optional<std::vector<std::uint64_t>> shape;
    std::optional<std::vector<std::uint64_t>> offsets;
};

/// Where in the grammar { "__metadata__": {string: string} | null, name: {"dtype": s, "shape": [n], "data_offsets": [b, e], ...} } the
/// next event stands.
enum class At { Start, Root, Metadata, Tensor, Numbers, Foreign, Done };

class HeaderHandler final : public nlohmann::json_sax<json> {
public:
    explicit HeaderHandler(std::string where) : m_where(std::move(where)) {}

    std::vector<Draft> drafts;
    std::map<std::string, std::string> metadata;

    bool null() override
    {
        if (m_at == At::Root && m_key == "__metadata__")
            return true;
        return scalar("null");
    }
    bool boolean(bool /*value*/) override { return scalar("a boolean"); }
    bool number_integer(number_integer_t /*value*/) override { return scalar("a negative number"); }
    bool number_float(number_float_t /*value*/, const string_t& text) override { return scalar(("the number " + text).c_str()); }
    bool binary(binary_t& /*value*/) override { return scalar("binary data"); }

    bool number_unsigned(number_unsigned_t value) override
    {
        if (m_at != At::Numbers)
            return scalar("a number");
        numbers().push_back(value);
        return true;
    }

    bool string(string_t& value) override
    {
        if (m_at == At::Metadata) {
            metadata[m_key] = value;
            return true;
        }
        if (m_at != At::Tensor || m_key != "dtype")
            return scalar("a string");
        Draft& draft = drafts.back();
        draft.type = safeTypeOf(value);
        if (!draft.type)
            refuse("tensor '" + draft.name + "' has the unknown dtype '" + value + "'");
        return true;
    }

    bool key(string_t& value) override
    {
        if (m_at == At::Foreign)
            return true;
        std::set<std::string>& seen = m_at == At::Root ? m_rootKeys : m_innerKeys;
        if (!seen.insert(value).second)
            refuse("the key '" + value + "' occurs twice");
        m_key = value;
        return true;
    }

    bool start_object(std::size_t /*size*/) override
    {
        if (m_at == At::Start) {
            m_at = At::Root;
        } else if (m_at == At::Root) {
            m_innerKeys.clear();
            m_at = m_key == "__metadata__" ? At::Metadata : At::Tensor;
            if (m_at == At::Tensor)
                drafts.push_back({m_key, {}, {}, {}});
        } else {
            enterForeign("an object");
        }
        return true;
    }

    bool end_object() override
    {
        if (m_at == At::Foreign)
            leaveForeign();
        else
            m_at = m_at == At::Root ? At::Done : At::Root;
        return true;
    }

    bool start_array(std::size_t /*size*/) override
    {
        if (m_at == At::Tensor && (m_key == "shape" || m_key == "data_offsets")) {
            (m_key == "shape" ? drafts.back().shape : drafts.back().offsets).emplace();
            m_at = At::Numbers;
            return true;
        }
        enterForeign("a list");
        return true;
    }

    bool end_array() override
    {
        if (m_at == At::Foreign)
            leaveForeign();
        else
            m_at = At::Tensor;
        return true;
    }

    bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::detail::exception& error) override
    {
        const std::string_view text = error.what();
        const auto tag = text.find("] ");
        refuse("the header is not valid JSON at byte " + std::to_string(position) + ": "
               + std::string(tag == std::string_view::npos ? text : text.substr(tag + 2)));
    }

    [[noreturn]] void refuse(const std::string& what) const
    {
        throw Error(ErrorCode::BadInput, m_where + ": " + what, "the file is damaged or was not downloaded completely: fetch it again");
    }

private:
    [[nodiscard]] std::vector<std::uint64_t>& numbers() { return m_key == "shape" ? *drafts.back().shape : *drafts.back().offsets; }

    /// A value of a field that a tensor entry does not define is skipped, as the library does; anywhere else it is an error.
    bool scalar(const char* found)
    {
        if (m_at == At::Foreign || (m_at == At::Tensor && isForeignKey()))
            return true;
        refuse("found " + std::string(found) + " at '" + m_key + "'");
    }

    [[nodiscard]] bool isForeignKey() const { return m_key != "dtype" && m_key != "shape" && m_key != "data_offsets"; }

    void enterForeign(const char* found)
    {
        if (m_at != At::Foreign && !(m_at == At::Tensor && isForeignKey()))
            refuse("found " + std::string(found) + " at '" + m_key + "'");
        m_at = At::Foreign;
        if (++m_foreignDepth > 64)
            refuse("JSON nested too deep at '" + m_key + "'");
    }

    void leaveForeign()
    {
        if (--m_foreignDepth == 0)
            m_at = At::Tensor;
    }

    std::string m_where;
    At m_at = At::Start;
    std::string m_key;
    std::set<std::string> m_rootKeys;
    std::set<std::string> m_innerKeys;
    int m_foreignDepth = 0;
};

SafeTensor checkedTensor(const Draft& draft, const HeaderHandler& handler)
{
    if (!draft.type || !draft.shape || !draft.offsets)
        handler.refuse("tensor '" + draft.name + "' lacks " + (!draft.type ? "dtype" : !draft.shape ? "shape" : "data_offsets"));
    if (draft.offsets->size() != 2)
        handler.refuse("tensor '" + draft.name + "' has " + std::to_string(draft.offsets->size()) + " data_offsets, expected 2");
    const std::uint64_t begin = (*draft.offsets)[0];
    const std::uint64_t end = (*draft.offsets)[1];
    if (end < begin)
        handler.refuse("tensor '" + draft.name + "' ends at " + std::to_string(end) + " before it begins at " + std::to_string(begin));
    std::optional<std::uint64_t> bits = bitsOf(*draft.type);
    std::optional<std::uint64_t> elements = 1;
    for (const std::uint64_t size : *draft.shape)
        elements = elements ? checkedMul(*elements, size) : std::nullopt;
    bits = elements ? checkedMul(*elements, *bits) : std::nullopt;
    if (!bits)
        handler.refuse("the shape of tensor '" + draft.name + "' overflows 64 bits");
    if (*bits % 8 != 0)
        handler.refuse("tensor '" + draft.name + "' is not a whole number of bytes");
    if (*bits / 8 != end - begin)
        handler.refuse("tensor '" + draft.name + "' has " + std::to_string(end - begin) + " bytes, expected " + std::to_string(*bits / 8)
                       + " from its dtype and shape");
    return {*draft.type, *draft.shape, begin, end - begin};
}

/// Sorted by offset, each tensor begins where the one before ends, the first at 0 and the last ends with the file.
void requireGapless(const SafetensorsHeader& header, std::uint64_t dataBytes, const HeaderHandler& handler)
{
    using Entry = std::pair<const std::string, SafeTensor>;
    std::vector<const Entry*> order;
    order.reserve(header.tensors.size());
    for (const Entry& entry : header.tensors)
        order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
        const auto key = [](const Entry* e) { return std::tuple(e->second.offset, e->second.bytes, std::string_view(e->first)); };
        return key(a) < key(b);
    });
    std::uint64_t expected = 0;
    for (const Entry* entry : order) {
        if (entry->second.offset != expected)
            handler.refuse("tensor '" + entry->first + "' begins at offset " + std::to_string(entry->second.offset) + ", expected "
                           + std::to_string(expected) + " (no holes, no overlap)");
        expected += entry->second.bytes;  // cannot overflow: offset + bytes was read as one 64-bit number
    }
    if (expected != dataBytes)
        handler.refuse("the tensors cover " + std::to_string(expected) + " bytes, the file has " + std::to_string(dataBytes)
                       + " bytes of data");
}

}  // namespace

SafetensorsHeader parseSafetensorsHeader(std::string_view text, std::uint64_t dataBytes, const std::string& where)
{
    HeaderHandler handler(where);
    if (text.starts_with("\xEF\xBB\xBF"))
        handler.refuse("the header begins with a byte order mark, expected '{'");
    json::sax_parse(text, &handler);
    SafetensorsHeader header;
    header.metadata = std::move(handler.metadata);
    for (const Draft& draft : handler.drafts)
        header.tensors.emplace(draft.name, checkedTensor(draft, handler));
    requireGapless(header, dataBytes, handler);
    return header;
}

}  // namespace lorikeet::formats
