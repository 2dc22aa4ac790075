"""Workers: whoever does the runs, they come out the same, and whoever is killed, none is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lobule.experiments import load_results
from lobule.experiments.cli import main
from lobule.experiments.sweeps.store import Store
from lobule.experiments.sweeps.task import Task, perform

from .sweep_cases import contents, small_sweep, sweep_file, table_bytes

LOBULE = [sys.executable, "-m", "lobule.experiments.cli"]
PATIENCE = 240.0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep_file(tmp_path_factory.mktemp("file") / "short.toml", days=2.0, points=10, replicates=2)


@pytest.fixture(scope="module")
def serial(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store of an undisturbed sweep in one process."""
    out = tmp_path_factory.mktemp("sweep") / "serial"
    assert main(["sweep", str(file), "--out", str(out), "--workers", "1"]) == 0
    return out


def start(file: Path, out: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start a sweep that hears signals, also where the tests themselves were started to ignore them."""
    return subprocess.Popen(
        [*LOBULE, "sweep", str(file), "--out", str(out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment},
        preexec_fn=hear,
    )


def hear() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the worker processes of a sweep."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.Error:
        return []


def finished(out: Path) -> int:
    """Return how many runs of a store are complete."""
    runs = out / "runs"
    return len([name for name in os.listdir(runs) if "." not in name]) if runs.is_dir() else 0


def wait_for(what: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "nothing happened"
        assert process is None or process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def same(a: Path, b: Path, scratch: Path) -> bool:
    return contents(a) == contents(b) and table_bytes(a, scratch) == table_bytes(b, scratch)


def test_two_workers_one_of_them_killed_do_as_one_process_does(file: Path, serial: Path, tmp_path: Path):
    out = tmp_path / "out"
    process = start(file, out, "--workers", "2")
    wait_for(lambda: finished(out) >= 4, process)
    driver, workers = psutil.Process(process.pid), workers_of(process)
    heard = [c.laddr.ip for p in (driver, *workers) for c in p.net_connections() if c.status == "LISTEN"]
    assert heard and set(heard) == {"127.0.0.1"}  # nothing is reached from outside
    workers[0].kill()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed
    assert "20 of 20 runs done" in printed and same(out, serial, tmp_path)
    assert not list((out / "locks").iterdir())


def test_the_driver_killed_and_started_again(file: Path, serial: Path, tmp_path: Path):
    out = tmp_path / "out"
    process = start(file, out, "--workers", "2")
    wait_for(lambda: finished(out) >= 3, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 3 <= finished(out) < 20
    assert main(["sweep", str(file), "--out", str(out), "--workers", "1"]) == 0
    assert same(out, serial, tmp_path)


def test_an_interrupted_driver_leaves_nobody_behind(file: Path, serial: Path, tmp_path: Path):
    out = tmp_path / "out"
    process = start(file, out, "--workers", "2")
    wait_for(lambda: finished(out) >= 2, process)
    workers = workers_of(process)
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, printed
    assert "interrupted; go on with: lobule sweep" in printed and "Traceback" not in printed
    assert not any(worker.is_running() for worker in workers)
    assert main(["sweep", str(file), "--out", str(out), "--workers", "1"]) == 0
    assert same(out, serial, tmp_path)


@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [
        (signal.SIGHUP, 129, "1"),
        (signal.SIGTERM, 143, "1"),
        # that two workers end with their driver is seen in the test above
        pytest.param(signal.SIGTERM, 143, "2", marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, "2", marks=pytest.mark.slow),
    ],
)
def test_a_driver_that_is_asked_to_end_does_as_when_interrupted(
    number: signal.Signals, code: int, workers: str, file: Path, tmp_path: Path
):
    process = start(file, tmp_path / "out", "--workers", workers)
    wait_for(lambda: finished(tmp_path / "out") >= 2, process)
    children = workers_of(process)
    (os.killpg if number == signal.SIGHUP else os.kill)(process.pid, number)
    os.kill(process.pid, number)  # impatience changes nothing
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, printed
    assert "interrupted; go on with: lobule sweep" in printed and "Traceback" not in printed
    assert not any(child.is_running() for child in children)
    assert not list((tmp_path / "out" / "locks").iterdir())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Return the address of a scheduler, and two workers and the scheduler, all started by hand."""
    note = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen(
        [*dask, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", note], **silent
    )
    processes = [scheduler]
    try:
        wait_for(note.exists)
        dask = [sys.executable, "-m", "distributed.cli.dask_worker"]
        for _ in range(2):
            words = ["--scheduler-file", note, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
            processes.append(subprocess.Popen([*dask, *words], cwd=tmp_path, **silent))
        yield json.loads(note.read_text())["address"], [*processes[1:], scheduler]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_cluster_started_by_hand_does_the_same(
    file: Path,
    serial: Path,
    tmp_path: Path,
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
    capsys: pytest.CaptureFixture[str],
):
    address, workers = cluster
    out = tmp_path / "out"
    process = start(file, out, "--cluster", address)
    wait_for(lambda: finished(out) >= 5, process)
    workers[0].kill()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed
    assert same(out, serial, tmp_path)
    words = ["--out", str(tmp_path / "other"), "--cluster", address, "--dry-run"]
    assert main(["sweep", str(file), *words]) == 0
    assert "on 1 worker," in capsys.readouterr().out  # the one that is left


@pytest.mark.slow
def test_a_scheduler_that_dies_ends_the_sweep_with_a_line(
    file: Path, tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
):
    address, (*_, scheduler) = cluster[0], cluster[1]
    out = tmp_path / "out"
    process = start(file, out, "--cluster", address)
    wait_for(lambda: finished(out) >= 3, process)
    scheduler.kill()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, printed
    assert "stopped: the scheduler is gone" in printed and "Traceback" not in printed
    assert 3 <= finished(out) < 20 and len(load_results(out)) >= 3


@pytest.mark.slow
def test_a_script_needs_no_guard(tmp_path: Path):
    """Spawned workers do not run the user's script."""
    script = tmp_path / "study.py"
    script.write_text(
        "from lobule.experiments import sweep\n"
        "print('began')\n"
        "results = sweep('hfe-mouse', {'subject.age_days': [21.0, 30.0]}, seeds=range(2), days=0.25,\n"
        "                workers=2, settings={'tissue.lobules': 1})\n"
        "print(len(results.final()))\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout.split() == ["began", "4"], done.stderr
    assert "Traceback" not in done.stderr


KILLS = """
import os
import lobule.experiments.runner as runner

real = runner.run_into

def kills(folder, case, seed, **options):
    if case.subject.age_days == 30.0:
        os.kill(os.getpid(), 9)
    return real(folder, case, seed, **options)

if os.environ.get("RUNS_KILL"):
    runner.run_into = kills
"""


@pytest.mark.slow
def test_a_run_that_kills_its_worker_three_times_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "sitecustomize.py").write_text(KILLS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("RUNS_KILL", "yes")
    out = tmp_path / "out"
    results = small_sweep(out, seeds=range(1), workers=2, progress=True)
    assert len(results) == 2
    (record,) = results.failures
    assert record["error"] == "its worker was killed 3 times" and record["subject.age_days"] == 30.0
    assert "2 of 3 runs done, 1 failed" in capsys.readouterr().err
    monkeypatch.delenv("RUNS_KILL")
    results = small_sweep(out, seeds=range(1), only_failed=True)
    assert len(results) == 3 and not results.failures


@pytest.mark.slow
def test_the_driver_of_a_hundred_thousand_runs_is_small(tmp_path: Path):
    file = sweep_file(tmp_path / "many.toml", days=0.25, points=5000, replicates=20)
    process = start(file, tmp_path / "out", "--workers", "2")
    wait_for(lambda: finished(tmp_path / "out") >= 50, process)
    size = psutil.Process(process.pid).memory_info().rss
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert size < 500e6


def test_a_worker_with_other_sources_does_nothing(tmp_path: Path):
    out = tmp_path / "out"
    small_sweep(out, seeds=range(1))
    other = Task(str(out), "0" * 16, "{}", 1, {}, "session", "another version", False)
    assert perform(other).status == "stopped"
    missing = Task(
        str(tmp_path / "none"), "0" * 16, "{}", 1, {}, "session", Store(out).plans()[0].code, False
    )
    assert "does not see" in perform(missing).message


SBATCH = """#!/bin/sh
sh "$1" >"{folder}/job.$$" 2>&1 &
echo $! >>"{folder}/jobs"
echo "Submitted batch job $!"
"""


@pytest.mark.slow
def test_slurm_jobs_do_the_same(file: Path, serial: Path, tmp_path: Path):
    """Stands for SLURM: jobs are started at once, on this machine."""
    (tmp_path / "sbatch").write_text(SBATCH.format(folder=tmp_path))
    (tmp_path / "scancel").write_text('#!/bin/sh\nfor job in "$@"; do pkill -P "$job"; done\n')
    for name in ("sbatch", "scancel"):
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    process = start(file, tmp_path / "out", "--slurm", "jobs=2,queue=short,walltime=00:10:00", PATH=path)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed
    assert len((tmp_path / "jobs").read_text().split()) == 2
    assert same(tmp_path / "out", serial, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hundred_runs_survive_twenty_kills(seed: int, tmp_path: Path):
    """Workers, driver and both are killed at random moments; after the last start all is as in one go."""
    file = sweep_file(tmp_path / "many.toml", days=3.0, points=20, replicates=10)
    serial, out = tmp_path / "serial", tmp_path / "out"
    subprocess.run([*LOBULE, "sweep", file, "--out", serial, "--workers", "1"], check=True, timeout=PATIENCE)
    chance, kills = random.Random(seed), 0
    while True:
        process = start(file, out, "--workers", "2")
        while process.poll() is None and kills < 20:
            time.sleep(chance.uniform(0.2, 4.0))
            kind = chance.choice(["worker", "driver", "both"])
            kills += process.poll() is None
            for worker in workers_of(process) if kind != "driver" else []:
                if chance.random() < 0.7:
                    worker.kill()
            if kind != "worker":
                process.kill()
        printed, _ = process.communicate(timeout=PATIENCE)
        if process.returncode >= 0:
            break
    assert process.returncode == 0, printed
    assert finished(out) == 200 == len(load_results(out)) and same(out, serial, tmp_path)
    assert not list((out / "failures").iterdir()) and not list((out / "locks").iterdir())
