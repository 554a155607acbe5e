"""Which links were mailed: a row before each mail leaves and its result after it, so that none leaves twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth0_sso.ledger import schema
from auth0_sso.ledger.database import LedgerDatabase, chunks, committed
from auth0_sso.models import ARRIVED, DeliveryStatus, MailKind

d, m = schema.deliveries, schema.mailings


class DeliveryExistsError(Exception):
    """This mail was begun before, by this run or another one."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """
    A mail with a ticket's link; times are UNIX seconds.

    :param key: of the prospect in the ledger; with ``created_at`` it identifies the ticket.
    :param number: of the mails of this kind for this ticket, from 1.
    :param status: ``possibly_sent`` from before it leaves until its result is known.
    :param run: ``dag_id/run_id`` of the run that mails it; ``installation`` is that of its Airflow.
    """

    key: str
    created_at: float
    kind: MailKind
    number: int
    status: DeliveryStatus
    begun_at: float
    message_id: str
    run: str
    installation: str
    sent_at: float | None = None
    error: str = ""

    @property
    def may_have_arrived(self) -> bool:
        """Whether the prospect has got this mail, or may have."""
        return self.status in ARRIVED


class DeliveryLog:
    """The mails with links of one tenant."""

    def __init__(self, database: LedgerDatabase, tenant: str) -> None:
        self._engine = database.engine
        self._tenant = tenant

    def since(self) -> float | None:
        """Return from when on links are mailed by themselves, UNIX seconds; None if that was never said."""
        with self._engine.connect() as connection:
            found: float | None = connection.scalar(select(m.c.since).where(m.c.tenant == self._tenant))
        return found

    def keep_since(self, since: float) -> float:
        """Keep from when on links are mailed by themselves, unless that is known; return what is known then."""
        try:
            with committed(self._engine) as connection:
                connection.execute(insert(m).values(tenant=self._tenant, since=since))
        except IntegrityError:
            return self.since() or since
        return since

    def begin(self, delivery: Delivery) -> None:
        """
        Commit that a mail is about to leave. Until :meth:`finish`, it counts as possibly sent.

        :raises DeliveryExistsError: if it was begun before.
        """
        try:
            with committed(self._engine) as connection:
                connection.execute(insert(d).values(**self._row(delivery)))
        except IntegrityError:
            raise DeliveryExistsError(delivery.message_id) from None

    def finish(self, delivery: Delivery) -> None:
        """Commit what became of a mail that was begun."""
        values = {"status": str(delivery.status), "sent_at": delivery.sent_at, "error": delivery.error}
        with committed(self._engine) as connection:
            connection.execute(update(d).where(*_is(delivery)).values(**values))

    def of_prospects(self, keys: Collection[str]) -> dict[str, list[Delivery]]:
        """Return the mails to some prospects by their keys, the oldest first."""
        found: dict[str, list[Delivery]] = defaultdict(list)
        with self._engine.connect() as connection:
            for chunk in chunks(keys):
                query = (
                    select(d).where(d.c.tenant == self._tenant, d.c.key.in_(chunk)).order_by(d.c.begun_at, d.c.number)
                )
                for row in connection.execute(query):
                    values = dict(row._mapping)
                    del values["tenant"]
                    kind, status = MailKind(values.pop("kind")), DeliveryStatus(values.pop("status"))
                    found[row.key].append(Delivery(kind=kind, status=status, **values))
        return found

    def _row(self, delivery: Delivery) -> dict[str, object]:
        values = asdict(delivery) | {"kind": str(delivery.kind), "status": str(delivery.status)}
        return values | {"tenant": self._tenant}


def _is(delivery: Delivery) -> Iterable[ColumnElement[bool]]:
    return (
        d.c.key == delivery.key,
        d.c.created_at == delivery.created_at,
        d.c.kind == str(delivery.kind),
        d.c.number == delivery.number,
    )
