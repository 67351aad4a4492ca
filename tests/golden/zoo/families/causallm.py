"""Language models with windows of keys."""

from tensors import Tensor, stack


def inputs(case, ids, begin=0):
    """Tokens and, where the model wants them, their positions: rows of padding keep theirs."""
    made = {"input_ids": ids}
    if case.config["reference"]["class"].startswith("GPTNeo"):
        made["position_ids"] = Tensor(range(begin, begin + len(ids)), [len(ids), 1], "I32")
    return made


def decoder(case, check):
    rows = case.batch()
    # The first run of the incremental outputs takes several tokens; its last row is the first one expected.
    length, steps = case.expected["logits"].shape[1], case.expected["logits_incremental"].shape[1]
    prefill = length - steps + 1
    check.compare("logits", stack([case.run("full", inputs(case, row["input_ids"]))["logits"] for row in rows]))
    made = [case.run("incremental", inputs(case, row["input_ids"]), {"prefill": prefill})["logits"] for row in rows]
    check.compare("logits_incremental", stack([m.rows(prefill - 1, length) for m in made]))
    padded = []
    for row in rows:
        count = len(row["input_ids_leftpad"])
        padding = count - sum(row["attention_mask_leftpad"].values)
        logits = case.run("full", inputs(case, row["input_ids_leftpad"].rows(padding, count), padding))["logits"]
        padded.append(Tensor([0.0] * (padding * logits.shape[1]) + logits.values, [count, logits.shape[1]]))
    check.compare("logits_padded", stack(padded))


CLASSES = {
    ("transformers", "MistralForCausalLM"): decoder,
    ("transformers", "Gemma3ForCausalLM"): decoder,
    ("transformers", "GPTNeoForCausalLM"): decoder,
}
