"""Small networks with random weights, built by explicit name or by hand, and a hub that cannot be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import nn

from alignedcut_viewer.backbones import TAPS, Backbone, NetworkSpec, get_spec
from alignedcut_viewer.backbones import hub as hub_module
from alignedcut_viewer.backbones.vit_timm import TimmBackbone
from alignedcut_viewer.errors import InputError


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests never ask the real hub, and what one test learnt about a hub does not reach the next."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("ALIGNEDCUT_WEIGHTS", raising=False)
    hub_module.forget_probes()
    yield
    hub_module.forget_probes()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def scatter(generator: torch.Generator) -> Callable[[nn.Module], nn.Module]:
    """Move every weight of a model away from its initial value, so that no branch is zero or the identity."""

    def scatter(model: nn.Module) -> nn.Module:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        return model.eval()

    return scatter


@pytest.fixture
def small_spec() -> NetworkSpec:
    """Three layers of 48 channels over patches of 8 px."""
    return replace(
        get_spec("mae-vit-b16"), name="random-small", patch=8, input_size=(32, 32), n_layers=3, width=48, title="small"
    )


@pytest.fixture
def as_backbone(small_spec: NetworkSpec) -> Callable[..., TimmBackbone]:
    """Wrap a timm model that a test built."""

    def wrap(model: nn.Module, input_size: tuple[int, int] = (32, 32), **changes: object) -> TimmBackbone:
        return TimmBackbone(
            replace(small_spec, **changes),  # type: ignore[arg-type]
            model,
            input_size=input_size,
            device=torch.device("cpu"),
            dtype=torch.float32,
            source_note="random weights of a test",
        )

    return wrap


@pytest.fixture
def check_one_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[Backbone, torch.Tensor], None]:
    """Assert that all taps of some layers come from one forward pass, equal to single passes to the bit."""

    def check(backbone: Backbone, batch: torch.Tensor) -> None:
        places = [(layer, tap) for tap in TAPS for layer in (2, 0)]
        alone = [backbone.features(batch, [layer], tap)[0] for layer, tap in places]
        passes: list[int] = []
        run = backbone._run
        with monkeypatch.context() as patch:
            patch.setattr(backbone, "_run", lambda placed: (passes.append(len(placed)), run(placed)))
            together = backbone.features_at(batch, places)
        assert passes == [len(batch)]
        for one, other in zip(alone, together, strict=True):
            assert torch.equal(one, other)
        with pytest.raises(InputError, match="only once for each tap"):
            backbone.features_at(batch, [(0, "q"), (0, "q")])
        with pytest.raises(InputError, match="Unknown tap"):
            backbone.features_at(batch, [(0, "q"), (0, "w")])  # type: ignore[list-item]

    return check
