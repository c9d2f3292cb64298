#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a file of chat rows to packed token ids: Lorikeet beside datasets + transformers' template + tokenizers + TRL's packing, in turns.

text_bench.py --cli build/.../lorikeet-cli --model starter.gguf [--rows 100000] [--rounds 3] [--out tests/bench/results]
text_bench.py --table    writes the table of README.md from the files in results
text_bench.py side ROWS TOKENIZER CONTEXT THREADS    their half, one process; prints one JSON object

The rows are made of the starter data's sentences, thrown together by a fixed seed. Exit code 1 when the two sides disagree on the number of tokens.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

from run_bench import HERE, commit, processor

STARTER = HERE.parent.parent / "resources" / "starter" / "starter.jsonl"
STAGES = [("open_s", "open tokenizer and template"), ("read_s", "read rows"), ("template_s", "chat template"), ("tokenise_s", "tokenise"),
          ("whole_s", "file to packed ids")]
MARK = ("<!-- text -->", "<!-- end of text -->")


def write_rows(path, count):
    generator = random.Random(3)
    messages = [json.loads(line)["messages"] for line in STARTER.read_text().splitlines()]
    users = [m["content"] for row in messages for m in row if m["role"] == "user"]
    sentences = [part for row in messages for m in row if m["role"] == "assistant" for part in m["content"].split("\n")]
    with open(path, "w") as out:
        for _ in range(count):
            answer = "\n".join(generator.choice(sentences) + f" {generator.random():.4f}" for _ in range(generator.randrange(2, 7)))
            row = [{"role": "user", "content": generator.choice(users)}, {"role": "assistant", "content": answer}]
            out.write(json.dumps({"messages": row}, ensure_ascii=False) + "\n")


def side(rows, tokenizer, context, threads):
    """transformers' fast tokenizer, datasets' reader, TRL's first-fit packing; imports are not counted."""
    os.environ["RAYON_NUM_THREADS"] = threads
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    import datasets
    from transformers import AutoTokenizer
    from trl import pack_dataset
    datasets.disable_progress_bars()
    times = {}

    def stage(name, work):
        begin = time.perf_counter()
        result = work()
        times[name] = time.perf_counter() - begin
        return result

    tok = stage("open_s", lambda: AutoTokenizer.from_pretrained(tokenizer))
    with tempfile.TemporaryDirectory() as cache:
        read = stage("read_s", lambda: datasets.load_dataset("json", data_files=rows, split="train", cache_dir=cache))
        texts = stage("template_s", lambda: [text for begin in range(0, len(read), 1000)
                                             for text in tok.apply_chat_template(read[begin:begin + 1000]["messages"], tokenize=False)])
        ids = stage("tokenise_s", lambda: [e.ids for e in tok.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)])
        stage("pack_s", lambda: pack_dataset(datasets.Dataset.from_dict({"input_ids": ids}), int(context), strategy="bfd"))
    times["whole_s"] = times["read_s"] + times["template_s"] + times["tokenise_s"] + times["pack_s"]
    print(json.dumps(dict(times, rows=len(texts), tokens=sum(map(len, ids)))))


def output_of(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=dict(os.environ, HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1"))
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with {done.returncode}:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(options, folder):
    rows, tokenizer = folder / "rows.jsonl", folder / "tokenizer"
    write_rows(rows, options.rows)
    if pathlib.Path(options.model).suffix == ".gguf":
        from transformers import AutoTokenizer
        path = pathlib.Path(options.model)
        AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(tokenizer)
    else:
        tokenizer = options.model
    rounds = []
    for _ in range(options.rounds):
        busy = os.getloadavg()[0]
        theirs = output_of([sys.executable, __file__, "side", rows, tokenizer, options.context, options.threads])
        ours = output_of([options.cli, "bench", "text", options.model, "--data", rows, "--json",
                          "--set", f"run.threads={options.threads}", f"recipe.context={options.context}", "data.validation_fraction=0"])
        ours["whole_s"] = ours.pop("data_step_s")
        rounds.append({"lorikeet": ours, "packages": theirs, "load_average_before": busy})
    return rounds


def table_of(record):
    runs = record["rounds"]
    loads = [r["load_average_before"] for r in runs]
    first = runs[0]["lorikeet"]
    lines = [f"`results/{record['name']}`: {record['processor']}, {record['threads']} threads, commit {record['commit']}, load average before a round "
             f"{min(loads):.1f} to {max(loads):.1f}; {first['rows']:,} rows, {first['tokens']:,} tokens on both sides.", "",
             "| stage | Lorikeet, s | packages, s | ratio: least, median, most of the rounds |", "|---|---|---|---|"]
    for key, name in STAGES:
        ratios = [r["packages"][key] / r["lorikeet"][key] for r in runs]
        best = {side: min(r[side][key] for r in runs) for side in ("lorikeet", "packages")}
        lines.append(f"| {name} | {best['lorikeet']:.2f} | {best['packages']:.2f} | {min(ratios):.1f}, **{statistics.median(ratios):.1f}**, {max(ratios):.1f} |")
    return "\n".join(lines) + "\n"


def write_table(folder):
    readme = HERE / "README.md"
    before, rest = readme.read_text().split(MARK[0], 1)
    tables = "\n".join(table_of(dict(json.loads(path.read_text()), name=path.name)) for path in sorted(folder.glob("*-text.json")))
    readme.write_text(before + MARK[0] + "\n" + tables + MARK[1] + rest.split(MARK[1], 1)[1])


def main():
    if sys.argv[1:2] == ["side"]:
        return side(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cli")
    parser.add_argument("--model", help="a GGUF file or a folder with tokenizer.json and a chat template")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--out", default=HERE / "results", type=pathlib.Path)
    for name, value in (("rows", 100000), ("rounds", 3), ("threads", 2), ("context", 2048)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    if options.table:
        return write_table(options.out)
    with tempfile.TemporaryDirectory() as folder:
        rounds = measure(options, pathlib.Path(folder))
    date = datetime.date.today().isoformat()
    slug = "-".join(processor().lower().split()[:2])
    path = options.out / f"{date}-{slug}-text.json"
    record = {"date": date, "processor": processor(), "commit": commit(), "threads": options.threads, "context": options.context, "rounds": rounds}
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(table_of(dict(record, name=path.name)))
    if any(r["lorikeet"]["tokens"] != r["packages"]["tokens"] for r in rounds):
        sys.exit("the two sides disagree on the number of tokens")


if __name__ == "__main__":
    main()
