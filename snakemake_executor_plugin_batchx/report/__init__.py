"""What a run took and where it wasted, read from its journal."""
