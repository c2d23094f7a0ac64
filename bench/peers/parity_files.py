#!/usr/bin/env python3
"""Compares files: `lyceum forward` and `embed` on pytorch_model.bin with the same model in safetensors, bit for bit; `lyceum convert` with what
transformers and sentence_transformers load from the folder that it writes: every tensor equal (f32: the same bits; bf16 and f16: torch's
own rounding; int8: as compressed-tensors widens it), the names those of save_pretrained, embeddings equal. Random tiny BERTs, and a sentence model when its folder is given.

usage: parity_files.py LYCEUM [SENTENCE_MODEL_FOLDER]        needs: torch, transformers, sentence_transformers, safetensors, compressed-tensors
"""
import json, os, shutil, subprocess, sys, tempfile
import numpy, torch, transformers as tf
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

LYCEUM, SENTENCE = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
tf.logging.set_verbosity_error(); tf.logging.disable_progress_bar()
KINDS = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
TEXTS = ["the cat sat on the mat", "a dog", "What is the capital of France?", "numbers 1 2 3 and signs !?"]
failed = checks = 0


def expect(holds, what):
    global failed, checks
    checks += 1
    if not holds: failed += 1; print(f"   {what}   <-- differs")


def run(*arguments):
    done = subprocess.run([LYCEUM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode: sys.exit(f"lyceum {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def forward(folder, inputs, work):
    save_file(inputs, work + "/in.safetensors")
    run("forward", folder, "--inputs", work + "/in.safetensors", "--outputs", work + "/out.safetensors", "--backward")
    return load_file(work + "/out.safetensors")


def same(a, b): return set(a) == set(b) and all(a[k].dtype == b[k].dtype and torch.equal(a[k].nan_to_num(7), b[k].nan_to_num(7)) for k in a)


def stored(folder):
    return {k: v for f in sorted(os.listdir(folder)) if f.endswith(".safetensors") for k, v in load_file(os.path.join(folder, f)).items()}


def rounded(state, dtype): return {k: v.to(dtype) if v.is_floating_point() and dtype else v for k, v in state.items()}


def save_bin(state, folder, how):
    """The state dict as files of torch.save have it, in ways that mean the same."""
    if "old names" in how: state = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in state.items()}
    if "transposed" in how: state = {k: v.t().contiguous().t() if v.dim() == 2 else v for k, v in state.items()}
    if "one storage" in how:
        flat, at, views = torch.cat([v.reshape(-1) for v in state.values()]), 0, {}
        for k, v in state.items(): views[k] = flat[at:at + v.numel()].view(v.shape); at += v.numel()
        state = views
    if "sharded" in how:
        names, index = list(state), {}
        for i in range(3):
            part = {k: state[k] for k in names[i::3]}
            torch.save(part, f"{folder}/pytorch_model-{i}.bin"); index.update({k: f"pytorch_model-{i}.bin" for k in part})
        return json.dump({"metadata": {}, "weight_map": index}, open(folder + "/pytorch_model.bin.index.json", "w"))
    if "nested" in how: state = {"model" if "fairseq" in how else "state_dict": state, "epoch": 3}
    torch.save(state, folder + "/pytorch_model.bin", pickle_protocol=4 if "protocol 4" in how else 2)


CASES = [  # class, how the .bin file is written, file type, what the configuration says besides
    ("BertModel", "", "f32", {}),
    ("BertModel", "transposed", "f32", {}),
    ("BertModel", "one storage, protocol 4", "f32", {}),
    ("BertForMaskedLM", "tied", "f32", {}),
    ("BertForMaskedLM", "tied, sharded", "f32", {}),
    ("BertForMaskedLM", "tied, old names", "f32", {}),
    ("BertForMaskedLM", "", "f32", {"tie_word_embeddings": False}),
    ("BertForPreTraining", "tied, nested, fairseq", "f32", {}),
    ("BertForSequenceClassification", "sharded, old names", "f32", {"num_labels": 3}),
    ("BertForTokenClassification", "nested", "f32", {"num_labels": 4}),
    ("BertForQuestionAnswering", "", "bf16", {}),
    ("BertModel", "transposed", "f16", {}),
]
for number, (kind, how, dtype, options) in enumerate(CASES):
    torch.manual_seed(number)
    config = tf.BertConfig(hidden_size=24, num_attention_heads=4, intermediate_size=33, num_hidden_layers=2, vocab_size=97, max_position_embeddings=32, **options)
    model = getattr(tf, kind)._from_config(config).eval()
    for p in model.parameters(): torch.nn.init.normal_(p, std=0.5)
    model = model.to(KINDS[dtype])
    state = model.state_dict()
    before = checks, failed
    with tempfile.TemporaryDirectory() as work:
        reference, binary = work + "/safetensors", work + "/bin"
        model.save_pretrained(reference)
        os.mkdir(binary); shutil.copy(reference + "/config.json", binary)
        save_bin(dict(state) if "tied" in how or not options.get("tie_word_embeddings", True) else {k: v.clone() for k, v in state.items()}, binary, how)
        ids = torch.randint(1, 97, (3, 9))
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        width = {"BertModel": "last_hidden_state", "BertForQuestionAnswering": "start_logits"}.get(kind, "logits")
        plain = work + "/plain"; os.mkdir(plain)
        save_file(inputs, plain + "/in.safetensors")
        run("forward", binary, "--inputs", plain + "/in.safetensors", "--outputs", plain + "/out.safetensors")
        inputs["cotangent." + width] = torch.randn_like(load_file(plain + "/out.safetensors")[width])
        # a file of torch may name a tied parameter twice and norms in the old way; its values are those of the other
        expect(same({k.replace("gamma", "weight").replace("beta", "bias") if "old names" in how else k: v for k, v in forward(binary, inputs, work).items()},
                    forward(reference, inputs, work)), "forward on .bin and on safetensors")
        if "nested" not in how and "protocol 4" not in how:  # torch.load itself wants protocol 2 unless it may run code
            again = getattr(tf, kind).from_pretrained(binary, dtype="auto").state_dict()
            expect(same(again, state), "transformers reads the .bin file as it was meant")
        for target in (None, "f32", "bf16", "f16"):
            out = f"{work}/to-{target}"
            run("convert", binary, "--output", out, "--max-shard-bytes", 5_000_000_000 if number % 2 else 20_000, *(["--dtype", target] if target else []))
            kind_of = KINDS.get(target) or KINDS[dtype]
            expect(set(stored(out)) == set(stored(reference)), f"the names of save_pretrained ({target}): {set(stored(out)) ^ set(stored(reference))}")
            expect(same(getattr(tf, kind).from_pretrained(out, dtype="auto").state_dict(), rounded(state, kind_of)), f"from_pretrained of {target}")
            expect(tf.AutoConfig.from_pretrained(out).dtype == kind_of, f"the configuration's dtype ({target})")
            back = run("convert", out, "--output", out + "-again", "--dtype", target or dtype)
            expect(same(stored(out + "-again"), stored(out)), f"converting again changes nothing ({target})")
        if dtype == "f32":  # bytes and scales, read by compressed-tensors
            out = work + "/to-int8"
            run("convert", binary, "--output", out, "--dtype", "int8")
            theirs = getattr(tf, kind).from_pretrained(out, quantization_config=tf.CompressedTensorsConfig(dequantize=True)).eval().float()
            read, ours = theirs.state_dict(), stored(out)
            narrow = [k for k, v in ours.items() if v.dtype == torch.int8]
            expect(len(narrow) == 12 and all(torch.equal(read[k], ours[k] * ours[k + "_scale"]) for k in narrow), "the weights of int8 as compressed-tensors reads them")
        expect(same(forward(work + "/to-None", inputs, work), forward(reference, inputs, work)), "forward on the converted folder")
    print(f"{number:2} {kind:30} {how:26} {dtype:5} {checks - before[0] - failed + before[1]} of {checks - before[0]} checks")


def embeddings(folder): return numpy.array([json.loads(line)["embedding"] for line in run("embed", folder, *TEXTS, "--json").splitlines()], numpy.float32)


def sentence_model(folder, name):
    """A sentence-transformers folder: converted from its safetensors, and from .bin files in their place."""
    before = checks, failed
    with tempfile.TemporaryDirectory() as work:
        binary = work + "/bin"
        shutil.copytree(folder, binary)
        for place, _, files in os.walk(binary):
            if "model.safetensors" in files:
                torch.save(load_file(place + "/model.safetensors"), place + "/pytorch_model.bin"); os.remove(place + "/model.safetensors")
        reference = SentenceTransformer(folder, device="cpu").encode(TEXTS)
        ours = embeddings(folder)
        expect(numpy.array_equal(embeddings(binary), ours), "embed on .bin and on safetensors")
        for source in (folder, binary):
            out = f"{work}/out"
            run("convert", source, "--output", out, "--force")
            expect(numpy.array_equal(SentenceTransformer(out, device="cpu").encode(TEXTS), reference), f"sentence_transformers on the folder from {source}")
            expect(numpy.array_equal(embeddings(out), ours), f"embed on the folder from {source}")
        expect(not [f for _, _, fs in os.walk(out) for f in fs if f.endswith((".bin", ".part", ".old"))], "no .bin file is left")
        state = tf.AutoModel.from_pretrained(folder, dtype=torch.float32).state_dict()
        for target in ("bf16", "f16"):
            run("convert", binary, "--output", out, "--force", "--dtype", target)
            expect(same(tf.AutoModel.from_pretrained(out, dtype="auto").state_dict(), rounded(state, KINDS[target])), f"from_pretrained of {target}")
            near = SentenceTransformer(out, device="cpu", model_kwargs={"dtype": "float32"}).encode(TEXTS)
            cosine = min(float(a @ b / numpy.linalg.norm(a) / numpy.linalg.norm(b)) for a, b in zip(near, embeddings(out)))
            expect(cosine > 0.9999, f"embeddings of {target} beside sentence_transformers' in f32: cosine {cosine}")
    print(f"   {name:64} {checks - before[0] - failed + before[1]} of {checks - before[0]} checks")


with tempfile.TemporaryDirectory() as work:
    torch.manual_seed(99)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "mat", "a", "dog", "what", "is", "of", "france", "?", "!", "1", "2", "3", "and"]
    os.mkdir(work + "/bert"); open(work + "/bert/vocab.txt", "w").write("\n".join(words) + "\n")
    tf.BertModel._from_config(tf.BertConfig(hidden_size=24, num_attention_heads=4, intermediate_size=33, num_hidden_layers=2, vocab_size=len(words),
                                            max_position_embeddings=32)).save_pretrained(work + "/bert")
    tf.BertTokenizer(work + "/bert/vocab.txt").save_pretrained(work + "/bert")
    body = Transformer(work + "/bert", max_seq_length=20)
    SentenceTransformer(modules=[body, Pooling(24, pooling_mode="mean"), Dense(24, 10)], device="cpu").save(work + "/dense")
    sentence_model(work + "/dense", "a tiny model with a Dense module")
if SENTENCE: sentence_model(SENTENCE, SENTENCE)
print(f"{checks} checks, all hold" if not failed else f"{failed} of {checks} checks failed")
sys.exit(bool(failed))
