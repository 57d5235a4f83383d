"""What `seoga eval --json` printed earlier, read again."""

import json
from pathlib import Path
from typing import Any

from search.domain.judging import MEASURES
from shared.kernel import InvalidInput


def read_outcome(path: Path) -> dict[str, Any]:
    """Raises InvalidInput when it is something else."""
    try:
        said = json.loads(path.read_bytes())
        for question in said["per_question"]:
            if not isinstance(question["id"], str) or not all(0 <= float(question[name]) <= 1 for name in MEASURES):
                raise ValueError("a question has no measures")
    except OSError as error:
        raise InvalidInput(f"'{path}' cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"'{path}' is not what `seoga eval --json` prints.") from error
    outcome: dict[str, Any] = said
    return outcome
