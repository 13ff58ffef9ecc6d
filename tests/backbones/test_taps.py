from __future__ import annotations

import pytest
import torch
from torch import nn

from alignedcut_viewer.backbones.taps import TapPoint, capture, first_output, merge_heads

pytestmark = pytest.mark.quick


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x + 1


def test_nothing_after_the_last_point_runs() -> None:
    layers = nn.Sequential(*(Counting() for _ in range(5)))
    zero = torch.zeros(1, 2, 3)
    taken = capture(lambda: layers(zero), [TapPoint(layers[2], first_output), TapPoint(layers[0], first_output)])
    assert [float(tensor.mean()) for tensor in taken] == [3.0, 1.0]
    assert [layer.calls for layer in layers] == [1, 1, 1, 0, 0]
    assert not any(layer._forward_hooks for layer in layers)


def test_an_input_is_taken_before_its_module_runs() -> None:
    layers = nn.Sequential(*(Counting() for _ in range(3)))
    taken = capture(lambda: layers(torch.zeros(1)), [TapPoint(layers[1], lambda x: x, before=True)])
    assert float(taken[0]) == 1.0
    assert [layer.calls for layer in layers] == [1, 0, 0]


def test_a_failing_model_leaves_no_hooks_behind() -> None:
    layer = Counting()

    def fail() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        capture(fail, [TapPoint(layer, first_output)])
    assert not layer._forward_hooks


def test_heads_are_put_side_by_side() -> None:
    tensor = torch.arange(24).reshape(1, 2, 3, 4)  # two heads of four channels, three tokens
    merged = merge_heads(tensor)
    assert merged.shape == (1, 3, 8)
    assert merged[0, 1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]
