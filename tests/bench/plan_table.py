# SPDX-License-Identifier: GPL-3.0-or-later
"""Lorikeet's plan beside published measurements: runs `lorikeet-cli plan` over the jobs below and writes the two tables into
engine/plan/README.md, between its markers.

    python3 plan_table.py --cli BUILD/app/lorikeet-cli           # writes
    python3 plan_table.py --cli BUILD/app/lorikeet-cli --check   # fails when the file says something else
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

README = pathlib.Path(__file__).resolve().parents[2] / "engine" / "plan" / "README.md"
GIB = 2**30

TORCHTUNE = "torchtune README, batch 2 packed to 2,048, compiled"
TORCHTUNE_3B = "torchtune README, batch 2 packed to 4,096, every saver"
FACTORY = "LLaMA-Factory wiki (A100 40 GB), batch 1"
PEFT = "PEFT MetaMathQA benchmark (L40S), batch 4, at most 768 tokens"

LLAMA2_LONG = {  # Llama-2-7B, planned for contexts beyond its 4,096 as the wiki did
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "torch_dtype": "float16",
    "tie_word_embeddings": False, "_name_or_path": "Llama-2-7B"}

NO_K = "targets=q,v,o,gate,up,down"  # torchtune's targets


def row(source, job, published, model, device, settings, reason, unit=GIB, timed_against=None):
    """`timed_against`: settings whose forecast the reason's {time} is held against, in per cent."""
    return {"source": source, "job": job, "published": published * unit, "model": model, "device": device, "settings": settings, "reason": reason,
            "timed_against": timed_against}


def rows():
    qlora = ["quantization=nf4", "recompute=3", NO_K]
    yield row(TORCHTUNE, "Llama-3.1-8B LoRA", 16.2, "blueprint:Llama-3.1-8B", "RTX 4090",
              ["context=2048", "micro_batch=2", "rank=8", "recompute=3", NO_K],
              "Rank 8 assumed. Adapter, gradient and moments in fp32 (theirs bf16); they report the allocator's peak, without the CUDA context")
    yield row(TORCHTUNE, "Llama-3.1-8B QLoRA", 7.4, "blueprint:Llama-3.1-8B", "RTX 4090", ["context=2048", "micro_batch=2", "rank=8"] + qlora,
              "As above, and one matrix dequantised into planned scratch")
    yield row(TORCHTUNE, "Llama-3.1-8B QLoRA, the issue's goal: rank 16, all maps", 7.4, "blueprint:Llama-3.1-8B", "RTX 4090",
              ["context=2048", "micro_batch=2", "rank=16", "quantization=nf4", "recompute=3"],
              "The plain settings of the goal of 7.0 GiB")
    yield row(TORCHTUNE, "same with 8-bit AdamW and a loss chunk of 128", 7.4, "blueprint:Llama-3.1-8B", "RTX 4090",
              ["context=2048", "micro_batch=2", "rank=16", "quantization=nf4", "recompute=3", "optimizer=adamw_8bit", "loss_chunk=128"],
              "Levers that cost next to no time")
    goal = ["context=2048", "micro_batch=2", "rank=16", "quantization=nf4"]
    yield row(TORCHTUNE, "the goal: same, embedding and kept activations in host memory", 7.4, "blueprint:Llama-3.1-8B", "RTX 4090",
              goal + ["optimizer=adamw_8bit", "loss_chunk=128", "offload_embedding=true", "offload_activations=true"],
              "{below} GiB without the 0.5 GiB of the CUDA context, at {time} % more time by the forecast than with everything kept on the card; {host} GiB of host memory",
              timed_against=goal)
    yield row(TORCHTUNE, "Llama-3.1-8B full", 18.9, "blueprint:Llama-3.1-8B", "RTX 4090", ["context=2048", "micro_batch=2", "method=full", "recompute=3", "optimizer=adamw_8bit"],
              "Theirs trains bf16 weights in place, applies each gradient in the backward pass and keeps 8-bit state; ours keeps fp32 masters and gradients of every parameter, which steps of bf16 would round away")
    yield row(TORCHTUNE_3B, "Llama-3.2-3B LoRA", 8.5, "blueprint:Llama-3.2-3B", "A100 80GB", ["context=4096", "micro_batch=2", "rank=64", "recompute=3", NO_K],
              "Rank 64 as in their configuration file. Theirs keeps the layers' inputs in host memory (1.3 GiB here) and bf16 adapter state (8-bit at last), where ours is fp32")
    yield row(TORCHTUNE_3B, "Llama-3.2-3B QLoRA", 4.6, "blueprint:Llama-3.2-3B", "A100 80GB", ["context=4096", "micro_batch=2", "rank=64"] + qlora,
              "As above")
    for context, plain, unsloth in ((1024, 6, 5), (2048, 7, 6), (4096, 9, 7), (8192, 12, 8), (16384, 19, 10), (32768, 32, 16)):
        yield row(FACTORY, f"Llama-2-7B QLoRA, context {context:,}", plain, LLAMA2_LONG, "A100 40GB",
                  [f"context={context}", "micro_batch=1", "rank=8", "quantization=nf4", "recompute=3"],
                  f"Whole GB of the device with the CUDA context; Unsloth with the layers' inputs in host memory: {unsloth}")
    yield row(PEFT, "Llama-3.2-3B LoRA r 32 on q, v", 22.29, "blueprint:Llama-3.2-3B", "L40S",
              ["context=768", "micro_batch=4", "rank=32", "targets=q,v", "recompute=0"],
              "Eager transformers: logits of all rows in fp32 several times over, fp32 copies in the norms; the plan has neither", unit=10**9)


CONTEXTS = (("RTX 4060", 8, 2972, None), ("RTX 3060 12GB", 12, 21848, 932), ("RTX 4060 Ti 16GB", 16, 40724, 2551), ("RTX 4090", 24, 78475, 5789),
            ("A100 40GB", 40, 153977, 12264), ("RTX A6000", 48, 191728, 15502), ("H100 SXM", 80, 342733, 28454))


class Planner:
    def __init__(self, cli, folder):
        self.cli, self.folder = cli, pathlib.Path(folder)
        (self.folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')

    def job(self, model):
        if isinstance(model, dict):
            home = self.folder / model["_name_or_path"]
            home.mkdir(exist_ok=True)
            (home / "config.json").write_text(json.dumps(model))
            model = str(home / "config.json")
        path = self.folder / "job.lorikeet.json"
        self.run("job", "new", "--model", model, "--data", str(self.folder / "rows.jsonl"), "-o", str(path), "--force")
        return path

    def run(self, *arguments):
        return subprocess.run([self.cli, *arguments], check=True, capture_output=True, text=True).stdout

    def ask(self, model, device, settings, *question):
        path = self.job(model)
        fields = [part for setting in settings for part in ("--set", "recipe." + setting)]
        return json.loads(self.run("plan", str(path), "--device", device, "--json", *question, *fields))


def external(plan):
    return sum(term["bytes"] for term in plan["terms"] if term["estimate"])


def memory_table(planner):
    lines = ["| source | job | published | planned | of which estimated (context, library pool) | plan / published | why they differ |",
             "|---|---|---|---|---|---|---|"]
    for entry in rows():
        plan = planner.ask(entry["model"], entry["device"], entry["settings"])
        total, outside = plan["total_bytes"], external(plan)
        reason = entry["reason"]
        if entry["timed_against"]:
            plain = planner.ask(entry["model"], entry["device"], entry["timed_against"])
            time = plain["forecast"]["tokens_per_second"] / plan["forecast"]["tokens_per_second"]
            reason = reason.format(below=f"{total / GIB - 0.5:.2f}", time=f"{100 * (time - 1):.1f}", host=f"{plan['host_bytes'] / GIB:.1f}")
        lines.append(f"| {entry['source']} | {entry['job']} | {entry['published'] / GIB:.1f} GiB | {total / GIB:.2f} GiB | {outside / GIB:.2f} GiB "
                     f"| {total / entry['published']:.2f} | {reason} |")
    return lines


def context_table(planner):
    lines = ["| memory | card | Unsloth | HF + FA2 | planned, whole blocks recomputed | planned, also 8-bit AdamW and a loss chunk of 64 "
             "| planned, also embedding and layers' inputs in host memory |", "|---|---|---|---|---|---|---|"]
    for device, size, unsloth, plain in CONTEXTS:
        settings = ["context=512", "micro_batch=1", "rank=32", "quantization=nf4", "recompute=3"]
        cells = []
        small = ["optimizer=adamw_8bit", "loss_chunk=64"]
        for more in ([], small, small + ["offload_embedding=true", "offload_activations=true"]):
            answer = planner.ask("blueprint:Llama-3.1-8B", device, settings + more, "--longest-context")
            cells.append(f"{answer['context']:,}" + (" (the model's limit)" if answer["limited_by_model"] else ""))
        words = f"{plain:,}" if plain else "out of memory"
        lines.append(f"| {size} GB | {device} | {unsloth:,} | {words} | {cells[0]} | {cells[1]} | {cells[2]} |")
    return lines


def replaced(text, name, lines):
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, rest = text.split(begin, 1)
    return head + begin + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cli", required=True)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        planner = Planner(str(pathlib.Path(options.cli).resolve()), folder)
        before = README.read_text(encoding="utf-8")
        after = replaced(before, "memory-table", memory_table(planner))
        after = replaced(after, "context-table", context_table(planner))
    if options.check:
        if before != after:
            sys.exit("the tables of engine/plan/README.md are not what lorikeet-cli plans; run tests/bench/plan_table.py --cli PATH")
        return
    README.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
