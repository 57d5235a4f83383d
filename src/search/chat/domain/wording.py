"""What an answer says when the shelf has none."""

from typing import Final

from search.chat.domain.asking import Language

NOTHING_FOUND: Final[dict[Language, str]] = {
    "ko": "문서에서 답을 찾지 못했습니다.",
    "en": "The documents do not answer this.",
}
