"""Tariff codes as goods: the nomenclature, looking goods up in it, how sure one can be."""
