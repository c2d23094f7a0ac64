#!/usr/bin/env python3
"""Writes the folders beside this script: tiny models with random weights, and case.safetensors with inputs ("in.NAME") and what the reference computes of them
("out.NAME": outputs, loss, every gradient as grad.NAME).

usage: make_golden.py        needs: torch, transformers, safetensors. Versions and seeds go into MADE_WITH.txt.
Reference: transformers, eval(), eager attention, f32 on a CPU.
"""
import json, os, shutil, torch, transformers as tf, safetensors
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar()
B, T = 3, 9


def shape(d, h, inner, layers, vocab, **more):
    return dict(n_embd=d, n_head=h, n_inner=inner, n_layer=layers, vocab_size=vocab, n_positions=16, bos_token_id=None, eos_token_id=None, **more)


CASES = [("words", "GPT2LMHeadModel", shape(24, 3, 29, 3, 61, scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True), torch.bfloat16),
         ("untied", "GPT2LMHeadModel", shape(9, 3, None, 2, 19, activation_function="relu", tie_word_embeddings=False, scale_attn_weights=False, layer_norm_epsilon=1e-3), torch.float32),
         ("body", "GPT2Model", shape(7, 1, 5, 1, 19, activation_function="gelu"), torch.float32),  # a file of the body, with its buffers
         ("classifier", "GPT2ForSequenceClassification", shape(6, 2, 11, 2, 13, activation_function="silu", num_labels=3, pad_token_id=4), torch.float16)]
for seed, (name, kind, options, dtype) in enumerate(CASES):
    torch.manual_seed(seed)
    model = getattr(tf, kind)._from_config(tf.GPT2Config(**options), attn_implementation="eager")
    for p in model.parameters():  # initial values hide errors: biases of 0, norms of 1
        torch.nn.init.normal_(p, std=0.3) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.2)
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder)
    if os.path.exists(folder + "/generation_config.json"): os.remove(folder + "/generation_config.json")
    config = json.load(open(folder + "/config.json"))
    for key in ("transformers_version", "dtype", "initializer_range", "use_cache"): config.pop(key, None)
    config = {k: v for k, v in config.items() if not k.startswith("summary_")}
    json.dump(config, open(folder + "/config.json", "w"), indent=1, sort_keys=True)
    if name == "body":
        tensors = load_file(folder + "/model.safetensors")
        tensors["h.0.attn.bias"] = torch.ones(16, 16).tril().view(1, 1, 16, 16).to(torch.uint8)
        tensors["h.0.attn.masked_bias"] = torch.tensor(-1e4)
        save_file(tensors, folder + "/model.safetensors", metadata={"format": "pt"})
    model = getattr(tf, kind).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    mask = torch.ones(B, T, dtype=torch.long)
    ids = torch.randint(5, model.config.vocab_size, (B, T))
    inputs = {"input_ids": ids, "attention_mask": mask}
    if name == "classifier":  # a row whose last token is the padding id, one that is padded, one of padding ids alone
        ids[0, -1] = 4; ids[1, 4:] = 4; mask[1, 4:] = 0; ids[2] = 4; mask[2, 3:] = 0
        inputs["labels"] = torch.tensor([2, 0, 1])
    else:  # padding on the left, holes, padding on the right
        mask[0, :3] = 0; mask[1, 2] = mask[1, 5] = 0; mask[2, 4:] = 0
    if kind == "GPT2LMHeadModel":
        labels = torch.randint(0, model.config.vocab_size, (B, T))
        labels[torch.rand(B, T) < 0.4] = -100
        labels[:, 1:][mask[:, :-1] == 0] = -100; labels[0, 4] = 2; labels[2, 4] = 7  # what a masked place would predict; what the last token does
        inputs["labels"] = labels
    if name == "untied": inputs["position_ids"] = torch.randint(0, 16, (B, T))
    if name == "body": inputs["token_type_ids"] = torch.randint(0, 19, (B, T))
    want = model(**inputs, output_hidden_states=True)
    out = {"last_hidden_state": want.hidden_states[-1]}
    for n in ("logits", "loss"):
        if getattr(want, n, None) is not None: out[n] = getattr(want, n)
    target = out.get("loss")
    if target is None:
        inputs["cotangent.last_hidden_state"] = g = torch.randn_like(out["last_hidden_state"])
        target = (out["last_hidden_state"] * g * mask[..., None]).sum()
    target.backward()
    for n, v in out.items(): out[n] = (v.detach() * mask[..., None] if v.dim() == 3 else v.detach()).clone()
    for n, p in model.named_parameters(): out["grad." + n] = (p.grad if p.grad is not None else torch.zeros_like(p)).contiguous()
    save_file({**{"in." + n: v.contiguous() for n, v in inputs.items()}, **{"out." + n: v.contiguous() for n, v in out.items()}}, folder + "/case.safetensors")
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"make_golden.py: torch {torch.__version__.split('+')[0]}, transformers {tf.__version__}, safetensors {safetensors.__version__}; seeds 0 to {len(CASES) - 1}, one a folder in the order of the script\n")
