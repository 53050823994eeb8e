"""What both apps need; knows neither app."""
