"""Chains of convolutions and batch norms, and statistics of audio features."""

from tensors import Tensor, stack


def image_rows(image, channels):
    """[T, F * C] to [C, T, F]."""
    frequencies = image.shape[1] // channels
    return Tensor([image.values[row * image.shape[1] + f * channels + c]
                   for c in range(channels) for row in range(image.shape[0]) for f in range(frequencies)],
                  [channels, image.shape[0], frequencies])


def checkpoint_layout(weight, shape):
    """[out, taps * in] to the checkpoint's [out, in, taps...], or of a transposed layer [in, out, taps...]."""
    outputs, inputs = shape[0], shape[1]
    taps = len(weight.values) // (outputs * inputs)
    return Tensor([weight.values[(o * taps + tap) * inputs + i]
                   for o in range(outputs) for i in range(inputs) for tap in range(taps)], shape)


def compare_folded(case, check):
    weights = case.weights()
    for name in case.expected:
        if not name.startswith("fold_"):
            continue
        layer, kind = name[len("fold_"):].rsplit(".", 1)
        shape = case.expected[name].shape
        folded = weights[f"{layer}.{kind}"]
        if kind == "weight" and layer == "deconv":
            folded = checkpoint_layout(folded, [shape[1], shape[0]] + shape[2:])
            taps = shape[2] * shape[3]
            folded = Tensor([folded.values[(o * shape[0] + i) * taps + tap]
                             for i in range(shape[0]) for o in range(shape[1]) for tap in range(taps)], shape)
        elif kind == "weight":
            folded = checkpoint_layout(folded, shape)
        check.compare(name, folded.reshape(*shape))


def chain_1d(case, check):
    made = []
    for row in case.batch():
        x = {"x": row["x"].transpose()}
        outputs = case.run("steps", x)
        outputs["out"] = case.run("forward", x)["out"]
        made.append(outputs)
    for name in made[0]:
        by_time = name in ("lin_bn5", "out")
        check.compare(name, stack([m[name] if by_time else m[name].transpose() for m in made]))
    compare_folded(case, check)


def chain_2d(case, check):
    channels = case.hparams["c"]
    made = []
    for row in case.batch():
        x = {"x": row["x"][0]}
        outputs = case.run("steps", x)
        outputs["out"] = case.run("forward", x)["out"]
        made.append({name: image_rows(value, channels // 2 if name == "out" else channels) for name, value in outputs.items()})
    for name in made[0]:
        check.compare(name, stack([m[name] for m in made]))
    compare_folded(case, check)


def standardize(case, check):
    rows = case.batch()
    length, frames = case.inputs["wav"].shape[1], case.inputs["feat"].shape[1]
    waves = [row["wav"].rows(0, sum(row["wav_mask"].values)) for row in rows]
    made = [case.run("zero_mean_unit_var", {"wav": wave})["zero_mean_unit_var"] for wave in waves]
    check.compare("zero_mean_unit_var", stack([m.reshape(len(m)).padded(length) for m in made]))
    made = [case.run("utterance_cmvn", {"feat": row["feat"].rows(0, row["feat_len"].values[0])}) for row in rows]
    check.compare("utterance_cmvn", stack([m["utterance_cmvn"].padded(frames) for m in made]))
    features = case.inputs["feat"]
    running = case.run("running", {"feat": features.reshape(len(rows) * frames, features.shape[2])},
                       {"prefill": frames, "rows": frames})
    learned = {name: running[name][-1] for name in ("running_mean", "running_var")}
    for name, tensor in learned.items():
        check.compare(name, tensor)
    made = [case.run("standardize", {"feat": row["feat"], **learned}) for row in rows]
    check.compare("standardized", stack([m["standardized"] for m in made]))


CLASSES = {
    ("transformers+torch", "Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm"): standardize,
    ("torch", "nn.BatchNorm1d / Conv1d"): chain_1d,
    ("torch", "nn.BatchNorm2d / Conv2d"): chain_2d,
}
