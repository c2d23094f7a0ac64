#!/usr/bin/env python3
"""Compares `lyceum forward` with transformers on random tiny encoders of odd shapes (BERT, RoBERTa, DistilBERT,
MPNet, ELECTRA, ALBERT), files new and old: every output, every loss, every
gradient (of the loss, and along a cotangent of each output), relative to the largest value of each tensor. Then that right padding,
threads and the instruction set change no bit of outputs and gradients, batch order and company no bit of outputs; then what is refused.

usage: parity_encoders.py LYCEUM [--only N,N,...]        needs: torch, transformers, safetensors
"""
import json, os, re, subprocess, sys, tempfile
import torch, transformers as tf
from safetensors.torch import save_file, load_file

LYCEUM, LIMIT = sys.argv[1], 2e-4
ONLY = [int(n) for n in sys.argv[3].split(",")] if len(sys.argv) > 3 else None
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar()
MLM, NSP, PRE, SEQ, TOK, QA = ("BertForMaskedLM", "BertForNextSentencePrediction", "BertForPreTraining", "BertForSequenceClassification",
                               "BertForTokenClassification", "BertForQuestionAnswering")


def shape(d, h, inner, layers, vocab, act="gelu", **more):
    return dict(hidden_size=d, num_attention_heads=h, intermediate_size=inner, num_hidden_layers=layers, vocab_size=vocab, hidden_act=act, **more)


def ending(kind): return re.sub("^(Bert|Roberta|XLMRoberta|Camembert|DistilBert|MPNet|Electra|Albert)", "", kind)


# DistilBERT's names for the same keys
DISTIL = {"hidden_size": "dim", "num_attention_heads": "n_heads", "intermediate_size": "hidden_dim", "num_hidden_layers": "n_layers", "hidden_act": "activation"}

CASES = [  # class, configuration, file type, shards, mask, what else (see below)
    ("BertModel", shape(20, 5, 33, 2, 97), "f32", 0, "right", ""),
    ("BertModel", shape(33, 3, 77, 3, 131, "gelu_new"), "bf16", 0, "right", ""),
    ("BertModel", shape(7, 1, 11, 1, 50, "relu"), "f16", 0, "right", ""),
    ("BertModel", shape(42, 7, 31, 4, 61, "gelu_pytorch_tanh", layer_norm_eps=1e-6), "f32", 0, "left", "positions"),
    ("BertModel", shape(130, 2, 200, 1, 40, type_vocab_size=3, layer_norm_eps=1e-5), "f32", 0, "holes", ""),
    ("BertModel", shape(24, 4, 10, 2, 53, "sigmoid", type_vocab_size=1), "f32", 2, "right", "no pooler"),
    ("BertModel", shape(30, 3, 45, 2, 71, "gelu_fast"), "f32", 0, "left", "old names, bert. prefix, buffer"),
    ("BertModel", shape(18, 2, 29, 1, 37, pad_token_id=None), "f32", 0, "none", "defaults"),
    ("BertModel", shape(64, 4, 96, 2, 300, "gelu_accurate"), "bf16", 3, "holes", "empty row"),
    ("BertModel", shape(36, 6, 50, 2, 45, "linear", pad_token_id=7), "f32", 0, "right", "positions"),
    (MLM, shape(36, 4, 65, 2, 101), "f32", 3, "right", ""),
    (MLM, shape(21, 7, 30, 2, 77, tie_word_embeddings=False), "f32", 0, "right", ""),
    (MLM, shape(48, 3, 100, 0, 31, "swish"), "f32", 0, "right", ""),
    (MLM, shape(33, 3, 47, 1, 63, "tanh"), "f16", 0, "left", "empty row"),
    (MLM, shape(20, 5, 41, 2, 59), "f32", 0, "right", "old names, no prefix, duplicates, buffer"),
    (MLM, shape(28, 4, 41, 1, 59), "f32", 0, "holes", "decoder differs"),
    (MLM, shape(26, 2, 41, 1, 67, "silu"), "f32", 0, "right", "decoder only"),
    (MLM, shape(42, 7, 55, 2, 89, "gelu_python"), "bf16", 4, "right", "duplicates, pooler left over"),
    (PRE, shape(50, 10, 90, 1, 99, "silu"), "f32", 2, "right", ""),
    (PRE, shape(42, 7, 61, 2, 83, "gelu_new"), "f32", 0, "left", "empty row, duplicates"),
    (NSP, shape(20, 2, 31, 2, 64), "f32", 0, "right", ""),
    (NSP, shape(33, 3, 31, 1, 64), "f16", 0, "left", "empty row"),
    (SEQ, shape(28, 2, 41, 2, 70, num_labels=5), "bf16", 0, "right", ""),
    (SEQ, shape(28, 2, 41, 1, 70, num_labels=1), "f32", 0, "right", ""),
    (SEQ, shape(28, 2, 41, 1, 70, num_labels=3, problem_type="regression"), "f32", 0, "left", "empty row"),
    (SEQ, shape(30, 5, 19, 1, 70, num_labels=4, problem_type="multi_label_classification"), "f32", 0, "right", "old names"),
    (SEQ, shape(30, 5, 19, 1, 70, num_labels=4), "f32", 0, "holes", "float labels, empty row"),
    (SEQ, shape(33, 3, 19, 2, 70, num_labels=2, problem_type="single_label_classification"), "f32", 0, "left", "ignored label"),
    (TOK, shape(27, 9, 35, 2, 83, "tanh", num_labels=7), "f32", 0, "right", ""),
    (TOK, shape(42, 7, 35, 1, 83, num_labels=3), "bf16", 2, "holes", "empty row"),
    (QA, shape(44, 4, 70, 2, 90), "f32", 0, "none", ""),
    (QA, shape(20, 5, 70, 1, 90), "f32", 0, "left", "empty row, masked spans"),
    ("RobertaModel", shape(20, 5, 33, 2, 97, type_vocab_size=1, layer_norm_eps=1e-5), "f32", 0, "right", ""),
    ("RobertaModel", shape(21, 3, 33, 1, 57, pad_token_id=4), "bf16", 2, "left", "no pooler"),
    ("XLMRobertaForMaskedLM", shape(36, 4, 65, 2, 101, type_vocab_size=1), "f32", 3, "holes", ""),
    ("RobertaForMaskedLM", shape(24, 3, 47, 1, 63, "gelu_new", tie_word_embeddings=False), "f16", 0, "right", ""),
    ("RobertaForMaskedLM", shape(24, 3, 47, 1, 63, type_vocab_size=1), "f32", 0, "right", "fairseq decoder"),
    ("RobertaForMaskedLM", shape(28, 7, 47, 2, 63, type_vocab_size=1), "f32", 0, "left", "fairseq encoder, empty row"),
    ("RobertaForSequenceClassification", shape(28, 2, 41, 1, 70, num_labels=5), "f32", 0, "left", "empty row"),
    ("RobertaForSequenceClassification", shape(28, 2, 41, 1, 70, num_labels=3, type_vocab_size=1), "f32", 0, "right", "fairseq encoder"),
    ("CamembertForTokenClassification", shape(27, 9, 35, 2, 83, "tanh", num_labels=7), "f32", 0, "right", "positions"),
    ("RobertaForQuestionAnswering", shape(44, 4, 70, 1, 90), "f32", 0, "none", ""),
    ("DistilBertModel", shape(33, 3, 77, 3, 131), "f32", 0, "holes", "empty row"),
    ("DistilBertForMaskedLM", shape(20, 5, 41, 2, 59, "relu"), "bf16", 2, "right", ""),
    ("DistilBertForMaskedLM", shape(20, 5, 41, 1, 59, tie_word_embeddings=False), "f32", 0, "left", "positions"),
    ("DistilBertForSequenceClassification", shape(28, 4, 41, 1, 70, num_labels=3), "f32", 0, "right", ""),
    ("DistilBertForTokenClassification", shape(28, 4, 41, 2, 70, num_labels=4), "f16", 0, "left", ""),
    ("DistilBertForQuestionAnswering", shape(20, 2, 33, 1, 70), "f32", 0, "none", ""),
    ("MPNetModel", shape(33, 3, 77, 2, 131), "f32", 0, "right", ""),
    ("MPNetModel", shape(20, 5, 33, 1, 97, pad_token_id=3, relative_attention_num_buckets=40), "bf16", 0, "none", "positions"),
    ("MPNetForMaskedLM", shape(36, 4, 65, 2, 101), "f32", 3, "holes", ""),
    ("MPNetForSequenceClassification", shape(28, 2, 41, 1, 70, num_labels=5, layer_norm_eps=1e-5), "f32", 0, "right", ""),
    ("MPNetForTokenClassification", shape(27, 9, 35, 2, 83, num_labels=7), "f32", 0, "left", ""),
    ("MPNetForTokenClassification", shape(27, 9, 35, 2, 83, num_labels=7), "f32", 0, "holes", "long"),
    ("MPNetForQuestionAnswering", shape(20, 5, 70, 1, 90), "f32", 0, "none", "long"),
    ("ElectraModel", shape(33, 3, 77, 2, 131, embedding_size=12), "f32", 0, "right", ""),
    ("ElectraModel", shape(20, 5, 33, 1, 97, embedding_size=20), "f32", 0, "left", "empty row"),
    ("ElectraForPreTraining", shape(28, 4, 33, 2, 97, "silu", embedding_size=10), "f32", 2, "right", ""),
    ("ElectraForPreTraining", shape(28, 4, 33, 1, 97, embedding_size=10), "f32", 0, "holes", "empty row"),
    ("ElectraForMaskedLM", shape(36, 4, 65, 1, 101, "relu", embedding_size=22), "bf16", 0, "right", ""),
    ("ElectraForSequenceClassification", shape(28, 2, 41, 1, 70, num_labels=5, embedding_size=9), "f32", 0, "left", ""),
    ("ElectraForTokenClassification", shape(27, 9, 35, 1, 83, num_labels=7, embedding_size=9), "f32", 0, "holes", ""),
    ("ElectraForQuestionAnswering", shape(20, 5, 70, 1, 90, embedding_size=9), "f32", 0, "none", ""),
    ("AlbertModel", shape(33, 3, 77, 3, 131, "gelu_new", embedding_size=12), "f32", 0, "right", ""),
    ("AlbertModel", shape(20, 5, 33, 4, 97, "gelu", embedding_size=20, num_hidden_groups=3, inner_group_num=2), "f32", 0, "left", "empty row"),
    ("AlbertForPreTraining", shape(28, 4, 33, 2, 97, "relu", embedding_size=10), "f32", 2, "right", ""),
    ("AlbertForMaskedLM", shape(36, 4, 65, 2, 101, "gelu_new", embedding_size=22), "bf16", 0, "holes", ""),
    ("AlbertForSequenceClassification", shape(28, 2, 41, 2, 70, num_labels=5, embedding_size=9), "f32", 0, "left", ""),
    ("AlbertForTokenClassification", shape(27, 9, 35, 2, 83, num_labels=7, embedding_size=9), "f32", 0, "right", ""),
    ("AlbertForQuestionAnswering", shape(20, 5, 70, 2, 90, embedding_size=9), "f32", 0, "none", ""),
]
B, T = 5, 19  # T is 150 with "long": beyond the last bucket of distances
OUTPUTS = ("pooler_output", "logits", "prediction_logits", "seq_relationship_logits", "sop_logits", "start_logits", "end_logits", "loss")


def run(folder, inputs, *options, status=0, **environment):
    with tempfile.TemporaryDirectory() as d:
        save_file({k: v.contiguous() for k, v in inputs.items()}, d + "/in.safetensors")
        r = subprocess.run([LYCEUM, "forward", folder, "--inputs", d + "/in.safetensors", "--outputs", d + "/out.safetensors", *options],
                           capture_output=True, text=True, env={**os.environ, **environment})
        if r.returncode != status: sys.exit(f"exit status {r.returncode}, expected {status}: {r.stderr}")
        return r.stderr.strip() if status else load_file(d + "/out.safetensors")


def write_folder(folder, model, kind, dtype, shards, extra):
    """The model as save_pretrained writes it, changed to what older files look like."""
    model = model.to({"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dtype])
    total = sum(p.numel() * p.element_size() for p in model.parameters())
    model.save_pretrained(folder, **({"max_shard_size": f"{max(1, total // shards // 1000)}KB"} if shards else {}))
    if not any(x in extra for x in ("old", "prefix", "buffer", "duplicates", "no pooler", "differs", "only", "left over", "fairseq")): return
    for file in [f for f in os.listdir(folder) if f.endswith(".safetensors")]:
        tensors = load_file(os.path.join(folder, file))
        word = next((k for k in tensors if k.endswith("word_embeddings.weight")), None)
        if "old names" in extra:
            tensors = {re.sub(r"LayerNorm\.weight$", "LayerNorm.gamma", re.sub(r"LayerNorm\.bias$", "LayerNorm.beta", k)): v for k, v in tensors.items()}
        if "duplicates" in extra and word: tensors["cls.predictions.decoder.weight"] = tensors[word].clone()
        if "duplicates" in extra and "cls.predictions.bias" in tensors: tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].clone()
        if "decoder differs" in extra:
            tensors["cls.predictions.decoder.weight"] = torch.randn_like(tensors[word])
            tensors["cls.predictions.decoder.bias"] = torch.randn_like(tensors["cls.predictions.bias"])
        if "decoder only" in extra:
            tensors["cls.predictions.decoder.weight"] = tensors.pop(word)
            tensors["cls.predictions.decoder.bias"] = tensors.pop("cls.predictions.bias")
        if "fairseq" in extra: tensors = fairseq(tensors, extra.split(",")[0].split()[1])
        if "no prefix" in extra: tensors = {k.removeprefix("bert."): v for k, v in tensors.items()}
        if "bert. prefix" in extra: tensors = {"bert." + k: v for k, v in tensors.items()}
        if "no pooler" in extra: tensors = {k: v for k, v in tensors.items() if "pooler" not in k}
        if "left over" in extra and word: tensors["bert.pooler.dense.weight"] = torch.randn(8, 8)
        if "buffer" in extra: tensors[("bert." if "bert. prefix" in extra else "") + "embeddings.position_ids"] = torch.arange(64)[None]
        save_file(tensors, os.path.join(folder, file), metadata={"format": "pt"})
    index = os.path.join(folder, "model.safetensors.index.json")
    if os.path.exists(index):
        j = json.load(open(index))
        j["weight_map"] = {k: f for f in sorted(set(j["weight_map"].values())) for k in load_file(os.path.join(folder, f))}
        json.dump(j, open(index, "w"))


# What fairseq calls the tensors of a RoBERTa: "decoder" with one matrix for query, key and value (2019), "encoder" with three.
FAIRSEQ = [("roberta.embeddings.word_embeddings", "S.embed_tokens"), ("roberta.embeddings.position_embeddings", "S.embed_positions"), ("roberta.embeddings.LayerNorm", "S.N"),
           ("roberta.encoder.layer.", "S.layers."), ("attention.self.query", "self_attn.q_proj"), ("attention.self.key", "self_attn.k_proj"),
           ("attention.self.value", "self_attn.v_proj"), ("attention.output.dense", "self_attn.out_proj"), ("attention.output.LayerNorm", "self_attn_layer_norm"),
           ("intermediate.dense", "fc1"), ("output.dense", "fc2"), ("output.LayerNorm", "final_layer_norm"), ("lm_head.", "M.lm_head."), ("classifier.", "classification_heads.mnli.")]


def fairseq_name(name, side):
    for ours, theirs in FAIRSEQ: name = name.replace(ours, theirs)
    return name.replace("S.N", "S.emb_layer_norm" if side == "decoder" else "S.layernorm_embedding").replace("S.", side + ".sentence_encoder.").replace("M.", side + ".")


def fairseq(tensors, side):
    out = {fairseq_name(k, side): v for k, v in tensors.items() if "token_type" not in k}
    if "roberta.embeddings.word_embeddings.weight" in tensors and "lm_head.bias" in tensors:
        out[side + ".lm_head.weight"] = tensors["roberta.embeddings.word_embeddings.weight"].clone()
    for k in [k for k in out if side == "decoder" and ".q_proj." in k]:
        out[k.replace("q_proj.", "in_proj_")] = torch.cat([out.pop(k.replace("q_proj", x)) for x in ("q_proj", "k_proj", "v_proj")])
    return out


def make_inputs(kind, config, mask_kind, extra):
    ids = torch.randint(0, config.vocab_size, (B, T))
    mask = torch.ones(B, T, dtype=torch.long)
    for b, n in enumerate([T, 7, 1, 12, 3]):
        if mask_kind == "right": mask[b, n:] = 0
        if mask_kind == "left": mask[b, : T - n] = 0
        if mask_kind == "holes": mask[b] = torch.randint(0, 2, (T,)); mask[b, b] = 1
    if "empty row" in extra: mask[3] = 0
    inputs = {"input_ids": ids}
    if mask_kind != "none": inputs["attention_mask"] = mask
    if getattr(config, "type_vocab_size", 0) > 1 or "defaults" in extra: inputs["token_type_ids"] = torch.randint(0, config.type_vocab_size, (B, T))
    if "positions" in extra: inputs["position_ids"] = torch.randint(0, 64, (B, T))
    kind = "Replaced" if kind == "ElectraForPreTraining" else "Bert" + ending(kind)
    if kind in (MLM, PRE, TOK):
        labels = torch.randint(0, config.num_labels if kind == TOK else config.vocab_size, (B, T))
        labels[torch.rand(B, T) < 0.5] = -100
        labels[mask == 0] = -100
        labels[0, -1 if mask_kind == "left" else 0] = 1 if mask[0, -1 if mask_kind == "left" else 0] else -100
        inputs["labels"] = labels
    if kind == "Replaced": inputs["labels"] = torch.randint(0, 2, (B, T))
    if kind == PRE: inputs["sentence_order_label" if hasattr(config, "num_hidden_groups") else "next_sentence_label"] = torch.randint(0, 2, (B,))
    if kind == NSP: inputs["labels"] = torch.randint(0, 2, (B,))
    if kind == SEQ:
        n = config.num_labels
        if n == 1: inputs["labels"] = torch.rand(B)
        elif config.problem_type == "regression": inputs["labels"] = torch.randn(B, n)
        elif config.problem_type == "multi_label_classification" or "float labels" in extra: inputs["labels"] = (torch.rand(B, n) < 0.5).float()
        else: inputs["labels"] = torch.randint(0, n, (B,))
        if "ignored label" in extra: inputs["labels"][1] = -100
    if kind == QA:
        inputs["start_positions"], inputs["end_positions"] = torch.randint(0, T, (B,)), torch.tensor([3, T + 5, -2, 2, 18])
        if "masked spans" in extra: inputs["start_positions"], inputs["end_positions"] = torch.tensor([0, 15, 18, 4, T + 9]), torch.tensor([18, 17, T, 1, 18])
    return inputs, mask


def reference_positions(config, ids):
    """Of every place of a row: the place itself, or for RoBERTa and MPNet the count of what is not padding."""
    if config.model_type not in ("roberta", "xlm-roberta", "camembert", "mpnet"): return torch.arange(T).expand(B, T)
    padding = 1 if config.model_type == "mpnet" else config.pad_token_id
    kept = ids.ne(padding).int()
    return (torch.cumsum(kept, 1) * kept + padding).long()


def compact(config, inputs, mask):
    """The rows' kept tokens moved to the front with their places as positions, rows without any left out: what lyceum promises of any
    mask, said in a way in which the reference's pooler sees the first kept token. Also gives where each token came from."""
    keep = [torch.nonzero(m).flatten() for m in mask]
    rows = [b for b in range(B) if len(keep[b])]
    positions = reference_positions(config, inputs["input_ids"])
    out, longest = {}, max(len(k) for k in keep)
    place = torch.zeros(len(rows), longest, dtype=torch.long)
    new_mask = torch.zeros_like(place)
    for r, b in enumerate(rows): place[r, : len(keep[b])] = keep[b]; new_mask[r, : len(keep[b])] = 1
    for name, v in inputs.items():
        if v.dim() == 2 and v.shape == (B, T) and name != "attention_mask":
            out[name] = torch.stack([v[b][place[r]] for r, b in enumerate(rows)])
            if name == "labels" and config.architectures != ["ElectraForPreTraining"]: out[name][new_mask == 0] = -100
        elif name.endswith("_positions"):  # a place in the row becomes a place among the kept tokens; outside stays outside
            out[name] = torch.tensor([(keep[b] < max(0, v[b])).sum().item() if v[b] < T else longest for b in rows])
        elif name != "attention_mask":
            out[name] = v[rows]
    out["attention_mask"] = new_mask
    out.setdefault("position_ids", torch.stack([positions[b][place[r]] for r, b in enumerate(rows)]))
    return out, rows, place, new_mask


def spread(value, name, rows, place, mask):
    """The compact batch's output in the shape of the padded one."""
    if value.dim() == 0: return value
    if name in ("pooler_output", "seq_relationship_logits", "sop_logits") or value.shape[:2] != place.shape or name == "logits" and value.dim() == 2 and kind != "ElectraForPreTraining":
        out = torch.zeros(B, *value.shape[1:]); out[rows] = value
        return out
    out = torch.zeros(B, T, *value.shape[2:])
    for r, b in enumerate(rows):
        kept = mask[r] == 1; out[b, place[r][kept]] = value[r][kept]
    return out


def span_loss(want, c, mask):
    """Absent tokens are no candidates, and rows whose target lies outside do not count."""
    losses = []
    for logits, target in ((want.start_logits, c["start_positions"]), (want.end_logits, c["end_positions"])):
        inside = target < mask.shape[1]
        losses.append(torch.nn.functional.cross_entropy(logits.masked_fill(mask == 0, float("-inf"))[inside], target[inside]))
    return sum(losses) / 2


worst_of_all, failed = 0.0, 0
# Zero in exact arithmetic, because a softmax ignores shifts: rounding noise in both, judged by the largest gradient.
def is_zero(kind, name, layers, about):
    last = (f"layer.{layers - 1}.output.LayerNorm.bias", f"layer.{layers - 1}.output_layer_norm.bias", "full_layer_layer_norm.bias")
    return name.endswith(("key.bias", "k_lin.bias", "attn.k.bias", "k_proj.bias")) or ending(kind) == "ForQuestionAnswering" and about == "" and name.endswith(("qa_outputs.bias", *last))




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
    distil = kind.startswith("DistilBert")
    config = getattr(tf, kind).config_class(max_position_embeddings=64 if T < 64 else 180, **{DISTIL.get(k, k) if distil else k: v for k, v in options.items()})
    model = getattr(tf, kind)._from_config(config, attn_implementation="eager").eval()
    for p in model.parameters():  # initial values hide errors: biases of 0, norms of 1
        torch.nn.init.normal_(p, std=0.2) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.2)
    if "fairseq" in extra: model.roberta.embeddings.token_type_embeddings.weight.data.zero_()  # fairseq has none
    with tempfile.TemporaryDirectory() as folder:
        write_folder(folder, model, kind, dtype, shards, extra)
        if "defaults" in extra:  # keys whose defaults hold may be missing
            c = json.load(open(folder + "/config.json"))
            c = {k: c[k] for k in ("model_type", "hidden_size", "num_attention_heads", "intermediate_size", "num_hidden_layers", "vocab_size", "max_position_embeddings", "pad_token_id")}
            json.dump(c, open(folder + "/config.json", "w"))
        if "fairseq" not in extra: model = getattr(tf, kind).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        in_file = {k for f in os.listdir(folder) if f.endswith(".safetensors") for k in load_file(os.path.join(folder, f))}
        inputs, mask = make_inputs(kind, config, mask_kind, extra)
        c, rows, place, cmask = compact(config, inputs, mask)
        # the reference itself on the padded batch where it means the same, else on the compact one
        native = (mask_kind in ("right", "none") or kind.startswith("MPNet")) and "empty row" not in extra
        if native: c, rows, place, cmask = inputs, list(range(B)), torch.arange(T).expand(B, T), mask

        def reference():
            want = model(**c, output_hidden_states=True)
            named = {"last_hidden_state": want.hidden_states[-1]}
            for name in OUTPUTS:
                value = getattr(want, name, None)
                if value is not None and not (name == "pooler_output" and "no pooler" in extra): named["logits" if name == "prediction_logits" else name] = value
            if ending(kind) == "ForQuestionAnswering" and not native: named["loss"] = span_loss(want, c, cmask)
            return named

        def file_name(name):
            prefix = model.base_model_prefix + "."
            if "fairseq" in extra: return fairseq_name(name, extra.split(",")[0].split()[1]) if "token_type" not in name else None
            for candidate in (name, prefix + name, name.removeprefix(prefix)):
                for a, b in (("", ""), ("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")):
                    n = candidate.replace(a, b) if a else candidate
                    if n in in_file: return n
            if name.endswith("word_embeddings.weight"): return "cls.predictions.decoder.weight"
            if name == "lm_head.decoder.weight": return prefix + "embeddings.word_embeddings.weight"  # tied, and named first
            if name == "lm_head.decoder.bias": return "lm_head.bias"
            if name == "cls.predictions.bias": return "cls.predictions.decoder.bias"
            return None

        count, worst = 0, []

        def compare_gradients(got, about):
            global failed
            expected = {}
            for name, p in model.named_parameters():
                n = file_name(name)
                if "no pooler" in extra and "pooler" in name: continue
                if n is None and "fairseq" in extra: continue
                if n is None: print("  not in the file:", name); failed += 1; continue
                expected["grad." + n] = p.grad if p.grad is not None else torch.zeros_like(p)
            for n in [n for n in expected if ".q_proj." in n and "decoder" in extra]:  # one matrix in the file
                expected[n.replace("q_proj.", "in_proj_")] = torch.cat([expected.pop(n.replace("q_proj", x)) for x in ("q_proj", "k_proj", "v_proj")])
            have = {k for k in got if k.startswith("grad.")}
            if have != set(expected): print("  names of gradients differ:", have ^ set(expected)); failed += 1
            largest = max(g.abs().max().item() for g in expected.values() if g.numel())
            for n in sorted(have & set(expected)): compare(n + about, got[n], expected[n], worst, (1e-2 if is_zero(kind, n, config.num_hidden_layers, about) else 1e-6) * largest)
            model.zero_grad()

        named = reference()
        runs = [("", inputs, named["loss"])] if "loss" in named else []
        for name in [n for n in named if n != "loss"]:
            full = spread(named[name].detach(), name, rows, place, cmask)
            g = torch.randn_like(full)
            again = reference()
            runs.append((f" ({name})", {**inputs, "cotangent." + name: g}, (again[name], name, g)))
        base = None
        for about, given, seed in runs:
            got = run(folder, given, "--backward")
            if base is None:
                base = got
                outputs = {k: v for k, v in got.items() if not k.startswith("grad.")}
                if set(outputs) != set(named): print("  outputs:", sorted(outputs), "expected", sorted(named)); failed += 1
                for name, value in named.items(): compare(name, got[name], spread(value.detach(), name, rows, place, cmask), worst, 1e-6)
            if isinstance(seed, tuple):
                value, name, g = seed
                # the cotangent of the padded output, seen from the compact one
                if value.dim() >= 2 and value.shape[:2] == place.shape and not (name == "logits" and value.dim() == 2 and kind != "ElectraForPreTraining") and "pooler" not in name and "relationship" not in name and "sop" not in name:
                    g = torch.stack([g[b][place[r]] for r, b in enumerate(rows)]) * (cmask[..., None] if value.dim() == 3 else cmask)
                else: g = g[rows]
                seed = (value * g).sum()
            model.zero_grad(); seed.backward()
            compare_gradients(got, about)
        error, where = max(worst)
        worst_of_all = max(worst_of_all, error)
        failed += sum(e > LIMIT for e, _ in worst)

        # the same bits: padded further, other threads, other instruction sets (outputs and gradients); rows in another order, alone (outputs)
        given = runs[0][1]
        wide = {k: torch.nn.functional.pad(v, (0, 0, 0, 5) if v.dim() == 3 else (0, 5), value=-100 if k == "labels" else 0) if v.dim() >= 2 and v.shape[:2] == (B, T) else v for k, v in given.items()}
        wide.setdefault("attention_mask", torch.nn.functional.pad(mask, (0, 5)))
        if ending(kind) == "ForQuestionAnswering":  # a place outside of the row must stay outside
            for k in ("start_positions", "end_positions"): wide[k] = torch.where(given[k] >= T, torch.tensor(T + 40), given[k])
        narrow = lambda d: {k: v[:, :T] if v.dim() >= 2 and v.shape[:2] == (B, T + 5) else v for k, v in d.items()}
        ways = [("padding", narrow(run(folder, wide, "--backward")), base)]
        for isa in ("avx2", "avx512"):
            for threads in (1, 2, 3): ways.append((f"{isa} {threads} threads", run(folder, given, "--backward", "--threads", str(threads), LYCEUM_ISA=isa), base))
        plain = {k: v for k, v in given.items() if k in ("input_ids", "attention_mask", "token_type_ids", "position_ids")}
        first = run(folder, plain)
        ways.append(("order", {k: v.flip(0) for k, v in run(folder, {k: v.flip(0) for k, v in plain.items()}).items()}, first))
        for b in range(B): ways.append((f"row {b} alone", run(folder, {k: v[b:b + 1] for k, v in plain.items()}), {k: v[b:b + 1] for k, v in first.items()}))
        different = [f"{way}: {k}" for way, a, b in ways for k in b if not torch.equal(a[k].nan_to_num(7.0), b[k].nan_to_num(7.0))]
        failed += len(different)
        sizes = "/".join(str(options[k]) for k in ("hidden_size", "num_attention_heads", "intermediate_size", "num_hidden_layers", "vocab_size"))
        note = ", ".join(x for x in (extra, f"{shards} shards" if shards else "", "types " + str(options["type_vocab_size"]) if "type_vocab_size" in options else "",
                                     str(options.get("num_labels", "")) + (" labels" if "num_labels" in options else ""), options.get("problem_type", ""),
                                     "untied" if not options.get("tie_word_embeddings", True) else "") if x)
        print(f"{number:2} {kind:30} {sizes:>16} {options['hidden_act']:17} {dtype:5} {mask_kind:6} {len(worst):7} {error:8.1e}  {where:44.44} {len(ways) if not different else 'DIFFER ' + str(different[:4])} ways      {note}")


def refused(what, status, words, kind="BertModel", change=None, inputs=None, tensors=None):
    """A folder that is changed so that the command must refuse it, with these words."""
    global failed
    torch.manual_seed(1)
    model = getattr(tf, kind)._from_config(tf.BertConfig(max_position_embeddings=16, **shape(12, 2, 8, 1, 30)))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        c = json.load(open(folder + "/config.json")); c.update(change or {}); json.dump(c, open(folder + "/config.json", "w"))
        if tensors:
            t = load_file(folder + "/model.safetensors"); tensors(t); save_file(t, folder + "/model.safetensors")
        message = run(folder, {"input_ids": torch.ones(2, 5, dtype=torch.long), **(inputs or {})}, status=status)
        good = all(w in message for w in words)
        failed += not good
        print(f"   {what:34} exit {status}{'' if good else '   <-- expected ' + str(words)}: {message.replace(folder, 'FOLDER')[:150]}")


if ONLY is None:
    print("refused:")
    for act in ("quick_gelu", "mish", "relu6", "nonsense"): refused(f"hidden_act {act}", 3, ["hidden_act", act], change={"hidden_act": act})
    for k in ("BertForSomethingElse", "BertLMHeadModel"): refused(k, 3, ["architectures", k], change={"architectures": [k]})
    refused("a decoder", 3, ["is_decoder"], change={"is_decoder": True})
    refused("relative positions", 3, ["position_embedding_type", "relative_key"], change={"position_embedding_type": "relative_key"})
    refused("untied without a decoder", 1, ["cls.predictions.decoder.weight"], kind=MLM, change={"tie_word_embeddings": False})
    refused("a tensor is missing", 1, ["encoder.layer.0.output.dense.bias"], tensors=lambda t: t.pop("encoder.layer.0.output.dense.bias"))
    refused("a tensor of another shape", 1, ["encoder.layer.0.output.dense.bias", "[12]"], tensors=lambda t: t.update({"encoder.layer.0.output.dense.bias": torch.zeros(13)}))
    refused("an id outside", 1, ["input_ids", "30"], inputs={"input_ids": torch.full((1, 2), 30)})
    refused("a type outside", 1, ["token_type_id"], inputs={"token_type_ids": torch.full((2, 5), 2)})
    refused("a position outside", 1, ["position_ids", "16"], inputs={"position_ids": torch.full((2, 5), 16)})
    refused("a mask of 2", 1, ["attention_mask"], inputs={"attention_mask": torch.full((2, 5), 2)})
    refused("an unknown input", 1, ["attention_maks"], inputs={"attention_maks": torch.ones(2, 5, dtype=torch.long)})
print(f"{len(CASES)} models, worst {worst_of_all:.2e}: all within {LIMIT}" if not failed else f"{failed} failures")
sys.exit(bool(failed))
