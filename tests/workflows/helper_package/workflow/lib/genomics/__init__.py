"""Helpers of this workflow."""
