"""English verbs whose past forms no stemmer tells: "kept" is "keep".

For comparing sentences with one another: the index has words as they are written.
"""

from typing import Final

_FORMS: Final = (
    "arise arose arisen, awake awoke awoken, bear bore borne, beat beaten, become became, begin began begun, bend "
    "bent, bind bound, bite bit bitten, bleed bled, blow blew blown, break broke broken, breed bred, bring brought, "
    "build built, burn burnt, buy bought, catch caught, choose chose chosen, cling clung, come came, creep crept, "
    "deal dealt, dig dug, draw drew drawn, dream dreamt, drink drank drunk, drive drove driven, dwell dwelt, eat ate "
    "eaten, fall fell fallen, feed fed, feel felt, fight fought, find found, flee fled, fling flung, fly flew flown, "
    "forbid forbade forbidden, foresee foresaw foreseen, forget forgot forgotten, forgive forgave forgiven, freeze "
    "froze frozen, get got gotten, give gave given, go went gone, grind ground, grow grew grown, hang hung, hear "
    "heard, hide hid hidden, hold held, keep kept, kneel knelt, know knew known, lay laid, lead led, lean leant, leap "
    "leapt, learn learnt, leave left, lend lent, lie lain, light lit, lose lost, make made, mean meant, meet met, "
    "mislead misled, mistake mistook mistaken, overcome overcame, overtake overtook overtaken, pay paid, prove "
    "proven, rebuild rebuilt, repay repaid, ride rode ridden, ring rang rung, rise rose risen, run ran, say said, see "
    "saw seen, seek sought, sell sold, send sent, sew sewn, shake shook shaken, shear shorn, shine shone, shoot shot, "
    "show shown, shrink shrank shrunk, sing sang sung, sink sank sunk, sit sat, sleep slept, slide slid, smell smelt, "
    "sow sown, speak spoke spoken, speed sped, spell spelt, spend spent, spill spilt, spin spun, spoil spoilt, spring "
    "sprang sprung, stand stood, steal stole stolen, stick stuck, sting stung, stink stank stunk, strike struck "
    "stricken, string strung, strive strove striven, swear swore sworn, sweep swept, swell swollen, swim swam swum, "
    "swing swung, take took taken, teach taught, tear tore torn, tell told, think thought, throw threw thrown, "
    "undergo underwent undergone, understand understood, undertake undertook undertaken, uphold upheld, wake woke "
    "woken, wear wore worn, weave wove woven, weep wept, win won, wind wound, withdraw withdrew withdrawn, withhold "
    "withheld, withstand withstood, wring wrung, write wrote written"
)
BASES: Final = {form: base for base, *forms in map(str.split, _FORMS.split(", ")) for form in forms}
"""Past form and participle, in small letters → what a dictionary has."""
