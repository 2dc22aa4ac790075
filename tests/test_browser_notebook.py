"""The page and the small picture for notebooks, and what `lobule view` refuses."""

import io
import socket

import pytest
from PIL import Image

from lobule import Lobule
from lobule.experiments.browser import page, preview
from lobule.experiments.cli import main


@pytest.fixture(scope="module")
def model():
    return Lobule("hfe-mouse", rng=1, settings={"tissue.lobules": 1, "tissue.radius_um": 150.0}).run(days=1)


def test_a_preview_is_a_small_picture(model, tmp_path):
    picture = preview(model)
    image = Image.open(io.BytesIO(picture._repr_png_()))
    assert image.format == "PNG" and 300 < image.width < 700
    picture.save(tmp_path / "small.png")
    assert (tmp_path / "small.png").read_bytes() == picture.png


def test_a_page_of_a_model_begins_where_it_is_and_leaves_it_alone(model):
    solara = pytest.importorskip("solara", reason="solara, of the extra 'view', is not installed")
    hours = model.hours
    _, context = solara.render(page(model), handle_error=False)
    context.close()
    assert model.hours == hours


@pytest.fixture
def view(tmp_path, monkeypatch, capsys):
    """Return `lobule view` in an empty folder: words in, code and what was said of errors out."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        return main(["view", "--no-open", *words]), capsys.readouterr().err.strip()

    return run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hfe-mousse"], "hfe-mouse"),
        (["."], "manifest.json"),
        (["hfe-mouse", "--port", "99999"], "--port 99999"),
        (["--prot", "8000"], "--port"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(words, told, view):
    code, error = view(*words)
    assert code == 2
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_port_that_is_taken_is_refused(view):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, error = view("hfe-mouse", "--port", str(taken.getsockname()[1]))
    assert code == 2 and "choose another with --port" in error
