"""The original's way of computing AuraViT, as a plain reference for the benchmarks (2D).

Same architecture and same weights as ``tools.networks.aura_vit.AuraViT``, written as the research code was:
``nn.TransformerEncoderLayer``, a copy for every token map, dilated convolutions in full, BatchNorm as it stands, a NaN
check on the host after each layer, and in training a look at every gradient on the host.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from monai.losses import DiceCELoss
from torch import nn

from tools.networks.aura_vit import AuraViT

TRANSFORMER_NAMES = {
    "attention.qkv.weight": "self_attn.in_proj_weight",
    "attention.qkv.bias": "self_attn.in_proj_bias",
    "attention.out": "self_attn.out_proj",
    "mlp.0": "linear1",
    "mlp.3": "linear2",
}


def repaired(x: torch.Tensor) -> torch.Tensor:
    """Ask the host whether there is a NaN, and if so replace it, as the original did after each layer."""
    if torch.isnan(x).any():
        return torch.nan_to_num(x)
    return x


def conv_norm(conv: nn.Module, channels: int) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(channels)]


class Residual(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, dropout_rate: float) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *conv_norm(nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False), out_channels),
            nn.ReLU(inplace=True),
            nn.Dropout2d(dropout_rate),
            *conv_norm(nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False), out_channels),
        )
        self.shortcut = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Sequential(*conv_norm(nn.Conv2d(in_channels, out_channels, 1, bias=False), out_channels))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return repaired(self.activation(self.main(x) + self.shortcut(x)))


class Up(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        conv = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False)
        self.main = nn.Sequential(*conv_norm(conv, out_channels), nn.ReLU(inplace=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.main(x)


class Gate(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project_gate = nn.Conv2d(channels, channels // 2, 1)
        self.project_skip = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.score = nn.Conv2d(channels // 2, 1, 1)

    def forward(self, gate: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        hidden = F.relu(self.project_gate(gate) + self.project_skip(skip))
        return skip * torch.sigmoid(self.score(hidden))


class Stage(nn.Module):
    def __init__(self, hidden_size: int, in_channels: int, widths: list[int], dropout_rate: float) -> None:
        super().__init__()
        self.up = Up(in_channels, widths[-1])
        climb: list[nn.Module] = []
        for channels, width in zip([hidden_size, *widths], widths, strict=False):
            climb += [Up(channels, width), Residual(width, width, dropout_rate)]
        self.skip = nn.Sequential(*climb)
        self.gate = Gate(widths[-1])
        self.merge = Residual(2 * widths[-1], widths[-1], dropout_rate)

    def forward(self, x: torch.Tensor, token_map: torch.Tensor) -> torch.Tensor:
        x = self.up(x)
        return self.merge(torch.cat([x, self.gate(x, self.skip(token_map))], dim=1))


class PlainASPP(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, branch: int, rates: tuple[int, ...] = (6, 12, 18)) -> None:
        super().__init__()
        convs = [nn.Conv2d(in_channels, branch, 1, bias=False)]
        convs += [nn.Conv2d(in_channels, branch, 3, padding=rate, dilation=rate, bias=False) for rate in rates]
        self.branches = nn.ModuleList(nn.Sequential(*conv_norm(conv, branch), nn.ReLU(inplace=True)) for conv in convs)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, branch, 1), nn.ReLU(inplace=True))
        joined = branch * (len(convs) + 1)
        self.project = nn.Sequential(
            *conv_norm(nn.Conv2d(joined, out_channels, 1, bias=False), out_channels), nn.ReLU()
        )
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [branch(x) for branch in self.branches]
        maps.append(F.interpolate(self.pool(x), size=x.shape[2:], mode="bilinear", align_corners=False))
        return repaired(self.dropout(self.project(torch.cat(maps, dim=1))))


class ReferenceAura(nn.Module):
    """AuraViT with patch size 16 and four stages, the plain way; defaults are the original's.

    Maps (B, in_channels, *img_size) to logits (B, 1, *img_size).
    """

    def __init__(
        self,
        in_channels: int = 1,
        img_size: int = 256,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        decoder_channels: tuple[int, ...] = (512, 256, 128, 64),
    ) -> None:
        super().__init__()
        widths = list(decoder_channels)
        self.grid = img_size // 16
        self.taps = [num_layers * number // 4 for number in range(1, 5)]
        self.patches = nn.Conv2d(in_channels, hidden_size, 16, stride=16)
        self.position = nn.Parameter(torch.zeros(1, self.grid**2, hidden_size))
        self.dropout = nn.Dropout(0.1)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                hidden_size, num_heads, mlp_dim, 0.1, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(num_layers)
        )
        self.norms = nn.ModuleDict({str(tap - 1): nn.LayerNorm(hidden_size) for tap in self.taps})
        self.aspp = PlainASPP(hidden_size, widths[0], widths[0] // 2)
        self.stages = nn.ModuleList(
            Stage(hidden_size, widths[max(number - 1, 0)], widths[: number + 1], 0.05) for number in range(4)
        )
        self.out = nn.Conv2d(widths[-1], 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = repaired(x)
        tokens = self.dropout(self.patches(x).flatten(2).transpose(1, 2).contiguous() + self.position)
        maps = []
        for number, layer in enumerate(self.layers):
            tokens = repaired(layer(tokens))
            if number + 1 in self.taps:
                normed = self.norms[str(number)](tokens)
                maps.append(normed.transpose(1, 2).contiguous().view(len(x), -1, self.grid, self.grid))
        y = self.aspp(maps[-1])
        for number, stage in enumerate(self.stages):
            y = stage(y, maps[3 - number])
        return repaired(self.out(y))


def reference_weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights of an ``AuraViT`` under the names of ``ReferenceAura``."""
    renamed = {}
    for name, value in state.items():
        name = name.removeprefix("decoder.").removeprefix("encoder.")
        if name.startswith("layers."):
            for ours, theirs in TRANSFORMER_NAMES.items():
                name = name.replace(ours, theirs)
        elif name == "embedding.position":
            name, value = "position", value.flatten(2).transpose(1, 2)
        name = name.replace("embedding.projection", "patches")
        renamed[name] = value
    return renamed


def same_network(ours: AuraViT, **kwargs) -> ReferenceAura:
    """Return a reference with a copy of the weights of ``ours``; ``kwargs`` as for both."""
    reference = ReferenceAura(**kwargs)
    reference.load_state_dict(reference_weights(ours.state_dict()))
    return reference


class PlainDiceCE(nn.Module):
    """The original's guard: three questions to the host around the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.loss = DiceCELoss(sigmoid=True, batch=True)

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        if torch.isnan(logits).any() or torch.isinf(logits).any():
            logits = torch.nan_to_num(logits)
        loss = self.loss(logits, label)
        if torch.isnan(loss) or torch.isinf(loss):
            loss = torch.nan_to_num(loss)
        return loss


def reference_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, loss: nn.Module, image: torch.Tensor, label: torch.Tensor
) -> float:
    """One training step with the original's checks; return the loss."""
    optimizer.zero_grad()
    if torch.isnan(image).any() or torch.isinf(image).any():
        return 0.0
    value = loss(network(image), label)
    value.backward()
    total = 0.0
    for parameter in network.parameters():
        if parameter.grad is not None:
            if torch.isnan(parameter.grad).any() or torch.isinf(parameter.grad).any():
                return 0.0
            total += parameter.grad.norm(2).item() ** 2
    torch.nn.utils.clip_grad_norm_(network.parameters(), max_norm=0.5)
    optimizer.step()
    return value.item()
