"""The parts of benchmarks/head.py: servers, jobs that end at once, and the heads that are timed."""
