"""Ratios of atio's times against named baselines, measured in the same run. `make bench` prints them."""
