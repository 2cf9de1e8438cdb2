"""The models that benchmarks measure: all bundled ones, and fixed shapes with random weights."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch

from hnet_core.checkpoint import load_model, model_names
from hnet_core.config import HNetConfig
from hnet_core.errors import CheckpointError
from hnet_core.model import HNetForCausalLM

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "tests" / "data" / "golden" / "official_param_shapes.json"


def one_stage(width: int, inner_width: int, d_state: int = 128) -> HNetConfig:
    """m4 (T3) m4: encoder and decoder of four Mamba-2 layers, three attention layers on the chunks."""
    return HNetConfig.from_dict(
        {
            "arch_layout": ["m4", ["T3"], "m4"],
            "d_model": [width, inner_width],
            "d_intermediate": [0, 2 * inner_width],
            "ssm_cfg": {"d_state": d_state},
            "attn_cfg": {"num_heads": [4, 4], "rotary_emb_dim": [16, 16], "window_size": [1023, -1]},
        }
    )


def published_xl() -> HNetConfig:
    """The published 2-stage XL configuration."""
    return HNetConfig.from_dict(json.loads(PUBLISHED.read_text(encoding="utf-8"))["hnet_2stage_XL"]["config"])


def random_model(config: HNetConfig, seed: int = 0) -> HNetForCausalLM:
    """Random weights as at the start of a training."""
    return HNetForCausalLM(config).init_weights(seed).eval()


def whole_models() -> Iterator[tuple[str, HNetForCausalLM, str]]:
    """(name, model, domain) of each bundled model that has all its weights, then of the random shapes."""
    for name in model_names():
        try:
            loaded = load_model(name)
        except CheckpointError:
            # Boundary weights alone have no full forward to compare with.
            continue
        if loaded.config.n_stages:
            yield name, loaded.model, str(loaded.info.get("domain", "english"))
    yield "random m4 d 64, N 128", random_model(one_stage(64, 128)), "english"
    yield "random m4 d 64, N 32", random_model(one_stage(64, 128, d_state=32)), "english"
    yield "random m4 d 256, N 128", random_model(one_stage(256, 384)), "english"
    yield "random m4 d 256, N 32", random_model(one_stage(256, 384, d_state=32)), "english"


def sample(domain: str, n_bytes: int) -> bytes:
    """n_bytes of a bundled sample of the domain, repeated where it is shorter."""
    names = {"dna": "lambda.fa", "code": "python_textwrap.py", "chinese": "chinese_rulin.txt"}
    data = (ROOT / "assets" / "samples" / names.get(domain, "english_warden_100kb.txt")).read_bytes()
    if domain == "dna":
        data = b"".join(data.splitlines()[1:])
    return (data * (n_bytes // len(data) + 1))[:n_bytes]


def n_parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
