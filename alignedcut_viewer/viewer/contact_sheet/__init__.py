"""The Contact sheet: pictures by layers of one network."""
