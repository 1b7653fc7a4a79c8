"""The page over HTTP, with a browser's requests."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

gradio_client = pytest.importorskip("gradio_client")
pytest.importorskip("gradio")

from gradio_client import Client, handle_file  # noqa: E402
from gradio_client.exceptions import AppError  # noqa: E402

from spiral.agent import default  # noqa: E402
from spiral.studio.page import served  # noqa: E402
from spiral.studio.shared import AS_IT_IS, OWN  # noqa: E402

RUNS = Path(__file__).parents[2] / "docs" / "runs" / "digits"


@pytest.fixture(scope="module")
def address():
    with served(RUNS) as address:
        yield address


@pytest.fixture
def client(address):
    return Client(address, verbose=False)


@pytest.fixture(scope="module")
def a_file(three, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("three") / "three.png"
    three.save(path)
    return path


def paint(client: Client, agent: str | None = None, strokes: int = 12) -> dict:
    return json.loads(client.predict("", False, agent or default(), strokes, OWN, OWN, 0, api_name="/paint"))


def test_a_picture_is_painted_edited_and_downloaded(client, a_file):
    client.predict(handle_file(a_file), api_name="/picture")
    shown = paint(client)
    assert shown["errors"][-1] < 0.3 * shown["errors"][0]
    edited, without, order = client.predict("1", "reverse", "#ff0000", "#ffffff", AS_IT_IS, api_name="/edit")
    assert json.loads(edited)["sheet"].startswith("data:image/jpeg") and (without, order) == ("", AS_IT_IS)
    assert all("#ff0000" in line for line in json.loads(edited)["lines"] if line.startswith("paint"))
    assert json.loads(client.predict(api_name="/back"))["lines"] == shown["lines"]
    refined = json.loads(client.predict(50, api_name="/refine"))
    assert refined["errors"][-1] <= shown["errors"][-1]
    for ending in ("json", "svg", "png", "gif"):
        answer = client.predict(128, api_name=f"/write_{ending}")
        path = Path(answer["value"] if isinstance(answer, dict) else answer)
        assert path.name == f"painting.{ending}" and path.stat().st_size > 100


def test_a_missing_ffmpeg_is_told_and_other_documents_are_written(client, a_file, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nonexistent/ffmpeg")
    client.predict(handle_file(a_file), api_name="/picture")
    paint(client)
    with pytest.raises(AppError, match=r"ffmpeg, which writes videos, cannot be run.*IMAGEIO_FFMPEG_EXE"):
        client.predict(64, api_name="/write_mp4")
    assert client.predict(64, api_name="/write_gif")


def test_comparing_shows_everybody_and_the_picture(client, a_file):
    client.predict(handle_file(a_file), api_name="/picture")
    pictures, table = client.predict("", False, default(), default(), 100, 0, api_name="/compare")
    assert [one["source"][:15] for one in json.loads(pictures)] == ["data:image/png;"] * 3
    assert [row[0] for row in table["data"]] == [default(), "search, 100 renderings"]


def test_what_is_wrong_is_told_and_the_next_request_works(client, a_file, tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(AppError, match="not a readable picture"):
        client.predict(handle_file(tmp_path / "text.png"), api_name="/picture")
    with pytest.raises(AppError, match="draw something first"):
        paint(client)
    with pytest.raises(AppError, match="paint something first"):
        client.predict("", AS_IT_IS, "", "", AS_IT_IS, api_name="/edit")
    with pytest.raises(AppError):
        paint(client, agent="/etc")
    client.predict(handle_file(a_file), api_name="/picture")
    with pytest.raises(AppError):
        paint(client, strokes=10**9)
    assert paint(client)["frames"] > 2


def test_files_that_are_too_large_are_not_taken(address, tmp_path):
    body = (
        b"--x\r\nContent-Disposition: form-data; name=files; filename=a.png\r\n\r\n"
        + bytes(50 * 2**20)
        + b"\r\n--x--\r\n"
    )
    request = urllib.request.Request(
        f"{address}gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    with pytest.raises((urllib.error.HTTPError, urllib.error.URLError)) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert getattr(refused.value, "code", 413) == 413


@pytest.mark.parametrize("path", ["/etc/passwd", str(Path(__file__)), str(RUNS)])
def test_no_file_of_the_machine_is_served(address, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{address}gradio_api/file={path}", timeout=30)
    assert refused.value.code in (403, 404)


def test_it_listens_on_loopback_and_names_no_other_host(address):
    assert address.startswith("http://127.0.0.1:")
    page = urllib.request.urlopen(address, timeout=30).read().decode()
    for host in ("googleapis.com", "gstatic.com", "cdnjs", "unpkg", "jsdelivr"):
        assert f"//{host}" not in page and f".{host}" not in page, host


def test_runs_are_shown_with_curves_and_their_last_sheets(lines, tmp_path):
    from problems import tiny

    import spiral
    from spiral.studio.runs import found, shown

    spiral.train(tiny(lines), tmp_path / "mine & yours", frames=128)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "metrics.jsonl").mkdir()
    assert found(tmp_path) == ["mine & yours"]
    page = shown(tmp_path, ["mine & yours", "gone"])
    assert "<svg" in page and "data:image/png" in page and "mine &amp; yours" in page and "holds neither" in page


def test_without_gradio_the_command_says_what_to_install():
    code = "import sys; sys.modules['gradio'] = None; from spiral.cli import main; sys.exit(main(['studio']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (
        done.returncode == 2 and "pip install 'spiral-painter[studio]'" in done.stderr and done.stderr.count("\n") == 1
    )


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_the_page_is_served_behind_a_proxy(proxy, monkeypatch):
    """Nobody listens on port 9; with a SOCKS proxy httpx would want one more package."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
        monkeypatch.setenv(name.lower(), proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with served(RUNS) as address:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert b"SPIRAL studio" in direct.open(address, timeout=30).read()
        assert "NO_PROXY" not in os.environ  # a browser keeps the user's proxy


def test_gradio_is_imported_behind_a_socks_proxy():
    code = "from spiral.studio.direct import without_proxy\nwith without_proxy():\n import spiral.studio.page"
    environment = os.environ | {"all_proxy": "socks5://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_whatever_launching_raises_is_one_line(monkeypatch, capsys):
    import gradio

    from spiral.cli import main

    def broken(*given, **named):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(gradio.Blocks, "launch", broken)
    assert main(["studio"]) == 2
    assert "two lines; choose another --port or --host" in capsys.readouterr().err
    assert main(["studio", "--host", "256.0.0.1"]) == 2
    assert "256.0.0.1" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(address, capsys):
    from spiral.cli import main

    port = address.rsplit(":", 1)[1].strip("/")
    assert main(["studio", "--port", port]) == 2 and port in capsys.readouterr().err
    assert main(["studio", "--port", "0"]) == 2


@pytest.mark.parametrize("name", ["picture", "paint"])
def test_nothing_is_fetched_for_a_visitor(client, name, monkeypatch):
    """A request may name an address in place of a file; Gradio would download it."""
    asked = []
    monkeypatch.setattr("httpx.AsyncClient.send", lambda *given, **more: asked.append(given))
    elsewhere = {"path": "https://example.org/large.png", "meta": {"_type": "gradio.FileData"}}
    given = {"picture": (elsewhere,), "paint": (elsewhere, False, default(), 12, OWN, OWN, 0)}[name]
    with pytest.raises(AppError, match="fetches nothing"):
        client.predict(*given, api_name=f"/{name}")
    assert asked == []


def test_a_run_with_an_odd_name_and_odd_numbers_is_shown(lines, tmp_path):
    from problems import tiny

    import spiral
    from spiral.studio.runs import shown

    run = tmp_path / r"a$\bad$b"
    spiral.train(tiny(lines), run, frames=128)
    with (run / "metrics.jsonl").open("a") as file:
        file.write(f'{{"commands": 192, "blank": {10**400}}}\n')
    assert "<svg" in shown(tmp_path, [run.name])


def test_a_studio_finds_its_uploads_after_another_has_closed(client, a_file):
    with served(RUNS):
        pass
    client.predict(handle_file(a_file), api_name="/picture")


def test_palette_files_and_photographs_of_the_canvas_are_checked(client, a_file, tmp_path):
    palette = tmp_path / "mine.json"
    palette.write_text('{"ochre": "#cc7722"}')
    client.predict(handle_file(palette), api_name="/palette")
    client.predict(handle_file(a_file), api_name="/canvas")
    palette.write_text("[]")
    with pytest.raises(AppError, match=r"mine.json: a palette has 1 to 256 colours"):
        client.predict(handle_file(palette), api_name="/palette")
    with pytest.raises(AppError, match="Invalid file type"):
        client.predict(handle_file(palette), api_name="/canvas")
