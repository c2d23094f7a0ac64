#!/usr/bin/env python3
"""Compares `lyceum fill`, `classify`, `tag`, `answer` and `rerank` with transformers' pipelines and sentence-transformers' CrossEncoder
on random tiny models of every encoder family: scores to 1e-4, the same ids, labels, spans and order. Two neighbours of a list may change
places when their scores differ by less than 1e-5 (counted as ties).

usage: parity_heads.py LYCEUM VOCABULARY TEXTS.jsonl [--answers-by PYTHON] [--only VERB]    needs: torch, transformers, sentence-transformers
TEXTS.jsonl (plain or .zst) has `passage` and `question` (BoolQ). transformers 5 has no question-answering pipeline: PYTHON has 4.57.
"""
import json, os, random, subprocess, sys, tempfile
import torch, transformers as tf

tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar(); torch.set_num_threads(1)
os.environ["HF_HUB_OFFLINE"] = "1"
if sys.argv[1] == "--reference-answers":  # in the other Python
    folder, jobs = sys.argv[2], json.load(open(sys.argv[3]))
    pipe = tf.pipeline("question-answering", model=folder, tokenizer=tf.BertTokenizerFast.from_pretrained(folder))
    out = []
    for question, context, options in jobs:
        got = pipe(question=question, context=context, **options)
        out.append(got if isinstance(got, list) else [got])
    json.dump(out, open(sys.argv[4], "w")); sys.exit()

import argparse
p = argparse.ArgumentParser()
p.add_argument("lyceum"); p.add_argument("vocabulary"); p.add_argument("texts"); p.add_argument("--answers-by"); p.add_argument("--only", default="")
a = p.parse_args()
LIMIT, TIE = 1e-4, 1e-5
work = tempfile.mkdtemp(); r = random.Random(1)
raw = subprocess.run(["zstd", "-dcq", a.texts], capture_output=True, check=True).stdout if a.texts.endswith(".zst") else open(a.texts, "rb").read()
rows = [json.loads(line) for line in raw.splitlines()[:200]]
PASSAGES, QUESTIONS = [row["passage"].replace("\t", " ") for row in rows], [row["question"] for row in rows]
ODD = ["", " ", ".", "a", "Zażółć gęślą jaźń — naïve café № 5", "東京都は日本の首都です。Tokyo is 東京。", "e\u0301te\u0301 déjà-vu İstanbul ΣΊΣΥΦΟΣ", "\U0001f468\u200d\U0001f469\u200d\U0001f467 family 🇩🇪 flag ☎️",
       "مرحبا بالعالم hello", "нет, это не так; ё Ё", "word" * 60, "don't U.S.A. 3.14 -- (x[y]{z})", "\u00ad soft\u00adhyphen zero\u200bwidth", "ﬁne ﬂow Å ẞ ǆ", "[SEP] inside [CLS] a [PAD] text [UNK]", "## #hash ##ing un##able", "ⅷ ½ ² ㍿ \ufffd", "한국어 형태소 분석", "nbsp\u00a0here\u2003wide  double", "a\u0300\u0301\u0302b"]
TEXTS = PASSAGES[:90] + QUESTIONS[:80] + [" ".join(PASSAGES[i:i + 6]) for i in range(90, 120, 6)] + ODD + [t + " " + q for t, q in zip(ODD, QUESTIONS)]
MAX = 128

SIZES = dict(hidden_size=32, num_attention_heads=4, intermediate_size=48, num_hidden_layers=2, vocab_size=30522, initializer_range=0.25, pad_token_id=0)
FAMILIES = {"Bert": {}, "Roberta": dict(type_vocab_size=1, bos_token_id=101, eos_token_id=102), "DistilBert": {}, "MPNet": {}, "Electra": dict(embedding_size=16), "Albert": dict(embedding_size=16, type_vocab_size=2)}
NO_TYPES = ("Roberta", "DistilBert", "MPNet")
SIZES_OF_DISTIL = {"hidden_size": "dim", "num_attention_heads": "n_heads", "intermediate_size": "hidden_dim", "num_hidden_layers": "n_layers"}


def model(family, ending, name, extra_config=None, **config):
    sizes = {**SIZES, **FAMILIES[family]}
    if family == "DistilBert": sizes = {SIZES_OF_DISTIL.get(k, k): v for k, v in sizes.items()}
    torch.manual_seed(hash_of(family + ending + name))
    c = getattr(tf, family + "Config")(**sizes, max_position_embeddings=MAX + (2 if family in ("Roberta", "MPNet") else 0), **config)
    m = getattr(tf, family + "For" + ending)(c).eval()
    for n, t in m.named_parameters():
        if n.endswith("bias"): torch.nn.init.normal_(t, std=0.1)
    folder = f"{work}/{family}-{ending}-{name}"
    m.save_pretrained(folder)
    text = open(a.vocabulary).read()
    open(folder + "/vocab.txt", "w").write(text)
    json.dump(dict(tokenizer_class="BertTokenizer", do_lower_case=name != "cased", model_max_length=MAX, **({"model_input_names": ["input_ids", "attention_mask"]} if family in NO_TYPES else {})), open(folder + "/tokenizer_config.json", "w"))
    if extra_config:
        path = folder + "/config.json"; j = json.load(open(path)); j.update(extra_config); json.dump(j, open(path, "w"))
    t = tf.BertTokenizerFast.from_pretrained(folder); t.save_pretrained(folder)
    return folder, m, t


def hash_of(text): return sum((i + 1) * ord(c) for i, c in enumerate(text)) % 100003


def lyceum(*args, objects=None):
    if objects is not None:
        path = work + "/in.jsonl"
        with open(path, "w") as f:
            for o in objects: f.write(json.dumps(o, ensure_ascii=False) + "\n")
        args += ("--input", path)
    run = subprocess.run([a.lyceum, *args, "--json", "--quiet"], capture_output=True, text=True)
    if run.returncode != 0: raise SystemExit(f"lyceum {args}: {run.returncode} {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines()]


wrong = compared = ties = 0
largest = 0.0
def complain(what, ours, theirs):
    global wrong
    wrong += 1
    if wrong <= 12: print(f"  WRONG {what}\n    ours   {str(ours)[:400]}\n    theirs {str(theirs)[:400]}")


def same_list(what, ours, theirs):
    """Lists of (key, score), best first."""
    global compared, ties, largest
    compared += 1
    if len(ours) != len(theirs): return complain(what + ": lengths", ours, theirs)
    bad = False
    for (k, s), (l, t) in zip(ours, theirs):
        largest = max(largest, abs(s - t))
        if abs(s - t) > LIMIT: bad = True
        if k != l: ties += 1; bad |= abs(s - t) > TIE
    if bad: complain(what, ours, theirs)


def say(what):
    global compared, ties, largest
    print(f"{what}: {compared} compared, largest difference {largest:.1e}, ties {ties}, wrong so far {wrong}", flush=True)
    compared = ties = 0; largest = 0.0


def as_bytes(text, place): return len(text[:place].encode())


def fill(family):
    folder, m, t = model(family, "MaskedLM", "fill")
    pipe = tf.pipeline("fill-mask", model=m, tokenizer=t)
    texts = []
    for i, text in enumerate(TEXTS):
        words = text.split(" ")
        for _ in range(1 + i % 3): words.insert(r.randrange(min(len(words), 20) + 1), "[MASK]")
        texts.append(" ".join(words))
    for top, targets in [(5, None), (3, ["paris", "London", "unbelievableness", "##ing", "red", "red", "\u200b"])]:
        more = {"targets": targets} if targets else {}
        ours = lyceum("fill", folder, "--top", str(top), *(["--targets", ",".join(targets)] if targets else []), objects=[{"text": x} for x in texts])
        per = {}
        for o in ours: per.setdefault((o["index"], o.get("mask", 0)), []).append(o)
        for i, text in enumerate(texts):
            theirs = pipe(text, top_k=top, tokenizer_kwargs={"truncation": True}, **more)
            if isinstance(theirs[0], dict): theirs = [theirs]
            for k, list_ in enumerate(theirs):
                same_list(f"fill {family} {i} {k}", [((o["token"], o["id"], o["text"]), o["score"]) for o in per.get((i, k), [])],
                          [((o["token_str"], o["token"], o["sequence"]), o["score"]) for o in list_])
    say(f"fill {family}")


def classify(family):
    for name, config in [("three", dict(num_labels=3)), ("one", dict(num_labels=1)), ("several", dict(num_labels=4, problem_type="multi_label_classification")), ("regression", dict(num_labels=1, problem_type="regression"))]:
        folder, m, t = model(family, "SequenceClassification", name, id2label={i: f"label {i}é" for i in range(config["num_labels"])}, **config)
        pipe = tf.pipeline("text-classification", model=m, tokenizer=t)
        runs = [(None, False)] if name != "three" else [(None, False), ("sigmoid", False), ("none", True), (None, True)]
        for function, pairs in runs:
            inputs = [{"text": x, "text_pair": y} for x, y in zip(TEXTS, TEXTS[7:] + TEXTS[:7])] if pairs else TEXTS
            ours = lyceum("classify", folder, *(["--activation", function] if function else []), *(["--pairs"] if pairs else []), objects=inputs if pairs else [{"text": x} for x in TEXTS])
            for i, x in enumerate(inputs):
                theirs = pipe(x, top_k=None, function_to_apply=function, truncation=True)
                same_list(f"classify {family} {name} {i}", [(o["label"], o["score"]) for o in ours[i]["labels"]], [(o["label"], o["score"]) for o in theirs])
    say(f"classify {family}")
    for name, labels in [("last", ["contradiction", "neutral", "Entailment"]), ("first", ["ENTAILS", "no", "yes"])]:
        folder, m, t = model(family, "SequenceClassification", name, id2label=dict(enumerate(labels)), label2id={l: i for i, l in enumerate(labels)})
        pipe = tf.pipeline("zero-shot-classification", model=m, tokenizer=t)
        for multi, template, wanted in [(False, "This example is {}.", ["sports", "world politics", "a book"]), (True, "{} is the topic {{}}", ["sports", "cooking"]), (False, "This is {}", ["only"])]:
            texts = [x for x in TEXTS if x][::2]
            ours = lyceum("classify", folder, "--labels", ",".join(wanted), "--hypothesis-template", template, *(["--multi-label"] if multi else []), objects=[{"text": x} for x in texts])
            for i, x in enumerate(texts):
                theirs = pipe(x, wanted, hypothesis_template=template, multi_label=multi)
                same_list(f"zero-shot {family} {i}", [(o["label"], o["score"]) for o in ours[i]["labels"]], list(zip(theirs["labels"], theirs["scores"])))
    say(f"zero-shot {family}")


def tag(family):
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC", "A-B-C"]
    folder, m, t = model(family, "TokenClassification", "tag", id2label=dict(enumerate(labels)), label2id={l: i for i, l in enumerate(labels)})
    pipe = tf.pipeline("token-classification", model=m, tokenizer=t)
    for strategy, stride, ignored in [("none", None, ["O"]), ("simple", None, ["O"]), ("first", None, ["O"]), ("average", None, []), ("max", None, ["O", "MISC"]), ("simple", 0, ["O"]), ("first", 20, ["O"]), ("average", 40, []), ("max", 125, ["PER"])]:
        ours = lyceum("tag", folder, "--aggregation", strategy, *(["--stride", str(stride)] if stride is not None else []), "--ignore-labels", ",".join(ignored or ["nothing"]), objects=[{"text": x} for x in TEXTS])
        for i, x in enumerate(TEXTS):
            key = "entity" if strategy == "none" else "entity_group"
            theirs = pipe(x, aggregation_strategy=strategy, ignore_labels=ignored, **({"stride": stride} if stride is not None else {}))
            same_list(f"tag {family} {strategy} {stride} {i}", [((o[key], o.get("index"), o["word"], o["begin"], o["end"]), o["score"]) for o in ours[i]["entities"]],
                      [((o[key], o.get("index"), o["word"], as_bytes(x, o["start"]), as_bytes(x, o["end"])), float(o["score"])) for o in theirs])
    say(f"tag {family}")


def answer(family):
    folder, m, t = model(family, "QuestionAnswering", "answer")
    pairs = list(zip(QUESTIONS[:150], PASSAGES[:150])) + [(q, " ".join(PASSAGES[i:i + 6])) for i, q in enumerate(QUESTIONS[150:170])]
    pairs += [(q, x) for q, x in zip(QUESTIONS[170:], ODD) if x.strip() and "[CLS]" not in x] + [(x, p_) for x, p_ in zip(ODD, PASSAGES[20:]) if x.strip() and "[CLS]" not in x]
    for theirs_options, options in [({}, []), (dict(top_k=5), ["--top", "5"]), (dict(top_k=3, handle_impossible_answer=True, max_answer_len=4), ["--top", "3", "--impossible", "--max-answer-tokens", "4"]),
                                    (dict(top_k=4, align_to_words=False), ["--top", "4", "--any-words"]), (dict(align_to_words=False), ["--any-words"]),
                                    (dict(max_seq_len=110, doc_stride=20, top_k=2), ["--max-tokens", "110", "--stride", "20", "--top", "2"])]:
        use = [(q, c) for q, c in pairs if len(t(q)["input_ids"]) < 50]
        json.dump([[q, c, theirs_options] for q, c in use], open(work + "/jobs.json", "w"))
        subprocess.run([a.answers_by, __file__, "--reference-answers", folder, work + "/jobs.json", work + "/answers.json"], check=True)
        theirs = json.load(open(work + "/answers.json"))
        ours = lyceum("answer", folder, "--pairs", *options, objects=[{"question": q, "context": c} for q, c in use])
        per = [[] for _ in use]
        for o in ours: per[o["index"]].append(o)
        for i, (q, c) in enumerate(use):
            got = [((o["answer"], o["begin"], o["end"]), o["score"]) for o in per[i]]
            want = [((o["answer"], as_bytes(c, o["start"]), as_bytes(c, o["end"])), o["score"]) for o in theirs[i]]
            if "--top" in options:  # the reference fills a list up with spans of score 0
                got, want = [x for x in got if x[1] > 1e-7], [x for x in want if x[1] > 1e-7]
                n = min(len(got), len(want)); got, want = (got[:n], want[:n]) if abs(len(got) - len(want)) <= 1 and n else (got, want)
            same_list(f"answer {family} {options} {i}", got, want)
    say(f"answer {family}")


def rerank(family):
    import sentence_transformers as st
    for name, extra in [("plain", None), ("new", {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.0"}}), ("old", {"sbert_ce_default_activation_function": "torch.nn.modules.activation.Tanh"})]:
        folder, m, t = model(family, "SequenceClassification", name, extra, num_labels=1)
        encoder = st.CrossEncoder(folder)
        folders = [folder]
        if name == "plain": encoder.save_pretrained(folder + "-saved"); folders.append(folder + "-saved")
        for query in QUESTIONS[:2] + ["", "Où est 東京?"]:
            with open(work + "/passages.jsonl", "w") as f:
                for x in TEXTS: f.write(json.dumps({"text": x}, ensure_ascii=False) + "\n")
            for where in folders:
                for raw in [False, True]:
                    theirs = encoder.rank(query, TEXTS, activation_fn=torch.nn.Identity() if raw else None)
                    ours = lyceum("rerank", where, query, work + "/passages.jsonl", "--top", "150", *(["--raw"] if raw else []))
                    same_list(f"rerank {family} {name}", [(o["index"], o["score"]) for o in ours], [(o["corpus_id"], o["score"]) for o in theirs[:150]])
    say(f"rerank {family}")


for verb in [fill, classify, tag, answer, rerank]:
    if a.only and a.only != verb.__name__: continue
    if verb is answer and not a.answers_by: print("answer: left out, no --answers-by"); continue
    for family in FAMILIES: verb(family)
sys.exit(f"{wrong} wrong" if wrong else 0)
