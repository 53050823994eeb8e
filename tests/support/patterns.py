"""Patterns that must be refused or be harmless, and texts that made a backtracking engine stand
still."""

from hypothesis import strategies as st

from shared.domain.patterns import MAX_GROUPS, MAX_LENGTH

# Every one of these stops or misleads some engine. In the subset or not: the answer comes at once
# and is the same in Python and in Postgres.
BAD_PATTERNS = (
    r"(a+)+$",
    r"^(a+)+$",
    r"(a|a)*$",
    r"(a|aa)+$",
    r"(.*)*$",
    r"(.*)+x",
    r"(a*)*b",
    r"([a-z]+)*\d",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(x+x+)+y",
    r"((a{1,200}){1,200}){1,200}$",
    r"^(.+)(.+)(.+)(.+)\4\3\2\1$",
    r"(.)\1",
    r"(?P<a>.)(?P=a)",
    r".{0,5000}.{0,5000}x",
    r"a{999}",
    r"a{0,200}" * 20 + "$",
    r"(?=a)b",
    r"(?!a)b",
    r"(?<=a)b",
    r"(?:a+)+$",
    r"(?>a+)b",
    r"(?i)abc",
    r"(?s).",
    r"(?x) a",
    r"a*?b",
    r"a*+b",
    r"a{2}{3}",
    r"***=a",
    r"***:a+",
    r"*a",
    r"(",
    r")",
    r"[",
    r"[z-a]",
    r"[[:alpha:]]+",
    r"[[.a.]]",
    r"\p{Han}+",
    r"\bword\b",
    r"\Aa\Z",
    r"\m\M",
    r"^\D\W\S$",
    r"\x41",
    r"\u0000",
    r"\ud800",
    "a\x00b",
    "a\nb",
    "\ud800",
    r"",
    r"|",
    r"a||b",
    r"^$",
    r"{3}",
    r"a{3,2}",
    r"a{0}",
    r"a{,3}",
    r"^a^",
    r"$a",
    "a" * 201,
    r"((a))",
    r"(a)(b)(c)(d)(e)",
)
# In the subset, and as bad as it gets.
WORST_PATTERNS = (
    r"^[ab]*a[ab]{198}$",
    r"[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*c$",
    ".*" * 98 + "x",
    "a?" * 98 + "b",
    ".{0,120}.{0,120}x",
    "(a?|b?|[ab]?)(a?|b?|[ab]?)(a?|b?|[ab]?)(a?|b?|[ab]?)[ab]{0,200}c",
    "|".join(["[ab]*a"] * 28),
    "a" * 199,
    "." * 200,
)
WORST_TEXTS = (
    "a" * 28 + "!",
    "a" * 200,
    "ab" * 100,
    "a" * 199 + "\n",
    "".join(chr(0x4E00 + n) for n in range(200)),
    "x" * 5000,
    "é" * 200,
)
GOOD_PATTERNS = (
    (r"^\+?[0-9]{5,15}$", "13800138000", "1380013800x"),
    (r"^[A-HJ-NPR-Z0-9]{17}$", "LSVAA4182E2123456", "LSVAA4182E212345I"),
    (r"^[京津沪渝]([A-Z])[A-Z0-9]{5,6}$", "沪AD12345", "粤A12345"),
    (r"^[0-9]{17}[0-9Xx]$", "11010519491231002X", "11010519491231002Y"),
    (r"^([01]\d|2[0-3]):[0-5]\d$", "23:59", "24:00"),
    (r"^[\u4e00-\u9fff·]+$", "张三", "Zhang"),
    (r"^[A-Za-z0-9-]+$", "WF-1", "WF_1"),
    (r"^WF[0-9]+$|^ZH-[0-9]{4}$", "ZH-0001", "ZH-001"),
    (r"\d", "٣ and 3", "٣٣"),
    (r"a$", "ba", "a\n"),
    (r"^[^\s]+$", "a\u3000b", "a b"),
)

_SIGNS = "ab1 _-京é,"
_ATOMS = ["a", "b", "1", "京", "é", ".", r"\.", r"\d", r"\w", r"\s", r"\u4eac", " ", "_"]
_CLASSES = ["[ab]", "[^a]", "[a-c1]", r"[\d_-]", "[-b]", r"[^\s京]", r"[\]\\]", "[é-京]", "[a^]"]
_COUNTS = ["", "", "?", "*", "+", "{2}", "{0,2}", "{1,3}", "{2,}", "{0,1}"]
_sequence = st.lists(
    st.tuples(st.sampled_from(_ATOMS + _CLASSES), st.sampled_from(_COUNTS)).map("".join),
    min_size=1,
    max_size=4,
).map("".join)
_group = st.lists(_sequence, min_size=1, max_size=3).map(lambda s: f"({'|'.join(s)})")
_branch = st.tuples(
    st.sampled_from(["", "^"]),
    st.lists(st.one_of(_sequence, _group), min_size=1, max_size=3).map("".join),
    st.sampled_from(["", "$"]),
).map("".join)
subset_patterns = (
    st.lists(_branch, min_size=1, max_size=3)
    .map("|".join)
    .filter(lambda p: p.count("(") <= MAX_GROUPS and len(p) <= MAX_LENGTH)
)
any_patterns = st.one_of(
    subset_patterns,
    st.lists(
        st.sampled_from([*_ATOMS, *_CLASSES, *_COUNTS, *"()|^$[]{}-\\?+*", "(?", "{201}", "[c-a]"]),
        max_size=7,
    ).map("".join),
    st.text(alphabet="ab()[]{}|^$*+?.\\-,12udws京", max_size=12),
)
texts = st.text(alphabet=_SIGNS + ".\n]\\^", max_size=9)
