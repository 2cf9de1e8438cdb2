"""When a training has failed: what is no longer a number, and a loss that explodes."""

from math import isfinite
from statistics import median

from hnet_core.errors import HNetError
from hnet_core.model import HNetForCausalLM
from hnet_core.training.distributed import whole
from hnet_core.training.step import StepFigures

WINDOW = 100
"""Steps whose median is what a loss is compared with."""
DIVERGED = "diverged.txt"
"""Says why, in the folder of a training that has diverged, until it is taken up again."""
FEWEST = 20
"""Steps before anything is compared."""


class DivergedError(HNetError):
    """Loss or gradient is no longer a number, or the loss has exploded; the weights are those before the step."""


class DivergenceGuard:
    """Judges each step before its gradient reaches the weights.

    explode  a cross entropy above `explode` times the median of the last WINDOW steps is an explosion; 0: none is
    recent   cross entropies of these steps, part of a checkpoint
    """

    def __init__(self, explode: float) -> None:
        self._explode = explode
        self.recent: list[float] = []

    def check(self, figures: StepFigures, norm: float, model: HNetForCausalLM) -> str | None:
        """What is wrong with the step, and in which stage; None: nothing, and the step counts for the next ones."""
        fault = self._loss_fault(figures, model) or self._gradient_fault(norm, model)
        if not fault:
            self.recent = [*self.recent, figures.cross_entropy][-WINDOW:]
        return fault

    def _loss_fault(self, figures: StepFigures, model: HNetForCausalLM) -> str | None:
        for stage, ratio in enumerate(figures.ratios):
            if not isfinite(ratio):
                return f"the ratio loss of stage {stage} is {ratio}"
        loss = figures.cross_entropy
        if not isfinite(loss):
            return f"the cross entropy is {loss}, the ratio losses are sound"
        usual = median(self.recent) if len(self.recent) >= FEWEST else 0.0
        if self._explode and usual and loss > self._explode * usual:
            return (
                f"the cross entropy is {loss:.4g} nats, above explode={self._explode:g} times the median of the last "
                f"{len(self.recent)} steps ({usual:.4g}); {self._largest_gradient(model)}"
            )
        return None

    def _gradient_fault(self, norm: float, model: HNetForCausalLM) -> str | None:
        if isfinite(norm):
            return None
        for name, parameter in model.named_parameters():
            if parameter.grad is not None and not whole(parameter.grad).isfinite().all():
                return f"the gradient of {name} (stage {model.level_of_parameters()[name]}) is not finite"
        return "the gradient norm is too large for a number"

    def _largest_gradient(self, model: HNetForCausalLM) -> str:
        norms = {n: float(whole(p.grad).norm()) for n, p in model.named_parameters() if p.grad is not None}
        name = max(norms, key=norms.__getitem__)
        return f"the largest gradient is that of {name} (stage {model.level_of_parameters()[name]})"
