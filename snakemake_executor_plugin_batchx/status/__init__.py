"""How far a run is, in one line."""
