"""What benchmarks/calls.py is made of: a simulated Batch, our head on it, others' rules, runs."""
