"""The recording: what decisions rested on, as a value for each moment, in little space.

`recorder` writes it next to the loop, `moments` reads it back; `docs/recording.md` describes the format.
"""
