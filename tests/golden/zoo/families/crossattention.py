"""Decoders that look at several layers of the encoder."""

from tensors import Tensor, stack


def layerwise(case, check):
    made, keep = {}, []
    length = case.inputs["src"].shape[1]
    for row in case.batch():
        valid = row["src_pad"].values.count(0)
        keep += [t < valid for t in range(length)]
        inputs = {"src": row["src"].rows(0, valid), "tgt": row["tgt"]}
        for name in case.expected:
            if name.startswith("logits_"):
                made.setdefault(name, []).append(case.run(name[len("logits_"):], inputs))
    states = [m for m in made["logits_last"]]
    for name in case.expected:
        if name in made:
            check.compare(name, stack([m["logits"] for m in made[name]]))
        else:
            check.compare(name, stack([m[name].padded(length) for m in states]), keep)


def meshed_memory(case, check):
    full = [case.run("full", row) for row in case.batch()]
    layers = case.expected["enc_layers"].shape[1]
    check.compare("enc_layers", stack([stack([m[f"enc_layer{i}"] for i in range(layers)]) for m in full]))
    check.compare("logprobs", stack([m["logprobs"] for m in full]))
    check.compare("logprobs_incremental", stack([case.run("incremental", row)["logprobs"] for row in case.batch()]))
    # The reference never finds padding.
    shape = case.expected["enc_mask"].shape
    check.compare("enc_mask", Tensor([0] * (shape[0] * shape[1]), shape, "U8"))


CLASSES = {
    ("torch", "nn.TransformerEncoderLayer, nn.TransformerDecoderLayer"): layerwise,
    ("aimagelab/meshed-memory-transformer (public repository)", "MemoryAugmentedEncoder"): meshed_memory,
}
