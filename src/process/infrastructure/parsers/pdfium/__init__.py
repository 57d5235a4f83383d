"""PDF pages as PDFium has them: their text, what is drawn on them, how they are seen."""
