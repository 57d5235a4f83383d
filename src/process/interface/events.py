"""The events Process listens to."""

from process.application.intake import Intake
from shared.events.ingest import DocumentReceived, DocumentWithdrawn
from shared.runtime.module import Subscriptions


def subscriptions(intake: Intake) -> Subscriptions:
    """Event type → handler."""
    return {DocumentReceived: intake.receive, DocumentWithdrawn: intake.withdraw}
