"""A sampler for pyABC whose particles are evaluated by the sweep runner, the same ones however many workers.

pyABC draws from NumPy's global generator. Here it is set from the seed and the generation, and kept apart
from whoever else uses it, so that an interrupted generation proposes the same again and finds its runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyabc
from pyabc.inference_util import evaluate_preliminary_particle

from lobule.errors import InputError
from lobule.experiments.calibration.display import GenerationDisplay
from lobule.experiments.calibration.evaluation import Evaluation
from lobule.experiments.calibration.problem import Prior

HOPELESS = 20  # particles without a result, one after the other from the first on, after which there is none


def parameters_of(priors: tuple[Prior, ...], particle: Any) -> dict[str, float]:
    """Return the parameters of a particle, in their declared units."""
    return {prior.key: float(prior.outer(particle[prior.key])) for prior in priors}


class StoreSampler(pyabc.Sampler):
    """Samples one generation.

    Parameters
    ----------
    priors : tuple of Prior
        The parameters.
    evaluation : Evaluation
        Does the runs.
    seed : int
        Root of all proposals.
    display : GenerationDisplay
        Told how far it is.
    """

    def __init__(
        self, priors: tuple[Prior, ...], evaluation: Evaluation, seed: int, display: GenerationDisplay
    ) -> None:
        super().__init__()
        self.priors, self.evaluation, self.seed, self.display = priors, evaluation, seed, display

    def sample_until_n_accepted(
        self,
        n: int,
        simulate_one: Callable[..., Any],
        t: int,
        *,
        max_eval: float = np.inf,
        all_accepted: bool = False,
        ana_vars: Any = None,
    ) -> Any:
        """Return the first `n` accepted particles in the order of their proposal.

        Workers finish in any order, and those that finish first are not a fair sample: so proposals are
        numbered, and what comes after the `n`-th accepted one does not count.
        """
        propose = _Proposals(partial(simulate_one, evaluate=False), [self.seed, t])
        drawn: list[Any] = []
        particles: dict[int, Any] = {}
        accepted = 0

        def proposals() -> Iterator[dict[str, float]]:
            while accepted < n and len(drawn) < max_eval:
                drawn.append(propose())
                yield parameters_of(self.priors, drawn[-1].parameter)

        has_any = False
        for through in self.evaluation(proposals()):
            for number, statistics in through:
                particle = drawn[number]
                if statistics is None:
                    continue
                has_any = True
                particle.sum_stat = statistics._asdict()
                particles[number] = evaluate_preliminary_particle(particle, t, ana_vars)
                accepted += particles[number].accepted
            if not has_any and len(drawn) >= HOPELESS + 2 and self.evaluation.failure:
                raise InputError(f"no particle of {HOPELESS} gives a result: {self.evaluation.failure}")
            self.display.update(accepted, len(particles))
        sample = self._create_empty_sample()
        for number in sorted(particles):
            if sample.n_accepted < n:
                sample.append(particles[number])
                self.nr_evaluations_ = number + 1
        sample.ok = sample.n_accepted == n
        return sample


class _Proposals:
    """Draws proposals from a generator of its own, which pyABC takes for NumPy's global one."""

    def __init__(self, draw: Callable[[], Any], seed: list[int]) -> None:
        self._draw = draw
        self._state = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed))).get_state()

    def __call__(self) -> Any:
        held = np.random.get_state()  # noqa: NPY002
        np.random.set_state(self._state)  # noqa: NPY002
        try:
            return self._draw()
        finally:
            self._state = np.random.get_state()  # noqa: NPY002
            np.random.set_state(held)  # noqa: NPY002
