"""Tables of blocks of keys."""

from tensors import stack

# How the expected outputs begin, and the method that makes them.
METHODS = {"random_": "steps", "eval_": "steps_first_block"}


def encoder(case, check):
    made, keep, full = {prefix: [] for prefix in METHODS}, [], []
    count = len(case.inputs["input_ids"][0])
    for row in case.batch():
        length = sum(row["attention_mask"].values)
        keep += [t < length for t in range(count)]
        inputs = {"input_ids": row["input_ids"].rows(0, length)}
        for prefix, method in METHODS.items():
            made[prefix].append({name: t.padded(count) for name, t in case.run(method, inputs).items()})
        outputs = case.run("steps_full", inputs)
        full.append(outputs[f"hidden{case.hparams['num_hidden_layers']}"].padded(count))
    for prefix, rows in made.items():
        for name in rows[0]:
            check.compare(prefix + name, stack([row[name] for row in rows]), keep)
    check.compare("full_last", stack(full), keep)


def drawn_blocks(hparams):
    return [f"rand_attn_layer{layer}" for layer in range(hparams["num_hidden_layers"])]


CLASSES = {("transformers", "BigBirdModel"): encoder}

PINNED = {("transformers", "BigBirdModel"): drawn_blocks}
