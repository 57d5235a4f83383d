"""Which data directory or server a command speaks to, what it leaves alone, and how it prints."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from command_line import a_served_directory, seoga, seoga_json, seoga_process

import main
from shared.data_place import usual_data_dir
from shared.settings import load_settings
from shared.version import VERSION

_KEY = "wr-0b9d4e83a1f74c26"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with keys, which has one document."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys").write_text(f"{_KEY} * read,write\n")
    (folder / "환율.md").write_text("# 환율 é\n\n과세환율은 매주 고시한다. Zanzibarion 😀")
    with a_served_directory(folder / "data", api_keys_file=folder / "keys") as url:
        seoga(folder / "data", "ingest", folder / "환율.md", SEOGA_API_KEY=_KEY)
        yield url


def test_who_brings_a_language_that_the_model_does_not_read_is_told_so(guarded: str, tmp_path: Path) -> None:
    (tmp_path / "신고.md").write_text("수입 신고는 물품이 도착한 날부터 삼십 일 안에 하여야 한다.")
    (tmp_path / "note.md").write_text("The importer shall declare the goods within thirty days.")

    def told_of(*arguments: str | Path) -> str:
        return seoga(tmp_path, "ingest", *arguments, "-c", "told", SEOGA_URL=guarded, SEOGA_API_KEY=_KEY)[1]

    told = told_of(tmp_path / "신고.md", tmp_path / "note.md")
    assert told.startswith("1 document is in a language that the model ") and "(ko): found by words alone" in told
    assert told_of(tmp_path / "note.md") == told_of(tmp_path / "신고.md", "--json") == ""


def test_tells_its_version(tmp_path: Path) -> None:
    assert seoga(tmp_path, "--version")[0] == f"seoga {VERSION}\n"


@pytest.mark.parametrize(
    "command",
    [
        ["search", "관세율"],
        ["status"],
        ["documents", "list"],
        ["documents", "delete", "x", "--yes"],
        ["collections", "list"],
        ["dead-letters", "list"],
        ["trash"],
        ["backup", "copy"],
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_who_only_reads_makes_no_data_directory_and_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], there: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "somewhere"
    if there:  # a folder of something else
        folder.mkdir()
    output, errors = seoga(folder, *command, code=1)
    assert (output, str(folder) in errors) == ("", True)
    assert list(tmp_path.rglob("*")) == ([folder] if there else [])


@pytest.mark.parametrize("command", [["doctor"], ["model", "status"]])
def test_who_looks_at_the_machine_leaves_no_data_directory(tmp_path: Path, command: list[str]) -> None:
    output, _ = seoga(tmp_path / "data", *command)
    assert output
    assert not (tmp_path / "data").exists()


def test_the_usual_data_directory_is_the_one_here_or_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEOGA_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert load_settings().data_dir == tmp_path / "home" / ".local" / "share" / "seoga"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert usual_data_dir() == tmp_path / "home" / ".local" / "share" / "seoga"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert usual_data_dir() == tmp_path / "xdg" / "seoga"
    (tmp_path / "data").mkdir()
    assert load_settings().data_dir == Path("data")
    (tmp_path / ".env").write_text("SEOGA_DATA_DIR=elsewhere\n")
    assert load_settings().data_dir == Path("elsewhere")


@pytest.mark.slow
def test_a_server_elsewhere_is_named_by_option_variable_or_env_file(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = tmp_path / "nothing"
    monkeypatch.chdir(tmp_path)
    by_option = seoga_json(nothing, "documents", "list", "--url", guarded, "--api-key", _KEY)
    assert [document["name"] for document in by_option["items"]] == ["환율.md"]
    before = seoga_json(nothing, "--url", f"{guarded}/", "--api-key", _KEY, "documents", "list")
    assert before == by_option
    assert seoga_json(nothing, "documents", "list", SEOGA_URL=guarded, SEOGA_API_KEY=_KEY) == by_option
    (tmp_path / ".env").write_text(f"SEOGA_URL={guarded}\nSEOGA_API_KEY={_KEY}\n")
    assert seoga_json(nothing, "documents", "list") == by_option
    (tmp_path / "new.txt").write_text("new")
    assert seoga_json(nothing, "ingest", tmp_path / "new.txt", "-c", "second")["counts"] == {"searchable": 1}
    status = seoga_json(nothing, "status")
    assert status["server"] == {"running": True, "url": guarded, "pid": None}
    assert not nothing.exists()


@pytest.mark.slow
def test_who_names_a_data_directory_means_its_server(guarded: str, tmp_path: Path) -> None:
    _, errors = seoga(tmp_path, "documents", "list", "--data-dir", tmp_path / "mine", SEOGA_URL=guarded, code=1)
    assert str(tmp_path / "mine") in errors


@pytest.mark.slow  # three processes
def test_a_missing_key_a_wrong_url_and_a_server_that_is_away_are_told(guarded: str, tmp_path: Path) -> None:
    assert "--api-key or SEOGA_API_KEY" in seoga(tmp_path, "documents", "list", "--url", guarded, code=1)[1]
    assert "SEOGA_URL was 'nonsense'" in seoga(tmp_path, "documents", "list", "--url", "nonsense", code=1)[1]
    away = seoga(tmp_path, "documents", "list", "--url", "http://127.0.0.1:9", code=3)[1]
    assert away.startswith("Cannot connect to http://127.0.0.1:9/")


@pytest.mark.parametrize(
    "command",
    [
        ["search", "과세환율"],
        ["documents", "list"],
        ["documents", "show", "환율.md"],
        ["status"],
        ["documents", "show", "없는 문서", "-c", "default"],
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "euc-kr"])
def test_no_command_dies_of_the_terminals_encoding(
    guarded: str, monkeypatch: pytest.MonkeyPatch, command: list[str], encoding: str
) -> None:
    buffers = [io.BytesIO(), io.BytesIO()]
    streams = [io.TextIOWrapper(buffer, encoding=encoding) for buffer in buffers]
    monkeypatch.setattr("sys.argv", ["seoga", *command, "--url", guarded, "--api-key", _KEY])
    monkeypatch.setattr("sys.stdout", streams[0])
    monkeypatch.setattr("sys.stderr", streams[1])
    monkeypatch.setenv("SEOGA_URL", guarded)
    monkeypatch.setenv("SEOGA_API_KEY", _KEY)
    with pytest.raises(SystemExit) as ended:
        main.cli()
    for stream in streams:
        stream.flush()
    assert ended.value.code == (1 if "없는 문서" in command else 0)
    assert b"".join(buffer.getvalue() for buffer in buffers).strip()


@pytest.mark.slow
def test_json_in_a_plain_terminal_is_json(guarded: str, tmp_path: Path) -> None:
    (tmp_path / "smile.md").write_text("Zanzibarion 😀")
    seoga(tmp_path, "ingest", tmp_path / "smile.md", "-c", "smiles", SEOGA_URL=guarded, SEOGA_API_KEY=_KEY)
    output, _ = seoga_process(
        tmp_path,
        "search",
        "Zanzibarion",
        "-c",
        "smiles",
        "--json",
        SEOGA_URL=guarded,
        SEOGA_API_KEY=_KEY,
        PYTHONIOENCODING="ascii",
    )
    assert output.isascii()
    assert "😀" in json.loads(output)["hits"][0]["chunk"]["text"]


def test_a_browser_sees_a_page_and_a_program_json(guarded: str) -> None:
    page = httpx.get(
        guarded, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, trust_env=False, timeout=60
    )
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "서가" in page.text or "Seoga" in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'") and "unsafe" not in policy
    for accept in ("application/json", "*/*"):
        answer = httpx.get(guarded, headers={"accept": accept}, trust_env=False, timeout=60)
        assert answer.json()["version"] == VERSION
        assert answer.headers["vary"] == "Accept"
    head = httpx.head(guarded, headers={"accept": "text/html"}, trust_env=False, timeout=60)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == page.headers["etag"]


def test_the_links_of_the_page_lead_somewhere(guarded: str) -> None:
    page = httpx.get(guarded, headers={"accept": "text/html"}, trust_env=False, timeout=60).text
    links = re.findall(r'(?:href|src)="(/[^"]*)"', page)
    assert len(links) >= 4
    # A page holds no data: it is open, and shows what the reader's key allows.
    assert {httpx.get(guarded + link, trust_env=False, timeout=60).status_code for link in links} == {200}
