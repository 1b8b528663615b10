"""One module for each command. `atio_core/cli/app.py` lists them."""
