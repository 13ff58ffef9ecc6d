"""The exception family.

Every error a user can cause or meet is an :class:`AlignedCutError` whose message is a sentence: what is wrong, with
which file or value, and what to do. The command line prints that sentence and exits with code 2, the window shows it as
a notification; any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

__all__ = [
    "AlignedCutError",
    "AlignmentError",
    "Cancelled",
    "CheckpointError",
    "ClusterError",
    "DamagedError",
    "FeatureError",
    "InputError",
    "PictureError",
    "ReadOnlyError",
    "StorageError",
    "StudyError",
    "UnknownNetworkError",
    "UnreachablePictureError",
    "WeightsUnavailableError",
]


class AlignedCutError(Exception):
    """Base of all errors that are meant for the user's eyes."""


class Cancelled(Exception):
    """Raised by a progress callback to stop the work it reports on.

    Not an :class:`AlignedCutError`: stopping is what the user asked for. What was finished stays on disk.
    """


class InputError(AlignedCutError, ValueError):
    """A parameter or an input array is outside what the method accepts."""


class FeatureError(InputError):
    """Features hold NaN or infinite values, or have the wrong shape."""


class PictureError(AlignedCutError):
    """A picture, a folder of pictures or a mask cannot be read."""


class UnreachablePictureError(PictureError):
    """A picture is out of reach at present, which says nothing about the picture itself.

    Its file is gone, its disk does not answer, or memory or file handles ran out. The picture must not be recorded
    as broken because of it.
    """


class UnknownNetworkError(AlignedCutError, LookupError):
    """No network of that name is known."""


class WeightsUnavailableError(AlignedCutError):
    """Trained weights can neither be downloaded nor be found on disk."""


class CheckpointError(AlignedCutError):
    """A checkpoint file does not fit the network it was given for."""


class ClusterError(AlignedCutError):
    """Workers cannot be reached or started, or are not fit for the work."""


class AlignmentError(AlignedCutError):
    """An alignment does not fit the features, or cannot be fitted to them."""


class StudyError(AlignedCutError):
    """A study is missing, incomplete, read-only, or of a version that cannot be read."""


class ReadOnlyError(StudyError):
    """A study cannot be written where it is."""


class DamagedError(StudyError):
    """Something in a study is not what was written; most can be computed anew."""


class StorageError(AlignedCutError, OSError):
    """The disk is full or refuses to be written to."""
