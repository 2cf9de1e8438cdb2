"""What spreads chunks to positions again."""

from hnet_core.merging.merge import Merge
from hnet_core.merging.published import PublishedMerge

MERGES: dict[str, type[Merge]] = {"published": PublishedMerge}
"""Name of a merge in the configuration -> its class."""
