#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lorikeet beside transformers + PEFT: the same model, rows, adapter shape and threads, in turns, in one run.

run_bench.py --bench build/.../lorikeet_bench --model starter.gguf [--rounds 3] [--steps 5] [--out tests/bench/results]

Run it with the interpreter that has torch, transformers and peft. Exit code 1 when the fp32 row misses its mark (speed >= 1.3 x at
<= 60 % of the peak memory), or when the two programs did not compute the same first loss.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# Row: name, our precision, PEFT's mode.
ROWS = [("fp32", "fp32", "fp32"), ("bf16 against bf16 weights", "bf16", "bf16"), ("bf16 against autocast", "bf16", "autocast")]
SPEED_MARK, MEMORY_MARK, FIRST_LOSS = 1.3, 0.60, {"fp32": 1e-4, "bf16": 2e-2}


def output_of(command, threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def measure(command, threads):
    busy = os.getloadavg()[0]
    return dict(json.loads(output_of(command, threads).strip().splitlines()[-1]), load_average_before=busy)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def prepare(options, folder):
    model = folder / "model-fp32"
    if not (model / "config.json").exists():
        output_of([sys.executable, HERE / "peft_bench.py", "save", options.model, model], options.threads)
    generator = random.Random(20)
    rows = [[generator.randrange(3, options.vocab) for _ in range(options.context)] for _ in range(options.micro_batch)]
    (folder / "rows.json").write_text(json.dumps(rows))
    return model, folder / "rows.json"


def both(options, row, model, rows):
    name, ours, theirs = row
    steps = ["--steps", options.steps, "--warmup", 2, "--threads", options.threads]
    peft = measure([sys.executable, HERE / "peft_bench.py", "run", model, rows, "--mode", theirs] + steps, options.threads)
    lorikeet = measure([options.bench, "--model", options.model, "--rows", rows, "--precision", ours, "--recompute", options.recompute,
                        "--context", options.context, "--micro-batch", options.micro_batch] + steps, options.threads)
    return {"lorikeet": lorikeet, "peft": peft}


def summary(name, ours, rounds):
    def numbers(program, key):
        return [r[program][key] for r in rounds]
    speed = [r["lorikeet"]["best_tok_s"] / r["peft"]["best_tok_s"] for r in rounds]
    memory = max(numbers("lorikeet", "peak_rss_bytes")) / min(numbers("peft", "peak_rss_bytes"))
    first = [r["lorikeet"]["losses"][0] / r["peft"]["losses"][0] - 1 for r in rounds]
    return {"row": name, "speed_ratio_by_round": speed, "speed_ratio": statistics.median(speed), "memory_share": memory,
            "tok_s": {p: max(numbers(p, "best_tok_s")) for p in ("lorikeet", "peft")},
            "peak_rss_bytes": {p: max(numbers(p, "peak_rss_bytes")) for p in ("lorikeet", "peft")},
            "plan_bytes": numbers("lorikeet", "plan_bytes")[0],
            "first_loss_difference": max(first, key=abs), "same_first_loss": max(map(abs, first)) <= FIRST_LOSS[ours]}


def report(lines):
    print(f"{'row':28} {'lorikeet':>9} {'peft':>9} {'ratio':>7} {'rounds':>22} {'our RSS':>9} {'their RSS':>9} {'share':>6}")
    for line in lines:
        rounds = " ".join(f"{r:.2f}" for r in line["speed_ratio_by_round"])
        rss = line["peak_rss_bytes"]
        print(f"{line['row']:28} {line['tok_s']['lorikeet']:9.0f} {line['tok_s']['peft']:9.0f} {line['speed_ratio']:6.2f}x {rounds:>22} "
              f"{rss['lorikeet'] / 2**30:5.2f} GiB {rss['peft'] / 2**30:5.2f} GiB {100 * line['memory_share']:5.0f}%")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="the program lorikeet_bench")
    parser.add_argument("--model", required=True, help="a GGUF file that transformers reads too")
    parser.add_argument("--out", default=HERE / "results", type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, help="where the fp32 folder for PEFT stays (default: a temporary folder)")
    parser.add_argument("--recompute", default="1")
    for name, value in (("rounds", 3), ("steps", 5), ("threads", 2), ("context", 512), ("micro-batch", 2), ("vocab", 49152)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.cache or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        model, rows_file = prepare(options, folder)
        rounds = {row[0]: [] for row in ROWS}
        for number in range(options.rounds):
            for row in ROWS:
                rounds[row[0]].append(both(options, row, model, rows_file))
                print(f"round {number + 1}: {row[0]}", file=sys.stderr)
    lines = [summary(row[0], row[1], rounds[row[0]]) for row in ROWS]
    report(lines)
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    slug = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
    options.out.mkdir(parents=True, exist_ok=True)
    shape = {k: getattr(options, k) for k in ("threads", "context", "micro_batch", "steps", "rounds", "recompute")}
    for one in (r[p] for rs in rounds.values() for r in rs for p in r):
        if "model" in one:
            one["model"] = pathlib.Path(one["model"]).name
    text = json.dumps({"lorikeet_bench": 1, "date": today, "processor": processor(), "model": pathlib.Path(options.model).name,
                       "shape": shape, "summary": lines, "rounds": rounds}, indent=1)
    path = options.out / f"{today}-{slug}.json"
    path.write_text(text + "\n")
    print(f"written: {path}")
    fp32 = lines[0]
    good = fp32["speed_ratio"] >= SPEED_MARK and fp32["memory_share"] <= MEMORY_MARK and all(line["same_first_loss"] for line in lines)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
