"""The proof: whole histories of several systems from one seed, through the production engine, judged by laws."""
