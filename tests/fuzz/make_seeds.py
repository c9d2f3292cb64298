# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the seeds of the fuzzers: small valid files of each format, made with the reference packages.

Use: make_seeds.py FOLDER (a folder per fuzzer is made in it).
"""
import io
import json
import pathlib
import struct
import sys

import gguf
import numpy
import safetensors.numpy
import sentencepiece
import tokenizers

CHATML = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
TEMPLATES = [
    CHATML,
    "{% set ns = namespace(x=0) %}{% for m in messages %}{% if loop.index0 % 2 == 0 %}{% set ns.x = ns.x + 1 %}{% endif %}{% endfor %}{{ ns.x }}",
    "{{ bos_token }}{% macro f(a, b=1) %}{{ a ~ b }}{% endmacro %}{{ f('x') }}{{ messages[1:]|length }}{{ messages|tojson }}",
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('no system') }}{% endif %}{{ {'a': [1, 2.5, none]} }}{{ 'a,b'.split(',')|join('-') }}",
]
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
          "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
          "max_position_embeddings": 128, "tie_word_embeddings": True, "hidden_act": "silu", "torch_dtype": "bfloat16",
          "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                           "original_max_position_embeddings": 64}}
JOB = {"lorikeet_job": 1, "model": {"path": "starter"}, "data": {"path": "rows.jsonl", "format": "auto"},
       "recipe": {"rank": 8, "alpha": 16, "targets": ["q", "v"], "recompute": "0-9:1,10-27:3"}, "run": {"device": "cpu"}}
QUANT_STATE = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [40, 192], "nested_blocksize": 256,
               "nested_dtype": "float32", "nested_offset": 0.127}
ADAPTER = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "lora_dropout": 0.0, "target_modules": ["q_proj", "v_proj"], "bias": "none",
           "task_type": "CAUSAL_LM", "rank_pattern": {"layers.0.self_attn.q_proj": 4}, "use_rslora": False}
ROWS = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}\n\n{"text": "plain"}\n["a"]\n{"prompt": 1'


def gguf_model(path: pathlib.Path, quantised: bool) -> None:
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(16)
    writer.add_vocab_size(64)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([f"t{number}" for number in range(64)])
    writer.add_token_types([1] * 64)
    writer.add_token_merges(["t 1", "t 2"])
    writer.add_chat_template(CHATML)
    shapes = {"token_embd": (64, 32), "output_norm": (32,), "blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,), "blk.0.attn_q": (32, 32),
              "blk.0.attn_k": (16, 32), "blk.0.attn_v": (16, 32), "blk.0.attn_output": (32, 32), "blk.0.ffn_gate": (64, 32),
              "blk.0.ffn_up": (64, 32), "blk.0.ffn_down": (32, 64)}
    numbers = numpy.random.default_rng(1)
    for name, shape in shapes.items():
        values = numbers.standard_normal(shape).astype(numpy.float32)
        if quantised and len(shape) == 2:
            packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(f"{name}.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tokenizer_json() -> str:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(ignore_merges=False))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>", "</s>"], show_progress=False,
                                             initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(["hello world hello there 123"] * 4, trainer)
    return tokenizer.to_str()


def sentencepiece_model() -> bytes:
    sink = io.BytesIO()
    text = iter(["hello world", "the quick brown fox", "jumps over the lazy dog 123"] * 20)
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=text, model_writer=sink, vocab_size=290, model_type="bpe", byte_fallback=True,
                                             hard_vocab_limit=False, minloglevel=2, normalization_rule_name="identity")
    return sink.getvalue()


def main(top: pathlib.Path) -> None:
    def seed(fuzzer: str, name: str, content: bytes | str) -> None:
        folder = top / fuzzer
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    (top / "fuzz_gguf").mkdir(parents=True, exist_ok=True)
    gguf_model(top / "fuzz_gguf" / "plain", quantised=False)
    gguf_model(top / "fuzz_gguf" / "quantised", quantised=True)
    tensors = {"a": numpy.zeros((2, 3), numpy.float32), "b": numpy.ones(4, numpy.int64), "c": numpy.zeros((0, 2), numpy.float16)}
    seed("fuzz_safetensors", "three", safetensors.numpy.save(tensors, {"format": "pt"}))
    seed("fuzz_safetensors", "empty", struct.pack("<Q", 2) + b"{}")
    for number, document in enumerate((JOB, CONFIG, ADAPTER, QUANT_STATE)):
        seed("fuzz_json_files", str(number), bytes([number]) + json.dumps(document).encode())
    for number, template in enumerate(TEMPLATES):
        seed("fuzz_chat_template", str(number), template)
    seed("fuzz_tokenizer_json", "bpe", tokenizer_json())
    seed("fuzz_sentencepiece", "bpe", sentencepiece_model())
    seed("fuzz_rows", "mixed", ROWS)
    seed("fuzz_rows", "list", "[" + json.dumps({"text": "x"}) + "]")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
