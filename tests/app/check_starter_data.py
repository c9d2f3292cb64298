#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the starter data set: size, JSON, roles, answer shape, near-duplicates, held-out prompts, length, the job file.

Usage: check_starter_data.py SOURCE_DIR

Each check is then shown able to fail: the rows are damaged on purpose, one way at a time, and the damage has to be found.
"""
import copy
import importlib.util
import json
import pathlib
import re
import sys

MIN_ROWS = 160
MAX_NEAR_DUPLICATE_SHARE = 0.05
SHINGLE = 5            # words
NEAR = 0.5             # Jaccard index of two sets of shingles
PROMPT_SHINGLE = 2     # questions are short: pairs of words say more than groups of five
MAX_EPOCH_TOKENS = 20_000  # estimated; keeps three epochs on two processor cores under two minutes
TOKENS_PER_WORD = 1.45     # of this text in SmolLM2's tokenizer, measured over all rows
TEMPLATE_TOKENS = 31       # ChatML markers and SmolLM2's default system turn, measured
MAX_ROW_WORDS = 110


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def shingles(text, size):
    """The set of word groups of `size` in the text; a shorter text is one group."""
    found = words(text)
    return {tuple(found[i:i + size]) for i in range(max(1, len(found) - size + 1))}


def jaccard(one, other):
    return len(one & other) / max(1, len(one | other))


def near_duplicates(texts):
    """Indexes of texts that have an earlier text with a Jaccard index above NEAR."""
    sets = [shingles(text, SHINGLE) for text in texts]
    return {i for i in range(len(sets)) if any(jaccard(sets[i], sets[j]) > NEAR for j in range(i))}


def row_faults(rows, shape_fault):
    """Faults of single rows: roles, texts, shape, length, characters."""
    for number, row in enumerate(rows, start=1):
        messages = row.get("messages") if isinstance(row, dict) else None
        if not isinstance(messages, list) or [m.get("role") for m in messages] != ["user", "assistant"]:
            yield f"row {number}: expected messages of user and assistant"
            continue
        texts = [m.get("content") for m in messages]
        if not all(isinstance(text, str) and text.strip() == text and text for text in texts):
            yield f"row {number}: an empty text, or white space around one"
            continue
        fault = shape_fault(texts[1])
        if fault:
            yield f"row {number}: {fault}"
        if len(words(" ".join(texts))) > MAX_ROW_WORDS:
            yield f"row {number}: more than {MAX_ROW_WORDS} words"
        if any(not (" " <= c <= "~" or c == "\n") for text in texts for c in text):
            yield f"row {number}: a character outside printable ASCII"


def estimated_tokens(rows):
    """Tokens of one epoch, from the words of all rows (no tokenizer at hand here)."""
    count = sum(len(m["content"].split()) for row in rows for m in row["messages"])
    return round(count * TOKENS_PER_WORD + len(rows) * TEMPLATE_TOKENS)


def set_faults(rows, prompts):
    """Faults of the set as a whole; the rows are well formed."""
    if len(rows) < MIN_ROWS:
        yield f"{len(rows)} rows, expected at least {MIN_ROWS}"
    columns = {"questions": [row["messages"][0]["content"] for row in rows],
               "answers": [row["messages"][1]["content"] for row in rows]}
    for name, texts in columns.items():
        share = len(near_duplicates(texts)) / max(1, len(texts))
        if share >= MAX_NEAR_DUPLICATE_SHARE:
            yield f"{share:.1%} near-duplicates among the {name}, expected less than {MAX_NEAR_DUPLICATE_SHARE:.0%}"
    if len(set(columns["questions"])) != len(rows):
        yield "a question comes twice"
    if len(prompts) != 10 or len(set(prompts)) != 10:
        yield f"{len(prompts)} held-out prompts, expected 10 different ones"
    for prompt in prompts:
        pairs = shingles(prompt, PROMPT_SHINGLE)
        for number, question in enumerate(columns["questions"], start=1):
            if jaccard(pairs, shingles(question, PROMPT_SHINGLE)) > NEAR:
                yield f'held-out prompt "{prompt}" is close to row {number}: "{question}"'
    if estimated_tokens(rows) > MAX_EPOCH_TOKENS:
        yield f"about {estimated_tokens(rows)} tokens per epoch, expected at most {MAX_EPOCH_TOKENS}"


def faults(rows, prompts, shape_fault):
    found = list(row_faults(rows, shape_fault))
    return found or list(set_faults(rows, prompts))


def damaged(rows, prompts):
    """Name, rows and prompts of sets with one planted fault each."""
    def changed(change):
        copied = copy.deepcopy(rows)
        change(copied)
        return copied

    def close_copies(copied):
        for i in range(len(copied) // 10):
            answer = copied[i]["messages"][1]["content"]
            copied[-1 - i]["messages"][1]["content"] = answer[:-1] + " today."

    def set_text(message, text):
        return lambda copied: copied[7]["messages"][message].update(content=text)

    answer = rows[7]["messages"][1]["content"]
    yield "too few rows", rows[:MIN_ROWS - 1], prompts
    yield "swapped roles", changed(lambda copied: copied[3]["messages"].reverse()), prompts
    yield "shape lost", changed(set_text(1, answer.replace("Number: ", ""))), prompts
    yield "empty question", changed(set_text(0, "")), prompts
    yield "control character", changed(set_text(0, "What is a\x00 token?")), prompts
    yield "close copies", changed(close_copies), prompts
    yield "same question", changed(set_text(0, rows[8]["messages"][0]["content"])), prompts
    yield "held-out prompt in the data", rows, prompts[:9] + [rows[5]["messages"][0]["content"] + " Please."]
    yield "too long", rows + changed(lambda copied: [r["messages"][0].update(
        content=f"In case {i} of many: " + r["messages"][0]["content"]) for i, r in enumerate(copied)]), prompts


def job_faults(job):
    """The job file trains this set on the starter model."""
    if job.get("lorikeet_job") != 1 or set(job) != {"lorikeet_job", "model", "data", "recipe", "run"}:
        yield "starter.lorikeet.json: expected format 1 and the sections model, data, recipe, run"
    elif job["model"].get("path") != "starter" or job["data"].get("path") != "starter.jsonl":
        yield "starter.lorikeet.json: expected the model 'starter' and the data 'starter.jsonl'"


def checker_faults(shape_fault, cases):
    """The checker of answers tells the committed examples apart."""
    for case in cases:
        if (shape_fault(case["answer"]) is None) != case["taught"]:
            yield f'check_answers.py judges the example "{case["prompt"]}" wrongly'


def read_lines(path):
    """@throws ValueError with file and line for bytes that are not UTF-8 or a line that is not JSON."""
    rows = []
    for number, line in enumerate(path.read_bytes().decode("utf-8").splitlines(), start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    return rows


def load_checker(path):
    spec = importlib.util.spec_from_file_location("check_answers", path)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


def main():
    source = pathlib.Path(sys.argv[1])
    starter = source / "resources" / "starter"
    checker = load_checker(starter / "check_answers.py")
    rows = read_lines(starter / "starter.jsonl")
    prompts = json.loads((starter / "prompts.json").read_text(encoding="utf-8"))["prompts"]
    found = faults(rows, prompts, checker.shape_fault)
    found += job_faults(json.loads((starter / "starter.lorikeet.json").read_text(encoding="utf-8")))
    found += checker_faults(checker.shape_fault, read_lines(source / "tests" / "data" / "starter" / "answers.jsonl"))
    if not found:
        for name, bad_rows, bad_prompts in damaged(rows, prompts):
            if not faults(bad_rows, bad_prompts, checker.shape_fault):
                found.append(f"the planted fault '{name}' was not found")
    for fault in found:
        print(f"FAIL  {fault}")
    if not found:
        questions, answers = ([row["messages"][i]["content"] for row in rows] for i in (0, 1))
        print(f"{len(rows)} rows, about {estimated_tokens(rows)} tokens per epoch, near-duplicates: "
              f"{len(near_duplicates(questions))} questions, {len(near_duplicates(answers))} answers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
