"""WordprocessingML: styles, automatic numbers, text of runs, parts beside the text (ECMA-376-1, part 17)."""
