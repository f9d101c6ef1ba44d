"""What a run needs of its account, looked at: by each run as it opens, and by the doctor."""
