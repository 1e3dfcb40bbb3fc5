"""All scenarios by name, in the order in which `all` plays them."""

from __future__ import annotations

from tester.scenario import Scenario
from tester.scenarios.backpressure import Backpressure
from tester.scenarios.bad_input import BadInput
from tester.scenarios.basic import Basic
from tester.scenarios.clean_exit import CleanExit
from tester.scenarios.collector_down import CollectorDown
from tester.scenarios.curation import Curation
from tester.scenarios.disk_full import DiskFull
from tester.scenarios.examples import Examples
from tester.scenarios.exhaustion import Exhaustion
from tester.scenarios.exporting import Exporting
from tester.scenarios.faults import Faults
from tester.scenarios.folders import Folders
from tester.scenarios.interrupt import Interrupt
from tester.scenarios.kill_orchestrator import KillOrchestrator
from tester.scenarios.kill_producers import KillProducers
from tester.scenarios.no_start import NoStart
from tester.scenarios.providers import Providers
from tester.scenarios.refusals import Refusals
from tester.scenarios.secret_keys import SecretKeys
from tester.scenarios.storm import Storm
from tester.scenarios.webserver import Webserver

_ALL: tuple[Scenario, ...] = (
    Basic(),
    Examples(),
    Exporting(),
    Providers(),
    SecretKeys(),
    BadInput(),
    Folders(),
    Refusals(),
    NoStart(),
    CleanExit(),
    CollectorDown(),
    Interrupt(),
    DiskFull(),
    Backpressure(),
    Faults(),
    Storm(),
    Curation(),
    Exhaustion(),
    KillProducers(),
    KillOrchestrator(),
    Webserver(),
)

GROUPS: dict[str, tuple[str, ...]] = {"kill": (KillProducers.name, KillOrchestrator.name)}
"""Names that stand for several scenarios."""
SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
"""Scenario by its name."""
