"""Side by side: another cut of the study over the same picture, linked with the one that is shown."""
