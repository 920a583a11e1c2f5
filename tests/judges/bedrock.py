"""Judges requests for Bedrock by the service model of AWS's official SDK: botocore on PyPI."""

import base64
import binascii
from functools import cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from tests.judges.strictly import Refused

RUNTIME: Final = "bedrock-runtime"


@cache
def shape_of(operation: str) -> StructureShape:
    """Return the shape of an operation's input."""
    model = ServiceModel(Loader().load_service_model(RUNTIME, "service-2"))
    shape = model.operation_model(operation).input_shape
    assert isinstance(shape, StructureShape)
    return shape


def judge_converse(body: dict[str, Any], model: str = "m", *, stream: bool = False) -> None:
    """Raise `Refused` for what is no request of `Converse` or `ConverseStream`.

    What the path says is no part of the body.
    """
    if "modelId" in body:
        raise Refused("modelId: it stands in the path")
    shape = shape_of("ConverseStream" if stream else "Converse")
    given = {"modelId": model, **body}
    report = ParamValidator().validate(given, shape)
    if report.has_errors():
        raise Refused(report.generate_report())
    _judge(given, shape, "")


def _judge(value: Any, shape: Shape, where: str) -> None:
    """Refuse what botocore leaves to the service: words of a closed list, bytes, ranges."""
    if isinstance(shape, StructureShape):
        if getattr(shape, "is_document_type", False):
            return
        for name, each in value.items():
            _judge(each, shape.members[name], f"{where}.{name}")
    elif isinstance(shape, ListShape):
        for each in value:
            _judge(each, shape.member, f"{where}[]")
    elif isinstance(shape, MapShape):
        for each in value.values():
            _judge(each, shape.value, f"{where}{{}}")
    elif shape.type_name == "blob":
        _judge_blob(value, where)
    elif getattr(shape, "enum", None) and value not in shape.enum:
        raise Refused(f"{where}: one of {', '.join(shape.enum)} is expected")
    elif shape.type_name in {"float", "double", "integer"}:
        least, most = shape.metadata.get("min", value), shape.metadata.get("max", value)
        if not least <= value <= most:
            raise Refused(f"{where}: it is not within {least} to {most}")


def _judge_blob(value: Any, where: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Refused(f"{where}: base64 is expected") from None
