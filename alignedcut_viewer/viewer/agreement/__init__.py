"""The Agreement panel: where in the networks a joint cut of many layers lives."""
