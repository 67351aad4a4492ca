"""An encoder-decoder transformer (Vaswani et al. 2017): post-norm blocks, sinusoidal positions, one table of tokens for all.

Names and shapes of parameters are those that transformers gives a Marian model, which earshot-convert reads.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

from pronunciations import PAD


def sinusoids(length, width):
    """All sines, then all cosines."""
    rates = torch.exp(-math.log(10000.0) * torch.arange(0, width, 2) / width)
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, keys, mask=None, is_causal=False):
        """x [B, T, W]; keys [B, S, W]; mask [B, 1, 1, S], true where a key is seen."""
        def split(y):
            return y.view(*y.shape[:2], self.heads, -1).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(split(self.q_proj(x)), split(self.k_proj(keys)), split(self.v_proj(keys)),
                                               attn_mask=mask, is_causal=is_causal)
        return self.out_proj(mixed.transpose(1, 2).reshape(x.shape))


class Layer(nn.Module):
    def __init__(self, size, is_decoder):
        super().__init__()
        width = size["width"]
        self.self_attn = Attention(width, size["heads"])
        self.self_attn_layer_norm = nn.LayerNorm(width)
        if is_decoder:
            self.encoder_attn = Attention(width, size["heads"])
            self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, size["ffn"]), nn.Linear(size["ffn"], width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(size["dropout"])

    def forward(self, x, mask, encoded=None):
        is_decoder = encoded is not None
        mixed = self.self_attn(x, x, is_causal=True) if is_decoder else self.self_attn(x, x, mask)
        x = self.self_attn_layer_norm(x + self.dropout(mixed))
        if is_decoder:
            x = self.encoder_attn_layer_norm(x + self.dropout(self.encoder_attn(x, encoded, mask)))
        return self.final_layer_norm(x + self.dropout(self.fc2(F.relu(self.fc1(x)))))


class Half(nn.Module):
    """Encoder or decoder."""

    def __init__(self, size, num_layers, is_decoder):
        super().__init__()
        self.embed_positions = nn.Embedding.from_pretrained(sinusoids(size["positions"], size["width"]))
        self.layers = nn.ModuleList(Layer(size, is_decoder) for _ in range(num_layers))
        self.dropout = nn.Dropout(size["dropout"])

    def forward(self, embedded, mask, encoded=None):
        scale = math.sqrt(embedded.shape[-1])
        x = self.dropout(embedded * scale + self.embed_positions.weight[:embedded.shape[1]])
        for layer in self.layers:
            x = layer(x, mask, encoded)
        return x


class EncoderDecoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.shared = nn.Embedding(size["vocabulary"], size["width"])
        nn.init.normal_(self.shared.weight, std=size["width"] ** -0.5)
        self.encoder = Half(size, size["encoder_layers"], is_decoder=False)
        self.decoder = Half(size, size["decoder_layers"], is_decoder=True)
        self.final_logits_bias = nn.Parameter(torch.zeros(1, size["vocabulary"]))

    def encode(self, source):
        mask = (source != PAD)[:, None, None]
        return self.encoder(self.shared(source), mask), mask

    def decode(self, encoded, mask, target_input):
        x = self.decoder(self.shared(target_input), mask, encoded)
        return x @ self.shared.weight.T + self.final_logits_bias

    def forward(self, source, target_input):
        return self.decode(*self.encode(source), target_input)
