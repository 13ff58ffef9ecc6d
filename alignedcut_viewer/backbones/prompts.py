"""Prompts of diffusion models, encoded by the text encoders that come with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError, InputError
from .vit_transformers import description_file

__all__ = ["encode_prompt"]

_ENCODERS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))


def encode_prompt(
    model: str, prompt: str, unet: Any, options: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The prompt as a U-Net takes it; zeros for an empty one where the model has no text encoder.

    Parameters
    ----------
    model
        Hub id or local folder.
    prompt
        The text, which may be empty.
    unet
        The U-Net that is to take it.
    options
        How to load: ``local_files_only`` and ``revision``.

    Returns
    -------
    text : torch.Tensor
        (1, words, channels) float32.
    pooled : torch.Tensor or None
        (1, channels), where the U-Net takes one.

    Raises
    ------
    InputError
        If there is a prompt, but no text encoder.
    CheckpointError
        If a text encoder cannot be read, or does not fit the U-Net.
    """
    width = unet.config.cross_attention_dim
    width = int(width if isinstance(width, int) else max(width))
    takes_pooled = getattr(unet.config, "addition_embed_type", None) == "text_time"
    encoders = [pair for pair in _ENCODERS if description_file(model, f"{pair[1]}/config.json", optional=True)]
    if not encoders:
        if prompt:
            raise InputError(f"{model} has no text encoder, so it takes no prompt; leave the prompt empty.")
        pooled = None
        if takes_pooled:
            of_times = 6 * int(unet.config.addition_time_embed_dim)
            pooled = torch.zeros(1, int(unet.config.projection_class_embeddings_input_dim) - of_times)
        return torch.zeros(1, 77, width), pooled
    hidden, pooled = [], None
    for tokenizer, encoder in encoders:
        states, pooled = _encoded(model, prompt, tokenizer, encoder, options, penultimate=takes_pooled)
        hidden.append(states)
    text = torch.cat(hidden, dim=-1)
    if text.shape[-1] != width:
        raise CheckpointError(
            f"The text encoder of {model} gives {text.shape[-1]} channels, but its U-Net takes {width}; parts of "
            "different models were put together."
        )
    return text, pooled if takes_pooled else None


def _encoded(
    model: str, prompt: str, tokenizer: str, encoder: str, options: dict[str, Any], *, penultimate: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
    from transformers.utils import logging

    identifier, revision = model, options.get("revision")
    if not Path(model).is_dir():
        identifier = model.partition("@")[0]
    how = {"local_files_only": options["local_files_only"], "revision": revision or "main"}
    kind = CLIPTextModelWithProjection if encoder.endswith("_2") else CLIPTextModel
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        words = CLIPTokenizer.from_pretrained(identifier, subfolder=tokenizer, **how)
        with torch.random.fork_rng(devices=[]):
            network = kind.from_pretrained(identifier, subfolder=encoder, **how).eval().float()
        ids = words(prompt, padding="max_length", max_length=words.model_max_length, truncation=True)["input_ids"]
        with torch.inference_mode():
            found = network(torch.tensor([ids]), output_hidden_states=True)
    except OSError:
        raise
    except Exception as error:
        raise CheckpointError(f"The text encoder of {model} cannot be used: {error}") from error
    finally:
        if bars:
            logging.enable_progress_bar()
    states = found.hidden_states[-2] if penultimate else found.last_hidden_state
    pooled = found.text_embeds if hasattr(found, "text_embeds") else found.pooler_output
    return states.clone(), pooled.clone()
