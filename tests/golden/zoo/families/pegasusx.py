"""Global tokens, and blocks of tokens that are shifted in turn."""

from tensors import stack


def summarizer(case, check):
    count, keep, steps, forced, stepwise, greedy = len(case.inputs["input_ids"][0]), [], [], [], [], []
    length = case.expected["greedy_tokens"].shape[1]
    for row in case.batch():
        valid = sum(row["attention_mask"].values)
        keep += [t < valid for t in range(count)]
        source = {"input_ids": row["input_ids"].rows(0, valid)}
        inputs = {**source, "decoder_input_ids": row["decoder_input_ids"]}
        steps.append(case.run("encode_steps", source))
        forced.append(case.run("teacher_forced", inputs))
        stepwise.append(case.run("incremental", inputs))
        greedy.append(case.run("greedy", source, {"max_tokens": length, "eos": -1}))
    for name in case.expected:
        if name.startswith("enc_hidden"):
            check.compare(name, stack([s[name].padded(count) for s in steps]), keep)
    check.compare("global_last", stack([s["global_last"] for s in steps]))
    check.compare("encoder_out", stack([f["encoder_out"].padded(count) for f in forced]), keep)
    check.compare("logits", stack([f["logits"] for f in forced]))
    check.compare("logits_incremental", stack([s["logits"] for s in stepwise]))
    check.compare("greedy_tokens", stack([g["tokens"] for g in greedy]))
    check.compare("greedy_margin", stack([g["margins"] for g in greedy]))


CLASSES = {("transformers", "PegasusXForConditionalGeneration"): summarizer}
