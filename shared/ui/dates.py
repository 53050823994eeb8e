"""Days and the pickers that give them: the only place that reads a picker's value."""

from datetime import UTC, date, datetime, timedelta


def to_picker(day: date) -> datetime:
    """A day as a picker wants it: noon UTC, which is the same day from UTC-11 to UTC+12."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def from_picker(value: datetime) -> date:
    """The day a person picked. A picker answers in UTC: 23 November in Shanghai arrives as 22
    November 16:00."""
    return (value.astimezone(UTC) + timedelta(hours=12)).date()
