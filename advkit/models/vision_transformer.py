"""A small vision transformer with the same logits with and without gradients.

torch's own encoder layer has another implementation in eval mode without gradients, with other
rounding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (n, length, width) for tokens of the same shape."""
        n, length, width = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(n, length, width))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Pre-norm attention and MLP with residual connections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attend = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
        self.think = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (n, length, width) for tokens of the same shape."""
        x = x + self.attend(x)
        return x + self.think(x)  # type: ignore[no-any-return]


class VisionTransformer(nn.Module):
    """Patches, learned position embeddings, ``depth`` blocks, the mean of all tokens."""

    def __init__(
        self, shape: tuple[int, ...], n_classes: int, *, width: int, depth: int, heads: int
    ) -> None:
        super().__init__()
        channels, height, columns = shape
        patch = max(2, min(height, columns) // 7)
        down, right = -height % patch, -columns % patch
        self.pad = nn.ZeroPad2d((0, right, 0, down))
        self.patches = nn.Conv2d(channels, width, patch, patch)
        count = (height + down) // patch * ((columns + right) // patch)
        self.position = nn.Parameter(0.02 * torch.randn(1, count, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, n_classes) of images (n, channels, height, width)."""
        tokens = self.patches(self.pad(x)).flatten(2).transpose(1, 2)
        return self.head(self.blocks(tokens + self.position).mean(1))  # type: ignore[no-any-return]
