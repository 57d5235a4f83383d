"""A server with Ingest alone, for tests that look at its process: prints its port, ends with its input."""

import asyncio
import socket
import sys
from pathlib import Path

import uvicorn
from ingest_builders import an_ingest


async def main(folder: Path) -> None:
    """Serves until standard input ends."""
    async with an_ingest(folder) as ingest:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = uvicorn.Server(uvicorn.Config(ingest.web, log_level="error", lifespan="off"))
            serving = asyncio.create_task(server.serve([listening]))
            print(listening.getsockname()[1], flush=True)
            await asyncio.to_thread(sys.stdin.read)
            server.should_exit = True
            await serving


asyncio.run(main(Path(sys.argv[1])))
