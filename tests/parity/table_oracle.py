# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as Python's csv module and pandas read them.

usage: table_oracle.py OUT

OUT/N.csv, N.tsv (some .gz)   random tables, written by the csv module or thrown together from the characters that matter
OUT/tables.json               [{file, columns, rows: [[cell, ...] or null where the number of cells is wrong]}]
"""
import csv
import gzip
import io
import json
import pathlib
import random
import sys

import pandas

WORDS = ["a", "b ", " c", "Zürich", "東京", "🙂", "e\u0301", "1", "007", "1,5", "x;y", "t\tu", '"', '""', 'say "hi"', "\n", "\r\n", "\r", "line\nbreak",
         "", "", "NA", "null", "'", "\\", "\\n", "#", "=1+1", "\u2028", "\ufeff", "{\"k\": [1]}"]
SOUP = ['"', '"', ",", ",", "\n", "\n", "\r\n", "\r", "a", "b", "ü", ";"]


def cell(rng):
    return "".join(rng.choice(WORDS) for _ in range(rng.choice([0, 1, 1, 2, 3, 8])))


def written(rng):
    """A table from the csv module's own writer."""
    width = rng.randint(1, 6)
    separator = rng.choice([",", ",", ";", "\t"])
    columns = [f"column {number}{rng.choice(['', ' ü', chr(10) + 'x', ' ' + chr(34) + 'q' + chr(34)])}" for number in range(width)]
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, delimiter=separator, lineterminator=rng.choice(["\n", "\r\n"]), quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer.writerow(columns)
    for _ in range(rng.randint(0, 30)):
        writer.writerow([cell(rng) for _ in range(width)])
        if rng.random() < 0.1:
            sink.write("\n")
    return columns, sink.getvalue(), separator


def soup(rng):
    """Characters in any order; those that the strict csv module takes whole."""
    columns = ["a", "b", "c"][: rng.randint(1, 3)]
    while True:
        text = ",".join(columns) + "\n" + "".join(rng.choice(SOUP) for _ in range(rng.randint(0, 40)))
        try:
            list(csv.reader(io.StringIO(text, newline=""), strict=True))
            return columns, text, ","
        except csv.Error:
            continue


def main(out):
    rng = random.Random(20260)
    tables = []
    for number in range(400):
        columns, text, separator = written(rng) if number % 2 == 0 else soup(rng)
        if len(columns) == 1:
            separator = ","
            text = text if number % 2 else text.replace(";", "").replace("\t", "")
        name = f"{number}.tsv" if separator == "\t" and rng.random() < 0.5 else f"{number}.csv"
        content = (b"\xef\xbb\xbf" if rng.random() < 0.2 else b"") + text.encode()
        if rng.random() < 0.2:
            name += ".gz"
            content = gzip.compress(content)
        (out / name).write_bytes(content)
        records = [record for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if record]
        rows = [record if len(record) == len(columns) else None for record in records[1:]]
        tables.append({"file": name, "columns": records[0], "rows": rows})
        # pandas turns a lone CR inside a quoted cell into LF on some paths and skips lines of blanks, so it judges the written tables without them.
        if number % 2 == 0 and len(columns) > 1 and "\r" not in text.replace("\r\n", ""):
            frame = pandas.read_csv(io.BytesIO(text.encode()), sep=separator, dtype=str, keep_default_na=False)
            if list(frame.columns) != records[0] or frame.values.tolist() != rows:
                raise SystemExit(f"pandas reads {name} otherwise than the csv module")
    (out / "tables.json").write_text(json.dumps(tables))


main(pathlib.Path(sys.argv[1]))
