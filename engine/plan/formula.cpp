// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/formula.h"

#include "engine/base/units.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

/// Buffers of one size.
struct Size {
    std::int64_t rows = 1;
    std::int64_t columns = 1;
    DType dtype = DType::F32;
    Category category = Category::Buffers;
    std::uint64_t count = 0;
    std::uint64_t layers = 0;  ///< of how many layers; 1 where no layer owns them
    int lastLayer = -2;
};

/// Sizes that have layers and element type in common are written as one sum.
struct Group {
    std::uint64_t layers = 1;
    DType dtype = DType::F32;
    std::uint64_t bytes = 0;
    std::vector<Size> sizes;
};

std::string number(std::uint64_t value) { return formatInteger(value); }
std::string number(std::int64_t value) { return formatInteger(static_cast<std::uint64_t>(value)); }

std::vector<Size> sizesOf(const std::vector<const Buffer*>& members)
{
    std::vector<Size> sizes;
    for (const Buffer* buffer : members) {
        const std::int64_t columns = buffer->shape.empty() ? 1 : buffer->shape.back();
        const std::int64_t rows = buffer->elements() / std::max<std::int64_t>(1, columns);
        auto found = std::ranges::find_if(sizes, [&](const Size& size) {
            return size.rows == rows && size.columns == columns && size.dtype == buffer->dtype;
        });
        if (found == sizes.end())
            found = sizes.insert(sizes.end(), {rows, columns, buffer->dtype, buffer->category, 0, 0, -2});
        ++found->count;
        if (buffer->layer != found->lastLayer)
            ++found->layers;
        found->lastLayer = buffer->layer;
    }
    return sizes;
}

std::vector<Group> groupsOf(const std::vector<const Buffer*>& members)
{
    std::vector<Group> groups;
    for (Size size : sizesOf(members)) {
        if (size.count % size.layers != 0)
            size.layers = 1;
        auto found = std::ranges::find_if(groups, [&](const Group& group) { return group.layers == size.layers && group.dtype == size.dtype; });
        if (found == groups.end())
            found = groups.insert(groups.end(), {size.layers, size.dtype, 0, {}});
        found->bytes += size.count * static_cast<std::uint64_t>(size.rows * size.columns) * bytesOf(size.dtype);
        found->sizes.push_back(size);
    }
    std::ranges::stable_sort(groups, std::greater<>{}, &Group::bytes);
    return groups;
}

/// Rows of weights, gradients and optimizer state are outputs or ranks, whatever their number.
bool countsTokens(Category category) noexcept { return category == Category::Activations || category == Category::Buffers; }

/// What the rows of a buffer are, where their number tells.
std::string rowWord(const Size& size, const Layout& layout)
{
    const std::int64_t rows = size.rows;
    if (!countsTokens(size.category))
        return "";
    if (rows > 1 && rows == layout.slots)
        return " tokens";
    if (rows > 1 && rows == layout.lossChunk)
        return " rows";
    if (rows > 1 && (rows == layout.sampleContext || rows == layout.context))
        return " positions";
    return "";
}

/// What a flat buffer holds of the model: where its tables grew, the rows of old and new tokens apart.
std::string modelText(std::int64_t elements, const Layout& layout)
{
    std::int64_t tables = 0;
    std::int64_t rows = 0;
    std::int64_t width = 0;
    for (const ParameterSlot& slot : layout.trained.parameters)
        if (slot.id.kind == ParamKind::Embedding || slot.id.kind == ParamKind::Head) {
            ++tables;
            rows = slot.rows;
            width = slot.cols;
        }
    if (layout.addedRows == 0 || tables == 0)
        return number(elements) + " of the model";
    const std::string text = (tables > 1 ? number(tables) + " x (" : "(") + number(rows - layout.addedRows) + " + " + number(layout.addedRows)
                           + " added) x " + number(width) + (tables > 1 ? " of the tables" : " of the table");
    const std::int64_t others = elements - tables * rows * width;
    return others == 0 ? text : text + " + " + number(others) + " of the model";
}

/// Layers, rank and the inputs and outputs of the maps of each, where one rank and the same maps are all there is; else the number.
std::string adapterText(const Trained& trained)
{
    std::int64_t layers = 0;
    std::int64_t widths = 0;
    std::string maps;
    for (const AdapterSlot& slot : trained.adapters) {
        layers = std::max<std::int64_t>(layers, slot.layer + 1);
        if (slot.layer != trained.adapters.front().layer)
            continue;
        widths += slot.in + slot.out;
        maps += (maps.empty() ? "" : " + ") + number(slot.in + slot.out);
    }
    layers -= trained.adapters.empty() ? 0 : trained.adapters.front().layer;
    const std::int64_t rank = trained.adapters.empty() ? 0 : trained.adapters.front().rank;
    if (layers * rank * widths != trained.adapterElements || rank == 0)
        return number(trained.adapterElements);
    return (layers > 1 ? number(layers) + " layers x " : "") + number(rank) + " rank x (" + maps + ")";
}

/// The columns of a buffer; those of a flat one that holds adapters and parameters of the model as their sum.
std::string columnsText(std::int64_t columns, const Layout& layout)
{
    const Trained& trained = layout.trained;
    if (columns != trained.elements)
        return number(columns);
    if (trained.parameters.empty())
        return adapterText(trained);
    if (!trained.adapters.empty())
        return "(" + adapterText(trained) + " of the adapter + " + modelText(trained.elements - trained.adapterElements, layout) + ")";
    return layout.addedRows == 0 ? number(columns) : "(" + modelText(columns, layout) + ")";
}

std::string textOf(const Group& group, const Layout& layout)
{
    const std::int64_t rows = group.sizes.front().rows;
    const bool sameRows = rows > 1 && std::ranges::all_of(group.sizes, [&](const Size& size) { return size.rows == rows; });
    std::string inner;
    for (const Size& size : group.sizes) {
        const std::uint64_t each = size.count / group.layers;
        std::string factor = each > 1 ? number(each) + " x " : "";
        if (!sameRows && size.rows > 1)
            factor += number(size.rows) + rowWord(size, layout) + " x ";
        inner += (inner.empty() ? "" : " + ") + factor + columnsText(size.columns, layout);
    }
    std::string text;
    if (group.layers > 1)
        text += number(group.layers) + (group.layers <= layout.layers.size() ? " layers x " : " x ");  // one input more than layers
    if (sameRows)
        text += number(rows) + rowWord(group.sizes.front(), layout) + " x ";
    return text + (group.sizes.size() > 1 ? "(" + inner + ")" : inner) + " x " + std::to_string(bytesOf(group.dtype)) + " B";
}

}  // namespace

std::string formulaOf(const std::vector<const Buffer*>& members, const Layout& layout)
{
    std::string text;
    for (const Group& group : groupsOf(members))
        text += (text.empty() ? "" : " + ") + textOf(group, layout);
    return text;
}

}  // namespace lorikeet::plan
