"""British and American spellings of a word are one term."""

import pytest

from search.domain.british import american
from search.domain.highlight import Highlighter
from search.domain.tokens import base, tokens
from search.infrastructure.kiwi_analyzer import english_stem

PAIRS = (
    "colour/color organisation/organization centre/center licence/license analyse/analyze catalogue/catalog "
    "programmes/programs labour/labor tyres/tires aluminium/aluminum grey/gray cheque/check favourite/favorite "
    "travelling/traveling defence/defense metre/meter sulphuric/sulfuric jewellery/jewelry plough/plow storeys/stories "
    "judgement/judgment skilful/skillful behaviour/behavior litres/liters theatre/theater fibres/fibers "
    "paediatric/pediatric anaemia/anemia oestrogen/estrogen haemoglobin/hemoglobin realise/realize "
    "characterised/characterized standardisation/standardization centred/centered manoeuvre/maneuver "
    "manoeuvring/maneuvering diarrhoea/diarrhea leukaemia/leukemia catalogued/cataloged optimiser/optimizer "
    "moulded/molded practise/practice discs/disks enquiries/inquiries kilometres/kilometers foetal/fetal "
    "anaesthesia/anesthesia labelled/labeled Tyre/tire COLOUR/color re-organised/re-organized fibre-optic/fiber-optic"
)
SAME_IN_BOTH = (
    "exercise promise advertising advertisement revise precise enterprise otherwise likewise rising arise wise noise "
    "raise crisis basis premises supervisor surprise hour four tour court source disease increase purchase expense "
    "size seize house glamour"
)


def terms(word: str) -> set[str]:
    return {term for token in tokens(word, english_stem) for term in token.terms}


@pytest.mark.parametrize("pair", PAIRS.split())
def test_both_spellings_are_one_term_and_marked_by_either(pair: str) -> None:
    british, other = pair.split("/")
    assert terms(british) == terms(other)
    for query, text in ((british, other), (other, british)):
        highlighter = Highlighter(terms(query), (), english_stem)
        marked = [text[one.start : one.end] for one in highlighter.highlights(text)]
        assert "".join(marked).replace("-", "") == text.replace("-", ""), (query, text)


@pytest.mark.parametrize("word", SAME_IN_BOTH.split())
def test_what_is_spelled_alike_stays(word: str) -> None:
    assert american(word) == word == base(word)
