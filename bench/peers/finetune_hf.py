#!/usr/bin/env python3
"""Trains a recipe's classifier or tagger with transformers' Trainer, or by `lyceum train`: one JSON line a seed with the test part's accuracy (tagging: seqeval's F1) and the examples/s of training.

usage: finetune_hf.py RECIPE.toml --model MODEL --data DIR --test FILE [--seeds 0,1,2] [--threads N] [--steps N] [--lyceum COMMAND] [section.key=value ...]

Both sides read the same recipe: data, fields, max_tokens, epochs, batch, batches by length or not, rate, schedule, warm-up, decay, clipping. Trainer pads each batch to its longest example. Its examples/s count
its training loop alone; ours count the steps, each with its wait for data. --test lies in DIR as the recipe's files do; without it only the speed is told. --steps N ends a run for speed early.
The lines have "case" and "median" for compare.py. needs: torch, transformers, accelerate, seqeval (tagging), the program zstd
"""
import argparse, json, os, pathlib, subprocess, tempfile, time, tomllib

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("recipe"), p.add_argument("settings", nargs="*"), p.add_argument("--model", required=True), p.add_argument("--data", required=True), p.add_argument("--test")
p.add_argument("--seeds", default="0,1,2"), p.add_argument("--threads", type=int, default=os.cpu_count()), p.add_argument("--steps", type=int), p.add_argument("--lyceum")
a = p.parse_intermixed_args()
os.environ["OMP_NUM_THREADS"] = str(a.threads)
recipe = tomllib.loads(pathlib.Path(a.recipe).read_text())
for setting in a.settings:
    name, value = setting.split("=", 1)
    section, key = name.split(".")
    try:
        recipe[section][key] = tomllib.loads("v = " + value)["v"]
    except tomllib.TOMLDecodeError:
        recipe[section][key] = value
data, train = recipe["data"], recipe["train"]
tagging = recipe["objective"]["kind"] == "tagging"
by_length = train.get("group_by_length", True)
name = pathlib.Path(a.recipe).stem + (" by length" if by_length else "")


def report(seed, quality, count, seconds):
    line = {"case": name, "seed": seed, "unit": "examples/s", "median": round(count / seconds, 2), "seconds": round(seconds, 1)}
    print(json.dumps(line | ({("f1" if tagging else "accuracy"): round(quality, 4)} if quality is not None else {})), flush=True)


def ours(seed):
    run = tempfile.mkdtemp()
    settings = [*a.settings, "model.from=" + json.dumps(a.model), f"train.seed={seed}", "output.directory=" + json.dumps(run), "output.save_every=0"]
    settings += ["train.epochs=0", f"train.steps={a.steps}"] if a.steps else []
    settings += ["data.valid=" + json.dumps([a.test] if a.test else []), f"train.valid_every={10**9 if a.test else 0}"]  # once, behind the last step
    command = [a.lyceum, "train", a.recipe, "--data", a.data, "--threads", str(a.threads), "--quiet", *settings]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in (pathlib.Path(run) / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "tokens_per_s" in line]
    quality = next((line["valid_accuracy"] for line in lines if "valid_accuracy" in line), None)
    if tagging and a.test:
        test = pathlib.PurePath(a.test)
        command = [a.lyceum, "eval", run + "/model", "--data", a.data, "--tasks", test.parent.name, "--split", test.name.split(".")[0], "--threads", str(a.threads), "--json", "--quiet"]
        rows = [json.loads(line) for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()]
        quality = next(row["value"] for row in rows if row["metric"] == "f1")
    report(seed, quality, len(steps) * train["batch_sequences"], sum(line["tokens"] / line["tokens_per_s"] for line in steps))


def records(files):
    for file in [files] if isinstance(files, str) else files:
        path = pathlib.Path(a.data) / file
        text = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout if path.suffix == ".zst" else path.read_bytes()
        yield from map(json.loads, text.decode().splitlines())


def words(row, field):
    return row[field].split() if isinstance(row[field], str) else row[field]


def peer(seeds):
    import torch, transformers as tf

    torch.set_num_threads(a.threads)
    tf.logging.set_verbosity_error(), tf.logging.disable_progress_bar()
    tokenizer = tf.AutoTokenizer.from_pretrained(a.model)
    rows = list(records(data["train"]))
    text, second = data.get("text", "text"), data.get("second_text")
    words_field, tags_field, label = data.get("words", "tokens"), data.get("tags", "tags"), data.get("label", "label")
    names = data.get("labels") or sorted({tag for row in rows for tag in words(row, tags_field)} if tagging else {str(row[label]) for row in rows})
    index = {name: i for i, name in enumerate(names)}

    def encode(row):
        cut = {"truncation": True, "max_length": data.get("max_tokens", 512)}
        if not tagging:
            return dict(tokenizer(row[text], row[second], **cut) if second else tokenizer(row[text], **cut)) | {"labels": index.get(str(row[label]), -100)}
        found = tokenizer(words(row, words_field), is_split_into_words=True, **cut)
        word, tags = found.word_ids(), words(row, tags_field)
        first = [w if w is not None and (i == 0 or word[i - 1] != w) else None for i, w in enumerate(word)]  # a word's first token
        return dict(found) | {"labels": [-100 if w is None else index.get(tags[w], 0) for w in first]}

    examples = [encode(row) for row in rows]
    tests = list(records(a.test)) if a.test else []
    encoded = [encode(row) for row in tests]
    collate = (tf.DataCollatorForTokenClassification if tagging else tf.DataCollatorWithPadding)(tokenizer)

    def guesses(model):
        model.eval()
        with torch.no_grad():
            for begin in range(0, len(encoded), 64):
                yield from model(**collate([dict(e) for e in encoded[begin : begin + 64]])).logits.argmax(-1).tolist()

    def quality(model):
        if not tests:
            return None
        found = list(guesses(model))
        if not tagging:
            return sum(names[guess] == str(row[label]) for guess, row in zip(found, tests)) / len(tests)
        from seqeval.metrics import f1_score

        expected = [words(row, tags_field) for row in tests]
        tagged = [[names[guess] for guess, wanted in zip(row, e["labels"]) if wanted != -100] for row, e in zip(found, encoded)]
        return f1_score(expected, [tags + ["O"] * (len(e) - len(tags)) for tags, e in zip(tagged, expected)])  # O: words that were cut off

    class Clock(tf.TrainerCallback):
        def on_train_begin(self, *_, **__):
            self.begin = time.perf_counter()

        def on_train_end(self, *_, **__):
            self.seconds = time.perf_counter() - self.begin

    for seed in seeds:
        args = tf.TrainingArguments(output_dir=tempfile.mkdtemp(), num_train_epochs=train.get("epochs", 1), max_steps=a.steps or -1, per_device_train_batch_size=train["batch_sequences"],
                                    learning_rate=train["learning_rate"], lr_scheduler_type=train.get("schedule", "constant"), warmup_steps=train.get("warmup_ratio", 0), weight_decay=train.get("weight_decay", 0.01),
                                    max_grad_norm=train.get("clip_norm", 0), seed=seed, train_sampling_strategy="group_by_length" if by_length else "random", dataloader_drop_last=True, use_cpu=True, save_strategy="no", logging_strategy="no",
                                    report_to=[], disable_tqdm=True)
        tf.set_seed(seed)
        cls = tf.AutoModelForTokenClassification if tagging else tf.AutoModelForSequenceClassification
        model = cls.from_pretrained(a.model, num_labels=len(names))
        clock = Clock()
        trainer = tf.Trainer(model=model, args=args, train_dataset=examples, data_collator=collate, processing_class=tokenizer, callbacks=[clock])
        trainer.remove_callback(tf.PrinterCallback)
        trainer.train()
        report(seed, quality(model), trainer.state.global_step * train["batch_sequences"], clock.seconds)


seeds = list(map(int, a.seeds.split(",")))
if a.lyceum:
    for seed in seeds:
        ours(seed)
else:
    peer(seeds)
