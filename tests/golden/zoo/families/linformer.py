"""Keys and values compressed along time."""

from tensors import stack


def language_model(case, check):
    short = case.expected["logits_short"].shape[1]
    check.compare("logits", stack([case.run("forward", row)["logits"] for row in case.batch()]))
    check.compare("logits_short",
                  stack([case.run("forward", {"ids": row["ids"].rows(0, short)})["logits"] for row in case.batch()]))


def attention(case, check):
    check.compare("self", stack([case.run("self", {"x": row["x"]})["self"] for row in case.batch()]))
    check.compare("cross", stack([case.run("cross", row)["cross"] for row in case.batch()]))


def memory_compressed(case, check):
    for name in case.expected:
        length = case.expected[name].shape[1]
        made = [case.run(name.split("_")[0], {"x": row["x"].rows(0, length)})["out"] for row in case.batch()]
        check.compare(name, stack(made))


CLASSES = {
    ("memory-compressed-attention", "MemoryCompressedAttention"): memory_compressed,
    ("linformer", "LinformerLM"): language_model,
    ("linformer", "LinformerSelfAttention"): attention,
}
