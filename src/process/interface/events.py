"""The events Process listens to."""

from process.application.intake import Intake
from shared.events.ingest import DocumentReceived, DocumentWithdrawn
from shared.ports.handlers import Subscriptions


def subscriptions(intake: Intake) -> Subscriptions:
    """Event type → handler."""
    return {DocumentReceived: intake.receive, DocumentWithdrawn: intake.withdraw}
