#!/usr/bin/env python3
"""Compares the vocabularies that `lyceum train-tokenizer` and Hugging Face tokenizers' trainers learn from the same text with the same settings,
and the ids that `lyceum tokenize` and AutoTokenizer give for texts with the folder that was written.

usage: parity_tokenizer_training.py LYCEUM DATA [--sizes 500,2000,8000,32000] [--only CORPUS] [--kinds bpe,wordpiece]    needs: tokenizers, transformers

bpe: tokenizer.json must be, byte for byte, what the reference's save() writes after BpeTrainer. wordpiece: the reference gives the tokens ##c their ids in
the order of a hash table, another one in every run, and breaks ties by ids. So the reference is run with our special tokens, alphabet and ##c, in our
order, as its special tokens: all that remains is then determined, and must be equal, ids and all (which of equally rare characters stay in
the alphabet is drawn by lot, too). Beside that, two runs of the reference as it comes are
compared with each other and with ours: how many tokens of the vocabulary they share. Prints a line for each, and FAILED with status 1 if one differs.
"""
import argparse, json, os, subprocess, sys, tempfile
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
import transformers

p = argparse.ArgumentParser()
p.add_argument("lyceum"); p.add_argument("data"); p.add_argument("--sizes", default="500,2000,8000,32000"); p.add_argument("--only", default=""); p.add_argument("--kinds", default="bpe,wordpiece")
a = p.parse_args()
transformers.logging.set_verbosity_error()

CORPORA = {  # name: file, field of a .jsonl file, a text to encode
    "prose": ("lm/prose/train.txt.zst", None, "lm/prose/valid.txt.zst"),
    "python": ("code/python/train.txt.zst", None, "code/python/valid.txt.zst"),
    "multi30k.de": ("mt/multi30k/train.de.gz", None, "mt/multi30k/val.de"),
    "multi30k.en": ("mt/multi30k/train.en.gz", None, "mt/multi30k/val.en"),
    "imdb": ("reviews/imdb/train.jsonl.zst", "text", "reviews/imdb_unsup/valid.txt.zst"),
    "agnews": ("nlp/agnews/train.jsonl.zst", "text", "nlp/agnews/valid.jsonl"),
    "wikitext2": ("lm/wikitext2/valid.txt.zst", None, "lm/wikitext2/test.txt.zst"),
}
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
work = tempfile.mkdtemp()
failed = 0


def unpacked(name):
    path = os.path.join(a.data, name)
    if path.endswith(".zst"): return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
    if path.endswith(".gz"): return subprocess.run(["gzip", "-dc", path], capture_output=True, check=True).stdout
    return open(path, "rb").read()


def train(t, trainer, name, field):
    if field:  # each text whole
        t.train_from_iterator((json.loads(row)[field] for row in unpacked(name).split(b"\n") if row), trainer)
    else:  # each line with its end
        path = os.path.join(work, "train.txt")
        with open(path, "wb") as f: f.write(unpacked(name).decode(errors="replace").encode())
        t.train([path], trainer)
    return t


def ours(kind, size, name, field, limit):
    folder = os.path.join(work, "ours")
    command = [a.lyceum, "train-tokenizer", "--kind", kind, "--vocab-size", str(size), "--output", folder, "--overwrite", "--quiet", os.path.join(a.data, name)]
    if field: command += ["--field", field]
    if kind == "wordpiece": command += ["--limit-alphabet", str(limit)]
    subprocess.run(command, check=True)
    return folder


def bpe(size, name, field):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return train(t, trainers.BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()), name, field)


def word_piece(size, name, field, limit, special):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return train(t, trainers.WordPieceTrainer(vocab_size=size, min_frequency=2, limit_alphabet=limit, show_progress=False, special_tokens=special), name, field)


def say(ok, text):
    global failed
    failed += not ok
    print(("same    " if ok else "DIFFERS ") + text, flush=True)


def compare_ids(what, folder, text):
    lines = [x for x in unpacked(text).decode(errors="replace").replace("\r", "").split("\n") if x.strip()]
    lines = lines[:: max(1, len(lines) // 2000)][:2000]
    path = os.path.join(work, "lines.txt")
    open(path, "w", encoding="utf-8").write("\n".join(lines) + "\n")
    rows = subprocess.run([a.lyceum, "tokenize", folder, "--input", path, "--json", "--quiet"], capture_output=True, check=True).stdout.decode().split("\n")
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    expected = theirs(lines, add_special_tokens=True)["input_ids"]
    got = [json.loads(row)["ids"] for row in rows if row]
    pairs = sum(x != y for x, y in zip(got, expected))
    say(len(got) == len(expected) and pairs == 0, f"{what}: ids of {len(expected)} texts, {sum(map(len, expected))} tokens, {pairs} texts differ ({type(theirs).__name__})")


for corpus, (name, field, text) in CORPORA.items():
    if a.only not in corpus: continue
    for size in map(int, a.sizes.split(",")):
        for kind in a.kinds.split(","):
            what = f"{corpus} {kind} {size}"
            limit = 1000 if size > 2500 else size // 5
            folder = ours(kind, size, name, field, limit)
            file = open(os.path.join(folder, "tokenizer.json"), encoding="utf-8").read()
            mine = json.loads(file)["model"]
            tokens = list(mine["vocab"])
            if kind == "bpe":
                t = bpe(size, name, field)
                model = json.loads(t.to_str())["model"]
                equal = mine["vocab"] == model["vocab"] and mine["merges"] == model["merges"]
                say(equal and file == t.to_str(pretty=True), f"{what}: {len(tokens)} tokens, {len(mine['merges'])} merges" + ("" if file == t.to_str(pretty=True) else ", the files differ") + ("" if equal else f", vocabularies differ by {len(set(tokens) ^ set(model['vocab']))} tokens"))
            else:
                alphabet = [x for x in tokens if len(x) == 1 or (x.startswith("##") and len(x) == 3)]
                t = word_piece(size, name, field, 0, BERT + alphabet)  # 0: no character beside those
                vocab = t.get_vocab()
                say(mine["vocab"] == vocab, f"{what}: {len(tokens)} tokens, alphabet {len(alphabet)}" + ("" if mine["vocab"] == vocab else f", {len(set(tokens) ^ set(vocab))} tokens differ"))
                first, second = (set(word_piece(size, name, field, limit, BERT).get_vocab()) for _ in range(2))
                print(f"        {what}: as it comes, two runs of the reference share {len(first & second)} of {len(first)} tokens, the first and ours {len(first & set(tokens))}", flush=True)
            compare_ids(what, folder, text)
print("FAILED: %d" % failed if failed else "all the same")
sys.exit(failed > 0)
