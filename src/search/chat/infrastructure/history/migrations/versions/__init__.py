"""The steps, in order of their names; none is changed once it was released."""
