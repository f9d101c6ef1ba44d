"""What is looked at before the first job, and what is said of it: pure judgement, no calls."""
