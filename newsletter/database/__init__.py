"""The database: its tables, how it is opened, and how many rows are written at once.

tables.py has every table, migrations/ the way to them, connection.py transactions, bulk.py large sets of rows.

Belongs here: SQL that has no subject of its own. Does not: what rows mean, which their packages know.
"""
