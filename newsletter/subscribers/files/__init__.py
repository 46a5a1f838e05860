"""Files of readers: imports and exports, and those of suppressed addresses.

imports.py writes the rows of files that import_files.py opens and `importers/` understands; header_places.py finds
where a title stands. exports.py writes all readers; suppression_files.py reads and writes the addresses that are never
mailed.

Belongs here: a whole file, row by row. Does not: what a platform's columns mean (`importers/`), CSV itself (`csv.py`).
"""
