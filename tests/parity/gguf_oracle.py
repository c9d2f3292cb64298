# SPDX-License-Identifier: GPL-3.0-or-later
"""The gguf package (llama.cpp's own) as an oracle.

blocks DIR   for each type writes DIR/TYPE.blocks (random valid blocks) and DIR/TYPE.f32 (what the package makes of them)
model DIR    writes DIR/hf (safetensors folder), DIR/model.gguf (the same fp32 weights, q and k permuted as llama.cpp's converter
             does) and DIR/q8.gguf (matrices as Q8_0); prints what the metadata hold
describe FILE  prints metadata and tensors of FILE as the package reads them
"""
import json
import pathlib
import sys

import gguf
import numpy as np

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
# Where the halves of a block lie: its scale and, in some types, the scale of its minima.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2],
          "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}


def blocks(folder):
    random = np.random.default_rng(7)
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        count = {1: 65536, 32: 4096, 256: 1024}[elements]
        data = random.integers(0, 256, (count, size), dtype=np.uint8)
        for at in HALVES.get(name, []):  # every kind of half, but a finite one
            half = data[:, at:at + 2].copy().view(np.uint16)
            data[:, at:at + 2] = np.where((half & 0x7C00) == 0x7C00, half & 0x83FF, half).view(np.uint8)
        values = gguf.quants.dequantize(data.reshape(1, -1), kind)
        (folder / f"{name}.blocks").write_bytes(data.tobytes())
        (folder / f"{name}.f32").write_bytes(values.astype(np.float32).tobytes())


def permute(weights, heads):
    """convert_hf_to_gguf.py, LlamaModel.permute."""
    return (weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape))


def write_gguf(path, tensors, quantised, shape):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("oracle")
    writer.add_license("mit")
    writer.add_block_count(shape["layers"])
    writer.add_context_length(512)
    writer.add_embedding_length(shape["hidden"])
    writer.add_feed_forward_length(shape["mlp"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_key_length(shape["head_dim"])
    writer.add_value_length(shape["head_dim"])
    writer.add_rope_dimension_count(shape["head_dim"])
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"t{i}" for i in range(shape["vocab"])])
    writer.add_token_types([1] * shape["vocab"])
    writer.add_token_merges(["t 0", "t 1"])
    writer.add_eos_token_id(2)
    writer.add_chat_template("{{ messages }}")
    names = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm", "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
             "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
    for name, data in tensors.items():
        parts = name.split(".")
        layer = f"blk.{parts[parts.index('layers') + 1]}." if "layers" in parts else ""
        if parts[-2] in ("q_proj", "k_proj"):
            data = permute(data, shape["heads"] if parts[-2] == "q_proj" else shape["kv_heads"])
        target = f"{layer}{names[parts[-2]]}.weight"
        if quantised and data.ndim == 2 and data.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(target, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(target, np.ascontiguousarray(data))
    divisors = np.array([1, 1, 1, 1, 1, 1, 1, 1], dtype=np.float32)
    writer.add_tensor("rope_freqs.weight", divisors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def model(folder):
    from safetensors.numpy import save_file
    shape = {"layers": 2, "hidden": 64, "mlp": 96, "heads": 4, "kv_heads": 2, "head_dim": 16, "vocab": 50}
    random = np.random.default_rng(3)
    tensors = {}

    def add(name, *size):
        tensors[name] = random.standard_normal(size, dtype=np.float32)

    add("model.embed_tokens.weight", 50, 64)
    for i in range(2):
        base = f"model.layers.{i}."
        for name, rows, columns in [("self_attn.q_proj", 64, 64), ("self_attn.k_proj", 32, 64), ("self_attn.v_proj", 32, 64),
                                    ("self_attn.o_proj", 64, 64), ("mlp.gate_proj", 96, 64), ("mlp.up_proj", 96, 64),
                                    ("mlp.down_proj", 64, 96)]:
            add(f"{base}{name}.weight", rows, columns)
        add(f"{base}input_layernorm.weight", 64)
        add(f"{base}post_attention_layernorm.weight", 64)
    add("model.norm.weight", 64)
    add("lm_head.weight", 50, 64)
    hf = folder / "hf"
    hf.mkdir()
    save_file(tensors, hf / "model.safetensors", metadata={"format": "pt"})
    (hf / "config.json").write_text(json.dumps({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 50, "hidden_size": 64, "intermediate_size": 96,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 512,
        "rope_theta": 500000.0, "rms_norm_eps": 1e-5}))
    write_gguf(folder / "model.gguf", tensors, False, shape)
    write_gguf(folder / "q8.gguf", tensors, True, shape)


def describe(path):
    reader = gguf.GGUFReader(path)
    fields = {}
    for name, field in reader.fields.items():
        value = field.contents()
        fields[name] = value.tolist() if hasattr(value, "tolist") else value
    tensors = [[t.name, [int(n) for n in reversed(t.shape)], t.tensor_type.name, int(t.data_offset), int(t.n_bytes)] for t in reader.tensors]
    json.dump({"fields": fields, "tensors": tensors}, sys.stdout)


{"blocks": blocks, "model": model, "describe": describe}[sys.argv[1]](pathlib.Path(sys.argv[2]))
