"""The figures of docs/performance.md, measured as ratios in one run: `python -m bench`, or `python -m bench NAME`."""
