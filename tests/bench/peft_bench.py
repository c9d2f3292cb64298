#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same optimizer steps as lorikeet_bench, through transformers + PEFT as their users run them; prints one JSON object.

peft_bench.py save GGUF FOLDER                  the GGUF's model as an fp32 safetensors folder with its tokenizer (once)
peft_bench.py make NAME FOLDER                  a model of random weights and a known shape (once): the names stand in SHAPES
peft_bench.py run FOLDER ROWS [--mode fp32|bf16|autocast|trl] [--rank 16] [--threads 2] [--steps 6] [--warmup 2] [--attention sdpa]

Modes: fp32; bf16 (weights in bf16, adapter in fp32, as PEFT does it); autocast (fp32 weights, bf16 products); trl (TRL's SFTTrainer with everything
at its own defaults, but for the adapter, on the same rows).
"""
import argparse
import json
import os
import pathlib
import sys
import time


def status_bytes(name):
    for line in open("/proc/self/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no " + name)


# As their configurations on the Hub say; the 15M model is karpathy/tinyllamas' stories15M.
SHAPES = {
    "Qwen3-0.6B": ("qwen3", dict(vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
                                 num_key_value_heads=8, head_dim=128, max_position_embeddings=40960, tie_word_embeddings=True, rms_norm_eps=1e-6,
                                 rope_parameters={"rope_type": "default", "rope_theta": 1e6})),
    "Llama-15M": ("llama", dict(vocab_size=32000, hidden_size=288, intermediate_size=768, num_hidden_layers=6, num_attention_heads=6,
                                num_key_value_heads=6, max_position_embeddings=1024, tie_word_embeddings=True)),
}


def make(name, folder):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    torch.manual_seed(7)
    kind, fields = SHAPES[name]
    AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **fields), dtype=torch.float32).save_pretrained(folder)


def save(gguf, folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    path = pathlib.Path(gguf)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    # transformers marks what came from a GGUF file as quantised and will not save it, though its numbers are plain fp32 by now.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    plain = AutoModelForCausalLM.from_config(model.config, dtype=torch.float32)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)


def adapted_model(options):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM
    dtype = torch.bfloat16 if options.mode == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(options.folder, dtype=dtype, attn_implementation=options.attention)
    model.config.use_cache = False
    config = LoraConfig(r=options.rank, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, config).train()


def batches_of(path):
    """Arguments of the model and real tokens for every step, in turns: equal rows as they are, others padded to their batch's longest."""
    import torch
    data = json.loads(pathlib.Path(path).read_text())
    if isinstance(data, list):
        tokens = torch.tensor(data)
        return [({"input_ids": tokens, "labels": tokens}, tokens.numel())]
    batches = []
    for first in range(0, len(data["rows"]), data["batch"]):
        rows, prompts = (data[k][first:first + data["batch"]] for k in ("rows", "prompts"))
        longest = max(map(len, rows))
        tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        labels = tokens.clone()
        labels[mask == 0] = -100
        for row, prompt in zip(labels, prompts):
            row[:prompt] = -100
        batches.append(({"input_ids": tokens, "attention_mask": mask, "labels": labels}, sum(map(len, rows))))
    return batches


def report(options, losses, seconds, measured_tokens, first, load_seconds, trainable):
    import peft
    import torch
    import transformers
    tokens, supervised = first
    ordered = sorted(seconds)
    print(json.dumps({
        "program": "transformers + peft", "precision": options.mode, "attention": options.attention, "rank": options.rank,
        "threads": torch.get_num_threads(), "tokens_per_step": tokens, "supervised_per_step": supervised,
        "trainable": trainable, "losses": losses, "step_seconds": seconds,
        "best_tok_s": tokens / ordered[0], "mean_tok_s": measured_tokens / sum(seconds), "median_tok_s": tokens / ordered[len(ordered) // 2], "load_seconds": load_seconds,
        "peak_rss_bytes": status_bytes("VmHWM"), "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}}))


def run_trl(options):
    """Rows of ids and what is trained of each; whole turns over them, so that the order it shuffles them into does not matter."""
    import tempfile
    import datasets
    import torch
    import trl
    from peft import LoraConfig
    from transformers import TrainerCallback
    torch.set_num_threads(options.threads)
    data = json.loads(pathlib.Path(options.rows).read_text())
    masks = [[int(i >= prompt) for i in range(len(row))] for row, prompt in zip(data["rows"], data["prompts"])]
    begin = time.perf_counter()

    class Watch(TrainerCallback):
        starts, seconds, losses = 0.0, [], []

        def on_step_begin(self, *_, **__):
            self.starts = time.perf_counter()

        def on_step_end(self, *_, **__):
            self.seconds.append(time.perf_counter() - self.starts)

        def on_log(self, *_, logs=None, **__):
            self.losses += [logs["loss"]] if "loss" in logs else []

    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        settings = trl.SFTConfig(folder, use_cpu=True, max_steps=options.warmup + options.steps, logging_steps=1, report_to=[], save_strategy="no", disable_tqdm=True)
        trainer = trl.SFTTrainer(options.folder, settings, train_dataset=datasets.Dataset.from_dict({"input_ids": data["rows"], "completion_mask": masks}),
                                 peft_config=LoraConfig(r=options.rank, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"), callbacks=[watch])
        load_seconds = time.perf_counter() - begin
        trainer.train()
    turns = options.steps * settings.per_device_train_batch_size / len(data["rows"])
    tokens = sum(map(len, data["rows"]))
    report(options, watch.losses, watch.seconds[options.warmup:], turns * tokens, (tokens * data["batch"] // len(data["rows"]), sum(map(sum, masks))),
           load_seconds, sum(p.numel() for p in trainer.model.parameters() if p.requires_grad))


def run(options):
    import torch
    if options.mode == "trl":
        return run_trl(options)
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    begin = time.perf_counter()
    batches = batches_of(options.rows)
    model = adapted_model(options)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    load_seconds = time.perf_counter() - begin
    losses, seconds, measured_tokens = [], [], 0
    for number in range(options.warmup + options.steps):
        inputs, real = batches[number % len(batches)]
        start = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.mode == "autocast"):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())
        if number >= options.warmup:
            seconds.append(time.perf_counter() - start)
            measured_tokens += real
    inputs, count = batches[0]
    supervised = int((inputs["labels"][:, 1:] != -100).sum())
    report(options, losses, seconds, measured_tokens, (count, supervised), load_seconds, sum(p.numel() for p in trained))


def main():
    if sys.argv[1] in ("save", "make"):
        return {"save": save, "make": make}[sys.argv[1]](*sys.argv[2:4])
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("folder")
    parser.add_argument("rows")
    parser.add_argument("--mode", choices=["fp32", "bf16", "autocast", "trl"], default="fp32")
    parser.add_argument("--attention", default="sdpa")
    for name, value in (("rank", 16), ("threads", 2), ("steps", 6), ("warmup", 2)):
        parser.add_argument("--" + name, type=int, default=value)
    run(parser.parse_args())


if __name__ == "__main__":
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    main()
