#!/usr/bin/env python3
"""Compares `lyceum forward` with transformers on random tiny decoders of odd shapes (GPT-2), files new and old: every output, every loss, every gradient (of the loss,
and along a cotangent of each output), relative to the largest value of each tensor. Then that padding, threads and the instruction set change no bit of outputs and
gradients, batch order, company and what follows no bit of outputs.

usage: parity_decoders.py LYCEUM [--only N,N,...]        needs: torch, transformers, safetensors
"""
import json, os, subprocess, sys, tempfile
import torch, transformers as tf
from safetensors.torch import save_file, load_file

# Sums of some hundred products, each rounded to 2^-24 of its size, through up to four layers and back; norms of activations that are nearly equal divide what is left
# of a difference and raise it a hundredfold: 1e-4. Most tensors agree to 1e-6; a wrong formula is off by 1e-2 and more.
LYCEUM, LIMIT = sys.argv[1], 1e-4
ONLY = [int(n) for n in sys.argv[3].split(",")] if len(sys.argv) > 3 else None
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar()
LM, BODY, SEQ = "GPT2LMHeadModel", "GPT2Model", "GPT2ForSequenceClassification"
B, T = 5, 19


def shape(d, h, inner, layers, vocab, act="gelu_new", **more):
    return dict(n_embd=d, n_head=h, n_inner=inner, n_layer=layers, vocab_size=vocab, activation_function=act, n_positions=200, bos_token_id=None, eos_token_id=None, **more)


CASES = [  # class, configuration, file type, shards, mask, what else (see below)
    (LM, shape(24, 3, 41, 3, 61), "f32", 0, "left", ""),
    (LM, shape(20, 5, None, 2, 97), "f32", 0, "right", ""),
    (LM, shape(33, 3, 77, 4, 131, "gelu"), "bf16", 3, "holes", "positions"),
    (LM, shape(7, 1, 11, 1, 50, "relu"), "f16", 0, "none", ""),
    (LM, shape(42, 7, 31, 3, 61, "silu", layer_norm_epsilon=1e-6), "f32", 0, "left", "positions"),
    (LM, shape(36, 4, 65, 2, 101, tie_word_embeddings=False), "f32", 2, "holes", ""),
    (LM, shape(36, 4, 65, 3, 101, scale_attn_by_inverse_layer_idx=True), "f32", 0, "right", "empty row"),
    (LM, shape(30, 3, 65, 3, 101, scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True), "f32", 0, "left", ""),
    (LM, shape(30, 6, 17, 2, 41, scale_attn_weights=False), "f32", 0, "holes", "types"),
    (LM, shape(30, 6, 17, 2, 41, scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True), "f32", 0, "none", "types, positions"),
    (LM, shape(48, 3, 100, 0, 31), "f32", 0, "left", "empty row"),
    (LM, shape(20, 5, 41, 2, 59), "f32", 0, "right", "no prefix, buffers"),
    (LM, shape(20, 5, 41, 2, 59), "f32", 0, "right", "head twice, buffers"),
    (LM, shape(28, 4, 41, 1, 59), "f32", 0, "holes", "head differs"),
    (LM, shape(26, 2, 41, 1, 67, "tanh"), "f32", 0, "right", "head only"),
    (LM, shape(64, 4, 96, 2, 300, "gelu_pytorch_tanh"), "bf16", 0, "left", "long"),
    (LM, shape(33, 1, 40, 2, 71), "f32", 0, "holes", "long, empty row"),
    (LM, shape(130, 2, 200, 1, 40), "f32", 0, "left", "defaults"),
    (BODY, shape(33, 3, 77, 3, 131), "f32", 0, "holes", ""),
    (BODY, shape(18, 2, 29, 1, 37, "sigmoid"), "f16", 0, "left", "empty row"),
    (BODY, shape(20, 5, 41, 2, 59, "gelu_fast"), "f32", 0, "right", "with prefix, buffers, types"),
    (SEQ, shape(28, 2, 41, 2, 70, num_labels=5, pad_token_id=3), "f32", 0, "right", ""),
    (SEQ, shape(28, 2, 41, 1, 70, num_labels=1, pad_token_id=3), "bf16", 0, "left", ""),
    (SEQ, shape(30, 5, 19, 1, 70, num_labels=4, pad_token_id=0, problem_type="multi_label_classification"), "f32", 0, "right", "empty row"),
    (SEQ, shape(30, 5, 19, 2, 70, num_labels=3, pad_token_id=69, problem_type="regression"), "f32", 0, "none", ""),
]


def run(folder, inputs, *options, **environment):
    with tempfile.TemporaryDirectory() as d:
        save_file({k: v.contiguous() for k, v in inputs.items()}, d + "/in.safetensors")
        r = subprocess.run([LYCEUM, "forward", folder, "--inputs", d + "/in.safetensors", "--outputs", d + "/out.safetensors", *options],
                           capture_output=True, text=True, env={**os.environ, **environment})
        if r.returncode: sys.exit(f"exit status {r.returncode}: {r.stderr}")
        return load_file(d + "/out.safetensors")


def write_folder(folder, model, dtype, shards, extra):
    """The model as save_pretrained writes it, changed to what other files look like."""
    model = model.to({"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dtype])
    total = sum(p.numel() * p.element_size() for p in model.parameters())
    model.save_pretrained(folder, **({"max_shard_size": f"{max(1, total // shards // 1000)}KB"} if shards else {}))
    if "defaults" in extra:  # keys whose defaults hold may be missing
        c = json.load(open(folder + "/config.json"))
        json.dump({k: c[k] for k in ("model_type", "architectures", "n_embd", "n_head", "n_inner", "n_layer", "vocab_size", "n_positions")}, open(folder + "/config.json", "w"))
    if not any(x in extra for x in ("prefix", "buffers", "head")): return
    t, word, head = load_file(folder + "/model.safetensors"), "transformer.wte.weight", "lm_head.weight"
    if "head twice" in extra: t[head] = t[word].clone()
    if "head differs" in extra: t[head] = torch.randn_like(t[word])
    if "head only" in extra: t[head] = t.pop(word)
    if "buffers" in extra:
        p = "transformer." if any(k.startswith("transformer.") for k in t) else ""
        for i in range(model.config.n_layer): t.update({f"{p}h.{i}.attn.bias": torch.ones(1, 1, 200, 200).tril(), f"{p}h.{i}.attn.masked_bias": torch.tensor(-1e4)})
    if "no prefix" in extra: t = {k.removeprefix("transformer."): v for k, v in t.items()}
    if "with prefix" in extra: t = {"transformer." + k: v for k, v in t.items()}
    save_file(t, folder + "/model.safetensors", metadata={"format": "pt"})


def make_inputs(kind, config, mask_kind, extra, T):
    mask = torch.ones(B, T, dtype=torch.long)
    for b in range(B):
        n = int(torch.randint(0, T - 1, ()))
        if mask_kind == "left": mask[b, :n] = 0
        if mask_kind == "right": mask[b, T - n:] = 0
        if mask_kind == "holes": mask[b] = (torch.rand(T) < 0.7).long(); mask[b, T // 2] = 1
    mask[0] = 1
    if "empty row" in extra: mask[2] = 0
    ids = torch.randint(0, config.vocab_size, (B, T))
    if kind == SEQ:  # the reference looks for the padding id in the whole row: masked tokens are padding
        ids[mask == 0] = config.pad_token_id
        ids[0, -2:] = config.pad_token_id
        if mask[1, 0]: ids[1] = config.pad_token_id  # it then takes the first place, absent or not
    inputs = {"input_ids": ids, "attention_mask": mask}
    if "positions" in extra: inputs["position_ids"] = torch.randint(0, 200, (B, T))
    if "types" in extra: inputs["token_type_ids"] = torch.randint(0, config.vocab_size, (B, T))
    if kind == LM:
        labels = torch.randint(0, config.vocab_size, (B, T)); labels[torch.rand(B, T) < 0.4] = -100
        labels[:, 1:][mask[:, :-1] == 0] = -100  # what absent tokens would predict
        labels[0, 5] = 1
        inputs["labels"] = labels
    if kind == SEQ:
        problem = config.problem_type or ("regression" if config.num_labels == 1 else "single_label_classification")
        inputs["labels"] = {"regression": torch.randn(B, config.num_labels).squeeze(-1), "multi_label_classification": torch.randint(0, 2, (B, config.num_labels)).float(),
                            "single_label_classification": torch.randint(0, config.num_labels, (B,))}[problem]
    return inputs, mask


worst_of_all, failed = (0.0, ""), 0


def compare(what, got, want, worst, floor):
    if got.shape != want.shape: print(f"  {what}: shape {tuple(got.shape)}, expected {tuple(want.shape)}"); worst.append((1e9, what)); return
    if not want.numel(): return
    scale = max(want.abs().max().item(), floor)
    error = (got - want).abs().max().item() / scale
    if not error <= LIMIT: print(f"  {what}: {error:.3g} of {scale:.3g}   <-- above {LIMIT}")
    worst.append((error if error == error else 1e9, what))


print(f"{'':2} {'class':30} {'d/h/inner/L/V':>16} {'activation':17} {'file':5} {'mask':6} {'tensors':>7} {'worst':>8}  {'where':44} same bits in  notes")
for number, (kind, options, dtype, shards, mask_kind, extra) in enumerate(CASES):
    if ONLY is not None and number not in ONLY: continue
    torch.manual_seed(number)
    T = 150 if "long" in extra else 19
    config = tf.GPT2Config(**options)
    model = getattr(tf, kind)._from_config(config, attn_implementation="eager").eval()
    for p in model.parameters():  # initial values hide errors: biases of 0, norms of 1
        torch.nn.init.normal_(p, std=0.2) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.2)
    with tempfile.TemporaryDirectory() as folder:
        write_folder(folder, model, dtype, shards, extra)
        model = getattr(tf, kind).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        in_file = {k for f in os.listdir(folder) if f.endswith(".safetensors") for k in load_file(os.path.join(folder, f))}
        inputs, mask = make_inputs(kind, config, mask_kind, extra, T)
        rows = [b for b in range(B) if mask[b].any()]  # an absent row has no loss

        def reference():
            want = model(**{k: v[rows] for k, v in inputs.items()}, output_hidden_states=True)
            named = {"last_hidden_state": want.hidden_states[-1]}
            for name in ("logits", "loss"):
                if getattr(want, name, None) is not None: named[name] = getattr(want, name)
            return named

        def spread(value):
            """As the padded batch of all rows has it, zeros where nothing is computed."""
            if value.dim() == 0: return value
            full = torch.zeros(B, *value.shape[1:]); full[rows] = value
            return full * mask[..., None] if full.dim() == 3 else full

        def file_name(name):
            for n in (name, "transformer." + name, name.removeprefix("transformer.")):
                if n in in_file: return n
            return "lm_head.weight" if name.endswith("wte.weight") else name

        count, worst = 0, []

        def compare_gradients(got, about):
            global failed
            expected = {"grad." + file_name(n): p.grad if p.grad is not None else torch.zeros_like(p) for n, p in model.named_parameters()}
            have = {k for k in got if k.startswith("grad.")}
            if have != set(expected): print("  names of gradients differ:", have ^ set(expected)); failed += 1
            largest = max(g.abs().max().item() for g in expected.values() if g.numel())
            for n in sorted(have & set(expected)):
                g, w = got[n], expected[n]
                if n.endswith("c_attn.bias"):  # the keys' part is zero in exact arithmetic, because a softmax ignores shifts: noise in both
                    d = config.n_embd
                    compare(n + " (keys)" + about, g[d:2 * d], w[d:2 * d], worst, 1e-2 * largest)
                    g, w = torch.cat([g[:d], g[2 * d:]]), torch.cat([w[:d], w[2 * d:]])
                compare(n + about, g, w, worst, 1e-6 * largest)

        named, base = reference(), None
        runs = [("", inputs, lambda: reference()["loss"])] if "loss" in named else []
        for name in [n for n in named if n != "loss"]:
            g = torch.randn(B, *named[name].shape[1:])
            # a row that has no padding but its own: the cotangent of absent tokens is nothing
            runs.append((f" ({name})", {**inputs, "cotangent." + name: g}, lambda name=name, g=g: (spread(reference()[name]) * g).sum()))
        for about, given, seed in runs:
            got = run(folder, given, "--backward")
            if base is None:
                base = got
                outputs = {k for k in got if not k.startswith("grad.")}
                if outputs != set(named): print("  outputs:", sorted(outputs), "expected", sorted(named)); failed += 1
                for name, value in named.items(): compare(name, got[name], spread(value.detach()), worst, 1e-6)
            model.zero_grad(); seed().backward()
            compare_gradients(got, about)
        error, where = max(worst)
        worst_of_all = max(worst_of_all, (error, f"case {number}, {where}"))
        failed += sum(e > LIMIT for e, _ in worst)

        # the same bits: padded further, other threads, other instruction sets (outputs and gradients); rows in another order, alone, without their end (outputs)
        given = runs[0][1]
        by_place = lambda v: v.dim() >= 2 and v.shape[:2] == (B, T)
        wide = {k: torch.nn.functional.pad(v, (0, 0, 0, 5) if v.dim() == 3 else (0, 5), value=-100 if k == "labels" else (config.pad_token_id or 0) if k == "input_ids" else 0) if by_place(v) else v for k, v in given.items()}
        narrow = lambda d: {k: v[:, :T] if v.dim() >= 2 and v.shape[:2] == (B, T + 5) else v for k, v in d.items()}
        ways = [("padding", narrow(run(folder, wide, "--backward")), base)]
        for isa in ("avx2", "avx512"):
            for threads in (1, 2, 3): ways.append((f"{isa} {threads} threads", run(folder, given, "--backward", "--threads", str(threads), LYCEUM_ISA=isa), base))
        plain = {k: v for k, v in given.items() if k in ("input_ids", "attention_mask", "token_type_ids", "position_ids")}
        first = run(folder, plain)
        ways.append(("order", {k: v.flip(0) for k, v in run(folder, {k: v.flip(0) for k, v in plain.items()}).items()}, first))
        for b in range(B): ways.append((f"row {b} alone", run(folder, {k: v[b:b + 1] for k, v in plain.items()}), {k: v[b:b + 1] for k, v in first.items()}))
        for n in (1, 7, T - 1):
            tokens = lambda d: {k: v for k, v in d.items() if v.dim() == 3}
            ways.append((f"the first {n} places", tokens(run(folder, {k: v[:, :n] for k, v in plain.items()})), {k: v[:, :n] for k, v in tokens(first).items()}))
        different = [f"{way}: {k}" for way, a, b in ways for k in b if not torch.equal(a[k].nan_to_num(7.0), b[k].nan_to_num(7.0))]
        failed += len(different)
        sizes = "/".join(str(options[k]) for k in ("n_embd", "n_head", "n_inner", "n_layer", "vocab_size"))
        note = ", ".join(x for x in (extra, f"{shards} shards" if shards else "", *(f"{k} {v}" for k, v in options.items() if k in ("tie_word_embeddings", "scale_attn_weights", "scale_attn_by_inverse_layer_idx", "num_labels", "problem_type"))) if x)
        print(f"{number:2} {kind:30} {sizes:>16} {options['activation_function']:17} {dtype:5} {mask_kind:6} {len(worst):7} {error:8.1e}  {where:44.44} {len(ways) if not different else 'DIFFER ' + str(different[:4])} ways      {note}")
print(f"{len(CASES)} models, worst {worst_of_all[0]:.2e} ({worst_of_all[1]}): all within {LIMIT}" if not failed else f"{failed} failures")
sys.exit(bool(failed))
