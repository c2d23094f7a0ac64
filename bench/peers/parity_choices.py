#!/usr/bin/env python3
"""Compares the multiple-choice classes of every encoder family with transformers on random tiny models: logits [B, C], loss and all gradients of `lyceum forward`, relative to the largest value
of each tensor; then that transformers loads what `lyceum train` leaves, with the same logits.

usage: parity_choices.py LYCEUM        needs: torch, transformers, safetensors
"""
import json, subprocess, sys, tempfile
import torch, transformers as tf
from safetensors.torch import load_file, save_file

LYCEUM, LIMIT = sys.argv[1], 2e-4
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar(); torch.set_num_threads(1)
B, C, T, V = 4, 3, 13, 61
SIZES = dict(hidden_size=24, num_attention_heads=3, intermediate_size=40, num_hidden_layers=2, vocab_size=V, max_position_embeddings=40)
DISTIL = {"hidden_size": "dim", "num_attention_heads": "n_heads", "intermediate_size": "hidden_dim", "num_hidden_layers": "n_layers"}
MORE = {"Electra": dict(embedding_size=16), "Albert": dict(embedding_size=16, hidden_act="gelu_new"), "Roberta": dict(type_vocab_size=1), "XLMRoberta": dict(type_vocab_size=1)}
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(V - 5)]
wrong = 0


def forward(folder, inputs, *options):
    with tempfile.TemporaryDirectory() as d:
        save_file({k: v.contiguous() for k, v in inputs.items()}, d + "/in.safetensors")
        subprocess.run([LYCEUM, "forward", folder, "--inputs", d + "/in.safetensors", "--outputs", d + "/out.safetensors", "--quiet", *options], check=True)
        return load_file(d + "/out.safetensors")


for seed, family in enumerate(("Bert", "Roberta", "XLMRoberta", "Camembert", "DistilBert", "MPNet", "Electra", "Albert")):
    torch.manual_seed(seed)
    cls = getattr(tf, family + "ForMultipleChoice")
    sizes = {**SIZES, **MORE.get(family, {})}
    if family == "DistilBert": sizes = {DISTIL.get(k, k): v for k, v in sizes.items()}
    model = cls._from_config(cls.config_class(**sizes), attn_implementation="eager").eval()
    for p in model.parameters(): torch.nn.init.normal_(p, std=0.2) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.2)
    mask = torch.ones(B, C, T, dtype=torch.long)
    for b in range(B):
        for c in range(C): mask[b, c, 3 + (b * C + c) % (T - 2):] = 0
    inputs = {"input_ids": torch.randint(5, V, (B, C, T)), "attention_mask": mask, "labels": torch.tensor([2, 0, -100, 1])}
    if family in ("Bert", "Electra", "Albert"): inputs["token_type_ids"] = torch.randint(0, 2, (B, C, T))
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(d)
        want = model(**inputs); want.loss.backward()
        got = forward(d, inputs, "--backward")
        file = set(load_file(d + "/model.safetensors"))
        expected = {"logits": want.logits.detach(), "loss": want.loss.detach(), **{"grad." + n: p.grad if p.grad is not None else torch.zeros_like(p) for n, p in model.named_parameters()}}
        largest = max(v.abs().max().item() for n, v in expected.items() if n.startswith("grad."))
        worst = 0.0
        for n, v in expected.items():
            if n not in got: print("  missing:", n); wrong += 1; continue
            noise = n.endswith(("key.bias", "k_lin.bias", "attn.k.bias", "grad.classifier.bias"))  # zero in exact arithmetic: a softmax ignores shifts
            worst = max(worst, (got[n] - v).abs().max().item() / max(v.abs().max().item(), (1e-2 if noise else 1e-6) * largest))
        spare = {n for n in got if n.startswith("grad.")} - set(expected)
        if spare: print("  besides:", spare); wrong += 1
        # trained from a body, loaded by transformers
        open(d + "/vocab.txt", "w").write("\n".join(words) + "\n")
        json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True}, open(d + "/tokenizer_config.json", "w"))
        text = lambda i: " ".join(words[5 + (i * 7 + j * 3) % (V - 5)] for j in range(2 + i % 4))
        open(d + "/rows.jsonl", "w").write("".join(json.dumps({"context": text(i), "question": text(i + 2), "choices": [f"{words[k]} {text(i + k)}" for k in (6, 9, 12)], "label": i % 3}) + "\n" for i in range(40)))
        open(d + "/r.toml", "w").write(f'[model]\nfrom = "{d}"\n[data]\ntrain = ["{d}/rows.jsonl"]\ncontext = "context"\n[objective]\nkind = "multiple_choice"\n[train]\nsteps = 6\nbatch_sequences = 4\n[output]\ndirectory = "{d}/run"\n')
        subprocess.run([LYCEUM, "train", d + "/r.toml", "--quiet"], check=True)
        again = cls.from_pretrained(d + "/run/model", attn_implementation="eager").eval()
        plain = {k: v for k, v in inputs.items() if k != "labels"}
        with torch.no_grad(): there = again(**plain).logits
        here = forward(d + "/run/model", plain)["logits"]
        loaded = (here - there).abs().max().item() / there.abs().max().item()
    wrong += (not worst <= LIMIT) + (not loaded <= LIMIT)
    print(f"{family:12} {len(expected)} tensors, worst {worst:.1e}; trained here, loaded there: {loaded:.1e}", flush=True)
print("all within" if not wrong else f"{wrong} above", LIMIT)
sys.exit(bool(wrong))
