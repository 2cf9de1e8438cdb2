"""The loss that holds the average length of chunks near a target."""

from torch import Tensor

from hnet_core.blocks.projection import wide


def ratio_loss(prob: Tensor, is_boundary: Tensor, target: float, share: Tensor | None = None) -> Tensor:
    """Pull the share of boundaries towards 1 / target (arXiv 2507.07955, eq. 10).

    prob, is_boundary  (T,) of one stage, forced first positions included
    target             N > 1, wanted positions a chunk
    share              () share of boundaries where it is not to be that of is_boundary
    returns  N / (N-1) * ((N-1) F G + (1-F)(1-G)); F = share of boundaries (no gradient), G = mean prob; float32
    """
    if target <= 1:
        raise ValueError(f"target={target} must be above 1 position a chunk")
    mean = prob.to(wide(prob.dtype)).mean()
    share = is_boundary.to(mean.dtype).mean() if share is None else share.to(mean.dtype)
    return target / (target - 1) * ((target - 1) * share * mean + (1 - share) * (1 - mean))
