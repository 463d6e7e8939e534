"""Values of Python as TypeScript writes them, and the parameters that a TypeScript cell declares."""

import json
import math
import re

from papermill.exceptions import PapermillException
from papermill.models import Parameter
from papermill.translators import Translator

NAME = r"[^\W\d][\w$]*|\$[\w$]*"
# A `//` in a string begins no comment.
VALUE = r"""(?:"[^"]*"|'[^']*'|`[^`]*`|[^"'`/]|/(?!/))*?"""
# `let blocks: number = 4; // how many` on a line of its own
DECLARATION = re.compile(
    rf"^(?:let|const|var)\s+(?P<name>{NAME})\s*(?::\s*(?P<type>[^=]+?))?\s*(?:=\s*(?P<value>{VALUE}))?\s*;?\s*(?://\s*(?P<help>.*))?$"
)
LARGEST_EXACT = 2**53 - 1


class TypeScriptTranslator(Translator):
    """Declares every parameter with `let`: a later cell may assign to it, and its type is that of the value, widened."""

    @classmethod
    def translate_escaped_str(cls, str_val):
        return json.dumps(str(str_val), ensure_ascii=False)

    @classmethod
    def translate_none(cls, val):
        return "null"

    @classmethod
    def translate_int(cls, val):
        # As a number it would be another one.
        return f"{val}n" if abs(val) > LARGEST_EXACT else f"{val}"

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "NaN"
        if math.isinf(val):
            return "Infinity" if val > 0 else "-Infinity"
        return repr(val)

    @classmethod
    def translate_dict(cls, val):
        return "{ " + ", ".join(f"{cls._key(key)}: {cls.translate(item)}" for key, item in val.items()) + " }"

    @classmethod
    def translate_list(cls, val):
        return "[" + ", ".join(cls.translate(item) for item in val) + "]"

    @classmethod
    def comment(cls, cmt_str):
        return "\n".join(f"// {line}".rstrip() for line in cmt_str.split("\n"))

    @classmethod
    def assign(cls, name, str_val):
        if not re.fullmatch(NAME, name):
            raise PapermillException(f"'{name}' is no name of a TypeScript variable; rename the parameter.")
        return f"let {name} = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell):
        found = (DECLARATION.match(line) for line in parameters_cell["source"].splitlines())
        return [
            Parameter(
                name=each["name"],
                inferred_type_name=(each["type"] or "None").strip(),
                default=each["value"] or "",
                help=each["help"] or "",
            )
            for each in found
            if each is not None
        ]

    @classmethod
    def _key(cls, key):
        text = cls.translate_escaped_str(key)
        # Written plainly, this key would set the prototype.
        return f"[{text}]" if key == "__proto__" else text
