"""Readable in sunlight and in the dark: every ink on every ground a screen may put it on, and every
control named."""

import re

import pytest

from forecourt.settings import ROOT
from shared.ui.theme import DARK, LIGHT, STAGE_COLORS

GROUNDS = (
    "surface",
    "surface_container_lowest",
    "surface_container_low",
    "surface_container",
    "surface_container_high",
    "surface_container_highest",
)
PAIRS = [
    *((ink, ground) for ground in GROUNDS for ink in ("on_surface", "on_surface_variant")),
    *((ink, ground) for ground in GROUNDS[:4] for ink in ("primary", "error", "tertiary")),
    *(
        (f"on_{name}", name)
        for name in (
            "primary",
            "primary_container",
            "secondary_container",
            "tertiary",
            "tertiary_container",
            "error",
            "error_container",
            "inverse_surface",
        )
    ),
    ("inverse_primary", "inverse_surface"),
]


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS, ids=lambda x: x)
def test_words_are_readable(scheme, ink, ground):
    ink_color = scheme["on_inverse_surface"] if ink == "on_inverse_surface" else scheme[ink]
    assert contrast(ink_color, scheme[ground]) >= 4.5


@pytest.mark.parametrize(("scheme", "n"), [(LIGHT, 0), (DARK, 1)], ids=["light", "dark"])
def test_marks_and_borders_are_seen(scheme, n):
    """WCAG asks 3:1 of what is no text: frames of fields, a stage's mark, icons that are greyed."""
    for ground in GROUNDS[:4]:
        assert contrast(scheme["outline"], scheme[ground]) >= 3
        for name, colors in STAGE_COLORS.items():
            assert contrast(colors[n], scheme[ground]) >= 3, name


def test_screens_use_the_roles_of_the_scheme_and_no_colour_of_their_own():
    for file in [*ROOT.glob("mobile_app/**/*.py"), *ROOT.glob("shared/ui/**/*.py")]:
        if file.name == "theme.py":
            continue
        text = file.read_text(encoding="utf8")
        assert not re.search(r"['\"]#[0-9A-Fa-f]{6}['\"]", text), file
        for role in re.findall(r"ft\.Colors\.([A-Z_]+)", text):
            assert role.lower() in LIGHT or role in ("TRANSPARENT",), (
                f"{file.name} uses {role}, which no test measures"
            )
