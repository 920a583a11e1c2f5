"""Who is measured: one small file each, and `table.py`, which lists them."""
