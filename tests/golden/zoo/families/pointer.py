"""Tours that point from node to node."""

from tensors import stack


def pointer_network(case, check):
    greedy = [case.run("tour", {"locs": row["locs"]}) for row in case.batch()]
    forced = [case.run("tour", row) for row in case.batch()]
    for name, made in (("embedded", greedy), ("encoder_states", greedy)):
        check.compare(name, stack([m[name] for m in made]))
    check.compare("greedy_actions", stack([m["actions"] for m in greedy]))
    check.compare("greedy_logp", stack([m["step_logp"] for m in greedy]))
    check.compare("forced_logp", stack([m["step_logp"] for m in forced]))
    check.compare("forced_full_logp", stack([m["full_logp"] for m in forced]))


def attention_model(case, check):
    made = [case.run("tour", row) for row in case.batch()]
    for name in ("init_embeddings", "node_embeddings", "actions", "step_logp"):
        check.compare(name, stack([m[name] for m in made]))


def pointer_generator(case, check):
    pad = case.hparams["pad"]
    rows = [{**row, "src_tokens": row["src_tokens"].rows(0, row["src_lengths"].values[0])} for row in case.batch()]
    assert not any(pad in row["src_tokens"].values for row in rows)
    given = [{name: row[name] for name in ("src_tokens", "prev_output_tokens")} for row in rows]
    forced = [case.run("teacher_forced", inputs) for inputs in given]
    stepwise = [case.run("incremental", inputs) for inputs in given]
    length = case.expected["encoder_out"].shape[1]
    keep = [t < len(row["src_tokens"]) for row in rows for t in range(length)]
    check.compare("encoder_out", stack([m["encoder_out"].padded(length) for m in forced]), keep)
    check.compare("probs", stack([m["probs"] for m in forced]))
    check.compare("probs_incremental", stack([m["probs"] for m in stepwise]))
    check.compare("copy_attention", stack([m["copy_attention"].padded_columns(length) for m in forced]))


CLASSES = {
    ("fairseq", "examples/pointer_generator TransformerPointerGeneratorModel"): pointer_generator,
    ("rl4co", "PointerNetworkPolicy"): pointer_network,
    ("rl4co", "AttentionModelPolicy"): attention_model,
}
