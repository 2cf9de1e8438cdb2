"""Small models with random weights far from the initialisation, so that every part influences the answer."""

import torch

from hnet_core.config import HNetConfig
from hnet_core.model import HNetForCausalLM


def tiny_config(n_stages: int = 1, **changes) -> HNetConfig:
    """0 to 2 stages; widths grow inwards, attention with a window at the outer stages."""
    layout = {
        0: ["M1T1"],
        1: ["m2t1", ["T2"], "t1m1"],
        2: ["m2", ["t1m1", ["T1m1"], "m1"], "m1"],
    }[n_stages]
    widths = [32, 64, 96][: n_stages + 1]
    raw = {
        "arch_layout": layout,
        "d_model": widths,
        "d_intermediate": [64] * len(widths),
        "ssm_cfg": {"d_state": 8},
        "attn_cfg": {
            "num_heads": [2] * len(widths),
            "rotary_emb_dim": [8] * len(widths),
            "window_size": [11] * n_stages + [-1],
        },
    }
    return HNetConfig.from_dict(raw | changes)


def tiny_model(n_stages: int = 1, seed: int = 0, **changes) -> HNetForCausalLM:
    model = HNetForCausalLM(tiny_config(n_stages, **changes)).init_weights(seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def random_bytes(n: int, seed: int = 0) -> bytes:
    """Text-like bytes: letters, spaces and some values above 127."""
    generator = torch.Generator().manual_seed(seed)
    alphabet = b"etaoin shrdlu  \n.,E" + bytes([0xC3, 0xA4, 0xE4])
    return bytes(alphabet[i] for i in torch.randint(len(alphabet), (n,), generator=generator).tolist())
