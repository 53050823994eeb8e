"""Phrases that stand in a table: marked for the catalogues here, translated where they are shown
(gettext's deferred translation)."""


def N_(phrase: str) -> str:
    return phrase
