"""Runs whose head is a Batch job itself, so that they outlive the machine that began them.

What such a run is stands below `.batchx/detached/<id>/` of the S3 root: the order, the folder that
was sent, and the *record*, from which a head that is started again goes on (record.py).
"""
