"""A calibration from its first generation to its last, by ABC-SMC; gone on with where it was interrupted."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from lobule.errors import InputError
from lobule.experiments.calibration.display import GenerationDisplay
from lobule.experiments.calibration.posterior import Population, aim_of, weighted_quantile
from lobule.experiments.calibration.problem import Calibration, Statistics
from lobule.experiments.export.needed import library
from lobule.experiments.sweeps.conduct import Workers
from lobule.experiments.sweeps.pools import NoWorkersError
from lobule.experiments.sweeps.store import FOLDERS, Store
from lobule.experiments.sweeps.warm import COMPILING, compile_kernels, is_cold
from lobule.files import whole

NEAR = 1.25  # times the aim, from where on a generation goes straight for it
DATABASE, IDENTITY, RUNS = "calibration.db", "calibration.json", "runs"

End = Literal["tolerance", "generations", "acceptance", "stopped", "interrupted"]


class Outcome(NamedTuple):
    """How a calibration ended, and what it found."""

    end: End
    message: str
    populations: list[Population]


def calibrate(calibration: Calibration, out: Path, workers: Workers, display: GenerationDisplay) -> Outcome:
    """Do what is left of a calibration.

    Parameters
    ----------
    calibration : Calibration
        What is to be found.
    out : Path
        Folder for the database, and for the runs of the generation under way.
    workers : Workers
        Who does the runs.
    display : GenerationDisplay
        Shows how far it is.

    Raises
    ------
    InputError
        If the folder holds something else, pyabc is missing, or no particle gives a result.
    """
    library("pyabc", "calibrate")
    logging.getLogger("ABC").setLevel(logging.WARNING)
    with _own_folder(calibration, out):
        store = Store(out / RUNS)
        store.prepare()
        history = _History(calibration, out)
        end, message = _end(calibration, history), ""
        try:
            if end is None:
                with display, _pool(workers, display) as pool:
                    end = _generations(calibration, history, store, pool, display)
        except KeyboardInterrupt:
            end = "interrupted"
        except NoWorkersError as error:
            end, message = "stopped", str(error)
        assert end is not None
        return Outcome(end, message, history.populations())


@contextmanager
def _own_folder(calibration: Calibration, out: Path) -> Iterator[None]:
    """Keep the folder for this calibration and this process."""
    path = out / IDENTITY
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} -> is a file, not a folder")
    if out.is_dir() and any(out.iterdir()) and not path.is_file():
        raise InputError(f"--out {out} -> holds other things; name a new folder, or that of this calibration")
    out.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        with whole(path) as partial:
            partial.write_text(
                json.dumps({"format": 1, "name": calibration.name, "identity": calibration.identity}),
                "utf-8",
            )
    try:
        found = json.loads(path.read_bytes())["identity"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"--out {out} -> its {IDENTITY} is damaged") from None
    if found != calibration.identity:
        raise InputError(
            f"--out {out} -> holds another calibration (other data, parameters, settings, seed, number of "
            "particles or version of lobule); name a new folder"
        )
    lock = FileLock(out / ".lock", timeout=0.0)
    try:
        with lock:
            yield
    except Timeout:
        raise InputError(f"--out {out} -> another process is at work there") from None


@contextmanager
def _pool(workers: Workers, display: GenerationDisplay) -> Iterator[Any]:
    pool = workers.pool(display.say)
    if pool is None and is_cold():
        display.say(COMPILING)
        compile_kernels()
    with pool or nullcontext() as ready:
        yield ready


def _generations(
    calibration: Calibration, history: _History, store: Store, pool: Any, display: GenerationDisplay
) -> End:
    from lobule.experiments.calibration.evaluation import Evaluation
    from lobule.experiments.calibration.sampler import StoreSampler

    evaluation = Evaluation(calibration, store, pool, uuid.uuid4().hex)
    sampler = StoreSampler(calibration.priors, evaluation, calibration.seed, display)
    while True:
        epsilon = history.next_epsilon()
        number = len(history) + 1
        words = "sample of the prior" if number == 1 else f"distance {epsilon:.3g} at most"
        display.begin(
            f"{calibration.name}: generation {number} of at most {calibration.generations}: {words}",
            calibration.particles,
        )
        if not history.add_generation(epsilon, sampler):
            return "acceptance"
        _clear(store)
        if (end := _end(calibration, history)) is not None:
            return end


def _end(calibration: Calibration, history: _History) -> End | None:
    """Return why a calibration is at its end, None when it is not."""
    if (there := history.populations()) and there[-1].epsilon <= aim_of(calibration, there[:-1]):
        return "tolerance"
    return "generations" if len(there) >= calibration.generations else None


def _clear(store: Store) -> None:
    """Remove the runs of a complete generation: the database has what they said."""
    for name in FOLDERS:
        for path in (store.path / name).iterdir():
            with suppress(OSError):
                store.remove(path)


class _History:
    """The database of pyABC: complete generations, one after the other.

    Every generation is begun from what the database holds, as after an interruption; so it makes no
    difference whether there was one.
    """

    def __init__(self, calibration: Calibration, out: Path) -> None:
        import pyabc

        self.calibration = calibration
        self._address = f"sqlite:///{(out / DATABASE).absolute()}"
        self._history = pyabc.History(self._address)
        self._read: list[Population] = []

    def __len__(self) -> int:
        return 0 if self._history.id is None else int(self._history.max_t) + 1

    def next_epsilon(self) -> float:
        """Return the greatest distance of the next generation: the median of the last, or an aim near it."""
        there = self.populations()
        if not there:
            return float("inf")
        median = float(weighted_quantile(there[-1].distances, there[-1].weights, 0.5)[0])
        aim = aim_of(self.calibration, there)
        return aim if median <= NEAR * aim else median

    def add_generation(self, epsilon: float, sampler: Any) -> bool:
        """Sample a generation and keep it; False when too few particles are accepted, and nothing is kept."""
        import pyabc

        calibration, before = self.calibration, len(self)
        prior = pyabc.Distribution(
            **{
                prior.key: pyabc.RV("uniform", prior.ends[0], prior.ends[1] - prior.ends[0])
                for prior in calibration.priors
            }
        )

        def distance(simulated: Any, observed: Any) -> float:
            return calibration.distance(Statistics(**simulated))

        smc = pyabc.ABCSMC(
            pyabc.FunctionModel(_evaluated_later, calibration.name),
            prior,
            distance,
            calibration.particles,
            eps=pyabc.ConstantEpsilon(epsilon),
            sampler=sampler,
        )
        if before:
            smc.load(self._address, self._history.id, {})
        else:
            smc.new(self._address, {})
        smc.run(max_nr_populations=1, min_acceptance_rate=calibration.least_acceptance)
        self._history = pyabc.History(self._address)
        return len(self) > before

    def populations(self) -> list[Population]:
        """Return all generations."""
        self._read += [self._population(t) for t in range(len(self._read), len(self))]
        return list(self._read)

    def _population(self, t: int) -> Population:
        found = self._history.get_population(t=t).particles
        found.sort(key=lambda particle: (particle.distance, sorted(particle.parameter.items())))
        table = self._history.get_all_populations().set_index("t").loc[t]
        priors = self.calibration.priors
        return Population(
            epsilon=float(table["epsilon"]),
            simulated=int(table["samples"]),
            inner=np.array([[particle.parameter[prior.key] for prior in priors] for particle in found]),
            weights=np.array([particle.weight for particle in found]),
            distances=np.array([particle.distance for particle in found]),
            statistics=[Statistics(**particle.sum_stat) for particle in found],
        )


def _evaluated_later(parameters: Any) -> dict[str, Any]:
    """Stand for the model where pyABC only draws proposals; their runs are done by the sampler."""
    return {}
