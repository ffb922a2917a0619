"""The kiosk's screens: views draw what a screen says and emit intents; they decide nothing."""
