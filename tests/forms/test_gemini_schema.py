"""JSON Schemas as Gemini reads them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.forms.gemini_schema import MAX_SCHEMAS, MAX_TOLD_BYTES, Room, subset_of
from gateway.words.errors import Unsupported

KNOWN = {
    *("type", "format", "title", "description", "enum", "items", "prefixItems", "minItems"),
    *("maxItems", "minimum", "maximum", "anyOf", "properties", "additionalProperties", "required"),
    *("propertyOrdering", "$defs", "$ref"),
}
"""What the provider's documents name."""

Schema = dict[str, Any]


def read(schema: Schema) -> Schema:
    return subset_of(schema, "tools", Room())


def unknown_in(schema: object) -> set[str]:
    """Return the keywords in a schema that the provider does not know."""
    if not isinstance(schema, dict):
        return set()
    found = set(schema) - KNOWN
    inner = [schema.get("items"), schema.get("additionalProperties")]
    inner += [*schema.get("anyOf", ()), *schema.get("prefixItems", ())]
    inner += [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    return found.union(*map(unknown_in, inner))


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({}, {}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"$schema": "x", "$id": "y", "x-order": 1, "deprecated": True}, {}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"enum": ["a", None], "type": "string"}, {"enum": ["a"], "type": ["string", "null"]}),
        ({"enum": [1, 2]}, {"enum": [1, 2]}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"type": ["string", "null"], "nullable": True}, {"type": ["string", "null"]}),
        ({"enum": ["a", None]}, {"anyOf": [{"enum": ["a"]}, {"type": "null"}]}),
        ({"nullable": True, "title": "T"}, {"title": "T"}),
        (
            {"anyOf": [{"type": "string"}], "nullable": True, "title": "T"},
            {"title": "T", "anyOf": [{"anyOf": [{"type": "string"}]}, {"type": "null"}]},
        ),
        ({"required": ["a", "b", "a"]}, {"required": ["a", "b"]}),
        ({"oneOf": [{"type": "string"}, True]}, {"anyOf": [{"type": "string"}, {}]}),
        ({"items": [{"type": "string"}]}, {"prefixItems": [{"type": "string"}]}),
        ({"prefixItems": [{"const": 1}]}, {"prefixItems": [{"enum": [1]}]}),
        ({"items": {"const": 1}}, {"items": {"enum": [1]}}),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"additionalProperties": {"const": 1}}, {"additionalProperties": {"enum": [1]}}),
        ({"allOf": [{"type": "string"}]}, {"type": "string"}),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": {}}, "required": ["a"]},
                    {"type": "object", "properties": {"b": {}}, "required": ["b"]},
                ]
            },
            {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
        ),
        (
            {
                "allOf": [{"properties": {"b": {}}, "required": ["b"], "title": "B"}],
                "properties": {"a": {}},
                "required": ["a"],
                "title": "A",
            },
            {"properties": {"b": {}, "a": {}}, "required": ["b", "a"], "title": "A"},
        ),
    ],
)
def test_what_the_provider_reads_is_told(schema: Schema, told: Schema) -> None:
    assert read(schema) == told


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^a"},
        {"minLength": 1},
        {"default": 7},
        {"not": {"type": "string"}},
        {"const": True},
        {"const": {"a": 1}},
        {"enum": ["a", {"a": 1}]},
        {"enum": [None]},
        {"enum": [True, False]},
        {"properties": 7},
        {"prefixItems": 7},
        {"anyOf": 7},
        {"allOf": 7},
        {"allOf": []},
        {"allOf": [{"type": "string"}, {"type": "number"}]},
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"a": {"type": "string"}}}]},
        {"allOf": [{"required": 1}, {"required": 2}]},
        {"required": [7]},
        {"items": False},
    ],
)
def test_what_it_does_not_read_is_said_in_words(schema: Schema) -> None:
    words = f"JSON Schema: {json.dumps(schema, separators=(',', ':'))}"
    assert read(schema) == {"description": words}
    assert read({**schema, "description": "Hm"}) == {"description": f"Hm ({words})"}


def test_references_are_put_in_where_they_point() -> None:
    schema = {
        "properties": {
            "a": {"$ref": "#/$defs/A", "description": "The first"},
            "b": {"$ref": "#/definitions/B%7E1b"},
            "c": {"$ref": 7},
        },
        "$defs": {"A": {"type": "string", "description": "Any"}},
        "definitions": {"B/b": {"items": {"$ref": "#/$defs/A"}}},
    }
    assert read(schema) == {
        "properties": {
            "a": {"type": "string", "description": "The first"},
            "b": {"items": {"type": "string", "description": "Any"}},
            "c": {},
        }
    }


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"properties": {"b": {}}}, {"properties": {"a": {}, "b": {}}, "type": "object"}),
        (
            {"type": "string"},
            {
                "properties": {"a": {}},
                "type": "object",
                "description": 'JSON Schema: {"type":"string"}',
            },
        ),
        (
            {"allOf": [{"type": "string"}]},
            {
                "properties": {"a": {}},
                "type": "object",
                "description": 'JSON Schema: {"allOf":[{"type":"string"}]}',
            },
        ),
    ],
)
def test_what_stands_beside_a_reference_is_not_lost(beside: Schema, told: Schema) -> None:
    known = {"A": {"type": "object", "properties": {"a": {}}}}
    assert read({"$ref": "#/$defs/A", **beside, "$defs": known}) == told


@pytest.mark.parametrize("own", [{}, {"description": "Any"}])
def test_a_description_beside_a_reference_leaves_the_words_of_the_schema(own: Schema) -> None:
    known = {"A": {"pattern": "^(a)", **own}}
    told = read({"$ref": "#/$defs/A", "description": "The first", "minLength": 1, "$defs": known})
    words = ('JSON Schema: {"pattern":"^(a)"}', 'JSON Schema: {"minLength":1}')
    assert told == {"description": "The first ({}) ({})".format(*words)}


def test_what_is_said_twice_in_two_ways_is_not_lost() -> None:
    said = {"anyOf": [{"type": "string"}], "oneOf": [{"type": "number"}]}
    words = 'JSON Schema: {"oneOf":[{"type":"number"}]}'
    assert read(said) == {"anyOf": [{"type": "string"}], "description": words}


def test_a_reference_may_point_into_a_list() -> None:
    first = {"properties": {"a": {"type": "string"}}}
    second = {"$ref": "#/properties/x/anyOf/0/properties/a"}
    schema = {"properties": {"x": {"anyOf": [first]}, "y": second}}
    assert read(schema)["properties"]["y"] == {"type": "string"}


@pytest.mark.parametrize("at", ["1", "-1", "x", "9" * 5000])
def test_a_reference_points_to_what_is_in_a_list(at: str) -> None:
    with pytest.raises(Unsupported, match="not there"):
        read({"anyOf": [{}], "items": {"$ref": f"#/anyOf/{at}"}})


def test_what_refer_to_themselves_by_one_name_are_kept_apart() -> None:
    trees = {
        where: {"a/b": {"properties": {side: {"$ref": f"#/{where}/a~1b"}}}}
        for where, side in (("$defs", "one"), ("definitions", "two"))
    }
    told = read(
        {"items": {"$ref": "#/$defs/a~1b"}, "anyOf": [{"$ref": "#/definitions/a~1b"}], **trees}
    )
    first, second = told["$defs"]
    assert told["items"] == {"properties": {"one": {"$ref": f"#/$defs/{first}"}}}
    assert told["anyOf"] == [told["$defs"][second]]
    assert told["$defs"][second] == {"properties": {"two": {"$ref": f"#/$defs/{second}"}}}


def test_beside_a_reference_that_is_kept_stands_nothing() -> None:
    beside = {"description": "Hm", "type": "object", "allOf": [{"type": "object"}]}
    inner = read({"properties": {"up": {"$ref": "#", **beside}}})["properties"]["up"]
    words = 'JSON Schema: {"allOf":[{"type":"object"}],"type":"object"}'
    assert inner == {"anyOf": [{"$ref": "#"}], "description": f"Hm ({words})"}


def test_what_refers_to_itself_goes_on_to() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/T"}, "up": {"$ref": "#"}}}
    kept = {"properties": {"t": {"$ref": "#/$defs/T"}, "u": {"$ref": "#/$defs/T"}}}
    told = read({**kept, "$defs": {"T": tree}})
    assert told["properties"]["t"] == told["properties"]["u"] == tree
    assert told["$defs"] == {"T": tree}
    Draft202012Validator.check_schema(told)
    assert Draft202012Validator(told).is_valid({"t": {"left": {"left": {}}}})
    assert not Draft202012Validator(told).is_valid({"t": {"left": {"left": 7}}})


@pytest.mark.parametrize("pointer", ["https://example.com/a", "#a", "#/$defs/B", "#/$defs/A/x"])
def test_a_reference_to_nowhere_is_refused(pointer: str) -> None:
    with pytest.raises(Unsupported) as caught:
        read({"$ref": pointer, "$defs": {"A": 7}})
    assert caught.value.param == "tools"


def test_a_few_lines_do_not_become_any_number() -> None:
    names = [f"n{level}" for level in range(20)]
    defs = {
        name: {"properties": {side: {"$ref": f"#/$defs/{inner}"} for side in "ab"}}
        for name, inner in zip(names, [*names[1:], "end"], strict=True)
    }
    with pytest.raises(Unsupported, match=f"more than {MAX_SCHEMAS}"):
        read({"$ref": "#/$defs/n0", "$defs": {**defs, "end": {}}})


def test_all_schemas_of_a_request_have_one_room() -> None:
    room = Room()
    half: Schema = {"anyOf": [{}] * (MAX_SCHEMAS // 2)}
    subset_of(half, "tools", room)
    with pytest.raises(Unsupported, match=f"more than {MAX_SCHEMAS} schemas"):
        subset_of(half, "tools", room)


@pytest.mark.parametrize("long", [{"description": "x" * 100_000}, {"pattern": "x" * 100_000}])
def test_a_long_text_is_not_put_in_any_number_of_times(long: Schema) -> None:
    places = {f"p{at}": {"$ref": "#/$defs/A"} for at in range(50)}
    with pytest.raises(Unsupported, match=f"more than {MAX_TOLD_BYTES} bytes"):
        read({"properties": places, "$defs": {"A": long}})


def test_a_long_list_of_values_is_looked_at_once() -> None:
    values = [f"value {at}" for at in range(200_000)]
    assert read({"enum": values}) == {"enum": values}


def schemas() -> st.SearchStrategy[Any]:
    words = st.sampled_from(["", "a", "string", "object", "#", "#/$defs/a", "^a", None, True, 0])
    keys = st.sampled_from(
        [
            *("type", "items", "properties", "anyOf", "oneOf", "allOf", "enum", "const", "$ref"),
            *("$defs", "pattern", "nullable", "prefixItems", "additionalProperties", "a", "x-a"),
        ]
    )
    return st.recursive(
        words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)
    )


@given(st.dictionaries(st.sampled_from(["properties", "$defs", "items", "allOf"]), schemas()))
def test_whatever_is_asked_is_known_to_the_provider_or_refused(schema: Schema) -> None:
    try:
        told = read(schema)
    except Unsupported:
        return
    assert unknown_in(told) == set()
