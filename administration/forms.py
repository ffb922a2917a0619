"""Reading a posted form: bounded, UTF-8, one value per field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from administration.errors import FormError

FORM_BYTES: Final = 32_768
MOST_FIELDS: Final = 40


@dataclass(frozen=True, slots=True)
class Form:
    """A form's fields; a field that came twice has its last value."""

    fields: Mapping[str, str]

    @classmethod
    def read(cls, body: bytes) -> Form:
        """A form as browsers send it (application/x-www-form-urlencoded).

        Raises:
            FormError: not UTF-8, or more fields than any page has.
        """
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        except ValueError as error:
            raise FormError("form", "cannot be read") from error
        return cls(dict(pairs))

    def text(self, name: str) -> str:
        """A field's text without space around it; "" when it is missing."""
        return self.fields.get(name, "").strip()

    def word(self, name: str, longest: int = 64) -> str:
        """A field that must be there.

        Raises:
            FormError: empty or longer than ``longest``.
        """
        found = self.text(name)
        if not found or len(found) > longest:
            raise FormError(name, "is empty or too long")
        return found

    def number(self, name: str, lowest: int, highest: int) -> int:
        """A whole number in figures.

        Raises:
            FormError: not a number, or out of bounds.
        """
        found = self.text(name)
        if not (found.isascii() and found.isdigit() and len(found) < 12 and lowest <= int(found) <= highest):  # noqa: PLR2004
            raise FormError(name, f"is not a number from {lowest} to {highest}")
        return int(found)
