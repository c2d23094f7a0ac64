#!/usr/bin/env python3
"""Writes the folders beside this script, and those of the families that share BERT's encoder: tiny models with random weights, and case.safetensors with inputs ("in.NAME") and what the
reference computes of them ("out.NAME": outputs, loss, every gradient as grad.NAME).

usage: make_golden.py        needs: torch, transformers, safetensors. Versions and seeds go into MADE_WITH.txt.
Reference: transformers, eval(), eager attention, f32 on a CPU.
"""
import json, os, re, shutil, torch, transformers as tf, safetensors
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar()
B, C, T = 3, 2, 9  # C: choices of an example


def shape(d, h, inner, layers, vocab, act="gelu", **more):
    return dict(hidden_size=d, num_attention_heads=h, intermediate_size=inner, num_hidden_layers=layers, vocab_size=vocab, hidden_act=act, max_position_embeddings=16, **more)


# family, name, class, configuration, file type, old names
CASES = [("bert", "body", "BertModel", shape(7, 1, 5, 1, 19), "f32", False),
         ("bert", "masked_lm", "BertForMaskedLM", shape(9, 3, 7, 2, 19, pad_token_id=4), "f32", False),
         ("bert", "pretraining_2018", "BertForPreTraining", shape(6, 3, 7, 1, 13, "gelu_new"), "f32", True),
         ("bert", "classifier", "BertForSequenceClassification", shape(9, 3, 7, 1, 21, "relu", num_labels=4, layer_norm_eps=1e-5), "bf16", False),
         ("bert", "tagger", "BertForTokenClassification", shape(6, 2, 7, 1, 13, "silu", num_labels=5, type_vocab_size=1), "f16", False),
         ("bert", "answering", "BertForQuestionAnswering", shape(6, 2, 7, 1, 11), "f32", False),
         ("roberta", "masked_lm", "RobertaForMaskedLM", shape(9, 3, 7, 1, 19, type_vocab_size=1, layer_norm_eps=1e-5), "f32", False),
         ("roberta", "classifier", "RobertaForSequenceClassification", shape(6, 2, 7, 2, 13, pad_token_id=3, num_labels=3), "f32", False),
         ("distilbert", "masked_lm", "DistilBertForMaskedLM", shape(9, 3, 7, 1, 19), "f32", False),
         ("distilbert", "classifier", "DistilBertForSequenceClassification", shape(6, 2, 7, 2, 13, num_labels=3), "f32", False),
         ("mpnet", "body", "MPNetModel", shape(6, 2, 7, 1, 13), "f32", False),
         ("mpnet", "tagger", "MPNetForTokenClassification", shape(6, 3, 7, 2, 19, num_labels=4), "f32", False),
         ("electra", "discriminator", "ElectraForPreTraining", shape(6, 2, 7, 2, 13, embedding_size=4), "f32", False),
         ("electra", "generator", "ElectraForMaskedLM", shape(9, 3, 7, 1, 19, embedding_size=5), "f32", False),
         ("albert", "pretraining", "AlbertForPreTraining", shape(6, 2, 7, 3, 13, "gelu_new", embedding_size=4, num_hidden_groups=2), "f32", False),
         ("albert", "answering", "AlbertForQuestionAnswering", shape(6, 2, 7, 2, 11, "gelu_new", embedding_size=5), "f32", False),
         ("bert", "choosing", "BertForMultipleChoice", shape(6, 2, 7, 1, 13), "f32", False),
         ("electra", "choosing", "ElectraForMultipleChoice", shape(6, 2, 7, 1, 13, embedding_size=4), "f32", False)]
DISTIL = {"hidden_size": "dim", "num_attention_heads": "n_heads", "intermediate_size": "hidden_dim", "num_hidden_layers": "n_layers", "hidden_act": "activation"}
for seed, (family, name, kind, options, dtype, old) in enumerate(CASES):
    torch.manual_seed(seed)
    config = getattr(tf, kind).config_class(**{DISTIL.get(k, k) if family == "distilbert" else k: v for k, v in options.items()})
    model = getattr(tf, kind)._from_config(config, attn_implementation="eager")
    for p in model.parameters():  # initial values hide errors: biases of 0, norms of 1
        torch.nn.init.normal_(p, std=0.3) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.2)
    folder = os.path.join(HERE, "../..", family, "golden", name)
    shutil.rmtree(folder, ignore_errors=True)
    model.to({"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dtype]).save_pretrained(folder)
    config = json.load(open(folder + "/config.json"))
    for key in ("transformers_version", "dtype", "initializer_range", "use_cache"): config.pop(key, None)
    json.dump(config, open(folder + "/config.json", "w"), indent=1, sort_keys=True)
    names = load_file(folder + "/model.safetensors")
    rename = lambda n: n
    if old:  # a file of 2018: gamma and beta, no prefix, the tied decoder twice, a buffer
        rename = lambda n: re.sub(r"LayerNorm\.weight$", "LayerNorm.gamma", re.sub(r"LayerNorm\.bias$", "LayerNorm.beta", n)).removeprefix("bert.")
        tensors = {rename(n): v for n, v in names.items()}
        tensors["cls.predictions.decoder.weight"] = tensors["embeddings.word_embeddings.weight"].clone()
        tensors["embeddings.position_ids"] = torch.arange(16)[None]
        save_file(tensors, folder + "/model.safetensors", metadata={"format": "pt"})
    model = getattr(tf, kind).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    size = (B, C, T) if name == "choosing" else (B, T)
    mask = torch.zeros(size, dtype=torch.long)
    for b, n in enumerate((T, 4, 1) if not kind.endswith("QuestionAnswering") else (T, T, T)): mask[b, ..., :n] = 1
    if name == "choosing": mask[:, 0, 6:] = 0
    if kind == "MPNetForTokenClassification": mask[0, 3:5] = 0  # holes, which distances step over
    inputs = {"input_ids": torch.randint(0, model.config.vocab_size, size), "attention_mask": mask}
    if getattr(model.config, "type_vocab_size", 0) > 1 and family != "roberta": inputs["token_type_ids"] = torch.randint(0, 2, size)
    if kind.endswith(("MaskedLM", "TokenClassification")) or name.startswith("pretraining"):
        labels = torch.randint(0, model.config.num_labels if name == "tagger" else model.config.vocab_size, (B, T))
        labels[torch.rand(B, T) < 0.5] = -100; labels[mask == 0] = -100; labels[0, 0] = 2
        inputs["labels"] = labels
    if name == "pretraining_2018": inputs["next_sentence_label"] = torch.tensor([1, 0, 1])
    if name == "pretraining": inputs["sentence_order_label"] = torch.tensor([1, 0, 1])
    if name == "discriminator": inputs["labels"] = torch.randint(0, 2, (B, T))
    if name == "classifier": inputs["labels"] = torch.tensor([model.config.num_labels - 1, 0, 2])
    if kind.endswith("QuestionAnswering"): inputs["start_positions"], inputs["end_positions"] = torch.tensor([2, 0, 8]), torch.tensor([5, 30, 8])
    if name == "choosing": inputs["labels"] = torch.tensor([1, 0, 1])
    if name == "body" and family == "bert": inputs["position_ids"] = torch.randint(0, 16, (B, T))
    want = model(**inputs, output_hidden_states=True)
    out = {"last_hidden_state": want.hidden_states[-1]}
    for theirs in ("pooler_output", "logits", "prediction_logits", "seq_relationship_logits", "sop_logits", "start_logits", "end_logits", "loss"):
        if getattr(want, theirs, None) is not None: out["logits" if theirs == "prediction_logits" else theirs] = getattr(want, theirs)
    target = out.get("loss")
    if target is None:
        for n in list(out):
            g = torch.randn_like(out[n])
            inputs["cotangent." + n] = g
            term = (out[n] * (g * mask[..., None] if g.dim() == 3 else g)).sum()
            target = term if target is None else target + term
    target.backward()
    for n in list(out):
        v = out[n].detach()
        rows = mask.reshape(-1, T)
        if v.dim() >= 2 and v.shape[:2] == rows.shape: v = v * (rows[..., None] if v.dim() == 3 else rows)
        out[n] = v.clone()
    for n, p in model.named_parameters(): out["grad." + (rename(n) if not n == "lm_head.decoder.weight" else model.base_model_prefix + ".embeddings.word_embeddings.weight")] = (p.grad if p.grad is not None else torch.zeros_like(p)).contiguous()
    save_file({**{"in." + n: v.contiguous() for n, v in inputs.items()}, **{"out." + n: v.contiguous() for n, v in out.items()}}, folder + "/case.safetensors")
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"make_golden.py: torch {torch.__version__.split('+')[0]}, transformers {tf.__version__}, safetensors {safetensors.__version__}; seeds 0 to {len(CASES) - 1}, one a folder in the order of the script\n")
