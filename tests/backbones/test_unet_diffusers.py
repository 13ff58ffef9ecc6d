"""U-Nets of diffusion models: real classes of diffusers with random weights, against plain forward passes."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.backbones import get_spec, load_backbone
from alignedcut_viewer.backbones.diffusion_choice import DiffusionChoice
from alignedcut_viewer.errors import CheckpointError, InputError, UnknownNetworkError, WeightsUnavailableError
from alignedcut_viewer.study import Study
from tests.planted import noise_pictures

diffusers = pytest.importorskip("diffusers", reason="needs the extra `diffusion`")

UNET: dict[str, Any] = {
    "sample_size": 64,  # as Stable Diffusion 1.x: 512 px, grids of 64, 32, 16 and 8
    "block_out_channels": (32, 32, 64, 64),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "layers_per_block": 2,
    "cross_attention_dim": 32,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}
SMALL: dict[str, Any] = (
    UNET
    | {"sample_size": 16, "block_out_channels": (16, 32), "layers_per_block": 1}
    | {
        "down_block_types": ("CrossAttnDownBlock2D",) * 2,
        "up_block_types": ("CrossAttnUpBlock2D",) * 2,
    }
)
WORDS = ["<|startoftext|>", "<|endoftext|>", "a</w>", "dog</w>"]


def write(folder: Path, unet: dict[str, Any], *, encoder: bool = False) -> Path:
    """A pipeline folder with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        diffusers.UNet2DConditionModel(**unet).save_pretrained(folder / "unet")
        vae = diffusers.AutoencoderKL(
            block_out_channels=(8, 8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=4,
        )
        vae.save_pretrained(folder / "vae")
        diffusers.DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012).save_pretrained(
            folder / "scheduler"
        )
        if encoder:
            from transformers import CLIPTextConfig, CLIPTextModel

            config = CLIPTextConfig(
                vocab_size=len(WORDS), hidden_size=32, intermediate_size=32, num_hidden_layers=2,
                num_attention_heads=4, bos_token_id=0, eos_token_id=1, pad_token_id=1,
            )  # fmt: skip
            CLIPTextModel(config).save_pretrained(folder / "text_encoder")
            words = folder / "tokenizer"
            words.mkdir()
            vocabulary = {word: number for number, word in enumerate([*WORDS, "d", "o", "g</w>", "do"])}
            (words / "vocab.json").write_text(json.dumps(vocabulary))
            (words / "merges.txt").write_text("#version: 0.2\nd o\ndo g</w>\n")
            described = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}
            (words / "tokenizer_config.json").write_text(json.dumps(described))
    return folder


@pytest.fixture(scope="module")
def real_shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("sd"), UNET)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("small"), SMALL, encoder=True)


def by_hand(folder: Path, batch: torch.Tensor, step: int, seed: int) -> dict[str, torch.Tensor]:
    """Output of every self-attention in a plain forward pass, by the name of its module."""
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae").eval()
    scheduler = diffusers.DDPMScheduler.from_pretrained(folder / "scheduler")
    found: dict[str, torch.Tensor] = {}
    for name, module in unet.named_modules():
        if name.endswith("attn1"):
            module.register_forward_hook(lambda _m, _i, out, name=name: found.__setitem__(name, out))
            for tap in "qkv":
                part = getattr(module, f"to_{tap}")
                part.register_forward_hook(lambda _m, _i, o, name=name, t=tap: found.__setitem__(f"{name}.{t}", o))
    with torch.no_grad():
        latents = vae.encode(batch).latent_dist.mode() * vae.config.scaling_factor
        noise = torch.randn((1, *latents.shape[1:]), generator=torch.Generator().manual_seed(seed))
        noisy = scheduler.add_noise(latents, noise.expand_as(latents), torch.tensor([step]))
        unet(noisy, step, encoder_hidden_states=torch.zeros(len(batch), 77, 32))
    return found


def test_layers_grids_and_features_of_the_real_shapes(real_shapes: Path) -> None:
    network = load_backbone(f"diffusers:{real_shapes}?timesteps=120&seed=5", device="cpu")
    assert network.input_size == (512, 512)
    sides = [32, 32, 16, 16, 8, 16, 16, 16, 32, 32, 32]
    assert [network.grid_of(layer) for layer in range(network.n_layers)] == [(side, side) for side in sides]
    assert network.grid == (32, 32)
    batch = torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    expected = by_hand(real_shapes, batch, 120, 5)
    order = [
        name for name in expected if name.endswith("attn1") and not name.startswith(("down_blocks.0", "up_blocks.3"))
    ]
    assert len(order) == network.n_layers
    places = [(layer, tap) for layer in range(network.n_layers) for tap in ("attention", "q", "k", "v")]
    found = dict(zip(places, network.features_at(batch, places), strict=True))  # type: ignore[arg-type]
    for layer, name in enumerate(order):
        for tap in ("attention", "q", "k", "v"):
            own = expected[name if tap == "attention" else f"{name}.{tap}"]
            assert found[layer, tap].shape == own.shape == (1, sides[layer] ** 2, network.widths(tap)[layer])
            torch.testing.assert_close(found[layer, tap], own, rtol=1e-4, atol=1e-5)
    fine = get_spec(f"diffusers:{real_shapes}?grids=64")
    assert (fine.n_layers, fine.patch) == (5, 8)


def test_passes_are_averaged(small: Path) -> None:
    batch = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    text = f"diffusers:{small}?grids=8,16&timesteps=50,200&draws=2&seed=3"
    averaged = load_backbone(text, device="cpu").features(batch, [0, 2])
    single = [
        load_backbone(f"diffusers:{small}?grids=8,16&timesteps={step}&seed={seed}", device="cpu").features(
            batch, [0, 2]
        )
        for step in (50, 200)
        for seed in (3, 4)
    ]
    for position, tensor in enumerate(averaged):
        torch.testing.assert_close(tensor, torch.stack([one[position] for one in single]).mean(dim=0))
    assert not torch.allclose(single[0][0], single[1][0]), "draws differ"
    alone = load_backbone(text, device="cpu").features(batch[1:], [0, 2])
    torch.testing.assert_close(alone[0], averaged[0][1:])


def test_a_prompt_counts(small: Path) -> None:
    batch = torch.zeros(1, 3, 128, 128)
    empty, dog = (
        load_backbone(f"diffusers:{small}?grids=8,16&prompt={prompt}", device="cpu") for prompt in ("", "a dog")
    )
    # cross-attention comes after the first self-attention
    assert torch.equal(empty.features(batch, [0])[0], dog.features(batch, [0])[0])
    assert not torch.allclose(empty.features(batch, [2])[0], dog.features(batch, [2])[0])
    assert empty.digest != dog.digest


def test_a_u_net_without_a_middle(tmp_path: Path) -> None:
    network = load_backbone(f"diffusers:{write(tmp_path, SMALL | {'mid_block_type': None})}?grids=8,16", device="cpu")
    assert network.n_layers == 6
    assert [network.grid_of(layer)[0] for layer in range(6)] == [16, 8, 8, 8, 16, 16]
    assert network.features(torch.zeros(1, 3, 128, 128), [5])[0].shape == (1, 256, 16)


@pytest.mark.parametrize("encoder", [False, True])
def test_a_u_net_that_takes_size_and_pooled_prompt(tmp_path: Path, encoder: bool) -> None:
    """SDXL and SSD-1B: several blocks at a place, two text encoders, picture size and pooled prompt as embeddings."""
    described = SMALL | {
        "transformer_layers_per_block": (1, 2),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 24,
        "cross_attention_dim": 64,
        "use_linear_projection": True,
    }
    write(tmp_path, described, encoder=encoder)
    if encoder:
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection

        config = CLIPTextConfig(
            vocab_size=len(WORDS), hidden_size=32, intermediate_size=32, num_hidden_layers=2, projection_dim=24,
            num_attention_heads=4, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )  # fmt: skip
        CLIPTextModelWithProjection(config).save_pretrained(tmp_path / "text_encoder_2")
        shutil.copytree(tmp_path / "tokenizer", tmp_path / "tokenizer_2")
    prompt = "a dog" if encoder else ""
    network = load_backbone(f"diffusers:{tmp_path}?grids=8,16&timesteps=80&seed=2&prompt={prompt}", device="cpu")
    sides = [network.grid_of(layer)[0] for layer in range(network.n_layers)]
    assert sides == [16, 8, 8, 8, 8, 8, 8, 8, 8, 16, 16]
    text, pooled = network.model.text, network.model.pooled
    assert text.shape == (1, 77, 64)
    assert pooled.shape == (1, 24)
    assert bool(pooled.any()) == encoder
    batch = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    unet = diffusers.UNet2DConditionModel.from_pretrained(tmp_path / "unet").eval()
    vae = diffusers.AutoencoderKL.from_pretrained(tmp_path / "vae").eval()
    scheduler = diffusers.DDPMScheduler.from_pretrained(tmp_path / "scheduler")
    found: list[torch.Tensor] = []
    for name, module in unet.named_modules():
        if name.endswith("attn1"):
            module.to_q.register_forward_hook(lambda _m, _i, out: found.append(out))
    with torch.no_grad():
        latents = vae.encode(batch).latent_dist.mode() * vae.config.scaling_factor
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(2))
        noisy = scheduler.add_noise(latents, noise, torch.tensor([80]))
        added = {"text_embeds": pooled, "time_ids": torch.tensor([[128.0, 128, 0, 0, 128, 128]])}
        unet(noisy, 80, encoder_hidden_states=text, added_cond_kwargs=added)
    ours = network.features_at(batch, [(layer, "q") for layer in range(network.n_layers)])
    for one, other in zip(ours, found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_every_part_of_the_papers_figures(small: Path, tmp_path: Path) -> None:
    """The command of docs/what_and_where.md that makes them, on the small U-Net instead of Stable Diffusion."""
    import importlib.util

    script = Path(__file__).resolve().parents[2] / "docs" / "make_what_where.py"
    specification = importlib.util.spec_from_file_location("make_what_where", script)
    assert specification is not None
    assert specification.loader is not None
    made = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(made)
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((80, 96), Image.Resampling.NEAREST).save(tmp_path / f"p{i}.png")
    words = ["--network", f"diffusers:{small}?grids=8,16&timesteps=100", "--out", str(tmp_path / "figures")]
    few = ["--eigenvectors", "8", "--neighbours", "10", "--device", "cpu", "--study", str(tmp_path / "study")]
    made.main(["--pictures", *(str(tmp_path / f"p{i}.png") for i in range(4)), *words, *few])
    kinds = ("pathways", "agreement", "regions", "instances", "semantics")
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {f"what-where-{kind}.png" for kind in kinds}
    study = Study.open(tmp_path / "study")
    assert set(study.cuts) == {"what", "where"}
    assert {(g.rows, g.pathway) for g in study.cut("where").layered.graphs} == {(8, "where"), (16, "where")}
    # the paper's own solver, with all settings that it has for single pictures
    options = ["--pathway", "where", "--scope", "picture", "--preset", "paper", "--name", "paper", "--images", "0", "1"]
    colours = ["--no-map", "--perplexity", "5", "--device", "cpu"]
    assert cli.main(["cut", str(tmp_path / "study"), *options, *colours]) == 0
    paper = Study.open(tmp_path / "study").cut("paper")
    assert {g.head for g in paper.layered.graphs} == set(range(4))
    assert paper.recipe["cut"]["settings"]["solver"] == "gradient"
    assert np.isfinite(paper.eigenvectors).all()


def test_from_pictures_to_a_cut(small: Path, tmp_path: Path) -> None:
    pictures = noise_pictures(tmp_path / "pictures", 4, (50, 60))
    path = str(tmp_path / "study")
    words = ["--networks", f"diffusers:{small}?grids=8,16&timesteps=100", "--device", "cpu", "--tap", "attention", "q"]
    assert cli.main(["extract", str(pictures), "--study", path, *words]) == 0
    name, queries = Study.open(path).networks
    assert Study.open(path).network(name).note["heads"] == 4
    colour = pipeline.ColourSettings(n_landmarks=100, perplexity=10, device="cpu")
    settings = pipeline.CutSettings((name,), n_components=4, device="cpu", colour=colour, map=None)
    with Study.open(path, writable=True) as study:
        cut = pipeline.cut(study, settings, align=pipeline.AlignSettings("none"))
    assert queries != name
    sides = [16, 8, 8, 8, 8, 16, 16]
    assert len(cut.index) == 4 * sum(side**2 for side in sides)
    for layer, side in enumerate(sides):
        assert cut.colour_map(name, layer, 3).shape == (side, side, 3)
    assert np.isfinite(cut.eigenvectors).all()


# -- what cannot be taken ----------------------------------------------------------------------------------------------


def test_folders_that_are_no_pipeline(small: Path, real_shapes: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "no-unet", ignore=shutil.ignore_patterns("unet"))
    with pytest.raises(UnknownNetworkError, match="has no U-Net"):
        get_spec(f"diffusers:{tmp_path / 'no-unet'}")
    shutil.copytree(small, tmp_path / "no-vae", ignore=shutil.ignore_patterns("vae"))
    with pytest.raises(UnknownNetworkError, match="has no VAE"):
        get_spec(f"diffusers:{tmp_path / 'no-vae'}")
    with pytest.raises(UnknownNetworkError, match=r"no self-attention on grids of 7; it has some on: 8, 16"):
        get_spec(f"diffusers:{small}?grids=7")
    with pytest.raises(InputError, match="has no text encoder, so it takes no prompt"):
        load_backbone(f"diffusers:{real_shapes}?prompt=a dog", device="cpu")
    shutil.copytree(small, tmp_path / "broken")
    (tmp_path / "broken" / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="Unable to load weights from checkpoint file"):
        load_backbone(f"diffusers:{tmp_path / 'broken'}?grids=8", device="cpu")
    (tmp_path / "broken" / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="lacks weights"):
        load_backbone(f"diffusers:{tmp_path / 'broken'}?grids=8", device="cpu")
    for text in ("no json", "[]", '{"sample_size": "x"}', '{"_class_name": "UNet3DConditionModel"}'):
        (tmp_path / "broken" / "unet" / "config.json").write_text(text)
        with pytest.raises(UnknownNetworkError):
            get_spec(f"diffusers:{tmp_path / 'broken'}?seed={len(text)}")
    with pytest.raises(InputError, match="multiples of"):
        load_backbone(f"diffusers:{small}?grids=8,16", input_size=136, device="cpu")
    with pytest.raises(CheckpointError, match="no single file holds"):
        load_backbone(f"diffusers:{small}?grids=8,16", weights=small / "unet" / "config.json", device="cpu")


def test_the_command_line_says_it_in_one_sentence(
    small: Path, real_shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fused projections cannot come out of a folder: they are made in memory, see the next test."""
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "p.png")
    shutil.copytree(small, tmp_path / "no-unet", ignore=shutil.ignore_patterns("unet"))
    for network, sentence in (
        (f"diffusers:{tmp_path / 'no-unet'}", "has no U-Net (unet/config.json)"),
        (f"diffusers:{real_shapes}?prompt=a dog", "has no text encoder, so it takes no prompt; leave the prompt empty"),
        (f"diffusers:{small}?grids=7", "has no self-attention on grids of 7"),
    ):
        words = ["--networks", network, "--tap", "q", "k", "v", "--study", str(tmp_path / "study"), "--device", "cpu"]
        assert cli.main(["extract", str(tmp_path / "p.png"), *words]) == 2
        told = capsys.readouterr().err.strip().splitlines()
        assert sentence in told[-1]
        assert not any("Traceback" in line for line in told)


def test_fused_projections_are_refused(small: Path) -> None:
    from alignedcut_viewer.backbones.unet_diffusers import DiffusionNetwork

    unet = diffusers.UNet2DConditionModel.from_pretrained(small / "unet")
    vae = diffusers.AutoencoderKL.from_pretrained(small / "vae")
    unet.fuse_qkv_projections()
    with pytest.raises(InputError, match="fused its queries, keys and values"):
        DiffusionNetwork(unet, vae, DiffusionChoice("x", grids=(8, 16)), torch.zeros(1, 77, 32), None, torch.ones(1000))


def test_short_names_ask_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsUnavailableError, match=r"stable-diffusion-v1-5.*HF_HUB_OFFLINE"):
        get_spec("stable-diffusion-1.5?timesteps=50")


@pytest.mark.quick
@pytest.mark.parametrize("options", ["steps=3", "timesteps=1000", "timesteps=", "timesteps=a", "draws=0", "seed=-1"])
def test_options_are_checked(options: str) -> None:
    with pytest.raises(InputError):
        DiffusionChoice.parse(f"model?{options}")


@pytest.mark.quick
def test_options_are_read() -> None:
    choice = DiffusionChoice.parse("some/model?timesteps=10,200&prompt=a%20dog%20%26%20cat&draws=2&seed=7&grids=16")
    assert choice == DiffusionChoice("some/model", (10, 200), "a dog & cat", 2, 7, (16,))
    assert math.isclose(DiffusionChoice("m").draws, 1)
