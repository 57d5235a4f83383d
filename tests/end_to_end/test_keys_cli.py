"""`seoga keys` and `seoga audit` on a data directory, whether a server runs on it or not."""

from pathlib import Path

import httpx
import pytest
from command_line import a_served_directory, seoga, seoga_json


def _status(url: str, key: str | None = None) -> int:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{url}/api/v1/documents", headers=headers, trust_env=False, timeout=60).status_code


@pytest.mark.slow
def test_keys_are_made_on_a_stopped_server_and_withdrawn_on_a_running_one(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    output, told = seoga(data_dir, "keys", "create", "me", "--rights", "read,write,admin")
    admin = output.strip()
    assert admin.startswith("seoga_") and output == f"{admin}\n"
    assert "from now on every request needs a key" in told

    with a_served_directory(data_dir) as url:
        assert (_status(url), _status(url, admin)) == (401, 200)
        _, refused = seoga(data_dir, "keys", "list", code=1)
        assert "--api-key or SEOGA_API_KEY" in refused
        made = seoga_json(data_dir, "keys", "create", "정산팀", "-c", "tariffs,관세", SEOGA_API_KEY=admin)
        assert (made["rights"], made["collections"], made["closes_server"]) == (["read"], ["tariffs", "관세"], False)
        assert _status(url, made["key"]) == 200
        lines = seoga(data_dir, "keys", "list", SEOGA_API_KEY=admin)[0].splitlines()
        assert [line.partition("  (made ")[0] for line in lines] == [
            "me  admin, read, write in every collection",
            "정산팀  read in tariffs, 관세",
        ]
        assert all("last used" in line for line in lines)
        assert seoga(data_dir, "keys", "withdraw", "정산팀", SEOGA_API_KEY=admin)[0] == "정산팀 is withdrawn.\n"
        assert _status(url, made["key"]) == 401
        _, refused = seoga(data_dir, "keys", "withdraw", "me", code=1, SEOGA_API_KEY=admin)
        assert "the last key" in refused and "--open-server" in refused
        seoga(data_dir, "keys", "withdraw", "me", "--open-server", SEOGA_API_KEY=admin)

        assert _status(url) == 200
        nobody = "There are no keys: everybody on this machine may do everything.\n"
        assert seoga(data_dir, "keys", "list")[0] == nobody
        _, refused = seoga(data_dir, "keys", "create", "me", code=1)
        assert "The first key closes the server" in refused
        told, more = seoga(data_dir, "audit", "-n", "3")
        assert [line.split("  ")[1:] for line in told.splitlines()] == [
            ["me", "key.withdrawn", "me: * admin,read,write"],
            ["me", "key.withdrawn", "정산팀: tariffs,관세 read"],
            ["me", "key.made", "정산팀: tariffs,관세 read"],
        ]
        made = seoga_json(data_dir, "audit", "--key", "me", "--action", "key.made", "--since", "2020-01-01")
        assert [entry["subject"] for entry in made["items"]] == ["정산팀"]
        assert seoga_json(data_dir, "audit", "--until", "2020-01-01T12:00")["items"] == []
        (first,) = seoga_json(data_dir, "audit", "--cursor", more.split()[-1])["items"]
        assert (first["key_name"], first["action"], first["subject"]) == ("anonymous", "key.made", "me")
