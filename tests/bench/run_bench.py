#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lorikeet beside transformers + PEFT: the same model, rows, adapter shape and threads, in turns, in one run.

run_bench.py --bench build/.../lorikeet_bench --model starter.gguf [--rounds 3] [--steps 5] [--out tests/bench/results]
run_bench.py --bench build/.../lorikeet_bench --model Qwen3-0.6B|Llama-15M    random weights of that shape, packed rows
run_bench.py --table    writes the tables of README.md from the files in results

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
# Row: name, our precision, PEFT's mode, its documents.
ROWS = [("fp32", "fp32", "fp32", "packed"), ("bf16 against bf16 weights", "bf16", "bf16", "packed"), ("bf16 against autocast", "bf16", "autocast", "packed"),
        ("chat rows, fp32", "fp32", "fp32", "chat"), ("chat rows, bf16 against autocast", "bf16", "autocast", "chat"),
        ("chat rows, bf16 against TRL's defaults", "bf16", "trl", "chat")]
MADE = {"Qwen3-0.6B": 151936, "Llama-15M": 32000}
# Equal rows: the best step counts. Chat rows: all measured steps, a whole turn over the batches.
SPEED = {"packed": "best_tok_s", "chat": "mean_tok_s"}
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
        output_of([sys.executable, HERE / "peft_bench.py", "make" if options.model in MADE else "save", options.model, model], options.threads)
    generator = random.Random(20)
    vocab = MADE.get(options.model, options.vocab)
    rows = [[generator.randrange(3, vocab) for _ in range(options.context)] for _ in range(options.micro_batch)]
    (folder / "packed.json").write_text(json.dumps(rows))
    chat = json.loads((HERE / "chat_rows.json").read_text())
    rows = [[generator.randrange(3, vocab) for _ in range(length)] for length in chat["lengths"]]
    (folder / "chat.json").write_text(json.dumps({"batch": chat["batch"], "rows": rows, "prompts": chat["prompts"]}))
    return model, folder


def both(options, row, model, folder):
    name, ours, theirs, kind = row
    rows = folder / f"{kind}.json"
    # A turn over the two chat batches to warm up and one to measure; a batch of chat rows fits three rows of the context.
    steps, warmup, micro_batch = (options.steps, options.warmup, options.micro_batch) if kind == "packed" else (2, 2, 3)
    common = ["--steps", steps, "--warmup", warmup, "--threads", options.threads]
    peft = measure([sys.executable, HERE / "peft_bench.py", "run", model, rows, "--mode", theirs] + common, options.threads)
    lorikeet = measure([options.bench, "--model", model if options.model in MADE else options.model, "--rows", rows, "--precision", ours, "--recompute", options.recompute,
                        "--context", options.context, "--micro-batch", micro_batch] + common, options.threads)
    return {"lorikeet": lorikeet, "peft": peft}


def summary(row, rounds):
    name, ours, theirs, kind = row
    speed_key = SPEED[kind]

    def numbers(program, key):
        return [r[program][key] for r in rounds]
    speed = [r["lorikeet"][speed_key] / r["peft"][speed_key] for r in rounds]
    memory = max(numbers("lorikeet", "peak_rss_bytes")) / min(numbers("peft", "peak_rss_bytes"))
    # TRL shuffles: there a whole turn over the two batches is compared.
    counted = 2 if theirs == "trl" else 1
    first = [sum(r["lorikeet"]["losses"][:counted]) / sum(r["peft"]["losses"][:counted]) - 1 for r in rounds]
    return {"row": name, "speed_ratio_by_round": speed, "speed_ratio": statistics.median(speed), "memory_share": memory,
            "tok_s": {p: max(numbers(p, speed_key)) for p in ("lorikeet", "peft")},
            "peak_rss_bytes": {p: max(numbers(p, "peak_rss_bytes")) for p in ("lorikeet", "peft")},
            "plan_bytes": numbers("lorikeet", "plan_bytes")[0],
            "first_loss_difference": max(first, key=abs), "same_first_loss": max(map(abs, first)) <= FIRST_LOSS[ours]}


def report(lines):
    print(f"{'row':33} {'lorikeet':>9} {'peft':>9} {'ratio':>7} {'rounds':>22} {'our RSS':>9} {'their RSS':>9} {'share':>6}")
    for line in lines:
        rounds = " ".join(f"{r:.2f}" for r in line["speed_ratio_by_round"])
        rss = line["peak_rss_bytes"]
        print(f"{line['row']:33} {line['tok_s']['lorikeet']:9.0f} {line['tok_s']['peft']:9.0f} {line['speed_ratio']:6.2f}x {rounds:>22} "
              f"{rss['lorikeet'] / 2**30:5.2f} GiB {rss['peft'] / 2**30:5.2f} GiB {100 * line['memory_share']:5.0f}%")


def commit():
    done = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def table_of(path):
    record = json.loads(path.read_text())
    loads = [run[program]["load_average_before"] for runs in record["rounds"].values() for run in runs for program in run]
    lines = [f"`results/{path.name}`: {record['processor']}, {record['shape']['threads']} threads, commit {record.get('commit', 'not noted')}, "
             f"load average before a process {min(loads):.1f} to {max(loads):.1f}.", "",
             "| row | Lorikeet tokens/s | PEFT tokens/s | ratio: least, median, most of the rounds | our peak RSS | theirs | share |", "|---|---|---|---|---|---|---|"]
    for line in record["summary"]:
        ratios, rss = line["speed_ratio_by_round"], line["peak_rss_bytes"]
        lines.append(f"| {line['row']} | {line['tok_s']['lorikeet']:.0f} | {line['tok_s']['peft']:.0f} | {min(ratios):.2f}, **{line['speed_ratio']:.2f}**, "
                     f"{max(ratios):.2f} | {rss['lorikeet'] / 2**30:.2f} GiB | {rss['peft'] / 2**30:.2f} GiB | {100 * line['memory_share']:.0f} % |")
    return "\n".join(lines) + "\n"


def write_table(folder):
    """Replaces what stands between the marks of README.md by a table of every record."""
    readme = HERE / "README.md"
    before, rest = readme.read_text().split("<!-- results -->", 1)
    after = rest.split("<!-- end of results -->", 1)[1]
    tables = "\n".join(table_of(path) for path in sorted(folder.glob("*.json")) if not path.stem.endswith("-text"))
    readme.write_text(f"{before}<!-- results -->\n{tables}<!-- end of results -->{after}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", help="the program lorikeet_bench")
    parser.add_argument("--model", help="a GGUF file that transformers reads too")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only", default="", help="rows whose name starts so; the record's name says it")
    parser.add_argument("--out", default=HERE / "results", type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, help="where the fp32 folder for PEFT stays (default: a temporary folder)")
    parser.add_argument("--recompute", default="1")
    for name, value in (("rounds", 3), ("steps", 5), ("warmup", 2), ("threads", 2), ("context", 512), ("micro-batch", 2), ("vocab", 49152)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    if options.table:
        return write_table(options.out)
    if not (options.bench and options.model):
        parser.error("--bench and --model are needed")
    chosen = [row for row in ROWS if row[0].startswith(options.only) and (row[3] == "packed" or options.model not in MADE)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.cache or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        model, rows = prepare(options, folder)
        rounds = {row[0]: [] for row in chosen}
        for number in range(options.rounds):
            for row in chosen:
                rounds[row[0]].append(both(options, row, model, rows))
                print(f"round {number + 1}: {row[0]}", file=sys.stderr)
    lines = [summary(row, rounds[row[0]]) for row in chosen]
    report(lines)
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    slug = re.sub(r"[^a-z0-9]+", "-", f"{processor()} {options.model if options.model in MADE else ''} {options.only}".lower()).strip("-")
    options.out.mkdir(parents=True, exist_ok=True)
    shape = {k: getattr(options, k) for k in ("threads", "context", "micro_batch", "steps", "warmup", "rounds", "recompute")}
    for one in (r[p] for rs in rounds.values() for r in rs for p in r):
        if "model" in one:
            one["model"] = pathlib.Path(one["model"]).name
    text = json.dumps({"lorikeet_bench": 2, "commit": commit(), "date": today, "processor": processor(), "model": pathlib.Path(options.model).name,
                       "shape": shape, "summary": lines, "rounds": rounds}, indent=1)
    path = options.out / f"{today}-{slug}.json"
    path.write_text(text + "\n")
    print(f"written: {path}")
    good = all(line["same_first_loss"] and (line["row"] != "fp32" or (line["speed_ratio"] >= SPEED_MARK and line["memory_share"] <= MEMORY_MARK))
               for line in lines)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
