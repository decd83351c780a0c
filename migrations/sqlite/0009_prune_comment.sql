-- SQLite keeps the comment of 0008 with the table; nothing is to be done.

SELECT 1;
