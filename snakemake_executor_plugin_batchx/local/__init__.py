"""The embedded AWS: what AWS Batch does, on this machine, without an account."""
