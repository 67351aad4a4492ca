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


CLASSES = {
    ("transformers", "WhisperForConditionalGeneration"): whisper,
    ("transformers", "MarianMTModel"): marian,
}
