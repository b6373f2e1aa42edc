"""Quotes from one program to the others: a line of JSON a batch, over TCP on this machine."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import TypedDict

from life import Life

HOST = "127.0.0.1"
PATIENCE = 0.5  # seconds between two attempts to reach a feed


class Quote(TypedDict):
    """The newest price of one instrument."""

    symbol: str
    price: float
    change: float  # per cent since the feed began
    quantity: int
    at: float  # seconds since 1970


def port_of(name: str) -> int:
    """The port that the environment gives, such as FEED_PORT."""
    text = os.environ.get(name, "")
    if not text.isdigit():
        raise SystemExit(f"{name} is {text!r}; set it to the port of that feed, such as 7711")
    return int(text)


class Publisher:
    """Sends each batch to whoever listens; who does not keep up is let go, so that nobody holds the feed up."""

    def __init__(self, port: int) -> None:
        self._door = socket.create_server((HOST, port))
        self._door.settimeout(0)
        self._listeners: list[socket.socket] = []

    @property
    def listeners(self) -> int:
        """How many get the quotes."""
        return len(self._listeners)

    def serve(self, life: Life, seconds: float) -> None:
        """Let people in until so many seconds have passed."""
        for door in life.wait(seconds, self._door):
            wire, _ = door.accept()
            wire.settimeout(0)
            self._listeners.append(wire)

    def send(self, batch: list[Quote]) -> None:
        """One line to everybody."""
        line = json.dumps(batch).encode() + b"\n"
        for wire in tuple(self._listeners):
            try:
                whole = wire.send(line) == len(line)
            except OSError:
                whole = False
            if not whole:
                self._listeners.remove(wire)
                wire.close()

    def close(self) -> None:
        """Tell everybody that there is no more."""
        for wire in (*self._listeners, self._door):
            wire.close()


class Listener:
    """The feeds that a program listens to; one that is away is tried again."""

    def __init__(self, life: Life, ports: dict[str, int]) -> None:
        self._life, self._ports = life, ports
        self._wires: dict[str, socket.socket] = {}
        self._halves: dict[str, bytes] = {}
        self._missed: set[str] = set()

    def batches(self) -> Iterator[list[Quote]]:
        """Each batch until the program is to stop; an empty one where none came, so that what is due can be done."""
        while not self._life.stopping:
            for name in self._ports.keys() - self._wires.keys():
                self._connect(name)
            patience = 1.0 if len(self._wires) == len(self._ports) else PATIENCE
            ready = self._life.wait(patience, *self._wires.values())
            if not ready:
                yield []
            for name in [name for name, wire in self._wires.items() if wire in ready]:
                yield from self._receive(name)

    def _connect(self, name: str) -> None:
        try:
            self._wires[name] = socket.create_connection((HOST, self._ports[name]), PATIENCE)
        except OSError as trouble:
            if name not in self._missed:
                self._life.say(f"{name} is not there ({trouble.strerror}); trying again until it is")
            self._missed.add(name)
            return
        self._missed.discard(name)
        self._halves[name] = b""
        self._life.say(f"listening to {name}")

    def _receive(self, name: str) -> Iterator[list[Quote]]:
        try:
            received = self._wires[name].recv(65536)
        except OSError:
            received = b""
        if not received:
            self._wires.pop(name).close()
            return
        *lines, self._halves[name] = (self._halves[name] + received).split(b"\n")
        yield from (json.loads(line) for line in lines)


def batches(life: Life, *names: str) -> Iterator[list[Quote]]:
    """Batches of these feeds, whose ports stand in FEED_PORT and the like."""
    return Listener(life, {name: port_of(f"{name.upper()}_PORT") for name in names}).batches()
