"""Patterns of text fields: a small subset of regular expressions that cannot run away
(docs/admins/patterns.md).

A pattern is judged in three places: by this module while somebody types, by `crm.pattern_problem`
when a document is published, and by Postgres when a record is saved. The subset means the same in
all of them. `re` is not used for it: its engine backtracks, and one pattern of a store could hold
up every person on the server. This matcher follows all possible positions at once, so its time
grows with the length of the text and nothing else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_LENGTH = 200  # characters of a pattern
MAX_REPEAT = 200  # of one quantifier
MAX_TOTAL = (
    250  # characters all parts of a pattern can ask for, counted quantifiers at their highest
)
MAX_GROUPS = 4
MAX_TEXT = 200  # characters a value with a pattern may have

_SETS = {"d": ((48, 57),), "w": ((48, 57), (65, 90), (95, 95), (97, 122)), "s": ((9, 13), (32, 32))}
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_SPECIAL = "\\^$.[](){}*+?|"
_QUANTIFIER = re.compile(r"\{([0-9]{1,3})(?:(,)([0-9]{1,3})?)?\}")

Ranges = tuple[tuple[int, int], ...]


class PatternProblem(ValueError):
    """Why a text is no pattern of the subset; `code` is one of the words of `problem`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Atom:
    """One character out of `ranges` (or, negated, one outside them), repeated."""

    ranges: Ranges
    negated: bool = False
    low: int = 1
    high: int | None = 1  # None: any number

    def holds(self, code: int) -> bool:
        return any(a <= code <= b for a, b in self.ranges) != self.negated


@dataclass(frozen=True, slots=True)
class _Group:
    """One of several sequences."""

    choices: tuple[tuple[_Atom, ...], ...]


@dataclass(frozen=True, slots=True)
class _Branch:
    """A sequence that fits somewhere in the text, or at its very beginning or end."""

    parts: tuple[_Atom | _Group, ...]
    at_start: bool
    at_end: bool


class _Reader:
    """Reads a pattern from left to right; raises PatternProblem."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern
        self.total = 0
        self.groups = 0

    def branches(self) -> tuple[_Branch, ...]:
        found = [self._branch()]
        while self._take("|"):
            found.append(self._branch())
        if self.rest:
            raise PatternProblem("syntax")
        return tuple(found)

    def _take(self, text: str) -> bool:
        if not self.rest.startswith(text):
            return False
        self.rest = self.rest[len(text) :]
        return True

    def _branch(self) -> _Branch:
        at_start = self._take("^")
        parts: list[_Atom | _Group] = []
        while self.rest and self.rest[0] not in "|$":
            parts.append(self._group() if self._take("(") else self._atom())
        at_end = self._take("$")
        if not parts:
            raise PatternProblem("empty")
        return _Branch(tuple(parts), at_start, at_end)

    def _group(self) -> _Group:
        self.groups += 1
        if self.groups > MAX_GROUPS:
            raise PatternProblem("too_large")
        if self.rest.startswith("?"):
            raise PatternProblem("group")
        choices = [self._sequence()]
        while self._take("|"):
            choices.append(self._sequence())
        if not self._take(")"):
            raise PatternProblem("syntax")
        if self.rest[:1] and self.rest[0] in "*+?{":
            raise PatternProblem("group")  # a repeated group is what lets a pattern run away
        return _Group(tuple(choices))

    def _sequence(self) -> tuple[_Atom, ...]:
        atoms: list[_Atom] = []
        while self.rest and self.rest[0] not in "|)":
            if self.rest[0] == "(":
                raise PatternProblem("group")
            atoms.append(self._atom())
        if not atoms:
            raise PatternProblem("empty")
        return tuple(atoms)

    def _atom(self) -> _Atom:
        ranges, negated = self._one()
        low, high = self._quantifier()
        self.total += max(low, 1) if high is None else high
        if self.total > MAX_TOTAL:
            raise PatternProblem("too_large")
        return _Atom(ranges, negated, low, high)

    def _one(self) -> tuple[Ranges, bool]:
        if self._take("."):
            return (), True
        if self._take("["):
            return self._class()
        if self._take("\\"):
            return self._escaped(), False
        if self.rest[0] in _SPECIAL:
            raise PatternProblem("syntax")
        char, self.rest = self.rest[0], self.rest[1:]
        return ((ord(char), ord(char)),), False

    def _escaped(self) -> Ranges:
        """What follows a backslash: a set, a sign, or a code point."""
        char, self.rest = self.rest[:1], self.rest[1:]
        if char in _SETS:
            return _SETS[char]
        if char and char in _PUNCTUATION:
            return ((ord(char), ord(char)),)
        if char == "u" and re.match(r"[0-9A-Fa-f]{4}", self.rest):
            code, self.rest = int(self.rest[:4], 16), self.rest[4:]
            if code < 32 or code == 127 or 0xD800 <= code <= 0xDFFF:
                raise PatternProblem("escape")
            return ((code, code),)
        raise PatternProblem("escape")

    def _class(self) -> tuple[Ranges, bool]:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while not self._take("]"):
            low = self._member(first)
            first = False
            is_range = self.rest[:1] == "-" and self.rest[1:2] not in ("]", "")
            if not is_range:
                ranges += low
                continue
            self.rest = self.rest[1:]
            high = self._member(False, ends_range=True)
            if len(low) != 1 or low[0][0] != low[0][1] or len(high) != 1:
                raise PatternProblem("class")
            if high[0][0] != high[0][1] or low[0][0] > high[0][0]:
                raise PatternProblem("class")
            ranges.append((low[0][0], high[0][0]))
        if not ranges:
            raise PatternProblem("class")
        return tuple(ranges), negated

    def _member(self, first: bool, *, ends_range: bool = False) -> Ranges:
        if self._take("\\"):
            return self._escaped()
        char = self.rest[:1]
        bare_hyphen = char == "-" and (ends_range or not (first or self.rest[1:2] == "]"))
        if not char or char in "[]" or bare_hyphen or (char == "^" and first):
            raise PatternProblem("class")
        self.rest = self.rest[1:]
        return ((ord(char), ord(char)),)

    def _quantifier(self) -> tuple[int, int | None]:
        low, high = 1, 1
        if self._take("?"):
            low, high = 0, 1
        elif self._take("*"):
            low, high = 0, None
        elif self._take("+"):
            low, high = 1, None
        elif self.rest.startswith("{"):
            found = _QUANTIFIER.match(self.rest)
            if not found:
                raise PatternProblem("quantifier")
            self.rest = self.rest[found.end() :]
            low = int(found[1])
            high = low if not found[2] else int(found[3]) if found[3] else None
            if max(low, high or 0) > MAX_REPEAT:
                raise PatternProblem("too_large")
            if high is not None and (high == 0 or high < low):
                raise PatternProblem("quantifier")
        else:
            return 1, 1
        if self.rest[:1] and self.rest[0] in "*+?{":
            raise PatternProblem("quantifier")
        return low, high


def problem(pattern: str) -> str | None:
    """Why a pattern cannot be used, or None.

    One of: empty, too_long, character, syntax, escape, class, quantifier, group, too_large. As
    crm.pattern_problem.
    """
    try:
        _read(pattern)
    except PatternProblem as found:
        return found.code
    return None


def matches(pattern: str, text: str) -> bool:
    """Whether a text of at most MAX_TEXT characters fits a pattern, as Postgres answers for `text ~
    pattern`.

    A pattern outside the subset and a longer text fit nothing.
    """
    if len(text) > MAX_TEXT:
        return False
    try:
        machines = _machines(pattern)
    except PatternProblem:
        return False
    return any(machine.fits(text) for machine in machines)


def _read(pattern: str) -> tuple[_Branch, ...]:
    if not pattern:
        raise PatternProblem("empty")
    if len(pattern) > MAX_LENGTH:
        raise PatternProblem("too_long")
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in pattern):
        raise PatternProblem("character")
    return _Reader(pattern).branches()


@lru_cache(maxsize=512)
def _machines(pattern: str) -> "tuple[_Machine, ...]":
    return tuple(_Machine(branch) for branch in _read(pattern))


class _Machine:
    """A branch as numbered states; the states reached so far are the bits of one integer.

    State n reads one character of its atom and goes on to n + 1; `loops` stay where they are as
    well, `skips` may be passed without reading, and `jumps` lead into the choices of a group and
    out of them.
    """

    def __init__(self, branch: _Branch) -> None:
        self.signs: dict[int, int] = {}  # code point → the states that read just this one
        self.classes: dict[_Atom, int] = {}  # any other atom, once → the states that read it
        self.loops = self.skips = self.size = 0
        self.jumps: list[tuple[int, int]] = []  # bit, bits reached from it
        self.anchored, self.at_end = branch.at_start, branch.at_end
        for part in branch.parts:
            if isinstance(part, _Atom):
                self._add(part)
            else:
                self._add_group(part)
        self.end = 1 << self.size
        self.runs = list(self._runs())
        self.start = self._closed(1)
        self.cache: dict[str, int] = {}

    def _add(self, atom: _Atom) -> None:
        bits = 0
        least = max(atom.low, 1)
        for n in range(atom.high or least):
            bit = 1 << self.size
            bits |= bit
            if n >= atom.low:
                self.skips |= bit
            self.size += 1
        if atom.high is None:
            self.loops |= 1 << (self.size - 1)
        if len(atom.ranges) == 1 and atom.ranges[0][0] == atom.ranges[0][1] and not atom.negated:
            code = atom.ranges[0][0]
            self.signs[code] = self.signs.get(code, 0) | bits
        else:
            once = _Atom(atom.ranges, atom.negated)
            self.classes[once] = self.classes.get(once, 0) | bits

    def _add_group(self, group: _Group) -> None:
        """Each choice stands by itself, followed by a state that reads nothing and jumps to the end
        of the group."""
        before = 1 << self.size
        self.size += 1
        starts = 0
        ends: list[int] = []
        for choice in group.choices:
            starts |= 1 << self.size
            for atom in choice:
                self._add(atom)
            ends.append(1 << self.size)
            self.size += 1
        self.jumps.append((before, starts))
        self.jumps += [(end, 1 << self.size) for end in ends]

    def _runs(self) -> Iterator[tuple[int, int]]:
        """(bits, distance): states that begin a run of that many skippable ones. Doubling closes
        any run in a few steps."""
        bits, distance = self.skips, 1
        while bits:
            yield bits, distance
            bits &= bits >> distance
            distance *= 2

    def _closed(self, states: int) -> int:
        """The states reached from these without reading. Jumps lead forward only, so one pass in
        order is enough."""
        states = self._skipped(states)
        for bit, reached in self.jumps:
            if states & bit:
                states = self._skipped(states | reached)
        return states

    def _skipped(self, states: int) -> int:
        for bits, distance in self.runs:
            states |= (states & bits) << distance
        return states

    def _readers(self, char: str) -> int:
        """The states that read this character."""
        found = self.cache.get(char)
        if found is None:
            code = ord(char)
            found = self.signs.get(code, 0)
            for atom, bits in self.classes.items():
                if atom.holds(code):
                    found |= bits
            if len(self.cache) < 4096:
                self.cache[char] = found
        return found

    def fits(self, text: str) -> bool:
        states = self.start
        if not self.at_end and states & self.end:
            return True
        for char in text:
            hit = states & self._readers(char)
            states = self._closed(hit << 1 | hit & self.loops) if hit else 0
            if not self.anchored:
                states |= self.start
            if not self.at_end and states & self.end:
                return True
        return bool(states & self.end)
