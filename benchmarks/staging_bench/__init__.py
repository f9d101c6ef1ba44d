"""Parts of benchmarks/staging.py: file sets, the peers' command lines, one transfer timed."""
