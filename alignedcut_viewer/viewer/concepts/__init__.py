"""The Concepts panel: the list of concepts, their consistency and transitions."""
