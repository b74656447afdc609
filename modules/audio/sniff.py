"""Telling recordings from other files by name and first bytes. Nothing is opened or decoded here."""

import re

# As many first bytes as `container_of` looks at: the starts of three packets of an MPEG transport stream.
HEAD_BYTES = 400

_SUFFIXES = """
    .3g2 .3ga .3gp .8svx .aac .ac3 .adts .aif .aifc .aiff .alac .amr .ape .asf .au .avi .awb .bwf .caf .dff .dsf .dss
    .dts .eac3 .f4a .f4v .flac .flv .gsm .ircam .loas .m2a .m4a .m4b .m4p .m4r .m4v .mka .mkv .mlp .mov .mp+ .mp1
    .mp2 .mp3 .mp4 .mpa .mpc .mpeg .mpg .mpga .mpp .nist .oga .ofr .ogg .ogm .ogv .ogx .opus .paf .qt .ra .rf64
    .rm .rmvb .shn .snd .sph .spx .tak .thd .tta .vob .voc .vqf .w64 .wav .wave .weba .webm .wma .wmv .wv .wve .xwma
"""
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())
"""Suffixes, lower case, of files that hold sound; `.ts` and `.mts` are not among them, for most are TypeScript."""

# MPEG audio of layers II and III with a bit rate and a sample rate that exist. Layer I is left out on purpose:
# its first two bytes are those of UTF-16 text.
_MPEG_FRAME = rb"\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd][" + b"".join(rb"\x%x0-\x%xb" % (n, n) for n in range(1, 15)) + b"]"

# Each pattern is anchored at the first byte; most ask for more than the four letters so that prose does not match.
_CONTAINERS: tuple[tuple[str, bytes], ...] = (
    ("wav", rb"(?:RIFF|RIFX|RF64|BW64)....WAVE"),
    ("avi", rb"RIFF....AVI "),
    ("aiff", rb"FORM....(?:AIFF|AIFC|8SVX|16SV)"),
    ("flac", rb"fLaC"),
    ("ogg", rb"OggS\x00"),
    ("mp3", rb"ID3[\x02-\x04][\x00-\x0f].[\x00-\x7f]{4}"),
    ("mp3", _MPEG_FRAME),
    ("aac", rb"\xff[\xf0\xf1\xf8\xf9]|ADIF"),
    # ISO base media, but not the still pictures that use it.
    ("mp4", rb"\x00...ftyp(?!heic|heix|heif|hevc|mif1|msf1|avif|avis|jp2 |jpx |crx )"),
    ("mp4", rb"[\x00-\x08]...(?:moov|mdat)|\x00\x00\x00\x08wide"),
    ("matroska", rb"\x1a\x45\xdf\xa3"),
    ("caf", rb"caff\x00\x01"),
    ("wavpack", rb"wvpk"),
    ("dsd", rb"DSD \x1c\x00\x00\x00|FRM8.{8}DSD "),
    ("musepack", rb"MPCK|MP\+[\x07\x17\x27]"),
    ("ape", rb"MAC .[\x0b-\x10]|APETAGEX"),
    ("au", rb"\.snd\x00|dns\..\x00\x00\x00"),
    ("amr", rb"#!AMR"),
    ("silk", rb"\x02?#!SILK"),
    ("asf", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ("w64", rb"riff\x2e\x91\xcf\x11"),
    ("tta", rb"TTA[12][\x00-\x03]\x00"),
    ("tak", rb"tBaK"),
    ("optimfrog", rb"OFR .\x00\x00\x00"),
    ("shorten", rb"ajkg"),
    ("flv", rb"FLV\x01"),
    ("realmedia", rb"\.RMF\x00|\.ra\xfd"),
    ("voc", rb"Creative Voice File\x1a"),
    ("sphere", rb"NIST_1A\n"),
    ("ircam", rb"\x64\xa3[\x00-\x04]\x00|\x00[\x00-\x04]\xa3\x64"),
    ("ac3", rb"\x0b\x77"),
    ("dts", rb"\x7f\xfe\x80\x01"),
    ("mpeg-ps", rb"\x00\x00\x01\xba"),
    ("mpeg-ts", rb"(?:G.{187}){2}G|.{4}(?:G.{191}){2}G"),
)
_PATTERNS = tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in _CONTAINERS)


def container_of(head: bytes) -> str | None:
    """The container that the first bytes of a file are of, or None when they are of none that holds sound.

    `head` is the first `HEAD_BYTES` of the file, or all of a shorter one.
    """
    return next((name for name, pattern in _PATTERNS if pattern.match(head)), None)


def has_audio_suffix(name: str) -> bool:
    """Whether a file of that name holds sound going by its suffix; upper and lower case are the same."""
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in AUDIO_SUFFIXES
