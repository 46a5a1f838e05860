"""The database: its tables, how it is opened, and how many rows are read and written at once.

tables.py has every table, migrations/ makes them, connection.py opens the database and its transactions, bulk.py reads
and writes large sets of rows, types.py has columns that differ between databases, backup.py copies a database in use.

Belongs here: SQL that has no subject of its own. Does not: the meaning of rows, which the packages above know.
"""
