"""Rules of search in plain Python: terms, languages, fusion, filters, highlights, cursors."""
