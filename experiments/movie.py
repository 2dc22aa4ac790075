"""A run as a film: `movie.gif`, and `movie.mp4` where there is an ffmpeg."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgba_array
from numpy.typing import NDArray
from PIL import Image

from lobule.doses import TOLERANCE_HOURS
from lobule.errors import InputError, shown
from lobule.experiments import style
from lobule.experiments.histology import MARKS
from lobule.experiments.progress import Progress
from lobule.experiments.replay import Replay
from lobule.experiments.stage import Frame, Scale, Stage, scale_of
from lobule.experiments.sweeps.display import Display
from lobule.experiments.sweeps.warm import COMPILING, compile_kernels, is_cold
from lobule.files import whole
from lobule.model import Lobule

FRAMES, FPS = 60, 10
MOST_FRAMES = 500  # about half a gigabyte of memory
MOST_FPS = 50  # viewers show a faster GIF slowly
#: Colours that a palette made of what there is most of would lose, or that must be exact.
FIXED = to_rgba_array(
    [
        "white",
        style.NUCLEUS,
        style.COLLAGEN,
        *(mark.face for mark in MARKS.values()),
        *style.PERLS(np.linspace(0, 1, 32)),
    ]
)
LAST_MS = 2000  # how long the end stays before the film begins again


def film(
    frames: Iterable[Frame], path: Path, scale: Scale, *, fps: float = FPS, say: Callable[[str], None] = print
) -> list[Path]:
    """Draw `frames` into a GIF, and beside it into an MP4 where there is an ffmpeg.

    Parameters
    ----------
    frames : iterable of Frame
        What to show, in order; each is drawn before the next is asked for.
    path : Path
        The GIF to write.
    scale : Scale
        That of :func:`scale_of`.
    fps : float
        Pictures a second.
    say : callable
        Told in one line why there is no MP4.

    Returns
    -------
    list of Path
        The films written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stage: Stage | None = None
    pictures: list[bytes] = []
    for frame in frames:
        stage = stage or Stage(frame.model, scale)
        pictures.append(_png(stage.draw(frame)))
    _write_gif(pictures, path, fps)
    video = path.with_suffix(".mp4")
    if wrong := _write_mp4(pictures, video, fps):
        say(f"note: no {video.name}: {wrong}")
        return [path]
    return [path, video]


def _png(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB")


def _write_gif(pictures: Sequence[bytes], path: Path, fps: float) -> None:
    """Write a GIF with one palette, so that what does not change neither flickers nor takes space."""
    samples = np.concatenate([np.asarray(_opened(picture)) for picture in style.spread(pictures, 5)])
    found = Image.fromarray(samples).quantize(256 - len(FIXED), dither=Image.Dither.NONE).getpalette() or []
    colours = np.concatenate([np.round(255.0 * FIXED[:, :3]), np.reshape(found, (-1, 3))]).astype(np.uint8)
    colours[colours.min(axis=1) > 240] = 255  # else a neighbour may stand for white
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.tobytes())
    first, *rest = (_opened(p).quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures)
    duration = [round(1000.0 / fps)] * len(rest) + [LAST_MS]
    with whole(path) as partial:
        first.save(partial, "GIF", save_all=True, append_images=rest, duration=duration, loop=0)


def _write_mp4(pictures: Sequence[bytes], path: Path, fps: float) -> str:
    """Write an MP4, or return why there is none."""
    program = shutil.which("ffmpeg")
    if program is None:
        return "ffmpeg is not on the PATH"
    come = ["-f", "image2pipe", "-c:v", "png", "-framerate", f"{fps:g}", "-i", "-"]
    go = ["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"]
    try:
        with whole(path) as partial:
            command = [program, "-y", "-loglevel", "error", *come, *go, str(partial.absolute())]
            subprocess.run(command, input=b"".join(pictures), check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        return f"ffmpeg failed{': ' + lines[-1] if lines else ''}"
    return ""


def frames_of(
    replay: Replay, hours: Iterable[float], progress: Callable[[Lobule], None] | None = None
) -> Iterator[Frame]:
    """Yield the frames of a run at `hours`; `progress` is called as in :meth:`Replay.model_at`."""
    for at in hours:
        model = replay.model_at(at, progress)
        now = model.hours + TOLERANCE_HOURS
        past = replay.series["hours"] <= now
        series = {name: values[past] for name, values in replay.series.items()}
        if series["hours"][-1] < model.hours - TOLERANCE_HOURS:  # between two rows
            now_too = model.readouts()
            series = {name: np.append(series[name], now_too[name]) for name in series if name in now_too}
        yield Frame(model, series, [event for event in replay.events if event[0] <= now])


def film_run(folder: Path, count: int = FRAMES, fps: int = FPS) -> list[Path]:
    """Write a film of a finished run into ``folder/figures`` and say on standard error how far it is.

    Parameters
    ----------
    folder : Path
        A run folder.
    count, fps : int
        Pictures, and pictures a second. Where another version of the code made the run, there is a picture
        for each of its snapshots, at most `count`.

    Returns
    -------
    list of Path
        ``movie.gif``, and ``movie.mp4`` where there is an ffmpeg.

    Raises
    ------
    InputError
        As :class:`Replay`, or if a number is out of range.
    """
    for name, value, least, most in (("frames", count, 2, MOST_FRAMES), ("fps", fps, 1, MOST_FPS)):
        if not least <= value <= most:
            raise InputError(f"{name} = {shown(value)} -> must be from {least} to {most}")
    replay = Replay(folder)
    hours = replay.times(count)
    with Progress() as progress:
        if not replay.is_exact:
            progress.say(
                f"note: another version made this run, so only its snapshots are shown: {len(hours)}"
            )
        elif is_cold():
            progress.say(COMPILING)
            compile_kernels()
        progress.begin(folder, replay.end_hours)
        scale = scale_of(frames_of(replay, hours, lambda model: progress.update(model.hours)))
    with Display() as display:
        display.begin("pictures", len(hours), 0, 0)
        frames = _counted(frames_of(replay, hours), len(hours), display)
        return film(frames, folder / "figures" / "movie.gif", scale, fps=fps, say=display.say)


def _counted(frames: Iterable[Frame], total: int, display: Display) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        display.ended()
        display.update(display.done / total)
