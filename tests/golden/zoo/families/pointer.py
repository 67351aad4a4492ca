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


CLASSES = {
    ("rl4co", "PointerNetworkPolicy"): pointer_network,
    ("rl4co", "AttentionModelPolicy"): attention_model,
}
