"""Which records are wanted, and what of them may be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from w3ctools.core.record import Record

if TYPE_CHECKING:  # start-up counts, and few ask for it
    from w3ctools.core.privacy import Privacy

_decode = msgspec.json.Decoder().decode


class Selection(NamedTuple):
    """Conditions on records, and what is masked in those that pass."""

    #: ``--where``, compiled.
    where: Callable[[Record], bool] | None
    #: Unix seconds ``[since_s, until_s)``. A record without time is in no span.
    since_s: int | float | None
    until_s: int | float | None
    privacy: Privacy | None

    @property
    def is_everything(self) -> bool:
        """Whether every record passes as it is."""
        return self == (None, None, None, None)

    def take(self, record: Record) -> bool:
        """Whether a record is wanted; what may not be seen of it is masked in place.

        Conditions see the record as it was logged.
        """
        if self.since_s is not None and (record.epoch is None or record.epoch < self.since_s):
            return False
        if self.until_s is not None and (record.epoch is None or record.epoch >= self.until_s):
            return False
        if self.where is not None and not self.where(record):
            return False
        if self.privacy is not None:
            self.privacy.apply(record)
        return True

    def show_file(self, file: str | None) -> str | None:
        """What may be seen of the log that a line comes from."""
        return file if file is None or self.privacy is None else self.privacy.apply_file(file)

    def show(self, raw: str) -> str:
        """What may be seen of a line that could not be parsed."""
        return raw if self.privacy is None else self.privacy.apply_text(raw)

    def show_event(self, line: str) -> str:
        """What may be seen of an event, a JSON line: the same of each of its texts."""
        if self.privacy is None:
            return line
        event = _shown(_decode(line), self.privacy)
        return msgspec.json.encode(event).decode() + "\n"


def _shown(value: Any, privacy: Privacy) -> Any:
    if isinstance(value, str):
        return privacy.apply_text(value)
    if isinstance(value, dict):
        return {_shown(key, privacy): _shown(item, privacy) for key, item in value.items()}
    return [_shown(item, privacy) for item in value] if isinstance(value, list) else value
