"""Sparse attention layers, and the masks that they stand for."""

from tensors import Tensor, stack


def seen(case, method, inputs, heads):
    """[H, T, T] of which query sees which key: where values of one key at a time arrive. All keys weigh the same."""
    length, width = inputs["q"].shape
    dim = width // heads
    zeros = Tensor([0.0] * (length * width), [length, width])
    mask = [0] * (heads * length * length)
    for begin in range(0, length, dim):
        values = [1.0 if row == begin + col % dim else 0.0 for row in range(length) for col in range(width)]
        out = case.run(method, {"q": zeros, "k": zeros, "v": Tensor(values, [length, width])})["out"]
        for row in range(length):
            for col in range(width):
                key = begin + col % dim
                if key < length:
                    mask[(col // dim * length + row) * length + key] = int(out.values[row * width + col] > 0)
    return Tensor(mask, [heads, length, length], "U8")


def compare_mask(check, name, mask):
    """A mask for each head, or one that all heads share."""
    if len(check.case.expected[name].shape) == 2:
        assert all(mask[head].values == mask[0].values for head in range(len(mask)))
        mask = mask[0]
    check.compare(name, mask)


def openai(case, check):
    rows, heads = case.batch(), case.hparams["heads"]
    for name in sorted({name.split(".")[0] for name in case.expected}):
        method = "local" if name == "local_blocksparse" else name
        if f"{name}.out" in case.expected:
            check.compare(f"{name}.out", stack([case.run(method, row)["out"] for row in rows]))
        if f"{name}.mask" in case.expected:
            compare_mask(check, f"{name}.mask", seen(case, method, rows[0], heads))


def fairseq(case, check):
    for name in ("causal", "bidirectional"):
        check.compare(f"{name}.out", stack([case.run(name, row)["out"] for row in case.batch()]))
    length, width = case.inputs["x"].shape[1:]
    rows = Tensor([0.0] * (length * width), [length, width])
    for name in ("causal", "bidirectional"):
        compare_mask(check, f"{name}.mask", seen(case, f"{name}.attend", {"q": rows}, case.hparams["num_heads"]))


def columns(tensor):
    """[H, T, D] to [T, H * D]."""
    heads, length, dim = tensor.shape
    return Tensor([tensor.values[(head * length + row) * dim + col]
                   for row in range(length) for head in range(heads) for col in range(dim)], [length, heads * dim])


def deepspeed(case, check):
    heads, block = case.hparams["heads"], case.hparams["block"]
    rows = [{name: columns(tensor) for name, tensor in row.items()} for row in case.batch()]
    for i, (_, config) in enumerate(case.hparams["configs"]):
        made = [case.run(f"config{i}", row)["out"] for row in rows]
        shape = case.expected[f"out{i}"].shape[1:]
        check.compare(f"out{i}", stack([stack([m.columns(h * shape[2], (h + 1) * shape[2]) for h in range(heads)]) for m in made]))
        mask = seen(case, f"config{i}", rows[0], heads)
        count = shape[1] // block
        layout = [int(any(mask.values[(head * shape[1] + row * block + r) * shape[1] + col * block]
                          for r in range(block)))
                  for head in range(heads) for row in range(count) for col in range(count)]
        check.compare(f"layout{i}", Tensor(layout, [heads, count, count], "U8"))


CLASSES = {
    ("openai/sparse_attention (public repository)", "attention_impl"): openai,
    ("fairseq", "SparseMultiheadAttention"): fairseq,
    ("deepspeed", "ops.sparse_attention.sparsity_config"): deepspeed,
}

def drawn_layouts(hparams):
    """Names of the layouts with random blocks, which the package draws anew for every model."""
    return [f"layout{i}" for i, (_, config) in enumerate(hparams["configs"]) if config.get("num_random_blocks")]


PINNED = {("deepspeed", "ops.sparse_attention.sparsity_config"): drawn_layouts}
