"""What a quote bears out, and what it does not: numbers, units, names, negation, words of elsewhere."""

import pytest
from one_analyzer import the_analyzer

from search.chat.domain.verification import bears_out

TARIFF = "노트북 컴퓨터는 제8471.30호에 분류되며 기본 세율은 8%이고 2026년 1월 1일부터 적용된다."
LEASE = "Maru Rental must give Seoga Trading 30 days of notice before the lease of 24 months ends."
REFUSED = "가산세는 신고가 늦은 경우에도 면제되지 않는다."
KEPT = "Maru Rental kept all invoices in Busan for five years."
HANJA = "輸入貨物의 關稅率은 大統領令으로 정한다."
CONTENTS = "디지털 컨텐츠의 메세지는 보관하지 않는다."
FEE = "The fee of 1,200,000 won is not refundable once the declaration is accepted."


async def says(quote: str, sentence: str) -> bool:
    words, quoted = await the_analyzer().content_words([sentence, quote])
    return bears_out(sentence, words, quote, quoted)


@pytest.mark.parametrize(
    ("quote", "sentence"),
    [
        (TARIFF, TARIFF),
        (TARIFF, "노트북 컴퓨터의 기본 세율은 8%이다."),
        (TARIFF, "노트북 컴퓨터는 제8471.30호에 분류된다."),
        (TARIFF, "노트북 컴퓨터의 기본 세율은 8 %이다."),
        (LEASE, LEASE),
        (LEASE, "Maru Rental gives 30 days of notice."),
        (REFUSED, REFUSED),
        (FEE, "The fee of 1200000 won is not refundable."),
        (FEE, "The fee isn't refundable once the declaration is accepted."),
        (KEPT, "Maru Rental keeps all invoices in Busan for five years."),
        (KEPT, KEPT.replace("kept", "keeps")),
        (HANJA, "수입화물의 관세율은 대통령령으로 정한다."),
        (CONTENTS, "디지털 콘텐츠의 메시지는 보관하지 않는다."),
        ("They keep the goods and sell them.", "They kept the goods and sold them."),
    ],
)
async def test_what_stands_there_is_borne_out(quote: str, sentence: str) -> None:
    assert await says(quote, sentence)


@pytest.mark.parametrize(
    ("quote", "sentence"),
    [
        (TARIFF, TARIFF.replace("8%", "18%")),
        (TARIFF, TARIFF.replace("8471.30", "8471.41")),
        (TARIFF, TARIFF.replace("2026년", "2025년")),
        (TARIFF, TARIFF.replace("8%", "8원")),
        (TARIFF, TARIFF.replace("노트북", "냉장고")),
        (TARIFF, TARIFF.replace("적용된다", "적용되지 않는다")),
        (TARIFF, "냉장고는 관세가 없다."),
        (LEASE, LEASE.replace("30 days", "60 days")),
        (LEASE, LEASE.replace("30 days", "30 months")),
        (LEASE, LEASE.replace("Maru", "Haneul")),
        (LEASE, "Seoga Trading must give Maru Rental 30 days of notice before the lease of 24 months ends."),
        (LEASE, LEASE.replace("must give", "must not give")),
        (REFUSED, "가산세는 신고가 늦은 경우에도 면제된다."),
        (FEE, FEE.replace("is not refundable", "is refundable")),
        (FEE, FEE.replace("1,200,000", "1,300,000")),
        (HANJA, "수출화물의 관세율은 대통령령으로 정한다."),
        (HANJA, "수입화물의 내국세율은 대통령령으로 정한다."),
        (KEPT, KEPT.replace("kept", "lost")),
        (KEPT, "Maru Rental never keeps all invoices in Busan for five years."),
        (FEE, ""),
    ],
)
async def test_what_was_changed_is_not(quote: str, sentence: str) -> None:
    assert not await says(quote, sentence)


@pytest.mark.parametrize(
    ("quote", "sentence"),
    [
        (
            "세 도시의 서류를 2003년 1월에 받아 2003년 3월에 심사했다.",
            "세 도시의 서류를 2003년 3월에 받아 2003년 3월에 심사했다.",
        ),
        ("가입자 중 10명은 다른 모임에도 가입되어 있다.", "가입자 중 10명은 다른 모임에도 가입되어 있지 않다."),
        ("비용은 계약에 포함되어 있지 않다. 배송은 포함된다.", "비용은 계약에 포함되어 있다."),
        ("사이먼 측은 바바라의 연루를 부인했다.", "바바라 측은 사이먼의 연루를 부인했다."),
        ("It can carry ten people, but it cannot fly.", "It cannot carry ten people, but it can fly."),
    ],
)
async def test_what_stands_elsewhere_in_the_quote_does_not_help(quote: str, sentence: str) -> None:
    assert not await says(quote, sentence)
