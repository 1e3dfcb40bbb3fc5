from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test fails for being slow: these machines are shared. What hangs is ended by pytest's own time-out.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")
