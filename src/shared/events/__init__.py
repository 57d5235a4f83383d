"""Facts that modules tell one another: the envelope, the catalogue, and one file per publisher."""
