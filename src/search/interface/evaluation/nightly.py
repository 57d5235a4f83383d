"""The judged set of SEOGA_EVALUATION_SET, read anew each time it is asked."""

from functools import partial
from pathlib import Path

from search.application.evaluations import MOST_QUESTIONS, Evaluations, Question
from search.application.nightly import NightlyEvaluation, NightlySet, NightlyTimes
from search.interface.evaluation.judged import read_judged
from shared.kernel import InvalidInput
from shared.ports.duties import DutyStore
from shared.settings import Settings
from shared.telemetry import Metrics
from shared.vocabulary import DEFAULT_COLLECTION


def build_nightly(
    settings: Settings, evaluations: Evaluations, duties: DutyStore, metrics: Metrics, times: NightlyTimes
) -> NightlyEvaluation | None:
    """None where no set is named."""
    if settings.evaluation_set is None:
        return None
    return NightlyEvaluation(
        read_set=partial(read_nightly, settings.evaluation_set, settings.evaluation_collection),
        hour=settings.evaluation_hour,
        evaluations=evaluations,
        duties=duties,
        metrics=metrics,
        times=times,
    )


def read_nightly(folder: Path, collection: str | None) -> NightlySet:
    """The set under its folder's name, and where it is asked. Raises InvalidInput, also for one that is too large."""
    judged, name = read_judged(folder), folder.resolve().name
    if len(judged.questions) > MOST_QUESTIONS:
        raise InvalidInput(f"'{folder}' has {len(judged.questions):,} questions; at most {MOST_QUESTIONS:,} are asked.")
    questions = [Question(key, text, judged.grades[key]) for key, text in judged.questions.items()]
    return NightlySet(name, collection or (f"eval-{name}" if judged.corpus else DEFAULT_COLLECTION), questions)
