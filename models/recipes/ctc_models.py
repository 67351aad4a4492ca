"""Non-autoregressive grapheme to phoneme: all phonemes at once, aligned by connectionist temporal classification.

A gap after each letter makes rows for letters with two phonemes. The body is a transformer encoder, or convolutions with batch
norm; parameters bear the names that models/ctctext reads.
"""
import torch
from torch import nn
from torch.nn import functional as F

from pronunciations import PAD
from transformer import Layer, sinusoids


class CtcTransformer(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.embed_tokens = nn.Embedding(size["vocabulary"], size["width"])
        self.embed_positions = nn.Embedding.from_pretrained(sinusoids(size["positions"], size["width"]))
        self.layers = nn.ModuleList(Layer(size, is_decoder=False) for _ in range(size["layers"]))
        self.output = nn.Linear(size["width"], size["vocabulary"])

    def forward(self, source):
        mask = (source != PAD)[:, None, None]
        x = self.embed_tokens(source) + self.embed_positions.weight[:source.shape[1]]
        for layer in self.layers:
            x = layer(x, mask)
        return self.output(x)


class ConvolutionBlock(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.conv = nn.Conv1d(size["width"], size["width"], size["kernel"], padding=size["kernel"] // 2, bias=False)
        self.norm = nn.BatchNorm1d(size["width"])
        self.dropout = nn.Dropout(size["dropout"])

    def forward(self, x, mask):
        """x [B, T, W]. The convolution as one product of matrices, which trains much faster on a CPU."""
        kernel = self.conv.kernel_size[0]
        around = F.pad(x, (0, 0, kernel // 2, kernel // 2)).unfold(1, kernel, 1).flatten(2)
        out = self.norm((around @ self.conv.weight.flatten(1).T).transpose(1, 2)).transpose(1, 2)
        return (x + self.dropout(F.relu(out))) * mask


class CtcConvolution(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.embed_tokens = nn.Embedding(size["vocabulary"], size["width"])
        self.layers = nn.ModuleList(ConvolutionBlock(size) for _ in range(size["layers"]))
        self.output = nn.Linear(size["width"], size["vocabulary"])

    def forward(self, source):
        mask = (source != PAD)[..., None].to(self.output.weight.dtype)  # rows of padding stay zero, as beyond the ends
        x = self.embed_tokens(source) * mask
        for layer in self.layers:
            x = layer(x, mask)
        return self.output(x)
