"""What our estimators share with those of scikit-learn: parameters, checks of the input, and a place in a pipeline."""

from __future__ import annotations

from typing import Any

from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array, validate_data

from ..errors import FeatureError, InputError
from .features import FeatureChunks, as_features

__all__ = ["NodeTransformer", "NotFitted"]


class NotFitted(InputError, NotFittedError):  # type: ignore[misc]
    """An estimator is asked for something that only a fitted one has."""


class NodeTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of estimators that turn features of nodes (N, D) into columns (N, C), float32.

    Features may be anything that :func:`~.features.as_features` takes, and are never copied whole.
    """

    n_features_in_: int

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _read(self, X: Any) -> FeatureChunks:
        """The features as a stream.

        Raises
        ------
        FeatureError
            If they are no matrix of real numbers.
        TypeError
            If they are a sparse matrix or words.
        """
        if sparse.issparse(X):
            raise TypeError("Features must be a dense matrix; this one is sparse: use X.toarray().")
        is_object = getattr(getattr(X, "dtype", None), "kind", "") == "O"
        return as_features(check_array(X, ensure_all_finite=False) if is_object else X)

    def _keep_channels(self, X: Any, features: FeatureChunks) -> None:
        """Keep number and names of the channels; last in a fit, so that one that fails leaves no trace."""
        validate_data(self, X if hasattr(X, "shape") else features, reset=True, skip_check_array=True)

    def _read_fitted(self, X: Any) -> FeatureChunks:
        """As :meth:`_read`, for features that must have the channels of the fit.

        Raises
        ------
        NotFitted
            If nothing was fitted yet.
        FeatureError
            If the features have other channels.
        """
        if not hasattr(self, "n_features_in_"):
            raise NotFitted(f"This {type(self).__name__} is not fitted yet; call fit or fit_transform first.")
        features = self._read(X)
        try:
            validate_data(self, X if hasattr(X, "shape") else features, reset=False, skip_check_array=True)
        except ValueError as error:
            raise FeatureError(str(error)) from None
        return features
