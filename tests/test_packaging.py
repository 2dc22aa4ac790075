"""How the packages fit together, and where compiled kernels are kept."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numba
import pytest

from lobule import kernel_cache
from lobule.agents import jit

ROOT = Path(__file__).parents[1]


def python(code: str, cwd: Path = ROOT, **environment: object) -> subprocess.CompletedProcess[str]:
    """Run `code` in a new interpreter that has no kernel cache yet."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "XDG_"))}
    env = inherited | {key: str(value) for key, value in environment.items()}
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["agents", "experiments"])
def test_bare_names_are_refused_in_one_line(name: str) -> None:
    done = python(f"import {name}", PYTHONPATH=ROOT)
    assert done.stderr.splitlines()[-1].startswith(
        f'ImportError: this package is imported as "lobule.{name}"'
    )


def test_everything_exported_is_there() -> None:
    import lobule
    import lobule.agents

    for package in (lobule, lobule.agents):
        assert set(package.__all__) <= set(dir(package))
        assert all(getattr(package, name) is not None for name in package.__all__)
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = package.nonsense


def test_importing_lobule_loads_nothing_heavy() -> None:
    done = python("import lobule, sys; print(*sys.modules)")
    assert not {"numpy", "numba", "mesa", "pandas", "scipy", "matplotlib"} & set(done.stdout.split())


def test_imports_run_down_only() -> None:
    above = {"agents": r"lobule(\.(?!agents\b).*)?$", "lobule": r"lobule\.experiments\b"}
    for floor, forbidden in above.items():
        for path in (ROOT / floor).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not [n for n in names if re.match(forbidden, n)], path


def test_every_package_is_installed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {"lobule"} | {
        ".".join(("lobule", *path.parent.relative_to(ROOT).parts))
        for floor in ("agents", "experiments")
        for path in (ROOT / floor).rglob("__init__.py")
    }
    assert sorted(listed) == sorted(there)


def test_constraints_name_every_dependency_once_for_each_python() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    marker = r'( ; python_version (<|>=) "3\.12")?'
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9._-]+==[0-9][0-9a-z.]*" + marker, pin)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    names = {re.match(r"[A-Za-z0-9._-]+", line)[0] for line in wanted}  # type: ignore[index]
    pinned = [pin.split("==")[0] for pin in pins]
    assert names <= set(pinned)
    assert {name for name in pinned if pinned.count(name) > 1} == {"mesa"}


def test_a_changed_callee_in_another_file_is_compiled_anew(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "lobule", tmp_path / "lobule", ignore=shutil.ignore_patterns("__pycache__"))
    agents = tmp_path / "lobule" / "agents"
    shutil.copytree(ROOT / "agents", agents, ignore=shutil.ignore_patterns("__pycache__"))
    head = "from lobule.agents.jit import kernel\n"
    (agents / "caller.py").write_text(
        head + "from lobule.agents.callee import inner\n@kernel\ndef outer(x):\n    return inner(x)\n"
    )
    code = (
        "import os, lobule.kernel_cache as k; from lobule.agents.caller import outer\n"
        "print(outer(1), sum(outer.stats.cache_hits.values()), k.__file__, os.environ['NUMBA_CACHE_DIR'])"
    )
    seen = []
    for factor in (2, 2, 3):
        (agents / "callee.py").write_text(f"{head}@kernel\ndef inner(x):\n    return x * {factor}\n")
        done = python(code, tmp_path, XDG_CACHE_HOME=tmp_path / "cache", PYTHONPATH=tmp_path)
        assert done.returncode == 0, done.stderr
        seen.append(done.stdout.split())
        assert seen[-1][2].startswith(str(tmp_path))
    assert [row[0] for row in seen] == ["2", "2", "3"]
    assert [row[1] for row in seen] == ["0", "1", "0"]
    assert seen[0][3] == seen[1][3] != seen[2][3]


WHERE = "import lobule, os; print(os.environ.get('NUMBA_CACHE_DIR'))"


def test_the_cache_goes_where_it_can(tmp_path: Path) -> None:
    name = f"kernels-{kernel_cache.source_hash()}"
    (blocked := tmp_path / "file").touch()
    places: dict[Path, dict[str, Path]] = {
        tmp_path / "mine": {"NUMBA_CACHE_DIR": tmp_path / "mine", "HOME": tmp_path},
        tmp_path / "inherited": {"NUMBA_CACHE_DIR": tmp_path / "inherited" / "kernels-0", "HOME": tmp_path},
        tmp_path / "xdg" / "lobule": {"XDG_CACHE_HOME": tmp_path / "xdg", "HOME": tmp_path},
        tmp_path / ".cache" / "lobule": {"XDG_CACHE_HOME": Path("relative"), "HOME": tmp_path},
        tmp_path / f"lobule-{os.getuid()}": {"XDG_CACHE_HOME": blocked, "HOME": blocked, "TMPDIR": tmp_path},
    }
    for expected, environment in places.items():
        done = python(WHERE, **environment)
        assert done.stdout.strip() == str(expected / name), done.stderr
        assert (expected / name).is_dir()


def test_a_numba_that_is_already_there_is_told(tmp_path: Path) -> None:
    done = python("import numba, lobule; print(numba.config.CACHE_DIR)", XDG_CACHE_HOME=tmp_path)
    assert Path(done.stdout.strip()).parent == tmp_path / "lobule"


def test_nothing_writable_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(kernel_cache, "_places", lambda: [(tmp_path / "file", False)])
    assert kernel_cache.use_kernel_cache() is None


def test_kernels_that_nobody_runs_are_forgotten(tmp_path: Path) -> None:
    month_ago = time.time() - 40 * 86400
    for name, moment in {"kernels-old": month_ago, "kernels-new": time.time(), "other": month_ago}.items():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (moment, moment))
    python(WHERE, NUMBA_CACHE_DIR=tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"kernels-new", "other", f"kernels-{kernel_cache.source_hash()}"}


def test_warm_is_remembered_per_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not kernel_cache.is_warm()
    kernel_cache.mark_warm()
    assert kernel_cache.is_warm()
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert not kernel_cache.is_warm()


def test_a_kernel_without_a_cache_works_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real = numba.njit

    def njit(*functions: object, **options: object) -> object:
        if "cache" in options:
            raise RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")
        return real(*functions, **options)

    jit._warn_uncached.cache_clear()
    warned = pytest.warns(RuntimeWarning, match="no writable folder for compiled kernels")
    with monkeypatch.context() as patch, warned as caught:
        patch.setattr(numba, "njit", njit)
        kernels = [jit.kernel(lambda x: x + 1), jit.kernel(lambda x: x + 2)]
    assert len(caught) == 1
    assert [kernel(1) for kernel in kernels] == [2, 3]


def test_a_second_start_compiles_nothing_anew(tmp_path):
    """All kernels of a step, the ones that take parameters among them, come from the disk the second time."""
    script = (
        "from lobule import Lobule\n"
        "Lobule('hfe-mouse-msc', settings={'tissue.lobules': 1, 'treatments.0.day': 0.0}).run(days=0.25)\n"
    )
    cache, compiled = tmp_path / "cache", Path(os.environ["NUMBA_CACHE_DIR"])
    shutil.copytree(compiled, cache / compiled.name)  # what other tests have compiled already
    found = []
    for _ in range(2):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
        subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=tmp_path, timeout=300)
        found.append(sorted(path.name for path in cache.rglob("*.nbc")))
    assert len(found[0]) > 30 and found[0] == found[1]
