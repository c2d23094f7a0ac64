#!/usr/bin/env python3
"""Compares `lyceum forward` with transformers on random tiny BERTs of odd shapes: every output and every gradient, relative to the
largest value of each; then that right padding, batch order, threads and the instruction set change no bit.

usage: parity_bert.py LYCEUM        needs: torch, transformers, safetensors
"""
import itertools, json, os, subprocess, sys, tempfile
import numpy as np, torch, transformers as tf
from safetensors.torch import save_file, load_file

LYCEUM, LIMIT = sys.argv[1], 2e-4
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar()
CASES = [  # class, configuration, file type, shards
    ("BertModel", dict(hidden_size=40, num_attention_heads=5, intermediate_size=50, num_hidden_layers=2, vocab_size=97), "f32", 0),
    ("BertModel", dict(hidden_size=33, num_attention_heads=3, intermediate_size=77, num_hidden_layers=3, vocab_size=131, hidden_act="gelu_new"), "bf16", 0),
    ("BertModel", dict(hidden_size=24, num_attention_heads=1, intermediate_size=10, num_hidden_layers=1, vocab_size=50, hidden_act="relu"), "f16", 0),
    ("BertForMaskedLM", dict(hidden_size=36, num_attention_heads=4, intermediate_size=65, num_hidden_layers=2, vocab_size=101), "f32", 3),
    ("BertForMaskedLM", dict(hidden_size=21, num_attention_heads=7, intermediate_size=30, num_hidden_layers=2, vocab_size=77, tie_word_embeddings=False), "f32", 0),
    ("BertForPreTraining", dict(hidden_size=50, num_attention_heads=10, intermediate_size=90, num_hidden_layers=1, vocab_size=99, hidden_act="silu"), "f32", 2),
    ("BertForNextSentencePrediction", dict(hidden_size=20, num_attention_heads=2, intermediate_size=31, num_hidden_layers=2, vocab_size=64), "f32", 0),
    ("BertForSequenceClassification", dict(hidden_size=28, num_attention_heads=2, intermediate_size=41, num_hidden_layers=2, vocab_size=70, num_labels=5), "bf16", 0),
    ("BertForSequenceClassification", dict(hidden_size=28, num_attention_heads=2, intermediate_size=41, num_hidden_layers=1, vocab_size=70, num_labels=1), "f32", 0),
    ("BertForSequenceClassification", dict(hidden_size=30, num_attention_heads=5, intermediate_size=19, num_hidden_layers=1, vocab_size=70, num_labels=4, problem_type="multi_label_classification"), "f32", 0),
    ("BertForTokenClassification", dict(hidden_size=27, num_attention_heads=9, intermediate_size=35, num_hidden_layers=2, vocab_size=83, num_labels=7, hidden_act="tanh"), "f32", 0),
    ("BertForQuestionAnswering", dict(hidden_size=44, num_attention_heads=4, intermediate_size=70, num_hidden_layers=2, vocab_size=90), "f32", 0),
    ("BertModel", dict(hidden_size=130, num_attention_heads=2, intermediate_size=200, num_hidden_layers=1, vocab_size=40, type_vocab_size=3, layer_norm_eps=1e-5), "f32", 0),
    ("BertForMaskedLM", dict(hidden_size=48, num_attention_heads=3, intermediate_size=100, num_hidden_layers=0, vocab_size=30), "f32", 0),
]


def run(folder, inputs, *options, **environment):
    with tempfile.TemporaryDirectory() as d:
        save_file({k: v.contiguous() for k, v in inputs.items()}, d + "/in.safetensors")
        subprocess.run([LYCEUM, "forward", folder, "--inputs", d + "/in.safetensors", "--outputs", d + "/out.safetensors", *options],
                       check=True, env={**os.environ, **environment})
        return load_file(d + "/out.safetensors")


def compare(what, got, want, worst, floor=1e-6):
    """floor: a gradient that is zero in exact arithmetic (a key's bias: softmax ignores shifts) is rounding noise in both."""
    scale = max(want.abs().max().item(), floor) if want.numel() else 1.0
    error = (got - want).abs().max().item() / scale if want.numel() else 0.0
    if not error <= LIMIT:
        print(f"  {what}: {error:.3g} of {scale:.3g}   <-- above {LIMIT}")
    worst.append((error if error == error else 1e9, what))


failed = 0
for number, (kind, options, dtype, shards) in enumerate(CASES):
    torch.manual_seed(number)
    config = tf.BertConfig(max_position_embeddings=64, **options)
    model = getattr(tf, kind)._from_config(config, attn_implementation="eager").eval()
    for p in model.parameters():  # initial values hide errors: biases of 0, norms of 1
        torch.nn.init.normal_(p, std=0.2) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.2)
    model = model.to({"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dtype])
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, **({"max_shard_size": f"{max(1, sum(p.numel() * p.element_size() for p in model.parameters()) // shards // 1000)}KB"} if shards else {}))
        model = model.float()
        B, T = 4, 19
        ids = torch.randint(1, config.vocab_size, (B, T))
        lengths = [T, 7, 1, 12]
        mask = torch.zeros(B, T, dtype=torch.long)
        for b, n in enumerate(lengths): mask[b, :n] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.randint(0, config.type_vocab_size, (B, T))}
        if kind in ("BertForMaskedLM", "BertForPreTraining", "BertForTokenClassification"):
            classes = config.vocab_size if kind != "BertForTokenClassification" else config.num_labels
            labels = torch.randint(0, classes, (B, T)); labels[torch.rand(B, T) < 0.5] = -100; labels[mask == 0] = -100
            labels[0, 0] = 1
            inputs["labels"] = labels
        if kind == "BertForPreTraining": inputs["next_sentence_label"] = torch.randint(0, 2, (B,))
        if kind == "BertForNextSentencePrediction": inputs["labels"] = torch.randint(0, 2, (B,))
        if kind == "BertForSequenceClassification":
            inputs["labels"] = (torch.randint(0, config.num_labels, (B,)) if config.num_labels > 1 and not config.problem_type else
                                torch.rand(B) if config.num_labels == 1 else (torch.rand(B, config.num_labels) < 0.5).float())
        if kind == "BertForQuestionAnswering":
            mask[:] = 1  # absent tokens are no candidates here, in the reference they are
            inputs["start_positions"], inputs["end_positions"] = torch.randint(0, T, (B,)), torch.tensor([3, T + 5, 0, 2])
        want = model(**inputs, output_hidden_states=True)
        names = {"last_hidden_state": want.hidden_states[-1]}
        for theirs, ours in (("pooler_output", None), ("logits", None), ("prediction_logits", "logits"), ("seq_relationship_logits", None), ("start_logits", None), ("end_logits", None), ("loss", None)):
            value = getattr(want, theirs, None)
            if value is not None: names[ours or theirs] = value
        given, seeds = dict(inputs), []
        if "loss" in names:
            seeds.append(names["loss"])
        else:
            for name in ("last_hidden_state", "pooler_output"):
                g = torch.randn_like(names[name])
                given["cotangent." + name] = g
                seeds.append((names[name] * (g * mask[..., None] if g.dim() == 3 else g)).sum())
        model.zero_grad(); sum(seeds).backward()
        got, worst = run(folder, given, "--backward"), []
        for name, value in names.items():
            value = value.detach().float()
            if value.dim() >= 2 and value.shape[:2] == (B, T): value = value * (mask[..., None] if value.dim() == 3 else mask)
            compare(name, got[name].reshape(value.shape), value, worst)
        in_file = set()
        for f in os.listdir(folder):
            if f.endswith(".safetensors"): in_file |= set(load_file(os.path.join(folder, f)))
        largest = max(p.grad.abs().max().item() for p in model.parameters() if p.grad is not None and p.numel())
        for name, p in model.named_parameters():
            if name not in in_file: continue
            want_grad = p.grad if p.grad is not None else torch.zeros_like(p)
            if "grad." + name not in got: print("  missing grad." + name); failed += 1; continue
            compare("grad." + name, got["grad." + name], want_grad, worst, 1e-2 * largest)
        error, where = max(worst)
        failed += sum(e > LIMIT for e, _ in worst)
        # the same bits: padded further, rows in another order, other threads, other instruction sets
        plain = {k: v for k, v in inputs.items() if k in ("input_ids", "attention_mask", "token_type_ids")}
        base = run(folder, plain)["last_hidden_state"]
        wide = {k: torch.nn.functional.pad(v, (0, 5)) for k, v in plain.items()}
        bits = [("padding", run(folder, wide)["last_hidden_state"][:, :T]), ("order", run(folder, {k: v.flip(0) for k, v in plain.items()})["last_hidden_state"].flip(0))]
        bits += [(f"threads {t} {isa or 'default'}", run(folder, plain, "--threads", str(t), **({"LYCEUM_ISA": isa} if isa else {}))["last_hidden_state"]) for t in (1, 2, 3) for isa in ("", "avx2")]
        for b in range(B):
            bits.append((f"row {b} alone", torch.where(torch.arange(B)[:, None, None] == b, run(folder, {k: v[b:b + 1] for k, v in plain.items()})["last_hidden_state"], base)))
        different = [name for name, value in bits if not torch.equal(value, base)]
        failed += len(different)
        print(f"{number:2} {kind:32} {dtype:5} shards {shards}: {len(worst)} tensors, worst {error:.2e} ({where}); bits {'the same in ' + str(len(bits)) + ' ways' if not different else 'DIFFER: ' + str(different)}")
print("all within", LIMIT) if not failed else sys.exit(f"{failed} failures")
