"""What two modules must agree on though neither may import the other."""

from pathlib import Path

from ingest.domain.media_types import SUPPORTED
from main import Application
from process.infrastructure.parser_child import PARSERS
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.vocabulary import JOB_KINDS, MODULES


def test_what_ingest_accepts_process_reads() -> None:
    assert set(PARSERS) == set(SUPPORTED)


def test_monitor_looks_at_the_jobs_that_modules_do(tmp_path: Path) -> None:
    modules = Application(load_settings(data_dir=tmp_path), DataDirectory(tmp_path)).plugs
    assert {module.name: tuple(job.kind for job in module.jobs) for module in modules if module.jobs} == JOB_KINDS
    assert set(MODULES) <= {module.name for module in modules}
