"""An S3 that fails: a proxy before a real server that does to requests what networks do."""
