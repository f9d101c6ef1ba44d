"""Access to AWS: who we are, where, how often we may ask, and what its errors mean."""
