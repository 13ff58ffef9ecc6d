"""The Segments panel: masks made, looked over, corrected, prompted, exported and imported."""
