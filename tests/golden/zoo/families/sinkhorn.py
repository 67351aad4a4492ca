"""Buckets in a learned order."""

from tensors import Tensor, heads, stack


def zero_masked(logits, mask):
    width = logits.shape[1]
    return Tensor([x * mask.values[i // width] for i, x in enumerate(logits.values)], logits.shape)


def order(made, layer, count):
    """The matrix [heads, rows, key buckets] of a layer; halves of heads lie one behind the other."""
    if f"R{layer}" in made:
        return heads(made[f"R{layer}"], count)
    parts = [heads(made[f"R{layer}.{half}"], count // 2 if half == "plain" else count - count // 2)
             for half in ("plain", "rolled") if f"R{layer}.{half}" in made]
    return Tensor([x for part in parts for x in part.values], [count] + parts[0].shape[1:])


def same_nulls(matrix, expected, nulls):
    """Null buckets of a row are equal: which of them is named has no effect. Moves weights to the one that is expected."""
    width = matrix.shape[-1]
    for begin in range(0, len(matrix.values), width):
        made, wanted = matrix.values[begin:begin + nulls], expected.values[begin:begin + nulls]
        if sum(map(bool, made)) == 1 and sum(map(bool, wanted)) == 1:
            weight = sum(made)
            matrix.values[begin:begin + nulls] = [weight if x else 0.0 for x in wanted]
    return matrix


def largest(matrix):
    """Column of the largest element of each row."""
    width = matrix.shape[-1]
    rows = [matrix.values[begin:begin + width] for begin in range(0, len(matrix.values), width)]
    return Tensor([max(range(width), key=lambda i: abs(row[i])) for row in rows], matrix.shape[:-1], "I32")


def language_model(case, check):
    hparams, expected, rows = case.hparams, case.expected, case.batch()
    count, causal = hparams.get("heads", 8), hparams.get("causal", False)
    repeated = "_repeated_keys" if "logits_fixed_values" in expected else ""
    ids = [{"ids": row["ids"]} for row in rows]
    inputs, method = ids, "forward"
    if "gumbel_call0" in case.inputs:
        method = "with_noise"
        inputs = []
        for index, row in enumerate(ids):
            noise = {}
            for layer in range(hparams["depth"]):
                drawn = case.inputs[f"gumbel_call{layer}"].rows(index * count, (index + 1) * count)
                noise[f"noise{layer}"] = side_by_side(drawn)
            inputs.append({**row, **noise})
    made = [case.run(method + repeated, given) for given in inputs]
    check.compare("logits", stack([m["logits"] for m in made]))
    for layer in range(hparams["depth"]):
        matrix = stack([order(m, layer, count) for m in made])
        matrix.shape = [len(rows) * count] + matrix.shape[2:]
        if causal:
            same_nulls(matrix, expected[f"R{layer}"], matrix.shape[2] - hparams["max_seq_len"] // hparams["bucket_size"])
        check.compare(f"R{layer}", matrix)
        check.compare(f"Rtop{layer}", largest(matrix))
    variants = {"logits_fixed_values": (method, inputs), "logits_no_noise": ("forward" + repeated, ids),
                "logits_no_noise_fixed_values": ("forward", ids)}
    for name, (variant, given) in variants.items():
        if name in expected:
            check.compare(name, stack([case.run(variant, one)["logits"] for one in given]))
    if "logits_masked" in expected:
        masked = []
        for row in rows:
            given = {"ids": row["ids"]} if causal else {"ids": row["ids"], "mask": row["mask"].as_type("F32")}
            # A causal model does not see the padding at the end.
            made = case.run("forward" if causal else "masked" + repeated, given)["logits"]
            masked.append(zero_masked(made, row["mask"]))
        check.compare("logits_masked", stack(masked))


def side_by_side(stacked):
    """[H, R, C] to [R, H * C]."""
    count, rows, cols = stacked.shape
    return Tensor([stacked.values[(head * rows + row) * cols + col]
                   for row in range(rows) for head in range(count) for col in range(cols)], [rows, count * cols])


CLASSES = {("sinkhorn-transformer", "SinkhornTransformerLM"): language_model}
