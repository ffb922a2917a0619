"""Answering: what a candidate does inside a running part, and how the screen is set."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import Final

from engine import events
from engine.state import Phase
from kiosk import intents
from kiosk.screens import (
    Settings,
)
from kiosk.showing import Showing

_log = logging.getLogger(__name__)

CHECKPOINT_EVERY: Final = 50
"""Edits between two checkpoints of a script."""


class Answering(Showing):
    """Wishes of a running part: going to a task, answering, leaving a module, writing, handing in."""

    def _go_to(self, wish: intents.GoTo) -> None:
        self._dialog = None
        self._choosing_in = ""
        self._check_texts()
        self._happens(events.ItemShown(self._now(), wish.item))

    def _step(self, by: int) -> None:
        running = self._running
        here = self._places()
        if running is None or running.attempt.item not in here:
            return
        place = here.index(running.attempt.item) + by
        if 0 <= place < len(here):
            self._go_to(intents.GoTo(here[place]))
        elif place == len(here):
            self._dialog = ("hand_in", 1) if running.attempt.task_set is not None else ("leave", 1)

    def _previous(self, _wish: intents.Previous) -> None:
        self._step(-1)

    def _next(self, _wish: intents.Next) -> None:
        self._step(1)

    def _answer(self, wish: intents.Answer) -> None:
        self._happens(events.Answered(self._now(), wish.item, wish.response))

    def _ask_to_leave(self, _wish: intents.LeaveModule) -> None:
        if self._running is not None and self._running.attempt.phase is Phase.RUNNING:
            self._dialog = ("leave", 1)

    def _confirm_leave(self, wish: intents.ConfirmLeave) -> None:
        running = self._running
        if running is None or self._dialog != ("leave", wish.step):
            return
        if wish.step == 1:
            self._dialog = ("leave", 2)
            return
        self._dialog = None
        attempt = running.attempt
        if attempt.is_last_module:
            self._submit()
        elif attempt.module is not None and self._happens(events.ModuleLeft(self._now(), attempt.module)):
            self._show_first()

    def _back_to_tasks(self, _wish: intents.BackToTasks) -> None:
        self._dialog = None

    def _choose_topic(self, wish: intents.ChooseTopic) -> None:
        if not wish.task:
            self._choosing_in = wish.slot
        elif self._happens(events.TopicChosen(self._now(), wish.slot, wish.task)):
            self._choosing_in = ""
            self._happens(events.ItemShown(self._now(), wish.task))

    def _edit(self, wish: intents.EditText) -> None:
        running = self._running
        if running is None:
            return
        edit = events.Edited(self._now(), wish.task, wish.position, wish.deleted, wish.inserted, wish.cause)
        happened = running.record.happens_soon(edit)
        if not happened.is_true:
            _log.error("an edit of task %s was refused: %s", wish.task, happened.refused)
            self._note("edit_refused", happened.refused)
            return
        count = self._edits_since_check.get(wish.task, 0) + 1
        self._edits_since_check[wish.task] = count
        if count >= CHECKPOINT_EVERY:
            self._check_text(wish.task)

    def _check_texts(self) -> None:
        for task in [task for task, count in self._edits_since_check.items() if count]:
            self._check_text(task)

    def _check_text(self, task: str) -> None:
        running = self._running
        if running is None:
            return
        text = next((text for each, text in running.attempt.texts.items() if each == task), "")
        digest = hashlib.sha256(text.encode()).hexdigest()
        running.record.happens_soon(events.TextChecked(self._now(), task, len(text), digest))
        self._edits_since_check[task] = 0

    def _key_timed(self, wish: intents.KeyTimed) -> None:
        running = self._running
        if running is not None and "keys" in running.attempt.rules.logs:
            running.record.key_timed(wish, self._now())

    def _ask_to_hand_in(self, _wish: intents.GoToHandIn) -> None:
        running = self._running
        if running is not None and running.attempt.phase is Phase.RUNNING:
            self._dialog = ("leave", 1) if running.attempt.task_set is None else ("hand_in", 1)

    def _hand_in(self, wish: intents.HandIn) -> None:
        if self._dialog != ("hand_in", wish.step):
            return
        if wish.step == 1:
            self._dialog = ("hand_in", 2)
        else:
            self._dialog = None
            self._check_texts()
            self._submit()

    def _submit(self) -> None:
        self._happens(events.Submitted(self._now(), "candidate"))

    def _set_volume(self, wish: intents.SetVolume) -> None:
        self._volume = min(10, max(1, wish.volume))
        self._player.set_volume(self._volume)
        if self._running is not None and self._running.attempt.phase is Phase.RUNNING:
            self._happens(events.VolumeSet(self._now(), self._volume))

    def _show_first(self) -> None:
        """Put the first item or task of what was entered on the screen; listening does it by its script."""
        running = self._running
        if running is None or running.attempt.rules.is_script_driven:
            return
        here: tuple[str, ...] = running.attempt.items or running.attempt.tasks
        if here:
            self._happens(events.ItemShown(self._now(), here[0]))

    # --- settings and incidents --------------------------------------------------------------------------------------

    def _set_text_size(self, wish: intents.SetTextSize) -> None:
        self._keep(replace(self._settings, text_size=wish.text_size))

    def _set_theme(self, wish: intents.SetTheme) -> None:
        self._keep(replace(self._settings, theme=wish.theme))

    def _set_still(self, wish: intents.SetStill) -> None:
        self._keep(replace(self._settings, is_still=wish.is_still))

    def _set_language(self, wish: intents.SetLanguage) -> None:
        self._keep(replace(self._settings, language=wish.language))

    def _keep(self, settings: Settings) -> None:
        self._settings = settings
        if self._running is not None:
            self._folder.keep_settings(self._running.candidate.number, settings)

    def _blocked_key(self, wish: intents.BlockedKey) -> None:
        self._note("key_blocked", wish.detail)

    def _paste_refused(self, _wish: intents.PasteRefused) -> None:
        self._note("paste_refused", "")

    def _print_refused(self, wish: intents.PrintRefused) -> None:
        self._note("print_refused", wish.detail)
