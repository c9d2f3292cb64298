# SPDX-License-Identifier: GPL-3.0-or-later
"""Published measurements of memory, each with the job that plan_table.py plans beside it and why the two differ."""

GIB = 2**30
GB = 10**9

TORCHTUNE = "torchtune README, batch 2 packed to 2,048, compiled"
TORCHTUNE_3B = "torchtune README, batch 2 packed to 4,096, every saver"
LADDER = "torchtune README, savers one after the other (A100), batch 2 packed to 4,096"
TORCHAO = "torchao README (A100), Alpaca, full bf16"
FACTORY = "LLaMA-Factory wiki (A100 40 GB), batch 1"
FACTORY_4 = "LLaMA-Factory wiki, batch 4, at most 1,024 tokens"
PEFT = "PEFT MetaMathQA benchmark (L40S), batch 4, at most 768 tokens"
LLMQ = "llmq README (RTX 4090), batch 8 of 1,024, segments of its allocator"
NOTES = "our notes' arithmetic, not measured: 2 x 4,096 tokens, rank 16"
NOTES_STREAM = "our notes' arithmetic, not measured: 4,096 tokens, layers from the host"
NOTES_WEIGHTS = "our notes' arithmetic, not measured: weights alone"

LLAMA2_LONG = {  # Llama-2-7B, planned for contexts beyond its 4,096 as the wiki did
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "torch_dtype": "float16",
    "tie_word_embeddings": False, "_name_or_path": "Llama-2-7B"}

NO_K = "targets=q,v,o,gate,up,down"  # torchtune's targets
HOST = ["offload_embedding=true", "offload_activations=true"]
MASTERS = "{states} GiB of ours are weights, fp32 masters, gradients and moments (18 B a parameter), where theirs are bf16 (8 B)"


def row(source, job, published, model, device, settings, reason, unit=GIB, timed_against=None, part=None):
    """`timed_against`: settings whose forecast the reason's {time} is held against, in per cent. `part`: the category that was published."""
    return {"source": source, "job": job, "published": published * unit, "model": model, "device": device, "settings": settings, "reason": reason,
            "timed_against": timed_against, "part": part}


def torchtune_8b():
    model, device, plain = "blueprint:Llama-3.1-8B", "RTX 4090", ["context=2048", "micro_batch=2"]
    goal = plain + ["rank=16", "quantization=nf4"]
    yield row(TORCHTUNE, "Llama-3.1-8B LoRA", 16.2, model, device, plain + ["rank=8", "recompute=3", NO_K],
              "Rank 8 assumed. Adapter, gradient and moments in fp32 (theirs bf16); they report the allocator's peak, without the CUDA context")
    yield row(TORCHTUNE, "Llama-3.1-8B QLoRA", 7.4, model, device, plain + ["rank=8", "quantization=nf4", "recompute=3", NO_K],
              "As above, and one matrix dequantised into planned scratch")
    yield row(TORCHTUNE, "Llama-3.1-8B QLoRA, the issue's goal: rank 16, all maps", 7.4, model, device, goal + ["recompute=3"],
              "The plain settings of the goal of 7.0 GiB")
    yield row(TORCHTUNE, "same with 8-bit AdamW and a loss chunk of 128", 7.4, model, device,
              goal + ["recompute=3", "optimizer=adamw_8bit", "loss_chunk=128"], "Levers that cost next to no time")
    yield row(TORCHTUNE, "the goal: same, embedding and kept activations in host memory", 7.4, model, device,
              goal + ["optimizer=adamw_8bit", "loss_chunk=128"] + HOST,
              "{below} GiB without the 0.5 GiB of the CUDA context, at {time} % more time by the forecast than with everything kept on the card; {host} GiB of host memory",
              timed_against=goal)
    yield row(TORCHTUNE, "Llama-3.1-8B full", 18.9, model, device, plain + ["method=full", "recompute=3", "optimizer=adamw_8bit"],
              "Theirs trains bf16 weights in place, applies each gradient in the backward pass and keeps 8-bit state; ours keeps fp32 masters and gradients of every parameter, which steps of bf16 would round away")


def torchtune_3b():
    model, device, plain = "blueprint:Llama-3.2-3B", "A100 80GB", ["context=4096", "micro_batch=2"]
    full = plain + ["method=full"]
    yield row(LADDER, "Llama-3.2-3B full, everything kept", 60.0, model, device, full + ["recompute=0", "loss_chunk=8192"],
              MASTERS + "; beside them ours is {rest} GiB and theirs about 36: eager kernels keep fp32 copies in the norms and the logits several times over."
              " The row before packing (25.5 GiB) has rows of unknown length and cannot be planned")
    yield row(LADDER, "+ compiled", 51.0, model, device, full + ["recompute=0", "loss_chunk=8192"],
              "As above; theirs about 27 GiB beside weights and states. Our kernels are fused in any case")
    yield row(LADDER, "+ chunked cross-entropy", 42.9, model, device, full + ["recompute=0", "loss_chunk=1024"],
              "Theirs about 19 GiB beside weights and states, ours {rest}")
    yield row(LADDER, "+ activation checkpointing", 24.9, model, device, full + ["recompute=3", "loss_chunk=1024"],
              MASTERS + ". Their gradients come into being during the backward pass, ours are in the arena from the start")
    yield row(LADDER, "+ optimizer step inside the backward pass", 23.1, model, device, full + ["recompute=3", "loss_chunk=1024"],
              "No such lever here: gradient clipping and accumulation need every gradient before the first step")
    yield row(LADDER, "+ activations in host memory", 21.8, model, device, full + ["recompute=3", "loss_chunk=1024", "offload_activations=true"], "As above")
    yield row(LADDER, "+ 8-bit AdamW", 17.6, model, device,
              full + ["recompute=3", "loss_chunk=1024", "offload_activations=true", "optimizer=adamw_8bit"],
              "{states} GiB of ours are weights, fp32 masters, fp32 gradients and 8-bit moments (12.03 B a parameter), where theirs are bf16 weights and 8-bit moments (4 B)")
    yield row(TORCHTUNE_3B, "Llama-3.2-3B LoRA", 8.5, model, device, plain + ["rank=64", "recompute=3", NO_K],
              "Rank 64 as in their configuration file. Theirs keeps the layers' inputs in host memory (1.3 GiB here) and bf16 adapter state, where ours is fp32")
    yield row(TORCHTUNE_3B, "Llama-3.2-3B QLoRA", 4.6, model, device, plain + ["rank=64", "quantization=nf4", "recompute=3", NO_K], "As above")


def torchao():
    full = ["context=512", "micro_batch=2", "method=full", "recompute=3"]
    yield row(TORCHAO, "Llama-2-7B full, AdamW", 51.6, "blueprint:Llama-2-7B", "H200", full,
              MASTERS + ". Rows are not packed: 2 of 512 tokens assumed, which matter little here")
    yield row(TORCHAO, "same with 8-bit AdamW", 39.3, "blueprint:Llama-2-7B", "H200", full + ["optimizer=adamw_8bit"],
              "As above; the moments shrink from 8 to 2.03 B a parameter, theirs from 4 to 2 B")


def factory():
    plain = ["context=1024", "micro_batch=4", "rank=8", "recompute=3"]
    short = "Whole GB of the device with the CUDA context; rows are mostly shorter than the longest, which is what we plan for"
    yield row(FACTORY_4, "Llama-2-7B LoRA, FlashAttention-2", 17, LLAMA2_LONG, "A100 40GB", plain, short)
    yield row(FACTORY_4, "Llama-2-7B LoRA, Unsloth", 16, LLAMA2_LONG, "A100 40GB", plain + ["offload_activations=true"], "As above, layers' inputs in host memory")
    yield row(FACTORY_4, "Llama-2-7B QLoRA, eager", 9, LLAMA2_LONG, "A100 40GB", plain + ["quantization=nf4"], short)
    yield row(FACTORY_4, "Llama-2-7B QLoRA, Unsloth", 7, LLAMA2_LONG, "A100 40GB", plain + ["quantization=nf4", "offload_activations=true"],
              "As above, layers' inputs in host memory")
    flash = {1024: 6, 2048: 7, 4096: 9, 8192: 12, 16384: 19, 32768: 32}
    unsloth = {1024: 5, 2048: 6, 4096: 7, 8192: 8, 16384: 10, 32768: 16, 65536: 25, 100000: 37}
    for context, gib in flash.items():
        yield row(FACTORY, f"Llama-2-7B QLoRA, context {context:,}", gib, LLAMA2_LONG, "A100 40GB",
                  [f"context={context}", "micro_batch=1", "rank=8", "quantization=nf4", "recompute=3"],
                  "Whole GB of the device with the CUDA context. The difference grows by 0.3 MiB a token: the logits of all rows in bf16 and fp32 and their gradient, where ours works through the loss in chunks")
    for context, gib in unsloth.items():
        yield row(FACTORY, f"Llama-2-7B QLoRA, Unsloth, context {context:,}", gib, LLAMA2_LONG, "A100 40GB",
                  [f"context={context}", "micro_batch=1", "rank=8", "quantization=nf4", "recompute=3", "offload_activations=true"],
                  "Layers' inputs in host memory in both" + (
                      "; the scratch of one layer grows with the context and is planned for the longest document" if context >= 16384 else "")
                  + ("; without Unsloth theirs ran out of 40 GB" if context > 32768 else ""))


def peft():
    eager = "Eager transformers: logits of all rows in fp32 several times over, fp32 copies in the norms; the plan has neither"
    jobs = (("LoRA r 32 on q, v", 22.29, ["rank=32", "targets=q,v"], eager), ("LoRA r 64 on q, v, rsLoRA", 22.56, ["rank=64", "targets=q,v", "rslora=true"], "As above"),
            ("DoRA r 32 on q, v", 24.53, ["rank=32", "targets=q,v", "dora=true"], "As above; their DoRA builds the changed matrix of every layer, ours only its row norms"),
            ("LoRA r 10 on gate, up, down", 24.70, ["rank=10", "targets=gate,up,down"], eager))
    for name, published, settings, reason in jobs:
        yield row(PEFT, f"Llama-3.2-3B {name}", published, "blueprint:Llama-3.2-3B", "L40S", ["context=768", "micro_batch=4", "recompute=0"] + settings, reason, unit=GB)


def llmq():
    yield row(LLMQ, "Qwen2.5-0.5B full, whole blocks recomputed", (942 + 942 + 942 + 4505 + 682 + 601) / 1024, "blueprint:Qwen2.5-0.5B", "RTX 4090",
              ["context=1024", "micro_batch=8", "method=full", "recompute=3"],
              "Theirs keeps gradients and both moments in bf16 (942 MiB each; ours are fp32, 1.84 GiB each, and so are the masters, 682 MiB there). {states} GiB of ours are weights and states, {rest} GiB the rest, for which theirs has 4.4 GiB")


def notes():
    model, plain = "blueprint:Qwen3-8B", ["context=4096", "micro_batch=2", "rank=16", "loss_chunk=2048"]
    yield row(NOTES, "Qwen3-8B LoRA, everything kept", 52, model, "H200", plain + ["recompute=0"],
              "Level 0 also keeps the norms' outputs and the gate's product, which the notes never keep", unit=GB)
    yield row(NOTES, "Qwen3-8B LoRA, norms recomputed", 47, model, "H200", plain + ["recompute=1"], "What is kept is the same; context and the attention library's pool are {outside} GiB here, 0.6 GB there", unit=GB)
    yield row(NOTES, "Qwen3-8B LoRA, whole blocks recomputed", 22, model, "H200", plain + ["recompute=3"],
              "As above", unit=GB)
    yield row(NOTES, "Qwen3-8B QLoRA, same, layers' inputs in host memory", 10, model, "H200", plain + ["quantization=nf4", "recompute=3", "offload_activations=true"],
              "As above", unit=GB)
    yield row(NOTES_STREAM, "Llama-3.1-70B QLoRA", 11, "blueprint:Llama-3.1-70B", "RTX 4090",
              ["context=4096", "micro_batch=1", "rank=16", "quantization=nf4", "recompute=3", "loss_chunk=1024", "offload_layers=80"] + HOST,
              "9 to 11 GB in the notes; {host} GiB of host memory (36 GB there)", unit=GB)
    for name, bf16, nf4 in (("Qwen3-8B", 16.4, 6.07), ("Llama-3.1-70B", 141, 39.5)):
        for number, quantization in ((bf16, "none"), (nf4, "nf4")):
            yield row(NOTES_WEIGHTS, f"{name}, {'bf16' if quantization == 'none' else 'NF4, embedding and head in bf16'}", number, f"blueprint:{name}", "B300",
                      ["rank=16", f"quantization={quantization}"], "The category of the weights", unit=GB, part="weights")


def rows():
    for group in (torchtune_8b, torchtune_3b, torchao, factory, peft, llmq, notes):
        yield from group()


# Longest contexts of Unsloth's benchmark page (2025-04): device, GB, Unsloth, Hugging Face with FlashAttention-2 (None: out of memory).
CONTEXTS = {
    "blueprint:Llama-3.1-8B": (("RTX 4060", 8, 2972, None), ("RTX 3060 12GB", 12, 21848, 932), ("RTX 4060 Ti 16GB", 16, 40724, 2551),
                               ("RTX 4090", 24, 78475, 5789), ("A100 40GB", 40, 153977, 12264), ("RTX A6000", 48, 191728, 15502), ("H100 SXM", 80, 342733, 28454)),
    "blueprint:Llama-3.3-70B": (("RTX A6000", 48, 12106, None), ("A100 80GB", 80, 89389, 6916)),
}

# Smallest memory by size of model in GB, for no stated batch, context or rank: Unsloth's requirements page (QLoRA, 16-bit LoRA) and the
# estimates in LLaMA-Factory's README (4-bit QLoRA, 8-bit QLoRA, 16-bit LoRA; its columns are 7B, 14B, 30B and 70B).
SIZES = (
    ("3B", "Llama-3.2-3B", (3.5, 8), None), ("7B", "Llama-2-7B", (5, 19), (6, 10, 16)), ("8B", "Llama-3.1-8B", (6, 22), None),
    ("9B", "Yi-1.5-9B", (6.5, 24), None), ("14B", "Qwen2.5-14B", (8.5, 33), (12, 20, 32)), ("32B", "Qwen2.5-32B", (26, 76), (24, 40, 64)),
    ("70B", "Llama-3.3-70B", (41, 164), (48, 80, 160)), ("405B", "Llama-3.1-405B", (237, 950), None),
)
