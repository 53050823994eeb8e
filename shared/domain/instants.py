"""Days and instants as servers write them."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator


def _whole_offset(value: Any) -> Any:
    """Postgres' own text ends in +00; ISO 8601 and pydantic want +00:00."""
    return (
        re.sub(r"([+-]\d\d)$", r"\1:00", value)
        if isinstance(value, str) and ":" in value
        else value
    )


Instant = Annotated[AwareDatetime, BeforeValidator(_whole_offset)]


def is_day(text: str) -> bool:
    """A real day of 1900 to 2199, as crm.is_date."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return bool(re.fullmatch(r"(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}", text))
