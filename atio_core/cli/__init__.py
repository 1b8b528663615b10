"""The command line `atio`. Its libraries come with `pip install 'atio[cli]'`; `import atio_core` loads none of it."""
