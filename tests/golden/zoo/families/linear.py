"""Linear attention."""

from tensors import heads, stack


def encoder(case, check):
    masked, full = [], []
    for row, length in zip(case.batch(), case.inputs["lengths"].values):
        masked.append(case.run("forward", {"x": row["x"].rows(0, length)})["out"].padded(len(row["x"])))
        full.append(case.run("forward", {"x": row["x"]})["out"])
    check.compare("out", stack(masked))
    check.compare("out_nomask", stack(full))


def causal_encoder(case, check):
    whole, stepwise = [], []
    for row in case.batch():
        whole.append(case.run("forward", row)["out"])
        stepwise.append(case.run("stepwise", row, states=True))
    check.compare("out", stack(whole))
    check.compare("out_recurrent", stack([s["out"] for s in stepwise]))
    count, width, values = case.hparams["n_heads"], case.hparams["d"], case.hparams["dv"]
    for layer in range(case.hparams["n_layers"]):
        states = [s[f"state{layer}"] for s in stepwise]  # [H * D, E + 1]
        check.compare(f"state{layer}.S", stack([s.columns(0, values).reshape(count, width, values) for s in states]))
        check.compare(f"state{layer}.Z", stack([s.columns(values, values + 1).reshape(count, width) for s in states]))


def performer(case, check):
    check.compare("logits", stack([case.run("forward", {"ids": row["ids"]})["logits"] for row in case.batch()]))
    if case.hparams.get("causal"):
        prefix = case.expected["logits_prefix"].shape[1]
        check.compare("logits_prefix",
                      stack([case.run("forward", {"ids": row["ids"].rows(0, prefix)})["logits"] for row in case.batch()]))
        return
    masked = [case.run("masked", {"ids": row["ids"], "mask": row["mask"].as_type("F32")})["logits"] for row in case.batch()]
    for logits, row in zip(masked, case.batch()):  # rows of masked tokens are zeroed
        width = logits.shape[1]
        logits.values = [x * row["mask"].values[i // width] for i, x in enumerate(logits.values)]
    check.compare("logits_masked", stack(masked))


def random_features(case, check):
    # The settings do not say which map it is.
    method = case.config["case"].split("-")[1]
    check.compare("out", stack([case.run(method, {"x": x, **omegas(case)})["out"] for x in case.inputs["x"].parts()]))


def omegas(case):
    return {name: tensor for name, tensor in case.inputs.items() if name.endswith(".omega")}


CLASSES = {
    ("pytorch-fast-transformers", "TransformerEncoder(linear, FeatureMap)"): random_features,
    ("linear-attention-transformer", "LinearAttentionTransformerLM"): performer,
    ("performer-pytorch", "PerformerLM"): performer,
    ("pytorch-fast-transformers", "TransformerEncoder(attention_type=linear"): encoder,
    ("pytorch-fast-transformers", "TransformerEncoder(causal-linear"): causal_encoder,
}
