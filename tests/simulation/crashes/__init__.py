"""The crash proofs: named scenes, stopped at every step in every way that a process, a disk or a database can stop."""
