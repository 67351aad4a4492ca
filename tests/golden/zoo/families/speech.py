"""Speech encoders with CTC heads."""

from tensors import Tensor, stack

LOW = -3e38  # of keys that nobody may see


def reduced(length, hparams):
    """Frames that the convolutions make of so many samples."""
    for kernel, stride in zip(hparams["conv_kernel"], hparams["conv_stride"]):
        length = (length - kernel) // stride + 1
    return length


def wav2vec2(case, check):
    frames = case.expected["logits"].shape[1]
    made, lengths, nlls = [], [], []
    for row in case.batch():
        length = reduced(sum(row["attention_mask"].values), case.hparams)
        mask = [1.0] * length + [0.0] * (frames - length)
        inputs = {"input_values": row["input_values"], "frame_mask": Tensor(mask, [frames]),
                  "key_bias": Tensor([0.0 if m else LOW for m in mask], [frames])}
        made.append(case.run("masked", inputs))
        lengths.append(length)
        if "ctc_nll" in case.expected:
            labels = row["labels"].rows(0, row["label_lengths"].values[0])
            nlls += case.run("masked_ctc_nll", {**inputs, "labels": labels}, {"frames": length})["nll"].values
    unmasked = case.run("forward", {"input_values": case.inputs["input_values"][0]})
    for name in case.expected:
        if name == "conv_features":
            check.compare(name, stack([m[name].transpose() for m in made]))
        elif name == "argmax":
            check.compare(name, stack([m[name].reshape(frames) for m in made]))
        elif name in made[0]:
            check.compare(name, stack([m[name] for m in made]))
    check.compare("logits_nomask_row0", stack([unmasked["logits"]]))
    if "output_lengths" in case.expected:
        check.compare("output_lengths", Tensor(lengths, [len(lengths)], "I64"))
    if nlls:
        check.compare("ctc_nll", Tensor(nlls, [len(nlls)]))


def parakeet(case, check):
    frames = case.expected["logits"].shape[1]
    made, keep, best, lengths = [], [], [], []
    for row in case.batch():
        length = sum(row["attention_mask"].values)
        # The first convolution is not masked: at an odd length its last window holds a row of the padding.
        outputs = case.run("steps", {"features": row["input_features"].rows(0, length + length % 2)})
        count = len(outputs["logits"])
        keep += [t < count for t in range(frames)]
        lengths.append(count)
        best.append(outputs["argmax"].reshape(count).padded(frames, case.hparams["pad_token_id(blank)"]))
        made.append({name: tensor.padded(frames) for name, tensor in outputs.items() if name != "argmax"})
    for name in made[0]:
        check.compare(name, stack([m[name] for m in made]), keep)
    check.compare("ctc_argmax", stack(best))
    check.compare("output_lengths", Tensor(lengths, [len(lengths)], "I64"))
    check.compare("logits_nomask", stack([case.run("forward", {"features": row["input_features"]})["logits"] for row in case.batch()]))


CLASSES = {
    ("transformers", "Wav2Vec2ForCTC"): wav2vec2,
    ("transformers", "Wav2Vec2ConformerForCTC"): wav2vec2,
    ("transformers", "ParakeetForCTC"): parakeet,
}
