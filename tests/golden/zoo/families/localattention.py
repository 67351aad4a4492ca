"""Windows of keys, as the package local-attention has them."""

from tensors import Tensor, heads, stack

# Tokens of the first run where the rest is fed one by one.
PREFILL = 3


def language_model(case, check):
    check.compare("logits", stack([case.run("full", row)["logits"] for row in case.batch()]))
    # The prefix one token at a time: the ring must give what the window sees.
    prefix = case.expected["logits_prefix"].shape[1]
    check.compare("logits_prefix", stack([
        case.run("incremental", {"ids": row["ids"].rows(0, prefix)}, {"prefill": PREFILL})["logits"] for row in case.batch()]))


def columns(tensor):
    """[H, T, D] to [T, H * D]."""
    count, length, dim = tensor.shape
    values = [tensor.values[(head * length + row) * dim + col]
              for row in range(length) for head in range(count) for col in range(dim)]
    return Tensor(values, [length, count * dim])


def attention(case, check):
    count = case.hparams["heads"]
    for name in case.expected:
        method = name.split("_")[0]
        made, keep = [], []
        for row in case.batch():
            length = len(row["mask"])
            window = case.hparams["modes"][int(method[len("mode"):])]["window_size"]
            # The package fills up to whole windows; what a mask hides, and the filling then, is left out.
            seen = sum(row["mask"].values) if name.endswith("masked") else length
            padding = 0 if name.endswith("masked") else -length % window
            inputs = {key: columns(row[key]).rows(0, seen).padded(seen + padding, 0.0) for key in ("q", "k", "v")}
            out = case.run(method, inputs)["out"].padded(length, 0.0).rows(0, length)
            made.append(heads(out, count))
            keep += [t < seen for _ in range(count) for t in range(length)]
        check.compare(name, stack(made), keep)


CLASSES = {
    ("local-attention", "LocalAttention"): attention,
    ("local-attention", "LocalTransformer"): language_model,
}
