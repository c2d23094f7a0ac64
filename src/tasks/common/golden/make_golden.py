#!/usr/bin/env python3
"""Writes the goldens of fill, classify, tag, answer and rerank: for each a tiny random BERT (../../VERB/golden/model/) with a toy
vocabulary, and expected.json with inputs and what transformers' pipelines and sentence-transformers' CrossEncoder make of them.
Places are bytes.

usage: make_golden.py PYTHON      needs: torch, transformers, sentence-transformers; PYTHON has transformers 4.57 (the last release with
a question-answering pipeline). Versions and the seed go into MADE_WITH.txt.
"""
import json, os, shutil, subprocess, sys, torch, transformers as tf

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog sat ran on in mat park query passage : . , ! ? un ##want ##ed ##s ##ing run ##n to was é ka ##f ##é this example is about ##m ##o".split()
MAX = 24


def tokenizer(folder): return tf.BertTokenizerFast.from_pretrained(folder)


if sys.argv[1] == "--answers":
    pipe = tf.pipeline("question-answering", model=sys.argv[2], tokenizer=tokenizer(sys.argv[2]))
    out = [pipe(question=q, context=c, **o) for q, c, o in json.load(sys.stdin)]
    print(json.dumps({"version": tf.__version__, "answers": [x if isinstance(x, list) else [x] for x in out]})); sys.exit()

import sentence_transformers as st
HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(31); torch.set_num_threads(1); tf.logging.set_verbosity_error()


def model(verb, kind, **config):
    folder = os.path.join(HERE, "../..", verb, "golden/model")
    shutil.rmtree(folder, ignore_errors=True)
    c = tf.BertConfig(vocab_size=len(WORDS), hidden_size=8, num_attention_heads=2, intermediate_size=12, num_hidden_layers=1, max_position_embeddings=MAX, **config)
    m = getattr(tf, "BertFor" + kind)(c).eval()
    for p in m.parameters(): torch.nn.init.normal_(p, std=0.7) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.3)
    m.save_pretrained(folder)
    open(folder + "/vocab.txt", "w").write("\n".join(WORDS) + "\n")
    json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": False, "model_max_length": MAX}, open(folder + "/tokenizer_config.json", "w"))
    return folder, m, tokenizer(folder)


def write(verb, expected): json.dump(expected, open(os.path.join(HERE, "../..", verb, "golden/expected.json"), "w"), ensure_ascii=False, indent=1)


def bytes_of(text, place): return len(text[:place].encode())


TEXTS = ["The cat sat on the mat.", "A dog ran in the park!", "", "unwanted", "Zebra, kafé éé!", "?", "the unwanted cat was running to the park " * 4, "a cat, a dog; a mat — kafémo", "running to the park was unwanted",
         "[SEP] the [CLS] dog [UNK] sat"]

folder, m, t = model("fill", "MaskedLM")
pipe = tf.pipeline("fill-mask", model=m, tokenizer=t)
cases = []
for text, top, targets in [("the [MASK] sat on the mat.", 5, None), ("a [MASK] ran [MASK] the park!", 3, None), ("[MASK]", 50, None), ("the [PAD] [MASK] é", 4, None), ("[MASK] [PAD] the [MASK] cat", 2, None), ("a [MASK] ran.", 5, ["cat", "dog", "cat", "unwanted", "##ing"]),
                           ("the [MASK] ran " + "the cat ran " * 12, 2, None)]:
    got = pipe(text, top_k=min(top, len(WORDS)), tokenizer_kwargs={"truncation": True}, **({"targets": targets} if targets else {}))
    if isinstance(got[0], dict): got = [got]
    cases.append({"text": text, "top": top, "targets": targets or [], "masks": [[[x["token"], x["score"], x["token_str"], x["sequence"]] for x in one] for one in got]})
write("fill", cases)

labels = ["contradiction", "neutral", "entailment"]
folder, m, t = model("classify", "SequenceClassification", id2label=dict(enumerate(labels)), label2id={l: i for i, l in enumerate(labels)})
pipe, zero = tf.pipeline("text-classification", model=m, tokenizer=t), tf.pipeline("zero-shot-classification", model=m, tokenizer=t)
listed = lambda got: [[x["label"], x["score"]] for x in got]
expected = {"texts": TEXTS, "pairs": [[x, y] for x, y in zip(TEXTS, TEXTS[3:] + TEXTS[:3])], "zero_shot": []}
for f in ["softmax", "sigmoid", "none"]: expected[f] = [listed(pipe(x, top_k=None, function_to_apply=f, truncation=True)) for x in TEXTS]
expected["of_pairs"] = [listed(pipe({"text": x, "text_pair": y}, top_k=None, truncation=True)) for x, y in expected["pairs"]]
for text in [x for x in TEXTS if x]:
    for wanted, multi in [(["cat", "dog", "the park"], False), (["cat", "dog"], True), (["mat"], False), (["the cat sat on the mat in the park", "cat"], False)]:
        got = zero(text, wanted, multi_label=multi)
        expected["zero_shot"].append({"text": text, "labels": wanted, "multi_label": multi, "expected": list(map(list, zip(got["labels"], got["scores"])))})
write("classify", expected)

labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
folder, m, t = model("tag", "TokenClassification", id2label=dict(enumerate(labels)), label2id={l: i for i, l in enumerate(labels)})
pipe = tf.pipeline("token-classification", model=m, tokenizer=t)
cases = []
for strategy, stride, ignored in [("none", -1, ["O"]), ("simple", -1, ["O"]), ("first", -1, []), ("average", -1, []), ("max", -1, ["O", "PER"]), ("simple", 0, ["O"]), ("average", 5, []), ("max", 20, [])]:
    for text in TEXTS:
        got = pipe(text, aggregation_strategy=strategy, ignore_labels=ignored, **({"stride": stride} if stride >= 0 else {}))
        cases.append({"text": text, "aggregation": strategy, "stride": stride, "ignored": ignored,
                      "spans": [[x.get("entity", x.get("entity_group")), float(x["score"]), x["word"], bytes_of(text, x["start"]), bytes_of(text, x["end"]), int(x.get("index", -1))] for x in got]})
write("tag", cases)

folder, m, t = model("answer", "QuestionAnswering")
jobs = []
for question, context in [("a cat?", TEXTS[0]), ("was the dog unwanted", TEXTS[7]), ("the", TEXTS[6]), ("Zebra", TEXTS[4]), ("on?", TEXTS[3]), ("in", "The the THE cat the")]:
    for options in [{}, {"top_k": 4}, {"top_k": 2, "handle_impossible_answer": True, "max_answer_len": 3}, {"top_k": 3, "align_to_words": False}, {"max_seq_len": 16, "doc_stride": 3, "top_k": 2}]: jobs.append([question, context, options])
run = json.loads(subprocess.run([sys.argv[1], os.path.abspath(__file__), "--answers", folder], input=json.dumps(jobs), capture_output=True, text=True, check=True).stdout)
write("answer", [{"question": q, "context": c, "options": o, "answers": [[x["answer"], bytes_of(c, x["start"]), bytes_of(c, x["end"]), x["score"]] for x in got if x["score"] > 1e-9]} for (q, c, o), got in zip(jobs, run["answers"])])

folder, m, t = model("rerank", "SequenceClassification", num_labels=1)
encoder = st.CrossEncoder(folder)
write("rerank", [{"query": q, "passages": TEXTS, "raw": raw, "ranked": [[x["corpus_id"], x["score"]] for x in encoder.rank(q, TEXTS, activation_fn=torch.nn.Identity() if raw else None)]}
                 for q in ["the cat", "", "was the dog running to the park " * 3] for raw in [False, True]])
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"make_golden.py: torch {torch.__version__.split('+')[0]}, transformers {tf.__version__} (answers: {run['version']}), sentence-transformers {st.__version__}; seed 31\n")
