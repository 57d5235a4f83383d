"""Tariff codes: what one is, and how it is found in text. Knows no nomenclature; whoever spots brings one."""
