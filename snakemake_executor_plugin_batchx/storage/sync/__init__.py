"""A folder, or what is below a prefix in S3, brought to another place: only what differs moves."""
