"""Encoders with autoregressive decoders."""

from tensors import Tensor, stack


def pick(row, *names):
    return {name: row[name] for name in names}


def valid(row):
    """A row whose padded end is cut off."""
    length = sum(row["attention_mask"].values)
    return {**row, "input_ids": row["input_ids"].rows(0, length)}


def whisper(case, check):
    steps = case.expected["greedy_tokens"].shape[1]
    full, incremental, greedy = [], [], []
    for row in case.batch():
        inputs = {"mel": row["input_features"].transpose(), "token_ids": row["decoder_input_ids"]}
        full.append(case.run("full", inputs))
        incremental.append(case.run("incremental", inputs))
        greedy.append(case.run("greedy", {"mel": inputs["mel"]}, {"start": 1, "max_tokens": steps}))
    check.compare("encoder_out", stack([m["encoder_output"] for m in full]))
    check.compare("logits", stack([m["logits"] for m in full]))
    check.compare("logits_incremental", stack([m["logits"] for m in incremental]))
    check.compare("greedy_tokens", stack([m["tokens"] for m in greedy]))
    check.compare("greedy_margin", stack([m["margins"] for m in greedy]))


# What the reference was asked for: beams, length penalty, whether it stops early.
BEAM_SEARCHES = {"beam4": (4, 1.0, 0), "beam3": (3, 0.6, 1)}
RETURNED, MAX_NEW_TOKENS = 2, 16


def marian(case, check):
    pad, start = case.hparams["pad_token_id"], case.hparams["decoder_start_token_id"]
    rows = [valid(row) for row in case.batch()]
    forced = [case.run("teacher_forced", pick(row, "input_ids", "decoder_input_ids")) for row in rows]
    stepwise = [case.run("incremental", pick(row, "input_ids", "decoder_input_ids")) for row in rows]
    length = case.expected["encoder_out"].shape[1]
    keep = [t < len(row["input_ids"]) for row in rows for t in range(length)]
    check.compare("encoder_out", stack([m["encoder_out"].padded(length) for m in forced]), keep)
    check.compare("logits", stack([m["logits"] for m in forced]))
    check.compare("logits_incremental", stack([m["logits"] for m in stepwise]))
    steps = case.expected["greedy_tokens"].shape[1]
    greedy = [case.run("greedy", pick(row, "input_ids"), {"max_tokens": steps, "eos": -1}) for row in rows]
    check.compare("greedy_tokens", stack([m["tokens"] for m in greedy]))
    check.compare("greedy_margin", stack([m["margins"] for m in greedy]))
    for name, (beams, penalty, early) in BEAM_SEARCHES.items():
        settings = {"num_beams": beams, "num_returned": RETURNED, "max_tokens": MAX_NEW_TOKENS, "length_penalty": penalty,
                    "early_stopping": early}
        made = [case.run("beam", pick(row, "input_ids"), settings) for row in rows]
        width = case.expected[f"{name}_tokens"].shape[1]
        check.compare(f"{name}_tokens", stack([m["tokens"][i].padded(width, pad) for m in made for i in range(RETURNED)]))
        check.compare(f"{name}_scores", Tensor([x for m in made for x in m["scores"].values], [RETURNED * len(rows)]))
    made = [case.run("greedy", pick(row, "input_ids"), {"max_tokens": MAX_NEW_TOKENS})["tokens"] for row in rows]
    width = case.expected["generate_greedy"].shape[1]
    check.compare("generate_greedy", stack(
        [Tensor([start] + m.values, [len(m) + 1], m.dtype).padded(width, pad) for m in made]))


def decoded(case, check, runs, prefix=""):
    """What the decoder makes of each row: `runs` are pairs of inputs, its tokens apart, and settings."""
    steps = case.expected["greedy_tokens"].shape[1]
    for name, loop in (("logits", "full"), ("logits_incremental", "incremental")):
        check.compare(name, stack([
            case.run(prefix + loop, {**inputs, **pick(row, "decoder_input_ids")}, settings)["logits"]
            for row, (inputs, settings) in zip(case.batch(), runs)]))
    greedy = [case.run(prefix + "greedy", inputs, {**settings, "max_tokens": steps, "eos": -1}) for inputs, settings in runs]
    check.compare("greedy_tokens", stack([m["tokens"] for m in greedy]))
    check.compare("greedy_margin", stack([m["margins"] for m in greedy]))


def moonshine(case, check):
    samples_per_frame = 64 * 3 * 2
    frames = case.expected["encoder_out"].shape[1]
    masks = [row["attention_mask"].values[::samples_per_frame][:frames] for row in case.batch()]
    runs = [(pick(row, "input_values"), {"source": sum(mask)}) for row, mask in zip(case.batch(), masks)]
    check.compare("encoder_mask", stack([Tensor(mask, [frames], "I32") for mask in masks]))
    check.compare("encoder_out", stack([case.run("masked", *run)["encoder_out"] for run in runs]))
    decoded(case, check, runs, "masked_")


def any_in_window(mask):
    """Of a causal convolution over 5 frames in steps of 2: whether its window holds a valid one."""
    padded = [0.0] * 4 + mask
    return [max(padded[i:i + 5]) for i in range(0, len(mask), 2)]


def moonshine_streaming(case, check):
    encoder = case.hparams["encoder"]
    samples = round(encoder["sample_rate"] * encoder["frame_ms"] / 1000)
    embedded, masks = [], []
    for row in case.batch():
        count, valid = len(row["input_values"]) // samples, sum(row["attention_mask"].values) // samples
        stages = [[1.0] * valid + [0.0] * (count - valid)]
        stages += [any_in_window(stages[0])]
        stages += [any_in_window(stages[1])]
        inputs = {"input_values": row["input_values"].reshape(count, samples)}
        for name, mask in zip(("frame_mask", "conv1_mask", "conv2_mask"), stages):
            inputs[name] = Tensor(mask, [len(mask)])
        embedded.append(case.run("embed_masked", inputs)["features"])
        masks.append([int(m) for m in stages[2]])
    for name in ("embedder_mask", "encoder_mask"):
        check.compare(name, stack([Tensor(mask, [len(mask)], "U8") for mask in masks]))
    check.compare("embedder", stack(embedded))
    runs = [({"features": features.rows(0, sum(mask))}, {}) for features, mask in zip(embedded, masks)]
    made = [case.run("encode", *run)["encoder_out"].padded(len(mask)) for run, mask in zip(runs, masks)]
    check.compare("encoder_out", stack(made), [m > 0 for mask in masks for m in mask])
    first = case.inputs["input_values"][0]
    features = case.run("embed", {"input_values": first.reshape(len(first) // samples, samples)})["features"]
    check.compare("encoder_out_nomask_row0", stack([case.run("encode_unbounded", {"features": features})["encoder_out"]]))
    decoded(case, check, runs)


CLASSES = {
    ("transformers", "WhisperForConditionalGeneration"): whisper,
    ("transformers", "MarianMTModel"): marian,
    ("transformers", "MoonshineForConditionalGeneration"): moonshine,
    ("transformers", "MoonshineStreamingForConditionalGeneration"): moonshine_streaming,
}
