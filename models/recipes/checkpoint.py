"""Writes what was trained as earshot-convert reads it: config.json and model.safetensors in f16."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from pronunciations import VOCABULARY


def rounded_to_f16(model):
    """The weights that the checkpoint will hold; figures for comparison are those of these."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())
    return model


def write_checkpoint(folder, tensors, reference, settings, description, expected, vocabulary=True):
    """`tensors` by the names that the converter knows; `expected`: figures that the converted model must give, for the tests."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.half().contiguous() for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    save_file(tensors, folder / "model.safetensors")
    config = {"reference": reference, "hparams": settings}
    if vocabulary:
        config["vocabulary"] = VOCABULARY
    config["license"] = "Apache-2.0"
    config["trained_on"] = description
    config["expected_in_f32"] = expected
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
