"""Attention of rows that belong together."""

from tensors import Tensor, heads, stack


def matrix(rotation):
    """[1, d, hashes, buckets / 2] to [d, hashes * buckets / 2]."""
    return rotation.reshape(rotation.shape[1], rotation.shape[2] * rotation.shape[3])


def bucket_list(buckets, count, num_hashes, num_buckets):
    """[T, heads * hashes] to [heads, hashes * T], each hash with numbers of its own."""
    by_head = []
    for part in (buckets.columns(head * num_hashes, (head + 1) * num_hashes) for head in range(count)):
        values = [part.values[row * num_hashes + r] + r * num_buckets for r in range(num_hashes) for row in range(len(part))]
        by_head.append(Tensor(values, [len(values)], "I64"))
    return stack(by_head)


def zero_masked(out, mask):
    """A matrix with the rows of masked positions zeroed."""
    width = out.shape[1]
    return Tensor([x * mask.values[i // width] for i, x in enumerate(out.values)], out.shape)


def lsh_attention(case, check):
    rotation = matrix(case.inputs["rot0"])
    num_hashes, rows = case.hparams["n_hashes"], case.batch("qk", "v", "mask")
    num_buckets = len(rows[0]["qk"]) // case.hparams["bucket_size"]
    for index in range(len(case.hparams["modes"])):
        name = f"mode{index}"
        made = [case.run(name, {"qk": row["qk"], "v": row["v"], "rotation": rotation}) for row in rows]
        check.compare(f"{name}.out", stack([m["out"] for m in made]))
        lists = [bucket_list(m["buckets"], 1, num_hashes, num_buckets) for m in made]
        check.compare(f"{name}.buckets", stack([x.reshape(x.shape[1]) for x in lists]))
        masked = [case.run(f"{name}_masked", {"qk": row["qk"], "v": row["v"], "rotation": rotation,
                                              "mask": row["mask"].as_type("F32").reshape(len(row["mask"]), 1)})
                  for row in rows]
        check.compare(f"{name}.masked_out", stack([zero_masked(m["out"], row["mask"]) for m, row in zip(masked, rows)]))
        if f"{name}.attn" in case.expected:
            check.compare(f"{name}.attn", stack([weights_of(case, name, row["qk"], rotation) for row in rows]))


def weights_of(case, method, qk, rotation):
    """The weights of attention [T, T]: what it makes of unit vectors, as many at once as values have channels."""
    length, width = qk.shape
    parts = []
    for begin in range(0, length, width):
        unit = Tensor([float(row == begin + col) for row in range(length) for col in range(width)], [length, width])
        parts.append(case.run(method, {"qk": qk, "v": unit, "rotation": rotation})["out"])
    values = [x for row in range(length) for part in parts for x in part.values[row * width:(row + 1) * width]]
    return stack([Tensor(values[row * len(parts) * width:][:length], [length]) for row in range(length)])


def reformer(case, check):
    rotations = {name: matrix(tensor) for name, tensor in case.inputs.items() if name.startswith("rot_call")}
    rows = case.batch("ids")
    made = [case.run("forward", {"ids": row["ids"], **rotations}) for row in rows]
    check.compare("logits", stack([m["logits"] for m in made]))
    count = case.hparams["heads"] - case.hparams.get("n_local_attn_heads", 0)
    length, num_hashes = len(rows[0]["ids"]), case.hparams.get("n_hashes", 4)
    for layer in range(len(rotations)):
        outs = [part for m in made for part in split(heads(m[f"lsh_out{layer}"].rows(0, length), count))]
        check.compare(f"lsh_out{layer}", stack(outs))
        num_buckets = 2 * case.inputs[f"rot_call{layer}"].shape[3]
        lists = [part for m in made for part in split(bucket_list(m[f"buckets{layer}"], count, num_hashes, num_buckets))]
        check.compare(f"buckets{layer}", stack(lists))


def split(tensor):
    return [tensor[i] for i in range(len(tensor))]


def chosen(assignment, count, num_clusters, size):
    """The rows of each head and cluster [heads, clusters, size], ascending."""
    values = []
    for head in range(count):
        rows = assignment.columns(head, head + 1).values
        for cluster in range(num_clusters):
            members = len(rows) // num_clusters
            # Memories, which the reference does not list, have the largest numbers.
            values += sorted(rows[cluster * members:(cluster + 1) * members])[:size]
    return Tensor(values, [count, num_clusters, size], "I32")


def routing_transformer(case, check):
    rows = case.batch()
    size = case.hparams.get("window_size", 64)
    num_clusters = case.hparams["max_seq_len"] // size
    full = [case.run("forward", {"ids": row["ids"]}) for row in rows]
    masked = [case.run("masked", {"ids": row["ids"], "mask": row["mask"].as_type("F32").reshape(len(row["mask"]), 1)})
              for row in rows]
    check.compare("logits", stack([m["logits"] for m in full]))
    check.compare("logits_masked", stack([zero_masked(m["logits"], row["mask"]) for m, row in zip(masked, rows)]))
    short = case.expected["logits_short"].shape[1]
    check.compare("logits_short",
                  stack([case.run("forward", {"ids": row["ids"].rows(0, short)})["logits"] for row in rows]))
    for name, expected in case.expected.items():
        if name.startswith("kmeans_attn"):
            check.compare(name, stack([heads(m[name], expected.shape[1]) for m in full]))
        elif name.startswith("picked"):
            made, source = (masked, name.replace("_masked", "")) if "_masked" in name else (full, name)
            check.compare(name, stack([chosen(m[source], expected.shape[1], num_clusters, size) for m in made]))


def clustered_attention(case, check):
    lengths = case.inputs["lengths"].values
    for tag in ("clustered", "improved"):
        given = case.expected[f"{tag}.groups"]  # the search begins at random: its outcome is an input
        outs, counts = [], []
        for index, row in enumerate(case.batch("q", "k", "v")):
            length = lengths[index]
            inputs = {name: tensor.reshape(len(tensor), tensor.shape[1] * tensor.shape[2]).rows(0, length)
                      for name, tensor in row.items()}
            made = case.run(tag, {**inputs, "groups": given[index].transpose().rows(0, length)})
            outs.append(made["out"].padded(len(row["q"])).reshape(*row["q"].shape))
            counts.append(made["counts"].transpose().as_type("I32"))
        check.compare(f"{tag}.out", stack(outs))
        check.compare(f"{tag}.counts", stack(counts))
        check.compare(f"{tag}.groups", given)


CLASSES = {
    ("reformer-pytorch", "LSHAttention"): lsh_attention,
    ("reformer-pytorch", "ReformerLM"): reformer,
    ("routing-transformer", "RoutingTransformerLM"): routing_transformer,
    ("pytorch-fast-transformers", "ClusteredAttention"): clustered_attention,
}
