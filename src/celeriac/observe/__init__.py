"""Seeing: what happens is told and read back here; nothing in this package changes anything."""
