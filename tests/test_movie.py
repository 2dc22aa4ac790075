"""Films of a run: files that open, pictures of one layout that differ, and what is refused."""

from __future__ import annotations

import os
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lobule import Lobule, load_case
from lobule.errors import InputError
from lobule.experiments.cli import main
from lobule.experiments.movie import film, film_run, frames_of
from lobule.experiments.replay import Replay
from lobule.experiments.runner import run_case
from lobule.experiments.stage import Frame, Scale, Stage, scale_of

from .model_cases import EVERYTHING

SIZE = (1280, 720)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = {**EVERYTHING, "tissue.radius_um": 150.0, "record.snapshot_days": [3.0]}
    case = load_case("hfe-mouse", {**settings, "record.every_hours": 12.0})
    return run_case(case, out=tmp_path_factory.mktemp("run") / "a", draw=False)


@pytest.fixture(scope="module")
def scale(folder: Path) -> Scale:
    replay = Replay(folder)
    return scale_of(frames_of(replay, replay.times(5)))


@pytest.fixture
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def pictures(path: Path) -> list[np.ndarray]:
    with Image.open(path) as image:
        assert image.format == "GIF" and image.size == SIZE
        found = []
        for n in range(image.n_frames):
            image.seek(n)
            found.append(np.asarray(image.convert("RGB")).astype(int))
    return found


def test_a_film_of_a_run(
    folder: Path, tmp_path: Path, no_ffmpeg: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").symlink_to(folder)
    assert main(["plot", str(tmp_path / "a"), "--movie", "--frames", "6", "--fps", "5"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(tmp_path / "a" / "figures" / "movie.gif")]
    notes = [line for line in printed.err.splitlines() if line.startswith("note")]
    assert notes == ["note: no movie.mp4: ffmpeg is not on the PATH"]
    assert "6 of 6 done" in printed.err and "day 0 to 6" in printed.err
    assert os.listdir(folder / "figures") == ["movie.gif"]
    frames = pictures(folder / "figures" / "movie.gif")
    assert len(frames) == 6
    assert all((one != other).any() for one, other in pairwise(frames))
    assert all((frame[:2] == 255).all() for frame in frames)  # white stays white
    with Image.open(folder / "figures" / "movie.gif") as image:
        assert image.info["duration"] == 200 and image.info["loop"] == 0


def test_all_pictures_have_one_layout(folder: Path, scale: Scale) -> None:
    """Axes, legend, colour bar and scale are the same dots in all pictures."""
    replay = Replay(folder)
    frames = list(frames_of(replay, (0.0, 72.0, 144.0)))
    stage = Stage(frames[0].model, scale)
    drawn = [stage.draw(frame).astype(int) for frame in frames]
    changed = np.any([(picture != drawn[0]).any(axis=2) for picture in drawn[1:]], axis=0)
    height, width = changed.shape
    inside = np.zeros_like(changed)
    curves = [curve.axes for curve, _ in stage.curves]
    for ax in (stage.tissue, *curves):
        box = ax.get_window_extent()
        inside[int(height - box.y1) - 2 : int(height - box.y0) + 3, int(box.x0) - 2 : int(box.x1) + 3] = True
    inside[:45] = True  # the title
    assert (width, height) == SIZE and changed.any()
    assert not (changed & ~inside).any()


def test_everything_is_within_the_picture(folder: Path, scale: Scale) -> None:
    stage = Stage(Replay(folder).model_at(0.0), scale)
    [legend] = stage.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert "MSC" in names and "CCl4" in names and len(names) > 20
    assert stage.title.get_text().startswith("hfe-mouse, day 0")
    whole = stage.figure.bbox
    for part in (legend, stage.title, *(ax for half in stage.figure.subfigs for ax in half.axes)):
        box = part.get_tightbbox()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1, part
        if part is not legend:
            assert box.y0 >= legend.get_window_extent().y1 - 1, part


def test_curves_grow_to_the_hour_of_the_picture(folder: Path, scale: Scale) -> None:
    replay = Replay(folder)
    stage = Stage(replay.model_at(0.0), scale)
    for frame in frames_of(replay, (0.0, 30.0, 72.0, 144.0)):
        stage.draw(frame)
        for curve, readout in stage.curves:
            x, y = curve.get_data()
            assert x[-1] == pytest.approx(frame.model.age_days)
            assert y[-1] == pytest.approx(frame.model.readouts()[readout])
        assert all(hours <= frame.model.hours for hours, _ in frame.events)
    assert len(frame.events) == len(replay.events) and len(x) == len(replay.series["hours"])


def test_the_scale_holds_all_pictures(folder: Path, scale: Scale) -> None:
    last = Replay(folder).model_at(144.0)
    assert scale.top_iron >= np.percentile(last.population.tables["hepatocyte"]["iron"], 99.0)
    assert scale.counts["msc"] > 0
    with pytest.raises(InputError):
        scale_of([])


@pytest.mark.parametrize("settings", [{"tissue.lobules": 19}, {"tissue.lobules": [1, 2], "tissue.layers": 3}])
def test_models_of_any_tissue_can_be_filmed(
    settings: dict[str, object], tmp_path: Path, no_ffmpeg: None
) -> None:
    """As of a case that is still open: there is no folder."""
    model = Lobule(
        "hfe-human", rng=1, settings={"tissue.radius_um": 150.0, "tissue.agents": False, **settings}
    )
    frames = []
    for _ in range(2):
        series = {name: np.array([value]) for name, value in model.readouts().items()}
        frames.append(Frame(model, series, model.log))
    said: list[str] = []
    path = tmp_path / "new" / "a.gif"
    assert film(frames, path, scale_of(frames), say=said.append) == [path]
    assert said == ["note: no a.mp4: ffmpeg is not on the PATH"]
    assert (pictures(path)[0] < 128).any()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg on the PATH")
def test_a_video_where_there_is_ffmpeg(folder: Path, tmp_path: Path, scale: Scale) -> None:
    replay, said = Replay(folder), []
    path = tmp_path / "a.gif"
    films = film(frames_of(replay, replay.times(3)), path, scale, fps=5, say=said.append)
    assert films == [path, tmp_path / "a.mp4"] and said == []
    assert (tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"
    assert sorted(os.listdir(tmp_path)) == ["a.gif", "a.mp4"]


def test_an_ffmpeg_that_fails_costs_the_video_only(
    folder: Path, tmp_path: Path, scale: Scale, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho first >&2\necho no encoder >&2\nexit 1\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    replay, said = Replay(folder), []
    path = tmp_path / "out" / "a.gif"
    assert film(frames_of(replay, replay.times(2)), path, scale, say=said.append) == [path]
    assert said == ["note: no a.mp4: ffmpeg failed: no encoder"]
    assert os.listdir(path.parent) == ["a.gif"]


def test_another_version_gives_a_picture_a_snapshot(
    folder: Path, no_ffmpeg: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lobule.experiments.replay.run_id", lambda case, seed: "another")
    [path] = film_run(folder, 60)
    assert len(pictures(path)) == 2
    assert "another version made this run, so only its snapshots are shown: 2" in capsys.readouterr().err


BAD = {
    "frames-few": (["--movie", "--frames", "1"], "frames = 1 -> must be from 2 to 500"),
    "frames-many": (["--movie", "--frames", "501"], "frames = 501 -> must be from 2 to 500"),
    "frames-word": (["--movie", "--frames", "many"], "must be a whole number"),
    "fps-none": (["--movie", "--fps", "0"], "fps = 0 -> must be from 1 to 50"),
    "no-movie": (["--frames", "10"], "add --movie"),
    "sweep": (["--movie", "--sweep", "a"], "choose one of the two"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_refused_in_one_line(
    name: str, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, says = BAD[name]
    before = sorted(folder.rglob("*"))
    assert main(["plot", str(folder), *words]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("lobule plot: ") and says in line
    assert sorted(folder.rglob("*")) == before


def test_a_store_of_sweeps_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sweeps").mkdir()
    assert main(["plot", str(tmp_path), "--movie"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "is a store of sweeps; --movie needs a run" in line


def test_a_film_that_fails_leaves_the_old_one(
    folder: Path, tmp_path: Path, scale: Scale, no_ffmpeg: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")

    save = Image.Image.save

    def full(image: Image.Image, file: object, *args: object, **options: object) -> None:
        if not options.get("save_all"):
            return save(image, file, *args, **options)
        Path(str(file)).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        film(frames_of(Replay(folder), (0.0, 72.0)), path, scale)
    assert os.listdir(tmp_path) == ["a.gif"] and path.read_bytes() == b"old"
