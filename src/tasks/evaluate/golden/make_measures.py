#!/usr/bin/env python3
"""Writes measures.json: what seqeval, scikit-learn, sentence-transformers and the definition of SQuAD's scripts say of random input.

usage: make_measures.py        in this folder
"""
import collections, json, random, re, string
import numpy as np, seqeval.metrics as seq, sentence_transformers as st, sklearn
from seqeval.metrics.sequence_labeling import get_entities
from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator as Binary
from sentence_transformers.sentence_transformer.evaluation import RerankingEvaluator
from sklearn.metrics import average_precision_score, homogeneity_completeness_v_measure
from fixture import Encoder, read
import importlib.metadata, warnings; warnings.filterwarnings("ignore")

random.seed(15)

# ---- entities: usual schemes and labels that no scheme has
ALPHABETS = [["O", "B-PER", "I-PER", "B-LOC", "I-LOC"], ["O", "I-PER", "I-LOC", "B-PER"], ["O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B", "S-B"],
             ["O", "B", "I", "E", "S"], ["O", "B-a-b", "I-a-b", "B-a-c", "I-b", "PER", "OTHER", "-x", "É-x", "X", ".-x", "I"]]


def sequences(alphabet, lengths): return [[random.choice(alphabet) for _ in range(n)] for n in lengths]


def altered(alphabet, labels): return [[random.choice(alphabet) if random.random() < 0.3 else label for label in one] for one in labels]


def entity_case(alphabet, case):
    lengths = [random.randrange(0, 9) for _ in range(random.randrange(1, 6))]
    if not sum(lengths): lengths.append(3)
    expected = sequences(alphabet, lengths)
    found = [["O"] * len(one) for one in expected] if case == 0 else altered(alphabet, expected) if case % 2 else sequences(alphabet, lengths)
    return {"expected": expected, "found": found, "entities": [list(e) for e in sorted(set(get_entities(found)))],
            "precision": float(seq.precision_score(expected, found)), "recall": float(seq.recall_score(expected, found)), "f1": float(seq.f1_score(expected, found)),
            "accuracy": float(seq.accuracy_score(expected, found))}


# ---- answers: evaluate-v1.1.py and evaluate-v2.0.py, written from what they define
def normalize(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(answer, given, both_empty):
    answer, given = normalize(answer).split(), normalize(given).split()
    if both_empty and not (answer and given): return float(answer == given)
    same = sum((collections.Counter(answer) & collections.Counter(given)).values())
    if not same: return 0.0
    precision, recall = same / len(answer), same / len(given)
    return 2 * precision * recall / (precision + recall)


PIECES = ["a", "an", "the", "The", "AN", "cat", "Dog's", "1,000", "U.S.", "é", "É", "e\u0301", "a\u0301", "ß", "İ", "naïve", "日本", "the日", "½", "a½", "_", "a_b", "a-b",
          "(the)", "the\u200bcat", "$", "€5", "-", "…", "the…", "\u00a0", "\u3000", "\t", "\x1c", "\u2028", "\x85", "Ω", "ﬁ", "x²", "²", "Ⅳ", "्", "को"]


def phrase(most=6): return "".join(random.choice(PIECES) + random.choice(["", " ", " ", " "]) for _ in range(random.randrange(0, most)))


def answer_case():
    answer = phrase()
    given = [random.choice([phrase(4), answer.upper(), answer + " " + phrase(3)]) for _ in range(random.randrange(0, 4))]
    worded = [g for g in given if normalize(g)] or [""]
    case = {"answer": answer, "normalized": normalize(answer), "given": given,
            "v2": [max(float(normalize(answer) == normalize(g)) for g in worded), max(f1(answer, g, True) for g in worded)]}
    if given: case["v1"] = [max(float(normalize(answer) == normalize(g)) for g in given), max(f1(answer, g, False) for g in given)]
    return case


# ---- labels and scores
def v_case():
    n = random.randrange(1, 40)
    classes, clusters = ([random.randrange(random.randrange(1, 6)) for _ in range(n)] for _ in range(2))
    return {"classes": classes, "clusters": clusters, "scores": [float(x) for x in homogeneity_completeness_v_measure(classes, clusters)]}


def binary_case():
    n = random.randrange(1, 30)
    scores = [random.choice([random.uniform(-1, 1), random.randrange(-4, 4) / 4]) for _ in range(n)]
    labels = [int(random.random() < 0.4) for _ in range(n)]
    case = {"scores": scores, "labels": labels, "ap": float(average_precision_score(labels, scores)) if any(labels) else None}
    for name, higher in (("higher", True), ("lower", False)):
        accuracy, at = Binary.find_best_acc_and_threshold(np.array(scores), np.array(labels), higher)
        best, precision, recall, f1_at = Binary.find_best_f1_and_threshold(np.array(scores), np.array(labels), higher)
        case[name] = [float(x) for x in (accuracy, at, best, precision, recall, f1_at)]
    return case


# ---- the fixture's tasks
def same():
    rows, names = read("same/test.jsonl"), ("cosine", "dot", "euclidean", "manhattan")
    found = Binary([r["sentence1"] for r in rows], [r["sentence2"] for r in rows], [r["label"] for r in rows], write_csv=False, similarity_fn_names=list(names))(Encoder())
    found = {k: float(v) for k, v in found.items() if k.split("_")[0] in names and "mcc" not in k}
    for metric in ("ap", "accuracy", "f1"): found["max_" + metric] = max(found[f"{name}_{metric}"] for name in names)
    return found


def found():
    samples = {}
    for r in read("found/test.jsonl"): samples.setdefault(r["question"], {"query": r["question"], "positive": [], "negative": []})["positive" if r["label"] else "negative"].append(r["sentence"])
    return {k: float(v) for k, v in RerankingEvaluator(samples, write_csv=False)(Encoder()).items() if k in ("map", "mrr@10")}


def words():
    """The label of each word's first token, as transformers' run_ner.py has it; O where the model reads no token of it."""
    import torch, transformers
    folder = "../../tag/golden/model"
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(folder), transformers.AutoModelForTokenClassification.from_pretrained(folder).eval()
    expected, found = [], []
    for r in read("words/test.jsonl"):
        e = tokenizer(r["tokens"], is_split_into_words=True, truncation=True, max_length=24, return_tensors="pt")
        with torch.no_grad(): best = model(**e).logits[0].argmax(-1).tolist()
        labels = ["O"] * len(r["tokens"])
        for place, word in reversed(list(enumerate(e.word_ids()))):
            if word is not None: labels[word] = model.config.id2label[best[place]]
        expected.append(r["tags"]); found.append(labels)
    return {"precision": float(seq.precision_score(expected, found)), "recall": float(seq.recall_score(expected, found)), "f1": float(seq.f1_score(expected, found)), "accuracy": float(seq.accuracy_score(expected, found))}


def asked():
    model = st.CrossEncoder("../../rerank/golden/model")
    precision, rank = [], []
    for r in read("asked/test.jsonl"):
        if not r["negative"]: continue
        labels = [1] * len(r["positive"]) + [0] * len(r["negative"])
        scores = model.predict([(r["query"], passage) for passage in r["positive"] + r["negative"]])
        precision.append(average_precision_score(labels, scores))
        rank.append(1 / (1 + [labels[i] for i in np.argsort(-scores, kind="stable")].index(1)))
    return {"map": float(np.mean(precision)), "mrr@10": float(np.mean(rank))}


out = {"made_with": f"seqeval {importlib.metadata.version('seqeval')}, scikit-learn {sklearn.__version__}, sentence-transformers {st.__version__}, numpy {np.__version__}",
       "entities": [entity_case(a, case) for a in ALPHABETS for case in range(12)], "answers": [answer_case() for _ in range(150)],
       "v_measure": [v_case() for _ in range(40)], "binary": [binary_case() for _ in range(40)],
       "fixture": [{"same": same(), "found": found(), "words": words(), "asked": asked()}]}
with open("measures.json", "w") as f:
    f.write("{\n" + ",\n".join(f'"{k}": ' + (json.dumps(v) if isinstance(v, str) else "[\n" + ",\n".join(json.dumps(one) for one in v) + "\n]") for k, v in out.items()) + "\n}\n")
