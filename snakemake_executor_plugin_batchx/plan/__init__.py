"""Pure planning: plain values in, request dictionaries out. Nothing here asks anybody."""
