"""What decides where chunks start."""

from hnet_core.routers.cosine import CosineRouter, RandomCosineRouter
from hnet_core.routers.fixed_stride import FixedStrideRouter
from hnet_core.routers.linear import DenseLinearRouter, LinearRouter
from hnet_core.routers.router import Router
from hnet_core.routers.space_like import SpaceLikeRouter

ROUTERS: dict[str, type[Router]] = {
    "cosine": CosineRouter,
    "cosine_random": RandomCosineRouter,
    "linear": LinearRouter,
    "dense_linear": DenseLinearRouter,
    "fixed_stride": FixedStrideRouter,
    "space_like": SpaceLikeRouter,
}
"""Name of a router in the configuration -> its class."""
