"""How the kiosk looks: tokens, fonts, signs."""
