#!/usr/bin/env python3
"""Writes the folders beside this script: a tiny BERT and a tiny GPT-2 with random weights ("base"), adapters that PEFT saved for them with random A and B ("adapter"), case.safetensors with
inputs ("in.NAME") and what the adapted model computes of them ("out.NAME"), and what PEFT with PyTorch's AdamW loses in ten steps of the recipe "train.toml" (losses.json) over "whole" (BERT) or
"base", begun with the A that `lyceum train` begins with: initial_linear() of src/nn/initial_values.cpp, written again here.

usage: make_golden.py        needs: torch, transformers, peft, safetensors. Versions go into MADE_WITH.txt.
Reference: PEFT over transformers, eval(), eager attention, f32 on a CPU, dropout off.
"""
import json, os, random, shutil
import peft, safetensors, torch, transformers as tf
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar(); torch.set_num_threads(1)
B, T, STEPS, RATE, DECAY, SEED = 4, 8, 10, 1e-2, 0.01, 3
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(18)]


def randomise(model, std):
    for p in model.parameters(): torch.nn.init.normal_(p, std=std) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.2)


def philox(key, low, high):
    k = [key & 0xFFFFFFFF, key >> 32]; c = [low & 0xFFFFFFFF, low >> 32, high & 0xFFFFFFFF, high >> 32]
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ c[3] ^ k[1], p & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def initial_linear(name, shape):
    hash_ = 0xCBF29CE484222325
    for ch in name.encode(): hash_ = (hash_ ^ ch) * 0x100000001B3 % 2**64
    mixed = philox(SEED, hash_, 0x696E697469616C)
    key = mixed[1] << 32 | mixed[0]
    bound = torch.tensor(1.0) / torch.tensor(float(shape[1])).sqrt()
    units = torch.tensor([(philox(key, i, 0)[0] >> 8) * 2.0**-24 for i in range(shape[0] * shape[1])])
    return (bound * (2 * units - 1)).reshape(shape)


def write_config(folder, **change):
    path = folder + "/config.json"
    c = {**json.load(open(path)), **change}
    for key in ("transformers_version", "initializer_range", "use_cache"): c.pop(key, None)
    json.dump(c, open(path, "w"), indent=1, sort_keys=True)


def adapter(folder, base, cls, config, inputs, mask, **more):
    """An adapter as PEFT saves it, its base named beside it, and what the two compute."""
    model = peft.get_peft_model(cls.from_pretrained(base, attn_implementation="eager", **more), config).eval()
    for n, p in model.named_parameters():
        if p.requires_grad: torch.nn.init.normal_(p, std=0.3)
    model.save_pretrained(folder)
    os.remove(folder + "/README.md")
    c = json.load(open(folder + "/adapter_config.json")); c["base_model_name_or_path"] = "../base"; c["target_modules"].sort()
    json.dump(c, open(folder + "/adapter_config.json", "w"), indent=1, sort_keys=True)
    with torch.no_grad(): logits = model(**inputs).logits
    if logits.dim() == 3: logits = logits * mask[..., None]
    save_file({**{"in." + n: v for n, v in inputs.items()}, "out.logits": logits.contiguous()}, folder + "/../case.safetensors")


def recipe(family, base, kind, data, targets, more, rate, steps, directory):
    return f"""[model]
from = "{base}"
{'tokenizer = "bytes"' if family == "gpt2" else ""}
dropout = 0.0
lora = {{ rank = 4, alpha = 8, targets = {json.dumps(targets)} }}
[data]
train = ["{data}"]
shuffle = false
[objective]
kind = "{kind}"
[train]
steps = {steps}
batch_sequences = {B}
{more}
learning_rate = {rate}
weight_decay = {DECAY}
seed = {SEED}
[output]
directory = "{directory}"
save_every = 0
"""


def train(family, base, kind, task, targets, more, cls, loss_of):
    model = peft.get_peft_model(cls.from_pretrained(base, attn_implementation="eager"), peft.LoraConfig(task_type=task, r=4, lora_alpha=8, target_modules=targets)).eval()
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    for n, p in named:
        if "lora_A" in n: p.data.copy_(initial_linear(n.replace(".default", ""), p.shape))
    optimizer = torch.optim.AdamW([{"params": [p for _, p in named if p.dim() >= 2], "weight_decay": DECAY}, {"params": [p for _, p in named if p.dim() < 2], "weight_decay": 0.0}], lr=RATE)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad(); loss = loss_of(model, step); loss.backward(); optimizer.step()
        losses.append(loss.item())
    folder = os.path.join(HERE, family)
    open(folder + "/train.toml", "w").write(recipe(family, "BASE", kind, "DATA", targets, more, RATE, STEPS, "OUT"))
    json.dump({"losses": losses, "trained": sorted(n for n, _ in named)}, open(folder + "/losses.json", "w"), indent=1)
    print(family, losses[0], "->", losses[-1])


# --- BERT: a file of the body alone; a class that is made for the task
bert = os.path.join(HERE, "bert"); shutil.rmtree(bert, ignore_errors=True)
torch.manual_seed(1)
model = tf.BertModel(tf.BertConfig(hidden_size=12, num_attention_heads=3, intermediate_size=10, num_hidden_layers=2, vocab_size=len(WORDS), max_position_embeddings=16))
randomise(model, 0.3)
model.save_pretrained(bert + "/base"); write_config(bert + "/base", id2label={"0": "other", "1": "names"}, label2id={"other": 0, "names": 1})
open(bert + "/base/vocab.txt", "w").write("\n".join(WORDS) + "\n")
json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True}, open(bert + "/base/tokenizer_config.json", "w"))
mask = torch.ones(3, T, dtype=torch.long); mask[1, 5:] = 0; mask[2, 2:] = 0
adapter(bert + "/adapter", bert + "/base", tf.BertForSequenceClassification, peft.LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=8, use_rslora=True, target_modules=["query", "value", "intermediate.dense"],
        rank_pattern={"value": 2}, alpha_pattern={"layer.1.attention.self.query": 3}), {"input_ids": torch.randint(5, len(WORDS), (3, T)), "attention_mask": mask}, mask, num_labels=3)
r = random.Random(2)
rows = [([r.randrange(5, len(WORDS)) for _ in range(r.randrange(2, T))], r.randrange(2)) for _ in range(B * STEPS)]
open(bert + "/rows.jsonl", "w").write("".join(json.dumps({"text": " ".join(WORDS[i] for i in x), "label": f"L{y}"}) + "\n" for x, y in rows))


def bert_loss(m, step):
    batch = rows[step * B:(step + 1) * B]
    n = max(len(x) for x, _ in batch) + 2
    pad = lambda v: torch.tensor([x + [0] * (n - len(x)) for x in v])
    return m(input_ids=pad([[2] + x + [3] for x, _ in batch]), attention_mask=pad([[1] * (len(x) + 2) for x, _ in batch]), labels=torch.tensor([y for _, y in batch])).loss


torch.manual_seed(6)
model = tf.BertForSequenceClassification(tf.BertConfig(hidden_size=12, num_attention_heads=3, intermediate_size=10, num_hidden_layers=2, vocab_size=len(WORDS), max_position_embeddings=16,
                                                       id2label={0: "L0", 1: "L1"}, label2id={"L0": 0, "L1": 1}))
randomise(model, 0.3)
model.save_pretrained(bert + "/whole"); write_config(bert + "/whole")
for name in ("vocab.txt", "tokenizer_config.json"): shutil.copy(f"{bert}/base/{name}", f"{bert}/whole/{name}")
train("bert", bert + "/whole", "classification", "SEQ_CLS", ["query", "value"], "", tf.BertForSequenceClassification, bert_loss)

# --- GPT-2: one matrix for query, key and value, stored [inputs, outputs]
gpt2 = os.path.join(HERE, "gpt2"); shutil.rmtree(gpt2, ignore_errors=True)
torch.manual_seed(4)
model = tf.GPT2LMHeadModel(tf.GPT2Config(n_embd=12, n_head=2, n_layer=2, n_inner=10, vocab_size=256, n_positions=16))
randomise(model, 0.3)
model.save_pretrained(gpt2 + "/base"); write_config(gpt2 + "/base")
adapter(gpt2 + "/adapter", gpt2 + "/base", tf.GPT2LMHeadModel, peft.LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=6, target_modules=["c_attn", "c_proj"]),
        {"input_ids": torch.randint(0, 256, (3, T)), "attention_mask": mask}, mask)
text = bytes(random.Random(5).choice(b"abcdefgh \n") for _ in range(B * T * STEPS + 1))
open(gpt2 + "/text.txt", "wb").write(text)
ids = torch.tensor(list(text))


def gpt2_loss(m, step):
    at = [(step * B + b) * T for b in range(B)]
    x, y = torch.stack([ids[i:i + T] for i in at]), torch.stack([ids[i + 1:i + T + 1] for i in at])
    return torch.nn.functional.cross_entropy(m(input_ids=x).logits.flatten(0, 1), y.flatten())


train("gpt2", gpt2 + "/base", "causal_lm", "CAUSAL_LM", ["c_attn"], f"context_tokens = {T}", tf.GPT2LMHeadModel, gpt2_loss)
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"make_golden.py: torch {torch.__version__.split('+')[0]}, transformers {tf.__version__}, peft {peft.__version__}, safetensors {safetensors.__version__}\n")
