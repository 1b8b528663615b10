"""`make demo`: a tour of atio on the command line."""
