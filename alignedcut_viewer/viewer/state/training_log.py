"""What a training in the background said of its epochs. Knows neither Qt nor napari."""

from collections.abc import Mapping

__all__ = ["TrainingLog"]


class TrainingLog:
    """Records of the epochs of the latest training on brain data.

    Written by the thread that trains, read by the window's: the tuple is replaced, never changed.

    Attributes
    ----------
    records
        One dictionary an epoch: ``epoch``, ``r2`` (held out) and the mean of each term of the loss.
    """

    def __init__(self) -> None:
        self.records: tuple[Mapping[str, float], ...] = ()

    def add(self, record: Mapping[str, float]) -> None:
        """Take the record of an epoch."""
        self.records = (*self.records, dict(record))

    def clear(self) -> None:
        """Forget the records, as another training begins."""
        self.records = ()

    @property
    def best(self) -> Mapping[str, float] | None:
        """The record with the best held-out score, or None before the first."""
        return max(self.records, key=lambda record: record["r2"], default=None)

    def curve(self, name: str) -> list[tuple[float, float]]:
        """(epoch, value) of one term, or of the score ``r2``, in the epochs that have it."""
        return [(record["epoch"], record[name]) for record in self.records if name in record]
