"""Instants as servers write them."""

import re
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
