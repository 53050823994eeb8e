"""All health checks of Hypothesis, for tests that roll back what each example wrote."""

from typing import cast

from hypothesis import HealthCheck

# Hypothesis types the iteration over its checks by their metaclass.
EVERY_CHECK = cast("list[HealthCheck]", list(HealthCheck))
