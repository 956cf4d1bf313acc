"""Where things are and how well they hear each other: geometry, channel, link, energy."""
