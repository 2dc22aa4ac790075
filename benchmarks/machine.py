"""The machine: what it is, how fast its memory is, and how much of it others use."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from lobule.agents.jit import kernel
from lobule.kernel_cache import source_hash

PACKAGES = ("numpy", "numba", "scipy", "mesa", "fipy")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@kernel
def triad(a, b, c, factor, times):  # type: ignore[no-untyped-def]
    """STREAM triad ``a = b + factor c``, `times` times over."""
    for _ in range(times):
        for i in range(a.size):
            a[i] = b[i] + factor * c[i]


@kernel
def axpy(y, x, factor, times):  # type: ignore[no-untyped-def]
    """``y = y + factor x``, `times` times over."""
    for _ in range(times):
        for i in range(y.size):
            y[i] += factor * x[i]


class Load:
    """What others use of the processors, from the moment this is made.

    Children of this process count as ours once they have ended and been waited for.
    """

    def __init__(self) -> None:
        self._start, self._busy, self._own = time.perf_counter(), _busy(), _own()

    def others(self) -> float | None:
        """Return the cores that others used since, None where the system does not tell."""
        if self._busy is None or (now := _busy()) is None:
            return None
        return max(0.0, (now - self._busy - (_own() - self._own)) / (time.perf_counter() - self._start))


def _busy() -> float | None:
    """Return the seconds that all processors have been busy, None where the system does not tell."""
    try:
        first = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq = (float(x) for x in first[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


def processor() -> str:
    """Return the name of the processor, and what the compiler takes it for."""
    import llvmlite.binding

    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{name} ({llvmlite.binding.get_host_cpu_name()})"


def versions() -> str:
    """Return the versions of Python and of what is measured."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def bandwidth(mebibytes: float) -> float:
    """Return the GB/s that `triad` moves over three arrays of `mebibytes` together."""
    n = int(mebibytes * 2**20 / 24)
    a, b, c = np.zeros(n), np.ones(n), np.ones(n)
    return 24e-9 / _per_element(n, lambda times: triad(a, b, c, 0.5, times))


def reference() -> float:
    """Return the nanoseconds an element of `axpy` takes within the first-level cache."""
    y, x = np.zeros(1024), np.ones(1024)
    return 1e9 * _per_element(1024, lambda times: axpy(y, x, 1e-9, times))


def _per_element(n: int, run: Callable[[int], object], rounds: int = 5) -> float:
    """Return the seconds that `run(times)` takes for each of `n` elements, the least of `rounds`."""
    times, best = max(1, 20_000_000 // n), np.inf
    run(1)
    for _ in range(rounds):
        start = time.perf_counter()
        run(times)
        best = min(best, (time.perf_counter() - start) / times / n)
    return float(best)


def describe() -> dict[str, str]:
    """Return the header of a report."""
    load = Load()
    time.sleep(1.0)
    others = load.others()
    cores = os.cpu_count() or 0
    return {
        "processor": f"{processor()}, {cores} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "sources": f"lobule {source_hash()}",
        "threads": ", ".join(f"{name}={os.environ.get(name, '-')}" for name in THREADS),
        "load by others": "unknown" if others is None else f"{others:.2f} of {cores} cores before the start",
        "memory": f"triad {bandwidth(192):.1f} GB/s (192 MiB), {bandwidth(3):.0f} GB/s (3 MiB)",
        "reference kernel": f"axpy within the first-level cache {reference():.3f} ns an element",
    }
