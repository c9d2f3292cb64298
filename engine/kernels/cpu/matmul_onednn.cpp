// SPDX-License-Identifier: GPL-3.0-or-later
// The only file that sees oneDNN. LibTorch's include folder, which carries headers of another oneDNN, is never on its path.
#include "engine/kernels/cpu/matmul_cpu.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/kernels/library_version.h"

#include <dnnl.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <new>
#include <string>
#include <tuple>

namespace lorikeet::kernels {

namespace {

dnnl::engine& engine()
{
    static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
    return instance;
}

dnnl::memory::data_type typeOf(DType dtype) { return dtype == DType::BF16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32; }

/// Everything that decides which primitive runs.
struct Key {
    MatmulShape shape;
    float alpha = 1;
    bool accumulate = false;

    [[nodiscard]] auto tie() const
    {
        return std::tie(shape.m, shape.n, shape.k, shape.transposeA, shape.transposeB, shape.operands, shape.result, alpha, accumulate);
    }
    bool operator<(const Key& other) const { return tie() < other.tie(); }
};

dnnl::memory::desc descriptor(std::int64_t rows, std::int64_t cols, bool transposed, DType dtype)
{
    // A transposed operand is the same rows x cols matrix with its strides exchanged.
    const dnnl::memory::dims strides = transposed ? dnnl::memory::dims{1, rows} : dnnl::memory::dims{cols, 1};
    return {{rows, cols}, typeOf(dtype), strides};
}

dnnl::matmul::primitive_desc describe(const Key& key)
{
    const MatmulShape& s = key.shape;
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (key.alpha != 1.0f)
        attributes.set_output_scales(0, {key.alpha});
    if (key.accumulate) {
        dnnl::post_ops operations;
        operations.append_sum(1.0f);
        attributes.set_post_ops(operations);
    }
    const dnnl::matmul::desc desc(descriptor(s.m, s.k, s.transposeA, s.operands), descriptor(s.k, s.n, s.transposeB, s.operands),
                                  descriptor(s.m, s.n, false, s.result));
    return {desc, attributes, engine()};
}

struct Product {
    dnnl::matmul primitive;
    dnnl::matmul::primitive_desc desc;
    std::uint64_t scratchBytes = 0;
};

/// oneDNN 2.6 does not survive an allocation that fails while it compiles a product: whether there is room is asked before.
/// @throws std::bad_alloc
void requireRoomForCode()
{
    constexpr std::size_t kRoom = std::size_t{64} << 10;
    ::operator delete(::operator new(kRoom));
}

/// Primitives of this thread: building one costs some 100 us, a step uses about thirty shapes.
const Product& productFor(const Key& key)
{
    thread_local std::map<Key, Product> cache;
    constexpr std::size_t kMostProducts = 4096;
    if (const auto it = cache.find(key); it != cache.end())
        return it->second;
    if (cache.size() >= kMostProducts)
        cache.clear();
    requireRoomForCode();
    const auto desc = describe(key);
    return cache.emplace(key, Product{dnnl::matmul(desc), desc, desc.scratchpad_desc().get_size()}).first->second;
}

MatmulShape shapeOfArgs(const Matmul& args)
{
    return {args.c.rows, args.c.cols, args.transposeA ? args.a.rows : args.a.cols, args.transposeA, args.transposeB, args.a.dtype, args.c.dtype};
}

[[noreturn]] void fail(const dnnl::error& error, const MatmulShape& s)
{
    if (error.status == dnnl_out_of_memory)
        throw std::bad_alloc();
    throw Error(ErrorCode::Internal,
                "oneDNN could not multiply " + std::to_string(s.m) + " x " + std::to_string(s.k) + " by " + std::to_string(s.k) + " x "
                    + std::to_string(s.n) + " in " + std::string(nameOf(s.operands)) + ": " + error.message,
                "run 'lorikeet-cli doctor' and report its output");
}

}  // namespace

void oneDnnMatmul(Context& context, const Matmul& args)
{
    const Key key{shapeOfArgs(args), static_cast<float>(args.alpha), args.beta != 0.0};
    try {
        const Product& product = productFor(key);
        LORIKEET_CHECK(product.scratchBytes <= context.matmulScratchBytes,
                       "a product wants " + std::to_string(product.scratchBytes) + " bytes of scratch, planned "
                           + std::to_string(context.matmulScratchBytes));
        thread_local dnnl::stream stream(engine());
        dnnl::memory a(product.desc.src_desc(), engine(), args.a.data);
        dnnl::memory b(product.desc.weights_desc(), engine(), args.b.data);
        dnnl::memory c(product.desc.dst_desc(), engine(), args.c.data);
        dnnl::memory scratch(product.desc.scratchpad_desc(), engine(), product.scratchBytes > 0 ? context.matmulScratch : nullptr);
        product.primitive.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}, {DNNL_ARG_SCRATCHPAD, scratch}});
        stream.wait();
    } catch (const dnnl::error& error) {
        fail(error, key.shape);
    }
}

std::uint64_t cpuMatmulScratchBytes(const MatmulShape& shape)
{
    // Beyond it oneDNN 2.6 divides by a count that has wrapped to zero.
    if (std::max({shape.m, shape.n, shape.k}) > std::numeric_limits<std::int32_t>::max())
        throw Error(ErrorCode::Usage, "a product of " + std::to_string(shape.m) + " x " + std::to_string(shape.k) + " by " + std::to_string(shape.n)
                                          + " is larger than the product library counts", "lower recipe.micro_batch or recipe.context");
    std::uint64_t bytes = 0;
    for (const bool accumulate : {false, true}) {
        try {
            bytes = std::max<std::uint64_t>(bytes, describe({shape, 1.0f, accumulate}).scratchpad_desc().get_size());
        } catch (const dnnl::error& error) {
            fail(error, shape);
        }
    }
    return bytes;
}

std::string oneDnnVersion()
{
    const dnnl_version_t* version = dnnl_version();
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

bool cpuMultipliesBf16()
{
    static const bool native = [] {
        try {
            return describe({{64, 64, 64, false, true, DType::BF16, DType::BF16}, 1.0f, false}).get() != nullptr;
        } catch (const dnnl::error&) {
            return false;
        }
    }();
    return native;
}

}  // namespace lorikeet::kernels
