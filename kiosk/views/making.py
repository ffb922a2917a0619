"""Which view draws which screen."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.look.look import Look
from kiosk.screens import (
    DayCodeScreen,
    DeliveredScreen,
    EndScreen,
    HandingInScreen,
    InformationScreen,
    ListeningScreen,
    LockedScreen,
    LoginScreen,
    NameScreen,
    PersonalDataScreen,
    ReadingScreen,
    RefusedScreen,
    ResumedScreen,
    SavedHereScreen,
    Screen,
    SoundCheckScreen,
    WaitScreen,
    WritingScreen,
    WrittenStandardScreen,
)
from kiosk.views import notices, start
from kiosk.views.base import View
from kiosk.views.listening import ListeningView
from kiosk.views.locked import LockedView
from kiosk.views.reading import ReadingView
from kiosk.views.writing import Drafts, WritingView


def make_view(  # noqa: C901, PLR0911, PLR0912 - a table
    look: Look, screen: Screen, drafts: Drafts, now_ns: Callable[[], int]
) -> View:
    """The view for a screen; dialogs stand over the screen behind them (`kiosk.views.dialogs`)."""
    match screen:
        case LoginScreen():
            return start.LoginView(look, screen)
        case NameScreen():
            return start.NameView(look, screen)
        case WrittenStandardScreen():
            return start.StandardView(look, screen)
        case SoundCheckScreen():
            return start.SoundView(look, screen)
        case DayCodeScreen():
            return start.DayCodeView(look, screen)
        case InformationScreen():
            return start.InformationView(look, screen)
        case PersonalDataScreen():
            return start.PersonalDataView(look, screen)
        case WaitScreen():
            return notices.WaitView(look, screen)
        case RefusedScreen():
            return notices.RefusedView(look, screen)
        case ResumedScreen():
            return notices.ResumedView(look, screen)
        case HandingInScreen():
            return notices.HandingInView(look, screen)
        case SavedHereScreen():
            return notices.SavedHereView(look, screen)
        case DeliveredScreen():
            return notices.DeliveredView(look, screen)
        case EndScreen():
            return notices.EndView(look, screen)
        case ReadingScreen():
            return ReadingView(look, screen)
        case ListeningScreen():
            return ListeningView(look, screen)
        case WritingScreen():
            return WritingView(look, screen, drafts, now_ns)
        case LockedScreen():
            return LockedView(look, screen)
        case _:
            raise TypeError(screen)
