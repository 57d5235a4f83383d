"""MHTML (RFC 2557): a web page that was saved with all it shows."""

from process.infrastructure.parsers.mail import parse_page as parse

__all__ = ["parse"]
