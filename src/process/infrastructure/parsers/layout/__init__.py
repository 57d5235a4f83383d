"""From pieces of text at places on a page to lines in reading order, paragraphs and rows of tables."""
