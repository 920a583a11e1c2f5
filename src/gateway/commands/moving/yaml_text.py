"""The border to PyYAML: its safe loader, fed only what is no bomb. Imported where YAML is read."""

from typing import Final

import yaml

from gateway.config.mistakes import quoted

TOO_DEEP: Final = "is nested too deeply, or within itself"
NO_VALUE: Final = "holds a value that is none of its type"


def read_yaml(text: str, most: int) -> object:
    """Return the values of a document. Raises `ValueError` with a sentence, without any of them.

    `most` bounds how many values it may come to, what aliases repeat counted each time.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _Weighed(most).weigh(node)
        return _made(loader, node)
    except yaml.MarkedYAMLError as error:
        raise ValueError(_said(error)) from None
    except yaml.YAMLError:
        raise ValueError("is not YAML: it holds a character that may not be there") from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def _made(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    """Make the values. What the loader trips over is not told in its words: they quote the text."""
    try:
        value: object = loader.construct_document(node)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise ValueError(NO_VALUE) from None
    return value


class _Weighed:
    """Counts what a document comes to before any of it is made."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[int, int] = {}
        self._open: set[int] = set()

    def weigh(self, node: yaml.Node) -> int:
        """Return how many values a node comes to, with all that its aliases repeat."""
        name = id(node)
        if name in self._known:
            return self._known[name]
        if name in self._open:
            raise ValueError(TOO_DEEP)
        self._open.add(name)
        weight = 1 + sum(map(self.weigh, _parts(node)))
        self._open.remove(name)
        if weight > self._most:
            raise ValueError(f"comes to more than {self._most} values")
        self._known[name] = weight
        return weight


def _parts(node: yaml.Node) -> list[yaml.Node]:
    match node:
        case yaml.MappingNode(value=pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                # The last of them would win, and the others would be lost without a word.
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    line = key.start_mark.line + 1
                    raise ValueError(f"has {quoted(key.value)} twice in one table, line {line}")
                seen |= {key.value} if isinstance(key, yaml.ScalarNode) else set()
            return [part for pair in pairs for part in pair]
        case yaml.SequenceNode(value=parts):
            return list(parts)
        case _:
            return []


def _said(error: yaml.MarkedYAMLError) -> str:
    """Tell where the text is wrong. The error's own words quote the text, so they are left out."""
    line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
    what = "a tag that is not known" if "constructor for the tag" in str(error.problem) else ""
    return f"is not YAML that can be read{f': {what}' if what else ''}{line}"
