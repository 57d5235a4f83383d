"""English words that are written apart, hyphened or as one: air freight, air-freight, airfreight."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from search.domain.english import STOPWORDS

# Prefixes that stand apart, and first halves of the most frequent compounds.
_FIRST_HALVES: Final = (
    "e re pre sub non anti co un mis dis post ex multi semi micro mini mega macro bi tri inter intra trans ultra "
    "pro counter cross self wi fi cyber tele auto bio eco geo hydro air sea rail road ship ware work web data key "
    "life time land way hand foot back home house book note lap desk soft hard free full half high low long short "
    "tax duty pay cash check cheque break stand start stop sign log set turn take roll sun rain snow fire water "
    "wind on off over under up down out in through any some every head line bread birth day night week end eye ear "
    "tooth blood heart brain side bull ground wood steel iron gold silver coal gas oil fuel truck train bus car "
    "boat motor bike cup bed bath class play school news paper mail box card pass port gate door window stair north "
    "south east west grand step god mother father base basket ball paste by follow well after fore all"
)
_HEADS: Final = frozenset(_FIRST_HALVES.split())
# Second halves of the most frequent compounds of a noun: file name, bar code, screen shot.
_SECOND_HALVES: Final = (
    "name names list lists mark marks bar bars sheet sheets shot shots phone phones book books board boards box card "
    "cards work works ware house houses land room rooms way ways side day days night light lights fall base bases "
    "page pages site sites mail map maps stop stand pad pads path paths paper papers print prints proof rail road "
    "roads run scale scape school screen screens ship shop shops shore show space spaces spot spots stick stock stone "
    "store stores stream streams style table tables tag tags tape team text top town track tracks trade view views "
    "wall wash watch wave waves wear web week weight wheel wheels wide width wife wind wood worth yard year zone care "
    "keeper maker makers holder holders owner owners stamp stamps source craft fire flow flows folder front gate "
    "guard guide hold hole key keys kit lift load loads lock log logs market master mind note notes party shirt flake "
    "frame frames nail nails pile storm storms cloth chart charts bot bots band bands click clicks drop drops boat "
    "boats script scripts head heads cast casts"
)
_TAILS: Final = frozenset(_SECOND_HALVES.split())
# Compounds whose halves go with hardly any other word.
_PAIRS: Final = (
    "percent per, metadata meta, filesystem file, openoffice open, mysql my, youtube you, github git, purchaseorder "
    "purchase, costeffective cost, troubleshoot trouble, troubleshooting trouble, trustworthy trust, cryptocurrency "
    "crypto, wastewater waste, groundwater ground, blackberry black, salesman sales, salesmen sales, wholesale whole, "
    "wholesaler whole, goodwill good, typewriter type, smartwatch smart, blockchain block, healthcare health, "
    "realtime real, multilateral multi, nationwide nation, industrywide industry, spreadsheet spread, chatbot chat, "
    "timezone time, subcontractor sub, freelance free, freelancer free, turnkey turn, livestock live, childcare "
    "child, daycare day, caregiver care, shipyard ship, courtyard court, handmade hand, homemade home, tailormade "
    "tailor, manmade man, waterproof water, fireproof fire, bulletproof bullet, userfriendly user, ecofriendly eco, "
    "barcode bar, zipcode zip, passcode pass, opcode op, sourcecode source, deadline dead, guideline guide, pipeline "
    "pipe, hotline hot, punchline punch, mindset mind, typeset type, headset head, chipset chip, prototype proto, "
    "datatype data, meantime mean, lunchtime lunch, parttime part, dinnertime dinner, suitcase suit, showcase show, "
    "lowercase lower, uppercase upper, briefcase brief, viewpoint view, powerpoint power, pinpoint pin, touchpoint "
    "touch, marketplace market, password pass, superuser super, enduser end, poweruser power, minefield mine, "
    "cornfield corn, battlefield battle, wavelength wave, masterpiece master, passport pass, barcodes bar, zipcodes "
    "zip, deadlines dead, guidelines guide, pipelines pipe, mindsets mind, viewpoints view, marketplaces market, "
    "passwords pass, passports pass, powerusers power, endusers end, wavelengths wave, masterpieces master, "
    "filesystems file, datatypes data, suitcases suit, purchaseorders purchase, blackberries black, worldwide world, "
    "frontline front, runtime run, leadtime lead, blogpost blog, blogposts blog"
)
_HEAD_OF: Final = dict(pair.split() for pair in _PAIRS.split(", "))
_RARE_TAILS: Final = frozenset(word.removeprefix(head) for word, head in _HEAD_OF.items())
_WORDS_OF_ONE_LETTER: Final = frozenset("aAIO0123456789")
"""Any other letter alone begins a compound: T shirt, X ray, K pop."""
LONGEST_JOINED: Final = 6
"""Words of a query whose neighbours may be written as one."""
_SHORTEST: Final = 4
# Verbs that make a noun with a small word behind them (drop-off, dropoff), beside those that are first halves.
_VERBS: Final = (
    "pick cut drop lay build shut fall kick trade lock mix melt make lift touch wash wipe hang hide cook walk sell "
    "burn fill push pull tie warm knock crack spin print read look add plug drive call feed lead cash fly play "
    "close clean"
)
_SMALL_WORDS: Final = "up off out in on down back over away through around"
_VERB_AND_SMALL_WORD: Final = re.compile(rf"({'|'.join(_VERBS.split())})(?:{'|'.join(_SMALL_WORDS.split())})s?")
# Those whose noun is looked for alone: of a verb before such a word little else would be left in its text.
_MORE_VERBS: Final = (
    "pop mock mark sum top speed clear fix warm slow step tear think try write zoom blow boot bring buy carry catch "
    "come count cover fade flash freeze get give go grow hack hold hook jump leave let line load make opt phase plan "
    "push put run scale send shake show sleep slip stay swap sweep switch throw tip trade tune walk write"
)
_BEFORE_SMALL: Final = frozenset((*_VERBS.split(), *_MORE_VERBS.split()))
_SMALL: Final = frozenset(_SMALL_WORDS.split())
_OF_STOP_WORDS: Final = {"do": "to", "not": "can"}
"""Second half → first half."""
_PARTED: Final = "\x05"
"""Marks a compound of stop words that is written apart, and mostly is none: no word is mistaken for one."""
_PARTED_WORDS: Final = frozenset(first + second for second, first in _OF_STOP_WORDS.items())
_SECOND: Final = frozenset((*_TAILS, *_SMALL, *_RARE_TAILS, *_OF_STOP_WORDS))


def verb_of(word: str) -> str | None:
    """What a noun like pickup begins with: where it is written in two words, the second says nothing."""
    found = _VERB_AND_SMALL_WORD.fullmatch(word)
    return found[1] if found is not None else None


def parted(word: str) -> tuple[str, ...]:
    """What finds a compound of stop words where it is written apart; nothing of another word."""
    return (_PARTED + word,) if word in _PARTED_WORDS else ()


def is_head(word: str) -> bool:
    """Whether it and the next word may be written as one."""
    return word.lower() in _HEADS if len(word) > 1 else word not in _WORDS_OF_ONE_LETTER


@lru_cache(maxsize=16_384)
def halves(word: str) -> tuple[bool, bool]:
    """Whether it is a head, and whether it may be the second half of a compound of another word."""
    return is_head(word), word.lower() in _SECOND


def compound_of(first: str, second: str) -> str | None:
    """Two neighbouring words, the first of which is no head, as the one that many write; not stemmed."""
    head, tail = first.lower(), second.lower()
    if tail in _TAILS:
        return head + tail if len(head) > 1 and head.isalpha() and head not in STOPWORDS else None
    if tail in _SMALL:
        return head + tail if head in _BEFORE_SMALL else None
    if tail in _RARE_TAILS:
        return head + tail if _HEAD_OF.get(head + tail) == head else None
    return _PARTED + head + tail if _OF_STOP_WORDS.get(tail) == head else None


def joined_pairs(words: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Neighbouring words of a short query as one each, and whether many write it so: somebody may."""
    known = list(words)
    if len(known) <= LONGEST_JOINED:
        for first, second in pairwise(known):
            if len(first) + len(second) >= _SHORTEST or (len(known) == 2 and len(first) == len(second) == 1):
                yield first + second, is_head(first) or compound_of(first, second) is not None
