"""Levels, outcomes, reasons, phrases, scripts, templates, pools."""
