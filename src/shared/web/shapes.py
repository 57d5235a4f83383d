"""What HTTP answers with."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A part of an answer. What stands below a field is its description in the OpenAPI document too."""

    model_config = ConfigDict(use_attribute_docstrings=True)
