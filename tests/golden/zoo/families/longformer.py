"""Windows and global tokens."""

from tensors import Tensor, stack


def positions(mask):
    """Where the mask is positive, as a list of indices."""
    found = [i for i, value in enumerate(mask.values) if value > 0]
    return Tensor(found, [len(found), 1], "I32")


def encoder(case, check):
    made, keep = [], []
    count = len(case.inputs["input_ids"][0])
    for row in case.batch():
        length = sum(row["attention_mask"].values)
        keep += [t < length for t in range(count)]
        inputs, suffix = {"input_ids": row["input_ids"].rows(0, length)}, ""
        if "global_attention_mask" in row:
            inputs["global_ids"] = positions(row["global_attention_mask"].rows(0, length))
            suffix = "_global"
        outputs = case.run("steps" + suffix, inputs)
        outputs.update(case.run("forward" + suffix, inputs))
        made.append({name: tensor.padded(count) for name, tensor in outputs.items()})
    for name in case.expected:
        check.compare(name, stack([m[name] for m in made]), keep)


def attention(case, check):
    for name in case.expected:
        made = []
        for row in case.batch():
            inputs = {"x": row["x"]}
            if name.endswith("masked_global"):
                mask = row["attention_mask"].reshape(len(row["x"]))
                length = sum(value >= 0 for value in mask.values)
                inputs = {"x": row["x"].rows(0, length), "global_ids": positions(mask)}
            made.append(case.run(name, inputs)["out"].padded(len(row["x"])))
        check.compare(name, stack(made))


CLASSES = {
    ("transformers", "LongformerModel"): encoder,
    ("allenai/longformer (public repository)", "LongformerSelfAttention"): attention,
}
