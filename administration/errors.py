"""What can go wrong in the pages: each class builds its own sentence (what, where, what to do)."""

from __future__ import annotations


class AdministrationError(Exception):
    """Anything the pages refuse by themselves; what the store refuses stays a `centralstore.errors.StoreError`."""

    status = 500
    text = "error.fault"
    """Key of the sentence that staff sees (`administration.texts`)."""


class NotLoggedInError(AdministrationError):
    """A page was asked for without a session that holds."""

    status = 401
    text = "error.not_logged_in"

    def __init__(self) -> None:
        super().__init__("No session, or one that has ended. Log in.")


class ForeignFormError(AdministrationError):
    """A form did not come from a page of this session."""

    status = 403
    text = "error.foreign_form"

    def __init__(self) -> None:
        super().__init__("The form was not made by a page of this session. Open the page again and repeat.")


class FormError(AdministrationError):
    """A form's field is missing or holds what cannot be."""

    status = 400
    text = "error.form"

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"The form's field '{field}' {problem}. Open the page again and repeat.")


class TooManyRequestsError(AdministrationError):
    """One browser or address asks more than a person can."""

    status = 429
    text = "error.too_many"

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(f"Too many requests. Wait {wait_s} seconds and try again.")


class PhotographError(AdministrationError):
    """A picture of a page could not be made."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"The page's picture failed at '{step}': {reason}. Install chromium and chromium-driver.")
