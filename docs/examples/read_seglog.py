#!/usr/bin/env python3
"""Reads a seglog log with nothing but Python's standard library, as docs/format.md says it.

    python3 read_seglog.py <directory> [--unproven] [--expect <sequence>:<hash>]

Prints one JSON object for each record, as `seglog cat --json` does, and on standard error what is not as it should be.
Ends with 0, or with 1 where a record is damaged, missing or cannot be decoded here, or where the hash chain is broken.
Changes no byte.

Records behind the last point that is proven durable may vanish when the log is next opened for writing; they are only
counted, unless --unproven asks for them. In a log with a hash chain every hash is made again and compared;
--expect takes a head that was kept elsewhere, and tells whether the log goes on from it.
"""
import argparse
import datetime
import hashlib
import json
import re
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

UNIT = 8
FRAME_HEADER_BYTES = 24
SEGMENT_HEADER_BYTES = 256
SLOT_BYTES, SLOT_STRIDE = 72, 4096
NO_CLAIM = 0xFFFFFF
COUNT_READ_MAX = 9007190664806399
EPOCH_READ_MAX = 4294967294
SEGMENT_BYTES_MAX = 1073741824
KIND_RECORD, KIND_DICTIONARY = 1, 2
PAD_SHIFT, PAD_MASK = 4, 0x7
BATCH_END, WIDE, COMPRESSED, CHAINED, KEYS, PLAIN = 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000
RESERVED_FLAGS = 0xE000
CHAIN_PLAIN = 0x10
DEFLATE, BROTLI, ZSTD = 1, 2, 3


class Refused(Exception):
    """What this reader may not pass over: a newer version, or something that it does not know."""


# ---------------------------------------------------------------- checked structures

def prefix_is_valid(data, magic):
    """The first 16 bytes of a segment or a slot; a newer version is refused, not taken for damage."""
    if len(data) < 16 or struct.unpack_from("<I", data, 12)[0] != zlib.crc32(data[:12]) or data[:8] != magic:
        return False
    if struct.unpack_from("<H", data, 8)[0] > 0:
        raise Refused("a newer version of the format")
    return True


@dataclass
class Position:
    ordinal: int
    offset: int


def read_slots(directory, log_id):
    """Positions that are proven durable by the slots in the file `durable`."""
    path = directory / "durable"
    data = path.read_bytes() if path.exists() else b""
    for start in (0, SLOT_STRIDE):
        slot = data[start:start + SLOT_BYTES]
        if not prefix_is_valid(slot, b"\x89SEGDUR\n") or len(slot) < SLOT_BYTES:
            continue
        if struct.unpack_from("<I", slot, 68)[0] != zlib.crc32(slot[:68]):
            continue
        epoch, _, ordinal, offset, sequence = struct.unpack_from("<IIQQQ", slot, 32)
        if max(ordinal, offset, sequence) <= COUNT_READ_MAX and epoch <= EPOCH_READ_MAX and slot[16:32] == log_id:
            yield Position(ordinal, offset)


MANIFEST = re.compile(rb'\{"magic":"seglog-manifest","version":"(\d{4})","crc":"([0-9a-f]{8})","body":(\{.*\})\}\n', re.S)


def read_manifest(directory):
    """The body of the newest generation that is valid; None where there is none."""
    names = [path for path in directory.iterdir() if re.fullmatch(r"manifest-\d{10,}\.json", path.name)]
    for path in sorted(names, key=lambda each: int(each.name[9:-5]), reverse=True):
        found = MANIFEST.fullmatch(path.read_bytes())
        if found is None:
            continue
        version, crc, body = found.groups()
        if zlib.crc32(body, zlib.crc32(version)) != int(crc, 16):
            continue
        if int(version) > 0:
            raise Refused(f"{path.name}: a newer version of the format")
        return json.loads(body)
    return None


@dataclass
class Header:
    log_id: bytes
    ordinal: int
    first_sequence: int
    base_timestamp: int
    salt: int
    codec: str
    compression: int
    chain: int
    predecessor_ordinal: int
    predecessor_bytes: int
    predecessor_digest: int
    predecessor_head: bytes


def read_header(data):
    """The header of a segment; None where it is not valid."""
    if not prefix_is_valid(data, b"\x89SEGLOG\n") or len(data) < SEGMENT_HEADER_BYTES:
        return None
    if struct.unpack_from("<I", data, 252)[0] != zlib.crc32(data[:252]):
        return None
    log_id, ordinal, first, base, segment_bytes, salt, epoch = struct.unpack_from("<16sQQQQII", data, 16)
    before = struct.unpack_from("<QQI", data, 112)
    if max(ordinal, first, segment_bytes, before[0], before[1]) > COUNT_READ_MAX or epoch > EPOCH_READ_MAX:
        return None
    if ordinal < 1 or first < 1 or not 256 <= segment_bytes <= SEGMENT_BYTES_MAX or segment_bytes % UNIT:
        return None
    codec = data[72:104].rstrip(b"\0").decode("ascii")
    return Header(log_id, ordinal, first, base, salt, codec, data[104], data[105], *before, data[136:168])


# ---------------------------------------------------------------- frames

@dataclass
class Frame:
    start: int
    end: int
    crc: int
    kind: int
    flags: int
    proven: int  # bytes of this segment before this offset were durable when the frame was written; 0 for no claim
    sequence_low: int
    time: int  # whole with the flag wide, else since the segment's base
    original_bytes: int
    hash: bytes  # empty without the flag chained
    payload: bytes


def seed_of(salt, offset):
    return salt ^ ((offset // UNIT * 0x9E3779B1) & 0xFFFFFFFF)


def frame_at(data, offset, salt):
    """The valid frame that stands here; None where there is none."""
    header = data[offset:offset + FRAME_HEADER_BYTES]
    if len(header) < FRAME_HEADER_BYTES or not any(header):
        return None
    crc, check, tag = struct.unpack_from("<IHH", header)
    running = zlib.crc32(header[6:], seed_of(salt, offset))
    if running & 0xFFFF != check:
        return None
    units = int.from_bytes(header[8:11], "little")
    claim = int.from_bytes(header[11:14], "little")
    end = offset + units * UNIT
    if units < 3 or end > len(data) or zlib.crc32(data[offset + FRAME_HEADER_BYTES:end], running) != crc:
        return None
    kind, flags = tag & 0xF, tag & 0xFF80
    at, stop = offset + FRAME_HEADER_BYTES, end - (tag >> PAD_SHIFT & PAD_MASK)
    time, original_bytes = int.from_bytes(header[18:24], "little"), 0
    if flags & WIDE:
        time, at = int.from_bytes(data[at:at + 8], "little"), at + 8
    chain_hash = b""
    if flags & CHAINED:
        chain_hash, at = bytes(data[at:at + 32]), at + 32
    if flags & COMPRESSED:
        original_bytes, at = int.from_bytes(data[at:at + 4], "little"), at + 4
    if flags & KEYS:
        at += 4 + int.from_bytes(data[at:at + 4], "little")
    if kind == 0 or at > stop:
        return None
    proven = 0 if claim == NO_CLAIM else offset - UNIT * claim
    if proven < SEGMENT_HEADER_BYTES:
        proven = 0
    sequence_low = struct.unpack_from("<I", header, 14)[0]
    return Frame(offset, end, crc, kind, flags, proven, sequence_low, time, original_bytes, chain_hash,
                 bytes(data[at:stop]))


@dataclass
class Hole:
    """Bytes that are no frames; a frame stands behind them unless they reach to the end."""
    start: int
    end: int
    is_zero: bool


def scan(data, salt):
    """All frames of a segment and the holes between them, in order."""
    offset = SEGMENT_HEADER_BYTES
    while offset < len(data):
        frame = frame_at(data, offset, salt)
        if frame is not None:
            yield frame
            offset = frame.end
            continue
        start = offset
        nonzero = re.compile(rb"[^\0]")
        while frame is None and offset < len(data):
            # Where nothing but zeros is left there is no frame; else the next byte is within the header of the next.
            found = nonzero.search(data, offset + UNIT)
            if found is None:
                offset = len(data)
                break
            offset = max(offset + UNIT, (found.start() - FRAME_HEADER_BYTES) // UNIT * UNIT)
            frame = frame_at(data, offset, salt)
        yield Hole(start, offset, not any(data[start:start + FRAME_HEADER_BYTES]))


# ---------------------------------------------------------------- segments

class Segment:
    """One file of frames, with what the manifest says of it."""

    def __init__(self, path, line, options):
        self.path, self.line = path, line
        self.is_sealed = line["state"] != "open"
        self.data = path.read_bytes() if path.exists() else None
        data = self.data or b""
        self.header = read_header(data)
        self.salt = self.header.salt if self.header else line["salt"] & 0xFFFFFFFF
        self.items = list(scan(data, self.salt)) if any(data) else []
        self.frames = [item for item in self.items if isinstance(item, Frame)]
        self.is_used = self.header is not None or bool(self.frames)
        self.codec = self.header.codec if self.header else options["codec"]
        methods = {"none": 0, "deflate": DEFLATE, "brotli": BROTLI, "zstd": ZSTD}
        if self.header:
            self.compression = self.header.compression
        else:
            self.compression = methods[line.get("compression", "none" if self.is_sealed else options["compression"])]

    @property
    def claimed(self):
        """Up to where its own frames prove it durable."""
        return max((frame.proven for frame in self.frames), default=0)

    def base_timestamp(self):
        if self.header:
            return self.header.base_timestamp
        if "baseTimestamp" in self.line:
            return int(self.line["baseTimestamp"])
        return self.frames[0].time

    def digest(self):
        digest = 0x811C9DC5
        for frame in self.frames:
            digest = ((digest ^ frame.crc) * 0x01000193) & 0xFFFFFFFF
        return digest


def payload_of(segment, frame):
    """The payload as it was before it was compressed."""
    if not frame.flags & COMPRESSED:
        return frame.payload
    if segment.compression == DEFLATE:
        inflater = zlib.decompressobj(-15)  # without a header of zlib's own
        payload = inflater.decompress(frame.payload, frame.original_bytes + 1)
    elif segment.compression == ZSTD:
        try:
            from compression import zstd  # from Python 3.14 on
        except ImportError:
            raise ValueError("compressed with zstd, which Python's standard library has from 3.14 on") from None
        payload = zstd.decompress(frame.payload)
    elif segment.compression == BROTLI:
        raise ValueError("compressed with brotli, which Python's standard library does not have")
    else:
        raise ValueError(f"compressed with the unknown method {segment.compression}")
    if len(payload) != frame.original_bytes:
        raise ValueError(f"is not {frame.original_bytes} bytes long when it is decompressed")
    return payload


# ---------------------------------------------------------------- values

def as_json(name, value):
    """What JSON does not have, as `seglog cat` prints it."""
    return {f"${name}": value}


class Cbor:
    """Decodes one item into what JSON can hold. `shapes` is None in frames with the flag `plain`."""

    def __init__(self, data, shapes):
        self.data, self.at, self.shapes = data, 0, shapes

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("a CBOR item that is cut off")
        self.at += count
        return self.data[self.at - count:self.at]

    def argument(self, low):
        if low < 24:
            return low
        if low > 27:
            raise ValueError("a CBOR length that is not valid")
        return int.from_bytes(self.take(1 << low - 24), "big")

    def item(self):
        first = self.take(1)[0]
        major, low = first >> 5, first & 31
        if major == 7:
            return self.simple(low)
        if major == 4 and low == 31:
            return list(self.until_break())
        argument = self.argument(low)
        if major in (0, 1):
            number = argument if major == 0 else -1 - argument
            return as_json("bigint", str(number)) if low == 27 else number
        if major == 2:
            return as_json("hex", self.take(argument).hex())
        if major == 3:
            return self.take(argument).decode("utf-8")
        if major == 4:
            return [self.item() for _ in range(argument)]
        if major == 5:
            return {key: value for key, value in self.pairs(argument)}
        return self.tagged(argument)

    def until_break(self):
        while self.data[self.at] != 0xFF:
            yield self.item()
        self.at += 1

    def pairs(self, count):
        return [(self.item(), self.item()) for _ in range(count)]

    def simple(self, low):
        if low in (20, 21, 22):
            return {20: False, 21: True, 22: None}[low]
        if low == 23:
            return as_json("undefined", True)
        size = {25: ">e", 26: ">f", 27: ">d"}.get(low)
        if size is None:
            raise ValueError(f"the simple value {low}")
        number = struct.unpack(size, self.take(struct.calcsize(size)))[0]
        if number != number:
            return as_json("number", "NaN")
        if number in (float("inf"), float("-inf")):
            return as_json("number", "Infinity" if number > 0 else "-Infinity")
        return number

    def tagged(self, tag):
        if 0xE000 <= tag <= 0xE07F and self.shapes is not None:
            keys = self.shapes.get(tag - 0xE000)
            values = self.item()
            if keys is None:
                raise ValueError(f"the dictionary frame of shape {tag - 0xE000} is missing")
            if not isinstance(values, list) or len(values) > len(keys):
                raise ValueError("an object that is not of its shape")
            return dict(zip(keys, values))
        if tag == 259:
            first = self.take(1)[0]
            return as_json("map", [list(pair) for pair in self.pairs(self.argument(first & 31))])
        content = self.item()
        if tag == 258:
            return as_json("set", content)
        if tag == 1:
            return as_json("date", date_text(content))
        if tag in (2, 3):
            number = int(content["$hex"] or "0", 16)
            return as_json("bigint", str(number if tag == 2 else -1 - number))
        if tag == 64 or 68 <= tag <= 72 or 77 <= tag <= 86:
            return content
        if tag == 27:
            return as_json("text", special_text(content))
        raise ValueError(f"the tag {tag}")


def date_text(seconds):
    if not isinstance(seconds, (int, float)):
        return "invalid"
    ms = round(seconds * 1000)
    date = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return date.isoformat(timespec="milliseconds") + "Z"


def special_text(content):
    if content[0] == "RegExp":
        return f"/{content[1]}/{content[2]}"
    name, message = content[:2]
    return f"{name}: {message}" if message else name


def define(shapes, payload):
    """Takes the definition of a dictionary frame of `cbor-shapes`."""
    shape, keys = json.loads(payload.decode("utf-8"))
    if not 0 <= shape <= 127 or len(keys) > 65535 or not all(isinstance(key, str) for key in keys):
        raise ValueError("a dictionary frame that is not valid")
    shapes[shape] = keys


def value_of(codec, payload, is_plain, shapes):
    """A member of a line: `value`, or `hex` for bytes that only their user understands."""
    if codec == "json":
        return {"value": json.loads(payload.decode("utf-8"))}
    if codec in ("cbor", "cbor-shapes"):
        decoder = Cbor(payload, None if is_plain or codec == "cbor" else shapes)
        value = decoder.item()
        if decoder.at != len(payload):
            raise ValueError("bytes behind the value")
        return {"value": value}
    return {"hex": payload.hex()}


# ---------------------------------------------------------------- the hash chain

class Chain:
    """Follows the hashes of all frames of a log, in order; `tell` is told where one does not follow."""

    def __init__(self, log_id, expect, tell):
        self.start, self.expect, self.tell = log_id + bytes(16), expect, tell
        self.head = None  # hash of the frame before the next one; None where that is not known
        self.is_met = self.is_found = False

    def enter(self, segment, first_sequence, follows):
        """The frames of this segment are next; `follows`: those of its predecessor came right before."""
        told = None
        if segment.header:
            is_first = segment.header.predecessor_ordinal == 0
            told = self.start if is_first else segment.header.predecessor_head
            if segment.header.chain != 1:
                self.tell(f"{segment.path.name}: its header knows no chain")
        if not follows:
            self.head = None
        if told and self.head and told != self.head:
            self.tell(f"{segment.path.name}: does not go on from the hash with which the one before it ends")
        self.head = self.head or told
        self.compare(first_sequence - 1, self.head)

    def frame(self, name, frame, sequence, timestamp, payload):
        """`payload`: as it was before it was compressed; None where that cannot be known."""
        what = f"record {sequence}" if frame.kind == KIND_RECORD else f"a control frame before record {sequence}"
        if not frame.hash:
            self.tell(f"{name}: {what} has no hash, in a log with a chain")
        elif self.head and payload is not None:
            kind = frame.kind + (CHAIN_PLAIN if frame.flags & PLAIN else 0)
            link = self.head + struct.pack("<QQB", sequence, timestamp, kind)
            if hashlib.sha256(link + payload).digest() != frame.hash:
                self.tell(f"{name}: {what} does not follow by its hash from the frame before it")
        # What follows is looked at by itself: one frame that is wrong is told once.
        self.head = frame.hash or None
        self.compare(sequence if frame.kind == KIND_RECORD else sequence - 1, self.head)

    def leave(self, segment):
        noted = segment.line.get("head")
        if self.head and noted and self.head.hex() != noted:
            self.tell(f"{segment.path.name}: ends with another hash than the manifest has of it")

    def compare(self, sequence, found):
        if self.expect and self.expect[0] == sequence:
            self.is_met = True
            self.is_found = self.is_found or found is not None and found.hex() == self.expect[1]

    def finish(self):
        if self.expect and not self.is_met:
            self.tell(f"the log has no record {self.expect[0]}, behind which a hash is expected")
        elif self.expect and not self.is_found:
            self.tell(f"behind record {self.expect[0]} no frame has the hash that is expected")


# ---------------------------------------------------------------- the log

class Reader:
    """A log; `records()` gives what is proven, `problems` says what is wrong, `unproven` counts the rest."""

    def __init__(self, directory, unproven=False, expect=None):
        self.directory = Path(directory)
        self.wants_unproven = unproven
        self.problems, self.notes = [], []
        self.unproven = 0
        manifest = read_manifest(self.directory) or self.without_manifest()
        self.options = manifest["options"]
        self.lost = [(range_["from"], range_["to"]) for range_ in manifest["lost"]]
        self.segments = [self.open(line) for line in manifest["segments"]]
        positions = [Position(p["ordinal"], p["offset"]) for p in (manifest["highWatermark"], manifest["clean"]) if p]
        positions += read_slots(self.directory, bytes.fromhex(manifest["logId"]))
        self.high_watermark = max(positions, key=lambda p: (p.ordinal, p.offset), default=Position(0, 0))
        has_chain = self.options.get("chain", "none") != "none"
        # Where no manifest says it, the headers do.
        has_chain = has_chain or any(each.header and each.header.chain == 1 for each in self.segments)
        if expect and not has_chain:
            raise Refused("the log has no hash chain")
        self.chain = Chain(bytes.fromhex(manifest["logId"]), expect, self.problems.append) if has_chain else None
        for segment in self.segments:
            header = segment.header
            if header and (header.log_id.hex() != manifest["logId"] or header.ordinal != segment.line["ordinal"]):
                raise Refused(f"{segment.path.name} belongs to another log or place")

    def without_manifest(self):
        """What the headers of the segments say, where every manifest is lost."""
        headers = []
        for path in self.directory.glob("segment-*.log"):
            header = read_header(path.read_bytes()[:SEGMENT_HEADER_BYTES])
            if header:
                headers.append(header)
        if not headers or len({header.log_id for header in headers}) > 1:
            raise Refused("neither a manifest nor segments of one log")
        self.problems.append("no manifest can be read; what is missing at the end cannot be seen")
        lines = [{"state": "open", "ordinal": h.ordinal, "salt": h.salt} for h in sorted(headers, key=lambda h: h.ordinal)]
        return {"logId": headers[0].log_id.hex(), "options": {}, "lost": [], "segments": lines,
                "highWatermark": None, "clean": None}

    def open(self, line):
        place = self.directory / line.get("place", "archive") if line["state"] == "archived" else self.directory
        return Segment(place / f"segment-{line['ordinal']:010}.log", line, self.options)

    def records(self):
        """Records in order, as the lines that are printed."""
        used = [segment for segment in self.segments if segment.is_used or segment.is_sealed]
        self.expected = None
        before = None
        for at, segment in enumerate(used):
            successor = used[at + 1] if at + 1 < len(used) else None
            if self.chain and segment.data is not None:
                follows = before is not None and before.line["ordinal"] == segment.line["ordinal"] - 1
                self.chain.enter(segment, self.first_sequence(segment), follows)
            yield from self.records_of(segment, successor)
            before = segment if segment.data is not None else None
        if self.chain:
            self.chain.finish()
        last = used[-1].line["ordinal"] if used else 0
        # A position before the first frame of a segment is in one that may not be used yet.
        if self.high_watermark.ordinal > last and self.high_watermark.offset > SEGMENT_HEADER_BYTES:
            self.problems.append(f"segment {self.high_watermark.ordinal} is missing and was acknowledged")

    def records_of(self, segment, successor):
        name, line = segment.path.name, segment.line
        if segment.data is None:
            self.problems.append(f"{name} is missing")
            return
        if segment.header is None:
            self.problems.append(f"{name}: its header is damaged")
        proven, end = self.extent(segment, successor)
        first = self.first_sequence(segment)
        if self.expected is None:
            self.expected = first
        shapes, batch = {}, []
        reached = SEGMENT_HEADER_BYTES
        for item in segment.items:
            if item.start >= end:
                break
            if isinstance(item, Hole):
                self.problems.append(f"{name}: damaged from offset {item.start} to {item.end}")
                # Before a proven point every batch is whole, so what is left of this one may be given.
                yield from self.give(segment, batch, proven)
                batch = []
                if self.chain:
                    self.chain.head = None
                continue
            self.must_know(name, item)
            reached = item.end
            if self.chain:
                self.follow_chain(segment, item, first)
            if item.kind == KIND_DICTIONARY and segment.codec == "cbor-shapes":
                define(shapes, payload_of(segment, item))
            if item.kind == KIND_RECORD:
                sequence = first + ((item.sequence_low - first) & 0xFFFFFFFF)
                batch.append((sequence, item, shapes))
            if item.flags & BATCH_END:
                yield from self.give(segment, batch, proven)
                batch = []
        if self.chain:
            self.chain.leave(segment)
        if reached < proven:
            self.problems.append(f"{name}: acknowledged bytes from {reached} to {proven} are missing")
        if batch:
            self.notes.append(f"{name}: an unfinished batch of {len(batch)} at the end does not exist")

    def follow_chain(self, segment, frame, first):
        sequence = first + ((frame.sequence_low - first) & 0xFFFFFFFF)
        timestamp = frame.time + (0 if frame.flags & WIDE else segment.base_timestamp())
        try:
            payload = payload_of(segment, frame)
        except (ValueError, zlib.error):
            payload = None
        self.chain.frame(segment.path.name, frame, sequence, timestamp, payload)

    def extent(self, segment, successor):
        """Up to where a segment is proven, and where it ends."""
        name, line, data = segment.path.name, segment.line, segment.data
        if segment.is_sealed:
            if len(data) != line["dataBytes"]:
                self.problems.append(f"{name}: {len(data)} bytes long, not {line['dataBytes']}")
            elif segment.digest() != line["digest"] & 0xFFFFFFFF:
                self.problems.append(f"{name}: its frames are not those that were sealed")
            return line["dataBytes"], line["dataBytes"]
        if successor is not None:
            ends = successor.header.predecessor_bytes if successor.header else len(data)
            return ends, ends
        proven = segment.claimed
        if self.high_watermark.ordinal == line["ordinal"]:
            proven = max(proven, self.high_watermark.offset)
        tail = next((item for item in segment.items if isinstance(item, Hole) and item.start >= proven), None)
        end = tail.start if tail else len(data)
        if tail and not tail.is_zero:
            self.notes.append(f"{name}: a torn tail from offset {tail.start} on")
        return proven, end

    def first_sequence(self, segment):
        if segment.header:
            return segment.header.first_sequence
        return segment.line.get("firstSequence", self.expected or 1)

    def must_know(self, name, frame):
        if 5 <= frame.kind <= 7 or frame.flags & RESERVED_FLAGS or (2 <= frame.kind <= 4 and frame.flags & COMPRESSED):
            raise Refused(f"{name}: a frame of a newer version at offset {frame.start}")

    def give(self, segment, batch, proven):
        for sequence, frame, shapes in batch:
            if frame.end > proven:
                self.unproven += 1
                if not self.wants_unproven:
                    continue
            if sequence > self.expected:
                self.tell_gap(self.expected, sequence - 1)
            elif sequence < self.expected:
                raise Refused(f"record {sequence} stands where {self.expected} should")
            self.expected = sequence + 1
            timestamp = frame.time + (0 if frame.flags & WIDE else segment.base_timestamp())
            line = {"sequence": sequence, "timestampNs": str(timestamp)}
            try:
                payload = payload_of(segment, frame)
                yield line | value_of(segment.codec, payload, bool(frame.flags & PLAIN), shapes)
            except (ValueError, zlib.error) as error:
                self.problems.append(f"record {sequence}: {error}")

    def tell_gap(self, first, last):
        if not any(lost_from <= first and last <= lost_to for lost_from, lost_to in self.lost):
            self.problems.append(f"records {first} to {last} are missing")


def head(text):
    found = re.fullmatch(r"(\d+):([0-9a-f]{64})", text)
    if found is None:
        raise argparse.ArgumentTypeError("a sequence, a colon, and 64 hex digits")
    return int(found[1]), found[2]


def main(words):
    parser = argparse.ArgumentParser(usage=__doc__.split("\n")[2].strip(), add_help=False)
    parser.add_argument("directory")
    parser.add_argument("--unproven", action="store_true")
    parser.add_argument("--expect", type=head)
    given = parser.parse_args(words)
    try:
        reader = Reader(given.directory, given.unproven, given.expect)
        for record in reader.records():
            print(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
    except Refused as error:
        sys.exit(f"refused: {error}")
    if reader.unproven:
        reader.notes.append(f"{reader.unproven} records at the end are not proven durable")
    for text in reader.notes + reader.problems:
        print(text, file=sys.stderr)
    return 1 if reader.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
