"""A customer is found on the server by any spelling of number, plate, name and WeChat id, and the
database folds words as the apps do (S-39)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.values.phone import search_phone
from shared.domain.values.text import search_name, search_plate
from tests.support.people import new_id
from tests.support.spellings import FOUND_BY, NOT_FOUND


@pytest.fixture
def portfolio(world):
    for name, phone, plate, wechat, _words in FOUND_BY:
        customer = world.customer(
            "lin", name=name, phone=phone, **({"wechat": wechat} if wechat else {})
        )
        if plate:
            world.done(
                "lin",
                "save_vehicle",
                {"id": new_id(), "customer_id": customer, "set": {"plate": plate}},
            )
    return world


@pytest.mark.parametrize("who", ["lin", "liang"])
def test_every_spelling_finds(portfolio, who):
    """For an advisor, whose own data is searched, and for who sees the whole store."""

    def found(notes):
        sql = "select name from api.search_customers(%s, %s)"
        return [r[0] for r in portfolio.ask(who, sql, portfolio.stores["east"], notes)]

    wrong = {
        notes: found(notes)
        for name, *_rest, spellings in FOUND_BY
        for notes in spellings
        if found(notes)[:1] != [name]
    }
    assert wrong == {}
    assert {notes: found(notes) for notes in NOT_FOUND if found(notes)} == {}


def test_a_number_in_any_spelling_finds_the_duplicate(portfolio):
    for phone in ("138-6660-0001", "+86 138 6660 0001", "１３８６６６００００１"):
        [(answer,)] = portfolio.ask(
            "lin", "select api.find_duplicates(%s, %s, null)", portfolio.stores["east"], phone
        )
        assert [c["name"] for c in answer["mine"]] == ["查重一"], phone
    [(answer,)] = portfolio.ask(
        "lin", "select api.find_duplicates(%s, null, %s)", portfolio.stores["east"], "沪e•4d7y4"
    )
    assert [c["name"] for c in answer["mine"]] == ["查重一"]


WORDS = st.text(
    st.one_of(
        st.sampled_from("0123456789+-() .·•・／（）－—　'’_ＡＢａｂ１２"),
        st.sampled_from("张三李四沪E4dÉāñß\u200b\u202d🚗"),
        st.characters(min_codepoint=1, max_codepoint=0x24FF, exclude_categories=["Cs", "Cc"]),
    ),
    max_size=24,
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(WORDS)
def test_words_are_folded_alike_in_python_and_in_the_database(db, notes):
    theirs = db.execute(
        "select crm.search_phone(%(w)s), crm.search_plate(%(w)s), crm.search_name(%(w)s)",
        {"w": notes},
    ).fetchone()
    assert (search_phone(notes), search_plate(notes), search_name(notes)) == theirs
