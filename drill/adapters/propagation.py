"""Asks name servers directly until a change has spread; never the resolver of this machine, which caches too."""

from __future__ import annotations

import ipaddress
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence

from drill.model.ports import RecordSet
from drill.model.propagation import Agreement, Answer, PropagationResult, ServerAnswers, Watch, judge, plain

_QUESTION_S = 2.0
_POLL_S = 0.05
_JITTER = 0.1
_EXPIRED_S = 0.05  # a cache drops an answer a moment after its life is over


class DnsPropagation:
    """Watches over UDP, with TCP for what does not fit (port Propagation). One thread per server: a dead one delays no other."""

    def watch(
        self,
        servers: Sequence[tuple[str, int]],
        after: RecordSet,
        before: RecordSet,
        *,
        agreement: Agreement,
        stopping: Callable[[], bool],
        on_change: Callable[[ServerAnswers], None],
    ) -> PropagationResult:
        targets = [_Target(address, port, authoritative=True) for address, port in servers]
        targets += [_Target(address, port, authoritative=False) for address, port in agreement.caches]
        watch = Watch(
            new=frozenset(map(plain, after.values)),
            old=frozenset(map(plain, before.values)),
            old_ttl_s=before.ttl_s,
            need=agreement.need,
            rows={target.label: ServerAnswers(target.label, authoritative=target.authoritative) for target in targets},
        )
        round_ = _Round(after, watch, agreement)
        round_.start(targets)
        try:
            while round_.elapsed_s() < agreement.within_s and not stopping():
                for answer in round_.answers(_POLL_S):
                    watch.take(answer, on_change)
                if watch.result().settled:
                    break
        finally:
            round_.stop()
        for answer in round_.answers(0.0):
            watch.take(answer, on_change)
        return watch.result()


class _Target:
    def __init__(self, address: str, port: int, *, authoritative: bool) -> None:
        self.address = address
        self.port = port
        self.authoritative = authoritative
        self.label = f"[{address}]:{port}" if ipaddress.ip_address(address).version == 6 else f"{address}:{port}"

    def ask(self, record: RecordSet, since_s: float, *, wait_s: float) -> Answer:
        """One question from a fresh socket; times count from `since_s` on the monotonic clock."""
        import dns.exception

        sent_s = time.monotonic() - since_s
        values: tuple[str, ...] = ()
        ttl_s, error = None, ""
        try:
            values, ttl_s, error = self._exchange(record, wait_s)
        except dns.exception.Timeout:
            error = "timeout"
        except dns.exception.DNSException as malformed:
            error = f"malformed: {type(malformed).__name__}"
        except OSError as unreachable:
            error = f"unreachable: {unreachable.strerror or unreachable}"
        received_s = time.monotonic() - since_s
        return Answer(self.label, sent_s, received_s, values, ttl_s=ttl_s, authoritative=self.authoritative, error=error)

    def _exchange(self, record: RecordSet, wait_s: float) -> tuple[tuple[str, ...], int | None, str]:
        import dns.flags
        import dns.message
        import dns.query
        import dns.rcode
        import dns.rdatatype

        query = dns.message.make_query(record.name, record.type, use_edns=0, payload=1232)
        if self.authoritative:
            query.flags &= ~dns.flags.RD
        response, _over_tcp = dns.query.udp_with_fallback(query, self.address, port=self.port, timeout=wait_s)
        if response.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            return (), None, dns.rcode.to_text(response.rcode()).lower()
        if self.authoritative and not response.flags & dns.flags.AA:
            return (), None, "lame: it does not speak for the zone"
        wanted = dns.rdatatype.from_text(record.type)
        values = sorted({plain(value.to_text()) for rrset in response.answer if rrset.rdtype == wanted for value in rrset})
        return tuple(values), min((rrset.ttl for rrset in response.answer), default=None), ""


class _Round:
    """The running questions of one watch."""

    def __init__(self, record: RecordSet, watch: Watch, agreement: Agreement) -> None:
        self._record = record
        self._watch = watch
        self._every_s = agreement.every_s
        self._within_s = agreement.within_s
        self._since_s = time.monotonic()
        self._over = threading.Event()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def elapsed_s(self) -> float:
        return time.monotonic() - self._since_s

    def start(self, targets: Sequence[_Target]) -> None:
        for target in targets:
            thread = threading.Thread(target=self._keep_asking, args=(target,), name=f"dns-{target.label}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End every question; takes at most as long as one question may."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def answers(self, wait_s: float) -> list[Answer]:
        """What has come in, waiting for the first."""
        try:
            found = [self._answers.get(block=wait_s > 0, timeout=wait_s)]
        except queue.Empty:
            return []
        while not self._answers.empty():
            found.append(self._answers.get_nowait())
        return found

    def _keep_asking(self, target: _Target) -> None:
        while not self._over.is_set():
            wait_s = min(_QUESTION_S, max(_POLL_S, self._within_s - self.elapsed_s()))
            answer = target.ask(self._record, self._since_s, wait_s=wait_s)
            self._answers.put(answer)
            pause_s = self._pause_s(answer) * random.uniform(1 - _JITTER, 1 + _JITTER)
            self._over.wait(max(0.0, pause_s - (answer.received_s - answer.sent_s)))

    def _pause_s(self, answer: Answer) -> float:
        """A cache gives its old answer until that has expired: no use in asking sooner, but never trust it beyond the life we know of."""
        if answer.authoritative or answer.ttl_s is None or judge(answer, self._watch.new, self._watch.old) != "old":
            return self._every_s
        left_s = self._watch.old_ttl_s - answer.received_s
        return max(self._every_s, min(answer.ttl_s, left_s) + _EXPIRED_S) if left_s > 0 else self._every_s
