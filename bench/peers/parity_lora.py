#!/usr/bin/env python3
"""Compares adapters of low rank with PEFT on random tiny models of every family: (1) folders that PEFT saved give the same logits in `lyceum forward`, merged by
`lyceum convert` too, and converted folders in transformers; (2) folders that `lyceum train` leaves give the same in PEFT (`PeftModel.from_pretrained`) as in `lyceum forward`.
Largest difference allowed: 1e-4 of the largest logit.

usage: parity_lora.py LYCEUM [--only NAME]        needs: torch, transformers, peft, safetensors
"""
import argparse, json, os, subprocess, sys, tempfile
import peft, torch, transformers as tf
from safetensors.torch import load_file, save_file

p = argparse.ArgumentParser(); p.add_argument("lyceum"), p.add_argument("--only", default=""); a = p.parse_args()
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar(); torch.set_num_threads(1)
work, LIMIT, V, T = tempfile.mkdtemp(), 1e-4, 61, 11
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(V - 5)]
SIZES = dict(hidden_size=24, num_attention_heads=3, intermediate_size=40, num_hidden_layers=2, vocab_size=V, pad_token_id=0)
DISTIL = {"hidden_size": "dim", "num_attention_heads": "n_heads", "intermediate_size": "hidden_dim", "num_hidden_layers": "n_layers"}
GPT2 = {"hidden_size": "n_embd", "num_attention_heads": "n_head", "intermediate_size": "n_inner", "num_hidden_layers": "n_layer"}
Q = {"Bert": ["query", "value"], "Roberta": ["query", "key", "output.dense"], "DistilBert": ["q_lin", "lin1"], "MPNet": ["attn.q", "attn.o"], "Electra": ["query", "dense"], "Albert": ["query", "ffn"], "GPT2": ["c_attn", "mlp.c_proj"]}
wrong, count = 0, 0


def run(*args):
    r = subprocess.run([a.lyceum, *args, "--quiet"], capture_output=True, text=True)
    if r.returncode: sys.exit(f"lyceum {args}: {r.returncode}: {r.stderr}")


def ours(folder, inputs):
    save_file(inputs, work + "/in.safetensors")
    run("forward", folder, "--inputs", work + "/in.safetensors", "--outputs", work + "/out.safetensors")
    return load_file(work + "/out.safetensors")["logits"]


def compare(what, x, y):
    global wrong, count
    count += 1
    d = (x - y).abs().max().item() / y.abs().max().item()
    wrong += not d <= LIMIT
    print(f"{what:60} {d:.1e}{'' if d <= LIMIT else '   <-- above'}", flush=True)


def base(family, ending, name, **more):
    sizes = {**SIZES, **more, **({"embedding_size": 16} if family in ("Electra", "Albert") else {})}
    renamed = DISTIL if family == "DistilBert" else GPT2 if family == "GPT2" else {}
    key = "n_positions" if family == "GPT2" else "max_position_embeddings"
    cls = getattr(tf, family + ending)
    torch.manual_seed(len(name))
    m = cls(cls.config_class(**{renamed.get(k, k): v for k, v in sizes.items()}, **{key: 40}))
    for q in m.parameters(): torch.nn.init.normal_(q, std=0.2) if q.dim() > 1 else q.data.add_(torch.randn_like(q) * 0.1)
    folder = f"{work}/{name}"
    m.save_pretrained(folder)
    open(folder + "/vocab.txt", "w").write("\n".join(words) + "\n")
    json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True}, open(folder + "/tokenizer_config.json", "w"))
    return folder


def inputs_of(choices=0):
    size = (3, choices, T) if choices else (3, T)
    mask = torch.ones(size, dtype=torch.long); mask[1, ..., 7:] = 0
    return {"input_ids": torch.randint(5, V, size) * mask, "attention_mask": mask}  # 0: the padding id, which tells GPT-2's classifier where a row ends


def shown(logits, inputs): return logits * inputs["attention_mask"][..., None] if logits.shape[:2] == inputs["input_ids"].shape[:2] and logits.dim() == 3 else logits


def made_by_peft(family, ending, task, targets, made_from=None, classes=3, **lora):
    """The adapter of a class, over a file of that class or of `made_from`."""
    name = f"{family}{ending}-{made_from or ''}-{'-'.join(lora)}"
    folder = base(family, made_from or ending, name, **({} if made_from else {"num_labels": classes}))
    more = {"num_labels": classes} if task in ("SEQ_CLS", "TOKEN_CLS") else {}
    cls = getattr(tf, family + ending)
    model = peft.get_peft_model(cls.from_pretrained(folder, **more), peft.LoraConfig(task_type=task, r=4, lora_alpha=10, target_modules=targets, **lora)).eval()
    for q in (q for q in model.parameters() if q.requires_grad): torch.nn.init.normal_(q, std=0.2)
    where = folder + "-adapter"
    model.save_pretrained(where)
    inputs = inputs_of()
    with torch.no_grad(): want = shown(getattr(model(**inputs), "logits"), inputs)
    compare(name, ours(where, inputs), want)
    run("convert", where, "--output", where + "-merged")
    compare(name + ", merged", ours(where + "-merged", inputs), want)
    again = cls.from_pretrained(where + "-merged", **({} if task not in ("SEQ_CLS", "TOKEN_CLS") else more)).eval()
    with torch.no_grad(): compare(name + ", merged, in transformers", shown(again(**inputs).logits, inputs), want)


def made_by_us(family, made_from, kind, ending, targets, rows, lora_more="", more="", **labels):
    name = f"{family}-{kind}" + "".join(c for c in lora_more if c.isalnum())
    folder = base(family, made_from, name)
    data = f"{work}/{kind}.jsonl"
    open(data, "w").write("".join(json.dumps(r) + "\n" for r in rows))
    open(work + "/r.toml", "w").write(f"""[model]
from = "{folder}"
lora = {{ rank = 4, alpha = 16, dropout = 0.1, targets = {json.dumps(targets)}{lora_more} }}
[data]
train = ["{data}"]
[objective]
kind = "{kind}"
{'blocks = "records"' if kind == "masked_lm" else ""}
[train]
steps = 12
batch_sequences = 4
learning_rate = 2e-2
{more}
[output]
directory = "{folder}-run"
""")
    run("train", work + "/r.toml")
    where = folder + "-run/adapter"
    torch.manual_seed(1)
    model = peft.PeftModel.from_pretrained(getattr(tf, family + ending).from_pretrained(folder, **labels), where).eval()
    inputs = inputs_of(2 if kind == "multiple_choice" else 0)
    with torch.no_grad(): want = shown(model(**inputs).logits, inputs)
    compare(f"trained here: {name}", ours(where, inputs), want)


text = lambda i: " ".join(words[5 + (i * 7 + j * 3) % (V - 5)] for j in range(2 + i % 6))
CLASSES = [{"text": text(i), "label": "yes" if i % 3 else "no"} for i in range(60)]
TAGS = [{"tokens": text(i).split(), "tags": ["A" if len(w) % 2 else "B" for w in text(i).split()]} for i in range(60)]
CHOICES = [{"question": text(i), "choices": [f"{words[k]} {text(i + k)}" for k in (6, 9)], "label": i % 2} for i in range(60)]
jobs = {"peft": [lambda f=f: made_by_peft(f, "ForSequenceClassification", "SEQ_CLS", Q[f]) for f in Q],
        "body": [lambda f=f: made_by_peft(f, "ForSequenceClassification", "SEQ_CLS", Q[f], "Model", classes=4) for f in ("Bert", "Roberta", "GPT2", "DistilBert")],
        "tokens": [lambda: made_by_peft("Bert", "ForTokenClassification", "TOKEN_CLS", ["dense", "key"], "ForMaskedLM", classes=5, use_rslora=True)],
        "words": [lambda: made_by_peft("Bert", "ForMaskedLM", None, ["dense", "query"]), lambda: made_by_peft("GPT2", "LMHeadModel", "CAUSAL_LM", "all-linear"), lambda: made_by_peft("Roberta", "ForMaskedLM", None, "all-linear", bias="lora_only"),
                  lambda: made_by_peft("GPT2", "ForSequenceClassification", "SEQ_CLS", ["c_attn", "c_proj"], modules_to_save=["ln_f"])],
        "ours": [lambda: made_by_us("Bert", "Model", "classification", "ForSequenceClassification", ["query", "value"], CLASSES, num_labels=2),
                 lambda: made_by_us("Roberta", "ForMaskedLM", "classification", "ForSequenceClassification", ["all-linear"], CLASSES, ", rslora = true", num_labels=2),
                 lambda: made_by_us("Electra", "Model", "tagging", "ForTokenClassification", ["query", "dense"], TAGS, num_labels=2),
                 lambda: made_by_us("Bert", "ForMaskedLM", "multiple_choice", "ForMultipleChoice", ["query"], CHOICES),
                 lambda: made_by_us("Bert", "ForMaskedLM", "masked_lm", "ForMaskedLM", ["dense"], [{"text": text(i)} for i in range(60)], "", "context_tokens = 16"),
                 lambda: made_by_us("GPT2", "LMHeadModel", "causal_lm", "LMHeadModel", ["c_attn", "c_fc"], [{"text": text(i)} for i in range(90)], "", "context_tokens = 12"),
                 lambda: made_by_us("Bert", "Model", "classification", "ForSequenceClassification", ["query", "value"], CLASSES, ', base = "int8"', num_labels=2)]}
for name, group in jobs.items():
    if a.only and a.only != name: continue
    for job in group: job()
print(f"{count} compared, {wrong} above {LIMIT}")
sys.exit(bool(wrong))
