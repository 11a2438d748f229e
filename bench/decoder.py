"""A decoder of text as litgpt builds it: what it keeps for the backward pass decides what fine-tuning takes.

Written after what litgpt's `model.py` and `lora.py` do (github.com/Lightning-AI/litgpt, 2023 and 2024): one
projection for query, key and value; rotary embeddings of a part of each head; keys and values repeated for
grouped queries; normalisation in fp32; low-rank updates of the projections; logits in chunks of 128 tokens,
which Fabric converts to fp32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK = 128
"""Tokens whose logits are calculated at once where weights are frozen."""


@dataclass(frozen=True)
class Lora:
    """Low-rank updates.

    Attributes:
        rank: Of each.
        enabled: Whether queries, keys and values have one.
        others: Whether all other projections and the head have one, too.
        dropout: Of what goes into them.
    """

    rank: int
    enabled: tuple[bool, bool, bool] = (True, False, True)
    others: bool = False
    dropout: float = 0.05


@dataclass(frozen=True)
class Setting:
    """A published model.

    Attributes:
        depth: Blocks.
        width: Of the residual stream.
        heads: Of queries.
        groups: Heads of keys and values.
        inner: Width inside of the feed-forward part.
        vocabulary: Rows of the embedding, as padded.
        head: Width of a head; None divides the width by the heads.
        rotary: The part of a head that is rotated.
        gated: The function of a gated feed-forward part; None is a plain one with GELU.
        rms: Whether norms are root mean square.
        bias: Whether projections have one.
        head_bias: Whether the head has one.
        parallel: Whether attention and feed-forward part are added to the same input.
        shared_norm: Whether they share its norm.
        scaled: Whether embeddings are multiplied.
        cap: Whether scores and logits are capped by a tanh, with norms behind both parts: Gemma 2.
    """

    depth: int
    width: int
    heads: int
    groups: int
    inner: int
    vocabulary: int
    head: int | None = None
    rotary: float = 1.0
    gated: str | None = "silu"
    rms: bool = True
    bias: bool = False
    head_bias: bool = False
    parallel: bool = False
    shared_norm: bool = False
    scaled: bool = False
    cap: bool = False

    @property
    def head_width(self) -> int:
        return self.head or self.width // self.heads


class RMSNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(torch.mean(wide * wide, dim=-1, keepdim=True) + 1e-5)
        return normed.to(x.dtype) * self.weight


def norm(setting: Setting) -> nn.Module:
    return RMSNorm(setting.width) if setting.rms else nn.LayerNorm(setting.width)


class Updated(nn.Module):
    """A projection with a low-rank update."""

    def __init__(self, inner: int, outer: int, bias: bool, lora: Lora) -> None:
        super().__init__()
        self.linear = nn.Linear(inner, outer, bias=bias)
        self.dropout = nn.Dropout(lora.dropout)
        self.lora_a = nn.Parameter(torch.zeros(lora.rank, inner))
        self.lora_b = nn.Parameter(torch.zeros(outer, lora.rank))

    def forward(self, x: Tensor) -> Tensor:
        update: Tensor = (self.dropout(x) @ self.lora_a.transpose(0, 1) @ self.lora_b.transpose(0, 1)) * 0.5
        projected: Tensor = self.linear(x)
        return projected + update


class UpdatedAttention(nn.Module):
    """The projection to queries, keys and values, some of which have low-rank updates."""

    def __init__(self, setting: Setting, outer: int, lora: Lora) -> None:
        super().__init__()
        self.linear = nn.Linear(setting.width, outer, bias=setting.bias)
        self.dropout = nn.Dropout(lora.dropout)
        heads = (setting.heads, setting.groups, setting.groups)
        pairs = zip(heads, lora.enabled, strict=True)
        self.parts = [each * setting.head_width for each, enabled in pairs if enabled]
        self.grouped = setting.heads != setting.groups
        self.lora_a = nn.Parameter(torch.zeros(lora.rank * len(self.parts), setting.width))
        self.lora_b = nn.Parameter(torch.zeros(sum(self.parts), lora.rank))

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.linear(x)
        narrow = functional.linear(self.dropout(x), self.lora_a).transpose(-2, -1)
        update = self.widened(narrow, self.lora_b.unsqueeze(-1)).transpose(-2, -1)
        return projected + self.padded(update) * 0.5

    def widened(self, narrow: Tensor, weight: Tensor) -> Tensor:
        if not self.grouped:
            return functional.conv1d(narrow, weight, groups=len(self.parts))
        pairs = zip(narrow.chunk(len(self.parts), dim=1), weight.split(self.parts), strict=True)
        return torch.cat([functional.conv1d(each, part) for each, part in pairs], dim=1)

    def padded(self, update: Tensor) -> Tensor:
        outer = self.linear.out_features
        if sum(self.parts) == outer:
            return update
        update = update.transpose(0, 1)
        shape = (*update.shape[:-1], outer)
        places = torch.arange(sum(self.parts), device=update.device)
        flat = update.new_zeros(shape).view(-1, outer)
        return flat.index_copy(1, places, update.reshape(-1, sum(self.parts))).view(shape).transpose(0, 1)


def projection(inner: int, outer: int, bias: bool, lora: Lora | None) -> nn.Module:
    return Updated(inner, outer, bias, lora) if lora and lora.others else nn.Linear(inner, outer, bias=bias)


class Attention(nn.Module):
    def __init__(self, setting: Setting, lora: Lora | None) -> None:
        super().__init__()
        self.setting = setting
        outer = (setting.heads + 2 * setting.groups) * setting.head_width
        self.attn: nn.Module = (
            UpdatedAttention(setting, outer, lora)
            if lora
            else nn.Linear(setting.width, outer, bias=setting.bias)
        )
        self.proj = projection(setting.heads * setting.head_width, setting.width, setting.bias, lora)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        setting, (batch, tokens, _) = self.setting, x.shape
        each, groups, head = setting.heads // setting.groups, setting.groups, setting.head_width
        joint = self.attn(x).view(batch, tokens, groups, each + 2, head).permute(0, 2, 3, 1, 4)
        query, key, value = joint.split((each, 1, 1), dim=2)
        if groups != setting.heads:
            key = key.expand(batch, groups, each, tokens, head)
            value = value.expand(batch, groups, each, tokens, head)
        query, key, value = (part.reshape(batch, -1, tokens, head) for part in (query, key, value))
        query, key = rotated(query, cos, sin), rotated(key, cos, sin)
        attended = capped(query, key, value) if setting.cap else fused(query, key, value)
        out: Tensor = self.proj(attended.transpose(1, 2).reshape(batch, tokens, -1))
        return out


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return heads of which the first columns are rotated by the position."""
    columns = cos.shape[-1]
    part = x[..., :columns]
    first, second = part[..., : columns // 2], part[..., columns // 2 :]
    turned = (part * cos) + (torch.cat((-second, first), dim=-1) * sin)
    return torch.cat((turned.to(x.dtype), x[..., columns:]), dim=-1)


def fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(query, key, value, is_causal=True)


def capped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return attention with scores that a tanh caps, for which there is no fused kernel."""
    tokens = query.shape[2]
    scores = torch.tanh(query @ key.mT * (1 / math.sqrt(query.shape[-1])) / 50.0) * 50.0
    mask = torch.ones(tokens, tokens, dtype=query.dtype, device=query.device).triu(diagonal=1)
    scores = scores + mask * torch.finfo(query.dtype).min
    return functional.softmax(scores, dim=-1, dtype=torch.float).to(query.dtype) @ value


class FeedForward(nn.Module):
    def __init__(self, setting: Setting, lora: Lora | None) -> None:
        super().__init__()
        self.gated = setting.gated
        self.fc_1 = projection(setting.width, setting.inner, setting.bias, lora)
        if self.gated:
            self.fc_2 = projection(setting.width, setting.inner, setting.bias, lora)
        self.proj = projection(setting.inner, setting.width, setting.bias, lora)

    def forward(self, x: Tensor) -> Tensor:
        first = self.fc_1(x)
        out: Tensor = self.proj(
            functional.gelu(first) if self.gated is None else self.gate(first) * self.fc_2(x)
        )
        return out

    def gate(self, x: Tensor) -> Tensor:
        return functional.silu(x) if self.gated == "silu" else functional.gelu(x)


class Block(nn.Module):
    def __init__(self, setting: Setting, lora: Lora | None) -> None:
        super().__init__()
        self.parallel = setting.parallel
        self.norm_1 = norm(setting)
        self.attn = Attention(setting, lora)
        self.norm_2 = None if setting.shared_norm else norm(setting)
        self.mlp = FeedForward(setting, lora)
        self.behind = nn.ModuleList(norm(setting) if setting.cap else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        normed = self.norm_1(x)
        attended = self.behind[0](self.attn(normed, cos, sin))
        if self.parallel:
            return self.mlp(normed if self.norm_2 is None else self.norm_2(x)) + attended + x  # type: ignore[no-any-return]
        x = attended + x
        return self.behind[1](self.mlp(self.norm_2(x) if self.norm_2 else x)) + x  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """A model with `depth` blocks; with low-rank updates, nothing else is trained."""

    def __init__(self, setting: Setting, depth: int, tokens: int, lora: Lora | None = None) -> None:
        super().__init__()
        self.setting, self.chunked = setting, lora is not None
        self.lm_head = projection(setting.width, setting.vocabulary, setting.head_bias, lora)
        self.wte = nn.Embedding(setting.vocabulary, setting.width)
        self.h = nn.ModuleList(Block(setting, lora) for _ in range(depth))
        self.ln_f = norm(setting)
        columns = int(setting.rotary * setting.head_width)
        self.register_buffer("cos", torch.zeros(tokens, columns))
        self.register_buffer("sin", torch.zeros(tokens, columns))
        if lora:
            for name, parameter in self.named_parameters():
                parameter.requires_grad_("lora_" in name)

    def forward(self, tokens: Tensor) -> list[Tensor]:
        x = self.wte(tokens)
        if self.setting.scaled:
            x = x * self.setting.width**0.5
        for block in self.h:
            x = block(x, self.cos, self.sin)
        x = self.ln_f(x)
        parts = x.split(CHUNK, dim=1) if self.chunked else (x,)
        return [each.float() for each in [self.logits(part) for part in parts]]

    def logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.lm_head(x)
        return torch.tanh(logits / 30.0) * 30.0 if self.setting.cap else logits


def loss(chunks: Sequence[Tensor]) -> Tensor:
    """Return the loss of the next tokens: without those behind the last one, in chunks of 128 tokens."""
    whole = [*chunks[:-1], chunks[-1][:, :-1]]
    if len(chunks) == 1:
        whole = list(whole[0].reshape(-1, whole[0].shape[-1]).split(CHUNK))
    flat = [each.reshape(-1, each.shape[-1]) for each in whole]
    losses = [
        functional.cross_entropy(each, torch.zeros(each.shape[0], dtype=torch.long), reduction="none")
        for each in flat
    ]
    return torch.cat(losses).mean()
