"""What is written about one input: its transcript in the format asked for."""

from modules.audio.captions import captions
from modules.audio.formats import TranscriptFormat, srt, tsv, txt, vtt
from modules.results import FileResult
from modules.results_json import file_document

_WRITERS = {
    TranscriptFormat.TXT: txt,
    TranscriptFormat.SRT: srt,
    TranscriptFormat.VTT: vtt,
    TranscriptFormat.TSV: tsv,
}


def render(result: FileResult, fmt: TranscriptFormat, *, word_times: bool = False) -> str:
    """The text of the output file of `result`; with `word_times` one line, row or subtitle a word.

    Sounds that were heard stand in brackets between and beside the words. JSON always holds the words with their times,
    whatever `word_times` is: it is the input's line of `results.jsonl`, indented.
    """
    if fmt is TranscriptFormat.JSON:
        return file_document(result)
    shown = captions(result.segments, result.detections) if result.detections else result.segments
    return _WRITERS[fmt](shown, word_times=word_times)
