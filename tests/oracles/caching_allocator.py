"""The CUDA caching allocator's rules, slowly: segments are lists of pieces, and all are looked through.

Nothing is shared with `fxcost.allocator`: sizes are rounded by loops, a free block is the smallest of all
pieces that are free, neighbours are found by their places in a list. Rules: c10/cuda/CUDACachingAllocator.cpp
of github.com/pytorch/pytorch. `allocate` and `free` return nothing: the state is there to be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MIB = 1024 * 1024


class NoMemoryError(Exception):
    """The request cannot be served."""


@dataclass
class Piece:
    size: int
    state: str = "free"  # or used, waiting, hole (nothing mapped)
    owner: object = None
    since: int = 0  # how many searches its pool had seen when it became free


@dataclass
class Segment:
    start: int
    pieces: list[Piece]
    small: bool
    stream: int
    page: int = 0  # of an expandable segment

    def offset(self, piece):
        place = next(at for at, each in enumerate(self.pieces) if each is piece)
        return sum(each.size for each in self.pieces[:place])

    def join(self):
        """Make one piece of free ones in a row, and one of holes in a row."""
        joined = []
        for piece in self.pieces:
            if joined and piece.state == joined[-1].state and piece.state in ("free", "hole"):
                joined[-1].size += piece.size
                joined[-1].since = max(joined[-1].since, piece.since)
            else:
                joined.append(piece)
        self.pieces = joined


@dataclass
class Allocator:
    expandable: bool = False
    max_split: float = float("inf")
    rounding: int = 20 * MIB
    large_segment: int = 20 * MIB
    divisions: tuple = (0,) * 16
    gc_threshold: float = 0.0
    allowed: float = float("inf")
    capacity: float = float("inf")
    space: int = 2**40 + 2**37
    segments: list[Segment] = field(default_factory=list)
    searches: dict = field(default_factory=lambda: {True: 0, False: 0})
    next_address: int = 2**35
    made: int = 0
    peak: int = 0

    # amounts

    def mapped(self):
        return [(s, p) for s in self.segments for p in s.pieces if p.state != "hole"]

    @property
    def reserved(self):
        return sum(p.size for _, p in self.mapped())

    @property
    def allocated(self):
        return sum(p.size for _, p in self.mapped() if p.state == "used")

    def address_of(self, owner):
        return next(s.start + s.offset(p) for s, p in self.mapped() if p.owner == owner and p.state == "used")

    # rounding

    def round(self, nbytes):
        if nbytes < 512:
            return 512
        interval = 0
        while interval < 15 and nbytes >= MIB * 2 ** (interval + 1):
            interval += 1
        divisions = self.divisions[interval]
        if divisions > 1 and nbytes > 512 * divisions:
            power = 1
            while power * 2 <= nbytes:
                power *= 2
            candidate = power
            while candidate < nbytes:
                candidate += power // divisions
            return candidate
        return (nbytes // 512 + (nbytes % 512 > 0)) * 512

    def segment_size(self, size):
        if size <= MIB:
            return 2 * MIB
        if size < 10 * MIB:
            return self.large_segment
        return (size // (2 * MIB) + (size % (2 * MIB) > 0)) * 2 * MIB

    # requests

    def allocate(self, owner, nbytes, stream=0):
        size = self.round(nbytes)
        found = self.cached(size, stream) or self.fresh(size, stream)
        if found is None:
            raise NoMemoryError
        segment, piece = found
        rest = piece.size - size
        splits_all = segment.small or self.expandable
        if rest >= 512 if splits_all else size < self.max_split and rest > MIB:
            place = next(at for at, each in enumerate(segment.pieces) if each is piece)
            piece.size = size
            segment.pieces.insert(place + 1, Piece(rest, since=self.searches[segment.small]))
        piece.state, piece.owner = "used", owner

    def free(self, owner, *, waits=False):
        _, piece = next((s, p) for s, p in self.mapped() if p.owner == owner and p.state == "used")
        piece.state = "waiting"
        if not waits:
            self.finish(piece)

    def finish(self, piece):
        segment = next(s for s in self.segments if any(each is piece for each in s.pieces))
        piece.state, piece.owner, piece.since = "free", None, self.searches[segment.small]
        segment.join()

    def synchronise(self):
        for _, piece in self.mapped():
            if piece.state == "waiting":
                self.finish(piece)

    # finding

    def cached(self, size, stream):
        small = size <= MIB
        self.searches[small] += 1
        fitting = [
            (p.size, s.start + s.offset(p), s, p)
            for s, p in self.mapped()
            if p.state == "free" and p.size >= size and s.small == small and s.stream == stream
        ]
        if not fitting:
            return None
        fitting.sort(key=lambda each: each[:2])
        at = 0
        while (
            self.expandable
            and at + 1 < len(fitting)
            and self.grows_to(*fitting[at + 1][2:]) < self.grows_to(*fitting[at][2:])
        ):
            at += 1
        block, _, segment, piece = fitting[at]
        if size < self.max_split and block >= self.max_split:
            return None
        if size >= self.max_split and block >= size + self.rounding:
            return None
        return segment, piece

    def grows_to(self, segment, piece):
        place = next(at for at, each in enumerate(segment.pieces) if each is piece)
        following = segment.pieces[place + 1 : place + 2]
        return piece.size + sum(each.size for each in following if each.state == "hole")

    def fresh(self, size, stream):
        if self.gc_threshold and self.allowed < float("inf"):
            self.collect()
        found = self.new(size, stream)
        if found is None and self.max_split < float("inf") and self.release_oversize(size, stream):
            found = self.new(size, stream)
        if found is None:
            self.flush()
            found = self.new(size, stream)
        return found

    def new(self, size, stream):
        want = self.segment_size(size)
        if self.reserved + want > self.allowed:
            return None
        if self.expandable:
            return self.grow(size, stream)
        if self.reserved + want > self.capacity:
            return None
        segment = Segment(self.next_address, [Piece(want)], size <= MIB, stream)
        self.next_address += want
        self.segments.append(segment)
        self.count()
        return segment, segment.pieces[0]

    def count(self):
        self.made += 1
        self.peak = max(self.peak, self.reserved)

    # expandable segments

    def grow(self, size, stream):
        small = size <= MIB
        segment, first = self.room(size, stream, small)
        while True:
            pieces = segment.pieces
            place = next(at for at, each in enumerate(pieces) if each is first)
            have = first.size if first.state == "free" else 0
            if have >= size:
                return segment, first
            hole = pieces[place] if first.state == "hole" else pieces[place + 1]
            pages = min(size - have, hole.size) // segment.page + (
                min(size - have, hole.size) % segment.page > 0
            )
            if self.reserved + pages * segment.page > self.capacity:
                return None
            at = pieces.index(hole)
            mapped = Piece(pages * segment.page)
            start = segment.start + segment.offset(hole)
            hole.size -= mapped.size
            pieces[at : at + 1] = [mapped, hole] if hole.size else [mapped]
            mapped.since = self.searches[small]
            self.count()
            segment.join()
            first = next(
                p
                for p in segment.pieces
                if segment.start + segment.offset(p) <= start < segment.start + segment.offset(p) + p.size
            )

    def room(self, size, stream, small):
        ours = [s for s in self.segments if s.page and s.small == small and s.stream == stream]
        for segment in sorted(ours, key=lambda each: each.start):
            for at, piece in enumerate(segment.pieces):
                if piece.state != "hole":
                    continue
                first = at - 1 if at and segment.pieces[at - 1].state == "free" else at
                room = 0
                for each in segment.pieces[first:]:
                    if each.state not in ("free", "hole"):
                        break
                    room += each.size
                if room >= size:
                    return segment, segment.pieces[first]
        page = 2 * MIB if small else self.large_segment
        space = (self.space // page + (self.space % page > 0)) * page
        while self.next_address % page:
            self.next_address += 2 * MIB if page % (2 * MIB) == 0 else 1
        segment = Segment(self.next_address, [Piece(space, "hole")], small, stream, page)
        self.next_address += space
        self.segments.append(segment)
        return segment, segment.pieces[0]

    # giving back

    def flush(self):
        self.synchronise()
        kept = []
        for segment in self.segments:
            if segment.page:
                self.unmap(segment)
            states = {piece.state for piece in segment.pieces}
            if states & {"used", "waiting"} or (segment.page and "free" in states):
                kept.append(segment)
        self.segments = kept

    def unmap(self, segment):
        offset, pieces = 0, []
        for piece in segment.pieces:
            begin = -(-offset // segment.page) * segment.page
            end = (offset + piece.size) // segment.page * segment.page
            if piece.state == "free" and begin < end:
                parts = [(begin - offset, "free"), (end - begin, "hole"), (offset + piece.size - end, "free")]
                pieces += [Piece(size, state, since=piece.since) for size, state in parts if size]
            else:
                pieces.append(piece)
            offset += piece.size
        segment.pieces = pieces
        segment.join()

    def unused(self):
        return [s for s in self.segments if not s.page and [p.state for p in s.pieces] == ["free"]]

    def drop(self, segment):
        self.segments = [each for each in self.segments if each is not segment]

    def release_oversize(self, size, stream):
        needed = max(size, self.max_split)
        small = size <= MIB
        ours = [s for s in self.unused() if s.small == small and s.stream == stream]
        ours.sort(key=lambda s: (s.pieces[0].size, s.start))
        enough = [s for s in ours if s.pieces[0].size >= needed]
        if enough:
            self.drop(enough[0])
            return True
        released = 0
        for segment in reversed(ours):
            if released >= needed or segment.pieces[0].size < self.max_split:
                break
            released += segment.pieces[0].size
            self.drop(segment)
        return released >= needed

    def collect(self):
        limit = int(self.gc_threshold * self.allowed)
        excess = self.reserved - limit
        while excess > 0:
            unused = [s for s in self.unused() if not s.small]
            ages = [self.searches[False] - s.pieces[0].since for s in unused]
            old = [s for s, age in zip(unused, ages, strict=True) if age >= sum(ages) / len(ages)]
            if not old:
                return
            for segment in old:
                excess -= segment.pieces[0].size
                self.drop(segment)
