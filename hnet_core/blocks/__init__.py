"""What stands between two residual additions: the kinds of blocks, and stacks of them."""

from hnet_core.blocks.attention import Attention
from hnet_core.blocks.mamba2 import Mamba2
from hnet_core.blocks.mixer import Mixer

KINDS: dict[str, type[Mixer]] = {"m": Mamba2, "t": Attention}
"""Letter of a block kind, in lower case -> what mixes its positions; in upper case the block has an MLP as well."""
