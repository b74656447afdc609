"""Sound: buffers, decoding, resampling, transcripts and the formats they are written in."""
