"""One coordinator a viewer: what is shown and selected, and what every panel listens to."""
