"""A provider on loopback that speaks three vendors' streaming protocols, fails on request and keeps a ledger."""

from tester.fake_provider.faults import Fault, FaultKind
from tester.fake_provider.ledger import Entry, Ledger
from tester.fake_provider.server import FakeProvider, unused_port

__all__ = ["Entry", "FakeProvider", "Fault", "FaultKind", "Ledger", "unused_port"]
