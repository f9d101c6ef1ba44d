"""The S3 shim: moves files between disk and the S3 root, for the head and for jobs."""
