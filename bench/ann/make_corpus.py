#!/usr/bin/env python3
"""Writes the texts of the data folder as files for `lyceum index`, and questions to ask of them.

    bench/ann/make_corpus.py --data DATA --output CORPUS --questions questions.txt [--questions-count 1000]

Takes every text set below DATA (compressed ones with `zstd`, which must be installed): documents of .txt files by
paragraph, the glosses of .tsv files, and every string of at least 20 characters in .jsonl files, each text once. Questions are those of
nq_open and webquestions; they are not in the corpus. The same data give the same bytes.
"""
import argparse
import gzip
import json
import pathlib
import re
import subprocess

QUESTIONS = ("toolformer/nq_open", "toolformer/webquestions")
NO_TEXT = ("images", "video", "weights", "tokenizers", "chinchilla", "fewshot/gpt3_tasks", "code/humaneval")
FILE_BYTES = 256 << 10
# Which of forty files come first, so that a larger share contains the smaller ones, and all of them a bit of every set.
ORDER = sorted(range(40), key=lambda i: (i % 10 not in (3, 6, 9), i))


def read(path):
    if path.suffix == ".zst":
        data = subprocess.run(["zstd", "-dc", "--long=27", str(path)], check=True, stdout=subprocess.PIPE).stdout
    elif path.suffix == ".gz":
        data = gzip.decompress(path.read_bytes())
    else:
        data = path.read_bytes()
    return data.decode("utf-8", "replace")


def lines(path):  # not splitlines(): a JSON string may hold other kinds of line ends
    return [line for line in read(path).split("\n") if line.strip()]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def texts(path):
    name = path.name.removesuffix(".zst").removesuffix(".gz")
    if name.endswith(".jsonl"):
        for line in lines(path):
            yield from strings(json.loads(line))
    elif name.endswith(".index.tsv") or name == "qrels.tsv" or name == "labels.tsv":
        return
    elif name.endswith((".txt", ".en", ".de", ".tsv")) and "COPYRIGHT" not in name and "LICEN" not in name:
        content = read(path).replace("\f", "\n\n")
        lines_are_texts = name.endswith((".en", ".de", ".tsv")) or "imdb_unsup" in str(path)
        yield from content.split("\n") if lines_are_texts else re.split(r"\n\s*\n", content)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--questions", type=pathlib.Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the files, spread over all sets: 0.325 gives a million passages of 16 tokens")
    parser.add_argument("--questions-count", type=int, default=1000)
    args = parser.parse_args()
    args.output.mkdir(parents=True)
    seen, questions, files, kept = set(), [], 0, 0
    for path in sorted(p for p in args.data.rglob("*") if p.is_file()):
        relative = path.relative_to(args.data).as_posix()
        if relative.startswith(NO_TEXT) or "/" not in relative:
            continue
        if relative.startswith(QUESTIONS):
            if ".jsonl" in path.name:
                questions += [json.loads(line)["question"].strip() for line in lines(path)]
            continue
        part, size, number = [], 0, 0

        def flush():
            nonlocal part, size, number, files, kept
            if part and ORDER.index(files % len(ORDER)) < args.share * len(ORDER):
                target = args.output / f"{relative.replace('/', '_').split('.')[0]}-{number:04}.txt"
                target.write_text("\n\n".join(part) + "\n", encoding="utf-8")
                kept += sum(len(text) for text in part)
            files += bool(part)
            part, size, number = [], 0, number + 1

        for text in texts(path):
            text = re.sub(r"[ \t]+", " ", text.replace("<br />", "\n")).strip()
            key = hash_of(text)
            if len(text) < 20 or key in seen:
                continue
            seen.add(key)
            part.append(text)
            size += len(text) + 2
            if size >= FILE_BYTES:
                flush()
        flush()
    step = max(1, len(questions) // args.questions_count)
    args.questions.write_text("\n".join(questions[::step][: args.questions_count]) + "\n", encoding="utf-8")
    print(f"{kept / 1e6:.1f} million characters in {len(list(args.output.iterdir()))} files")


def hash_of(text):
    return re.sub(r"\W+", " ", text.lower())


if __name__ == "__main__":
    main()
