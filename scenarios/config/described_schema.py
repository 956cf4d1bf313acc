"""Makes JSON schemas of settings in which the text below a field is its description.

Pydantic does the same with ``use_attribute_docstrings``, but reads the sources when a class is made, which takes a
third of a second of every command, and few commands need a description.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


@functools.cache
def described_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """Makes the JSON schema of a model, with the descriptions of its fields and of all classes below it.

    It is made once for a model, and must be copied before anything is written into it.
    """
    return kind.model_json_schema(schema_generator=_Described)


class _Described(GenerateJsonSchema):
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _described(super().dataclass_schema(schema), schema["cls"])


def _described(schema: JsonSchemaValue, kind: type) -> JsonSchemaValue:
    texts = field_texts(kind)
    for name, field in schema.get("properties", {}).items():
        if name in texts:
            field.setdefault("description", texts[name])
    return schema


def field_texts(kind: type) -> dict[str, str]:
    """Reads the texts below the fields of a class and of those that it inherits from: field -> text."""
    found: dict[str, str] = {}
    for part in reversed(kind.__mro__):
        if part is not BaseModel and "__annotations__" in vars(part):
            found |= _own_texts(part)
    return found


def _own_texts(kind: type) -> dict[str, str]:
    try:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError):  # no source file, or none that stands alone
        return {}
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, below in pairwise(body.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            text = below.value.value if isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                found[field.target.id] = inspect.cleandoc(text)
    return found
