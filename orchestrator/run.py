"""The run: one loop that gives orders, takes in what comes, and knows when to stop.

Signal handlers and other threads only leave a wish (`interrupt`, `terminate`, `steer`); the loop does the work.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING

from contract.errors import ExitCode, OrchestratorError, ProducerStartError, ProviderError, StorageError
from contract.service import Action, Stop, TopicEvent
from orchestrator.events import Judging, ProviderDisabled, Result, RunEvent, Stopping, StopReason
from orchestrator.explain import decision, explain
from orchestrator.exploration import Explorer
from orchestrator.exploration.rejections import WINDOW
from orchestrator.explored import Explored
from orchestrator.intake import Intake
from orchestrator.judging import Judge
from orchestrator.known_feed import KnownFeed
from orchestrator.limits import DRY_RESPONSES, Budget
from orchestrator.observer import UNOBSERVED, RunObserver
from orchestrator.orders import OrderDesk
from orchestrator.pricing import Price, traits_of
from orchestrator.producers import Happening
from orchestrator.providers import ProviderSpec
from orchestrator.routing import Router
from orchestrator.settings import Settings, shown_settings
from orchestrator.stats import RunStats
from orchestrator.steering import Answer, Interrupt, Steering
from orchestrator.stopping import enough, perhaps_covered, price_of_next_usd
from orchestrator.store import Store
from orchestrator.supervisor import Supervisor
from orchestrator.words import plural

if TYPE_CHECKING:
    from orchestrator.event_log import EventLog

log = logging.getLogger(__name__)

_LEARNT_TEXTS = 4000
"""So many of the newest items show which letters items begin with."""
_TICK_S = 0.2
_CHECK_S = 1.0
_KEEP_S = 10.0
"""How often it is kept how far the topic is explored, for readers of the folder, and for a run that is killed."""
_CANCEL_S = 1.0
"""Seconds that cancelled streams get to deliver what they hold."""


class Run:
    """One run over one topic.

    Args:
        settings: What was asked for; `steer` may change it.
        specs: The providers.
        prices: Price by provider name, None where unknown.
        store: The topic's open store; the run closes it.
        supervisor: Not started yet; the run shuts it down.
        wake: Lets the supervisor's waiting `receive` return.
        observer: Told what happens.
        check: Called about once a second; raises what ends the run (the local model's server is gone).
        clock: Monotonic seconds.
        event_log: Written as the run goes on; closed by the caller.
        judges: Names of the providers that judge the items; None: all that explore; empty: nobody does.

    Attributes:
        told: Lines of the event log that were written since the yield before.
    """

    def __init__(
        self,
        settings: Settings,
        specs: Sequence[ProviderSpec],
        prices: Mapping[str, Price | None],
        store: Store,
        supervisor: Supervisor,
        wake: Callable[[], None],
        observer: RunObserver = UNOBSERVED,
        check: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        event_log: EventLog | None = None,
        judges: Sequence[str] | None = (),
    ) -> None:
        self.settings = settings
        self.store = store
        self.supervisor = supervisor
        self.router = Router(specs, clock)
        self.stats = RunStats(dict(prices), settings.producers, clock)
        self.stop_reason: StopReason | None = None
        self.failure: OrchestratorError | None = None
        self.budget = Budget(settings.max_cost_usd)
        traits = {spec.name: traits_of(spec, prices) for spec in specs}
        self.explorer = Explorer(
            settings.topic, settings.request_size, traits, strategy=settings.strategy, seed=settings.seed
        )
        self.explored = Explored(self.explorer, self.stats, clock)
        self._relive(store)
        self.judge = Judge(store, self.router, self.explorer, settings.identity, judges)
        self.desk = OrderDesk(
            settings, self.router, self.budget, prices, store, supervisor, self.explorer, self.judge, observer, clock
        )
        self._feed = KnownFeed(store, supervisor)
        self._feed_more = False
        self._wound_up: StopReason | None = None
        self._wake = wake
        self._observer = observer
        self._check = check
        self._next_check = clock() + _CHECK_S
        self._next_keep = clock() + _KEEP_S
        self._number = 0
        self._clock = clock
        self._cancelling = False
        self._cancel_deadline = float("inf")
        self._out: list[RunEvent] = []
        self._decided = ""
        self._logged = 0
        self.told: list[TopicEvent] = []
        self._telling: list[TopicEvent] = []
        self._event_log = event_log
        self._intake = Intake(store, self.desk, self.stats, observer, self._out.append)
        self._steering = Steering(self, self._stop, self._out.append)

    def _relive(self, store: Store) -> None:
        """What earlier runs asked and found is where this one begins."""
        known: int = store.totals().unique
        newest = store.newest(_LEARNT_TEXTS)[::-1]
        self.explorer.remember(enumerate(newest, known - len(newest) + 1))
        for past in store.past_orders():
            if past.mode != "validate":
                self.explorer.relive(past)
        self.explorer.settle(known)
        self.explorer.rejected(store.judgements.invalid_ids())
        self.explorer.judged(*store.judgements.newest_judged(WINDOW))

    # --- wishes from outside -------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """First call: finish open responses, then end. Second call: end at once. Safe in a signal handler."""
        self._steering.signal(Interrupt())
        self._wake()

    def terminate(self) -> None:
        """End at once; everything received is kept. Safe in a signal handler."""
        self._steering.signal(Stop(now=True))
        self._wake()

    def steer(self, action: Action, answer: Answer) -> None:
        """Pause, go on, stop or change the run. Returns at once; may be called from any thread.

        Args:
            action: What to do.
            answer: Called once, in the loop's thread, with nothing when it is done, or with why it is not, in a line.
                After the run's end it is called at once.
        """
        self._steering.ask(action, answer)
        self._wake()

    @property
    def paused(self) -> bool:
        """Whether no new orders are given for now."""
        return self.stats.paused_at is not None

    def adopt(self, settings: Settings) -> None:
        """Go on with other settings; called in the loop's thread. Topic, store and providers stay what they were."""
        self.settings = self.desk.settings = settings
        self.store.change_settings(shown_settings(settings))
        self.budget.limit_usd = settings.max_cost_usd
        self.stats.resize(settings.producers)
        self.supervisor.resize(settings.producers)

    # --- the loop ------------------------------------------------------------------------------------------

    def rounds(self) -> Generator[list[RunEvent], None, None]:
        """Run to the end; yields what happened in each round of the loop (perhaps nothing, a few times a second).

        Everything is written and all producers have ended when this returns or is closed. `stop_reason` then says
        why, and `failure` holds the error where one ended the run.
        """
        try:
            self._number = self.store.begin_run(shown_settings(self.settings))
            if self._event_log is not None:
                self._telling += self._event_log.started(self, self._number)
            self.supervisor.start_all()
            while not self._finished():
                self._take_in(self.supervisor.receive(self._timeout_s()))
                self._observer.tick()
                yield self._take_events()
        except ProducerStartError as error:
            if self._steering.stop_asked:  # a signal to the whole process group ended the fork server too
                self.stop_reason = StopReason.INTERRUPTED
            else:
                self._fail(StopReason.PRODUCERS_CANNOT_START, error)
        except StorageError as error:
            self._fail(StopReason.STORAGE, error)
        except KeyboardInterrupt:
            self.stop_reason = StopReason.INTERRUPTED
            raise
        finally:
            self._end()
        yield self._take_events()

    def _log_events(self) -> None:
        """Write what of the events since the last yield belongs into the event log."""
        if self._event_log is not None:
            self._telling += self._event_log.round(self._out[self._logged :])
        self._logged = len(self._out)

    def _take_in(self, happenings: Sequence[Happening]) -> None:
        self._intake.take(happenings, retry=self.stop_reason is None)
        if happenings and self.paused:
            self.store.flush()  # while nothing new is asked for, no later transaction writes the ends of orders

    def _take_events(self) -> list[RunEvent]:
        if self.stats.ended_at is None:
            self._log_events()
        events = self._out.copy()
        self._out.clear()
        self._logged = 0
        self.told, self._telling = self._telling, []
        return events

    def _fail(self, reason: StopReason, error: OrchestratorError) -> None:
        self.stop_reason = reason
        self.failure = error

    def _end(self) -> None:
        self._steering.end()
        self._take_last_words()
        self._observer.ending()
        self.supervisor.shut_down()
        self.stop_reason = self.stop_reason or StopReason.CLOSED
        try:
            if not isinstance(self.failure, StorageError):
                self.desk.abandon()
                self.store.keep_exploration(self.explored.kept(self._number, self.explanation))
                self.store.end_run(self.stop_reason)
        except StorageError as error:
            self._fail(StopReason.STORAGE, error)
        finally:
            self.stats.end()
            self._log_events()
            if self._event_log is not None:
                self._telling += self._event_log.ended(self.result())
            self.store.close()

    def _take_last_words(self) -> None:
        """A caller that left early has open streams: cancel them and take in what they hold."""
        if self.failure is not None or self._cancelling or not self.desk.open:
            return
        try:
            self._stop(self.stop_reason or StopReason.CLOSED, cancel=True)
            while self.desk.open and self._clock() < self._cancel_deadline:
                self._take_in(self.supervisor.receive(_TICK_S / 4))
        except StorageError as error:
            self._fail(StopReason.STORAGE, error)

    def _finished(self) -> bool:
        """Apply wishes and limits, give orders; whether nothing is left to do."""
        self._steering.apply()
        if self._clock() >= self._next_check:
            self._next_check = self._clock() + _CHECK_S
            self._check_local()
        if self._clock() >= self._next_keep:
            self._next_keep = self._clock() + _KEEP_S
            self.store.keep_exploration(self.explored.kept(self._number, ""))
        if self.stop_reason is None:
            self.supervisor.replace_dead()
            self._check_limits()
        if self.stop_reason is None:
            advised = self.settings.patience is not None and self.desk.exploring and not self.desk.patient
            self._feed_more = advised and self._feed.tell()
            if self.judge.wanted:
                self.desk.judging_first = perhaps_covered(self.explorer, self.settings)
            if not self.paused:
                self.desk.give_orders(self.stats.share_new)
            self._stop_if_nothing_is_left()
        if self.stop_reason is None:
            return False
        if not self._cancelling and self._time_is_over():
            self._stop(StopReason.MAX_TIME, cancel=True)
        return not self.desk.open or self._clock() >= self._cancel_deadline

    def _stop(self, reason: StopReason, *, cancel: bool) -> None:
        if self._cancelling or (self.stop_reason is not None and not cancel):
            return
        if self.stop_reason is None:
            self.stop_reason = reason
            if self._wound_up is not reason:
                self._decided = self._decision(reason)
        self.stats.resume()  # open responses may take no longer than the time that is left
        self.desk.drop_waiting()
        if cancel:
            self._cancelling = True
            self._cancel_deadline = self._clock() + _CANCEL_S
            self.supervisor.cancel(list(self.desk.open))
        self._out.append(Stopping(reason, len(self.desk.open), cancel))

    def _wind_up(self, reason: StopReason, *, cancel: bool) -> None:
        """The run has come to its end by itself: what nobody has judged yet is judged first, where that is wanted."""
        if not self.judge.has_work:
            self._stop(reason, cancel=cancel)
            return
        self._wound_up = reason
        self._decided = self._decision(reason)
        self.desk.stop_exploring(cancel=cancel)
        self._out.append(Judging(reason, self.store.totals().judged.unjudged))

    def _exhausted(self) -> None:
        """End, unless it was answers that were ended early which brought nothing: then whole ones are to say so."""
        if self.explorer.cut_lately and not self.desk.patient and self.stats.dry_responses < DRY_RESPONSES:
            self.desk.patient = True
            self.explorer.reopen()
        else:
            self._wind_up(StopReason.EXHAUSTED, cancel=True)

    def _check_limits(self) -> None:
        limit = self.settings.max_attributes
        exploring = self._wound_up is None
        if exploring and limit is not None and self.store.totals().unique >= limit:
            self._wind_up(StopReason.MAX_ATTRIBUTES, cancel=True)
        elif self._time_is_over():
            self._stop(StopReason.MAX_TIME, cancel=True)
        elif self.budget.exceeded:
            self._stop(StopReason.MAX_COST, cancel=False)
        elif not exploring:
            return
        elif self.router.exhausted:
            self._stop(StopReason.NO_PROVIDER, cancel=False)
        elif self.settings.iterations is None and (
            self.stats.dry_responses >= DRY_RESPONSES or self.explorer.exhausted
        ):
            self._exhausted()
        elif (reason := enough(self.explorer, self.stats, self.settings)) is not None:
            self._wind_up(reason, cancel=True)

    def _time_is_over(self) -> bool:
        return self.settings.max_time_s is not None and self.stats.elapsed_s >= self.settings.max_time_s

    def _check_local(self) -> None:
        """A local server that has died is a provider less; the others go on."""
        try:
            self._check()
        except ProviderError as error:
            for name in self.router.disable("local", error.message):
                self._out.append(ProviderDisabled(name, error.message))

    def _stop_if_nothing_is_left(self) -> None:
        if not self.desk.idle:
            return
        if self._wound_up is not None:
            if not self.judge.has_work or self.desk.judging_is_dear:
                self._stop(self._wound_up, cancel=False)
        elif self.desk.iterations_done:
            self._wind_up(StopReason.ITERATIONS, cancel=False)
        elif self.desk.money_ran_out and not self.paused:
            self._stop(StopReason.MAX_COST, cancel=False)

    def _timeout_s(self) -> float:
        timeout = _TICK_S
        due, now = self.desk.next_retry_at, self._clock()
        if due is not None and due > now:  # one that is due already waits for a slot, which a message will free
            timeout = min(timeout, due - now)
        pause = self.router.next_change_s()
        if pause is not None:
            timeout = min(timeout, pause)
        return 0.0 if self._feed_more else max(0.001, timeout)

    @property
    def explanation(self) -> str:
        """Why it ended, in a sentence; empty while it goes on.

        What decided it is told as it was then; how far the topic is explored as it is now, as everywhere else.
        """
        if self.stop_reason is None:
            return ""
        if self._all_failed:
            return f"all {plural(self.stats.calls, 'request')} failed, last: {self.router.last_failure}"
        return explain(self.stop_reason, self.settings, self.router, self.explorer, self.failure, self._decided)

    @property
    def _all_failed(self) -> bool:
        """Whether no request of a run that made all it may has brought an answer."""
        return (
            self.stop_reason is StopReason.ITERATIONS
            and not self.stats.new
            and 0 < self.stats.calls == self.stats.failures
        )

    def _decision(self, reason: StopReason) -> str:
        return decision(reason, self.settings, self.explorer, price_of_next_usd(self.explorer, self.stats))

    @property
    def unjudged(self) -> int | None:
        """Items that nobody has judged; None where none ever was, and that was not asked for."""
        told = self.judge.wanted or self.store.judgements.any
        return self.store.totals().judged.unjudged if told else None

    # --- the result ----------------------------------------------------------------------------------------

    def result(self) -> Result:
        """What the run did; call it after `rounds` has ended."""
        stats = self.stats
        reason = self.stop_reason or StopReason.CLOSED
        coverage, exploration = self.explored.exploration()
        totals = self.store.totals()
        judged = totals.judged
        return Result(
            topic=self.settings.topic,
            folder=self.store.folder,
            unique=totals.unique,
            new=stats.new,
            duplicates=stats.duplicate,
            refused=stats.refused,
            calls=stats.calls,
            failed_calls=stats.failures,
            cancelled_calls=stats.cancelled,
            shortened_calls=stats.cut_short,
            input_tokens=stats.input_tokens,
            output_tokens=stats.output_tokens,
            tokens_estimated=stats.estimated_tokens,
            cost_usd=stats.cost_usd,
            duration_s=round(stats.elapsed_s, 3),
            stop_reason=reason,
            explanation=self.explanation,
            exit_code=ExitCode.NO_PROVIDER if self._all_failed else reason.exit_code,
            providers=tuple(figures.totals() for figures in stats.providers.values()),
            coverage=coverage,
            exploration=exploration,
            invalid=judged.invalid,
            unjudged=self.unjudged,
        )
